"""Declare where the trees of a model are trained.

Imports nothing heavy.
"""

from __future__ import annotations

import importlib.util
from collections.abc import Mapping
from dataclasses import dataclass, fields
from typing import Any

from include.declaration.field_types import require_field_types
from include.declaration.problems import declared, require

MOST_WORKERS, MOST_PARTITIONS, MOST_THREADS = 1_000, 100_000, 1_024
_PACKAGES = ("dask", "distributed")


@declared
@dataclass(frozen=True)
class Dask:
    """Train on the workers of a Dask cluster, which share the train rows.

    The trees depend on all three fields, so they are part of a model's training spec. The cluster runs on this machine,
    unless AIRWORTHY_DASK_SCHEDULER is the address of another one. Needs the packages that `make engines` installs.
    """

    workers: int = 2
    """Processes that train together; each of them must run at the same time."""
    partitions: int | None = None
    """Parts of consecutive periods into which the train rows are read; None: one for each worker. They are dealt to the
    workers in turn, so that with several for each worker, all of them have rows of every season."""
    threads: int = 1
    """Threads of LightGBM in each worker."""

    def __post_init__(self) -> None:
        require_field_types(self)
        limits = {"workers": (2, MOST_WORKERS), "threads": (1, MOST_THREADS)}
        limits |= {"partitions": (self.workers, MOST_PARTITIONS)} if self.partitions is not None else {}
        for name, (least, most) in limits.items():
            value = getattr(self, name)
            problem = f"Dask: {name} must be a whole number from {least:,} to {most:,}, not {value!r}."
            require(least <= value <= most, problem, field=name)
        absent = [name for name in _PACKAGES if importlib.util.find_spec(name) is None]
        problem = f"Dask: the package{'s' * (len(absent) > 1)} {' and '.join(absent)} cannot be imported here."
        require(not absent, problem, hint="Run `make engines`, or declare no engine.")

    @property
    def parts(self) -> int:
        """Return the number of partitions."""
        return self.workers if self.partitions is None else self.partitions

    def to_json(self) -> dict[str, Any]:
        """Return plain values, from which `engine_from_json` makes an equal engine."""
        return {"kind": "dask", **{each.name: getattr(self, each.name) for each in fields(self)}}

    def __str__(self) -> str:
        return f"Dask: {self.workers} workers, {self.parts} partitions, {self.threads} threads each"


def engine_from_json(values: Mapping[str, Any] | None) -> Dask | None:
    """Return the engine from the values of `Dask.to_json`.

    Raises:
        ValueError, TypeError, KeyError: the values are not an engine's.
    """
    if values is None:
        return None
    given = dict(values)
    if (kind := given.pop("kind")) != "dask":
        raise ValueError(f"there is no training engine {kind!r}")
    return Dask(**given)
