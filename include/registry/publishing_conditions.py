"""Digest what decides, besides inputs and code, whether a period is published.

These are the versions of the libraries that compute rows, the expectations, and the limits of a feed. A step is skipped
only if they are as they were when its partition was written.
"""

from __future__ import annotations

import functools
from importlib import metadata

from include.declaration.data_declaration import DataDeclaration
from include.declaration.period import Period
from include.lake import content_digest
from include.registry import code_digest

CONDITIONS = "conditions"
"""Input of a commit that holds this digest."""
LIBRARIES = ("duckdb", "great-expectations", "ibis-framework", "lightgbm", "numpy", "pandas", "pyarrow")


def publishing_conditions(use_case: DataDeclaration, table: str, period: Period) -> dict[str, str]:
    """Return the conditions of a partition as an input of its commit.

    `table` is `checked/<feed>`, `labels`, `features` or `predictions`.
    """
    values: dict[str, object] = dict(library_versions())
    kind, _, name = table.partition("/")
    if kind == code_digest.CHECKED:
        feed = use_case.feed(name)
        values |= {"max_quarantined": feed.max_quarantined, "missing": period in feed.missing_periods}
    else:
        values["judge"] = code_digest.judge_code_digest(use_case)
    return {CONDITIONS: content_digest.digest_values(values)}


@functools.cache
def library_versions() -> tuple[tuple[str, str], ...]:
    """Return the versions of `LIBRARIES`."""
    return tuple((name, metadata.version(name)) for name in LIBRARIES)
