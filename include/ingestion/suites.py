"""Load a feed's suite from expectations.py and check it against its columns."""

from __future__ import annotations

import difflib
import sys
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

from great_expectations.exceptions import MetricProviderError
from great_expectations.execution_engine import PandasExecutionEngine
from great_expectations.expectations.registry import get_metric_provider

from include.declaration.origin import file_and_line
from include.declaration.rule_text import rule_text
from include.declaration.suite import Suite, is_row_level
from include.declaration.use_case import Feed, UseCase
from include.errors import SuiteError
from include.ingestion.pandas_frame import EXACT
from include.ingestion.rule_values import wrong_values

LIMITS = ("min_value", "max_value", "sum_total")
"""Arguments that Great Expectations stores as floats."""


def load_suite(use_case: UseCase, feed: Feed) -> Suite:
    """Call the feed's function in expectations.py and check what it returns.

    Raises:
        BrokenUseCaseError: expectations.py cannot be imported, or has no function of the feed's name.
        SuiteError: the function raises, returns no Suite, or the suite does not fit the feed's columns.
    """
    function = use_case.function("expectations", feed.name)
    try:
        suite = function()
    except Exception as error:
        folder = next(iter(getattr(sys.modules.get(use_case.package), "__path__", [])), None)
        where = file_and_line(error, Path(folder) if folder else None)
        raise SuiteError(use_case.name, feed.name, [f"{where}: {type(error).__name__}: {error}"]) from error
    if not isinstance(suite, Suite):
        returned = "None" if suite is None else f"a {type(suite).__name__}"
        raise SuiteError(
            use_case.name,
            feed.name,
            [f"it returns {returned}; return Suite(rows=(...), table=(...)) of include.declaration.use_case"],
        )
    if problems := [problem for rule in (*suite.rows, *suite.table) for problem in _problems(rule, feed)]:
        raise SuiteError(use_case.name, feed.name, problems)
    return suite


def check_suites(use_case: UseCase) -> None:
    """Load the suite of every feed.

    Raises:
        SuiteError: a suite cannot be used; the first such suite is reported.
    """
    for feed in use_case.feeds:
        load_suite(use_case, feed)


def _problems(expectation: Any, feed: Feed) -> list[str]:
    name = rule_text(expectation)
    unknown = [column for column in _columns(expectation) if column not in feed.columns]
    if unknown:
        return [f"{name} names {_unknown(unknown, feed.columns)}"]
    return [f"{name}: {problem}" for problem in (*_engine(expectation), *_values(expectation, feed))]


def _columns(expectation: Any) -> list[str]:
    """List the columns that an expectation reads."""
    single = [getattr(expectation, name, None) for name in ("column", "column_A", "column_B")]
    listed = getattr(expectation, "column_list", None) if is_row_level(expectation) else None
    return [column for column in (*single, *(listed or ())) if isinstance(column, str)]


def _unknown(unknown: Sequence[str], columns: Iterable[str]) -> str:
    near = {name: difflib.get_close_matches(name, list(columns), 1) for name in unknown}
    meant = " and ".join(f"{matches[0]!r} for {name!r}" for name, matches in near.items() if matches)
    hint = f"; did you mean {meant}?" if meant else ""
    return f"columns {list(unknown)}, which the feed does not have: it has {list(columns)}{hint}"


def _engine(expectation: Any) -> list[str]:
    """Describe why Great Expectations cannot judge an expectation on rows in memory."""
    metric = getattr(expectation, "map_metric", None)
    if not metric or not is_row_level(expectation):
        return []
    try:
        get_metric_provider(f"{metric}.unexpected_count", PandasExecutionEngine())
    except MetricProviderError:
        return [
            "Great Expectations judges it only in databases; use a regular expression or write your own expectation"
        ]
    return []


def _values(expectation: Any, feed: Feed) -> list[str]:
    """Describe limits that a float cannot hold, and values that a column cannot have."""
    columns = _columns(expectation)
    types = {feed.columns[column] for column in columns}
    problems = [
        f"{limit}={getattr(expectation, limit):.0f} is not below 2**53, and Great Expectations keeps limits as floats,"
        " which cannot distinguish integers of this size; compare in an expectation of your own"
        for limit in LIMITS
        if isinstance(getattr(expectation, limit, None), float)
        and abs(getattr(expectation, limit)) >= EXACT
        and any(kind == "int64" for kind in types)
        and is_row_level(expectation)
    ]
    return problems + wrong_values(expectation, feed.columns)
