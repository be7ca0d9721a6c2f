"""Tripwire: build features again after all that became known later has been changed. Whatever moves has seen it.

The code is given a lake that stands in for the real one, for the view that it is handed as for whoever reads around it:
the settings point there meanwhile, and the use case's own source functions tell of later days what is not so.
"""

from __future__ import annotations

import contextlib
import functools
import json
import os
import shutil
import sys
import tempfile
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from pathlib import Path
from types import ModuleType
from typing import Any
from urllib.parse import unquote

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from deltalake import DeltaTable, Schema
from deltalake.transaction import AddAction, create_table_with_add_actions

from include.logic import digests, perturbation
from include.logic.evidence import Rebuilt
from include.stages import derive
from include.storage import partitions, schemas
from include.storage.lake import Lake
from include.use_case import Feed, UseCase

LATER_DAYS = 7
"""Of the days after a sampled one, so many stand in the lake that the features are built from."""
ROWS = "rows"
"""Named among leaking features where the rows themselves differ."""
_LAKE = "AIRWORTHY_LAKE"


def sample(days: Sequence[date], count: int, seed: int) -> list[date]:
    """`count` of these days, or as many as there are, in order; equal for equal days and seed.

    The last of several is left out: what became known after it may not be there to be changed.
    """
    known_after = sorted(set(days))[:-1] or sorted(set(days))
    places = np.random.default_rng(seed).choice(len(known_after), min(count, len(known_after)), replace=False)
    return [known_after[place] for place in sorted(places)]


def run(use_case: UseCase, days: Sequence[date], as_of: date, lake: Lake | None = None) -> tuple[Rebuilt, ...]:
    """Build the features of each day twice: with all that became known later changed, and as things are.

    Later is what stands in the partitions of the seven days that follow, up to `as_of`; what came after is absent. The
    lake itself is only read, and settings and source functions are as before when this returns or raises. Not safe
    beside other threads that use them. What the features' function raises is in the day's `error`.
    """
    return tuple(_rebuilt(_Trial(use_case, lake or Lake.of(use_case), day, as_of)) for day in days)


@dataclass(frozen=True)
class _Trial:
    """A day that is built again."""

    use_case: UseCase
    lake: Lake
    day: date
    as_of: date

    @property
    def since(self) -> date:
        return max(self.use_case.first_day, self.day - timedelta(days=self.use_case.look_back_days))

    @property
    def until(self) -> date:
        return min(self.as_of, self.day + timedelta(days=LATER_DAYS))


@dataclass(frozen=True)
class _Built:
    """What the features' function returned, or why it returned nothing."""

    rows: pa.Table
    digest: str
    """Empty where there are no rows."""
    error: str = ""


def _rebuilt(trial: _Trial) -> Rebuilt:
    # What a leak keeps in a variable is then what was changed, and shows as stale features after that.
    changed, honest = _built(trial, changed=True), _built(trial, changed=False)
    if honest.error:
        return Rebuilt(trial.day, (), error=honest.error)
    stored = {part.digest for part in _parts(trial.lake, "features", trial.day, trial.day)}
    stale = stored != ({honest.digest} if honest.digest else set())
    if changed.error:
        why = f"Only with what became known later changed: {changed.error}"
        return Rebuilt(trial.day, (), stale, error=why)
    return Rebuilt(trial.day, _differing(honest.rows, changed.rows, trial.use_case), stale)


def _differing(before: pa.Table, after: pa.Table, use_case: UseCase) -> tuple[str, ...]:
    """Features that differ on the rows that both have, after `rows` where there are others."""
    keys = list(use_case.keys)
    same_rows = before.select(keys).equals(after.select(keys))
    if not same_rows:
        common = before.select(keys).join(after.select(keys), keys, join_type="inner")
        order = [(key, "ascending") for key in keys]
        before, after = (rows.join(common, keys, join_type="inner").sort_by(order) for rows in (before, after))
    differing = [name for name in use_case.features if not before[name].equals(after[name])]
    return tuple(differing) if same_rows else (ROWS, *differing)


def _built(trial: _Trial, *, changed: bool) -> _Built:
    """The day's features, from a lake that stands in for the real one."""
    use_case, day = trial.use_case, trial.day
    with tempfile.TemporaryDirectory(prefix="airworthy-") as temporary:
        root = Path(temporary).resolve() / "lake"
        stand_in = Lake(use_case, root / use_case.name)
        for table in schemas.tables(use_case):
            if table.partition("/")[0] in ("raw", "checked", "features", "labels"):
                _fill(trial, table, stand_in, changed=changed)
        try:
            with _settings_point_to(root), _sources_know_no_better(trial) if changed else contextlib.nullcontext():
                commit = derive.write(use_case, "features", "build", stand_in.as_of(day), trial.since)
        except Exception as error:  # of whatever kind: it is the use case's function that is run
            none = schemas.read(use_case, "features").empty_table()
            return _Built(none, "", f"{type(error).__name__}: {error}")
        rows = stand_in.as_of(day).read("features", day, day, order_by=use_case.keys)
        return _Built(rows, commit.partition.digest if rows.num_rows else "")


# -- the lake that stands in


@dataclass(frozen=True)
class _Part:
    """A file of a table."""

    day: date
    digest: str
    path: Path


def _parts(lake: Lake, table: str, since: date, until: date) -> list[_Part]:
    """The files of those days; none where the table is not there, and it is not made."""
    root = Path(lake.uri(table))
    if not DeltaTable.is_deltatable(str(root)):
        return []
    delta = lake.delta(table)
    there = partitions.of(delta, since, until)
    return [
        _Part(day, there[day].digest, root / unquote(path)) for day, path in partitions.files(delta) if day in there
    ]


def _fill(trial: _Trial, table: str, stand_in: Lake, *, changed: bool) -> None:
    """Make a table of the same partitions, from the look-back to some days later, in one commit.

    Files are copied, not linked: code that writes to one must not reach the real lake.
    """
    root, actions = Path(stand_in.uri(table)), []
    for number, part in enumerate(_parts(trial.lake, table, trial.since, trial.until)):
        if table == "features" and part.day == trial.day:
            continue  # this is what will be built
        later = changed and part.day > trial.day
        content = _changed(trial.use_case, table, part, number) if later else None
        digest = digests.of_table(content) if content is not None else part.digest
        path = root / f"day={part.day}" / f"part-{number}.parquet"  # one folder less to make and remove
        path.parent.mkdir(parents=True, exist_ok=True)
        if content is not None:
            pq.write_table(content, path)
        else:
            shutil.copyfile(part.path, path)
        actions.append(_added(path, root, part.day, digest))
    if actions:
        schema = Schema.from_arrow(schemas.stored(trial.use_case, table))
        create_table_with_add_actions(str(root), schema, actions, partition_by=[*schemas.PARTITION])


def _changed(use_case: UseCase, table: str, part: _Part, number: int) -> pa.Table:
    schema = schemas.content(use_case, table)
    rows = pq.read_table(part.path, partitioning=None).select(schema.names).cast(schema)
    kind, _, feed = table.partition("/")
    keys = use_case.feed(feed).keys if feed else schemas.keys(use_case, kind)
    return perturbation.perturb(rows, keys, seed=number)


def _added(path: Path, root: Path, day: date, digest: str) -> AddAction:
    found = path.stat()
    return AddAction(
        path=str(path.relative_to(root)),
        size=found.st_size,
        partition_values={"day": day.isoformat(), "digest": digest},
        modification_time=int(found.st_mtime * 1000),
        data_change=True,
        stats=json.dumps({"numRecords": pq.read_metadata(path).num_rows}),
    )


# -- what the code reads around the view


@contextlib.contextmanager
def _settings_point_to(root: Path) -> Iterator[None]:
    """Whoever asks the settings where the lake is finds this one."""
    before = os.environ.get(_LAKE)
    os.environ[_LAKE] = str(root)
    try:
        yield
    finally:
        if before is None:
            del os.environ[_LAKE]
        else:
            os.environ[_LAKE] = before


@contextlib.contextmanager
def _sources_know_no_better(trial: _Trial) -> Iterator[None]:
    """The use case's source functions tell of later days what is not so, whichever of its modules has them.

    What the package's functions have cached is forgotten before and after.
    """
    use_case, package = trial.use_case, trial.use_case.package
    originals = [use_case.function("source", feed.name) for feed in use_case.feeds]
    pairs = [
        (original, _delivering(original, feed, trial.day))
        for original, feed in zip(originals, use_case.feeds, strict=True)
    ]
    _forget(package)
    for original, stand_in in pairs:
        _exchange(package, original, stand_in)
    try:
        yield
    finally:
        for original, stand_in in pairs:
            _exchange(package, stand_in, original)  # also where it was imported meanwhile
        _forget(package)


def _delivering(original: Callable[..., pa.Table], feed: Feed, day: date) -> Callable[..., pa.Table]:
    @functools.wraps(original)
    def delivered(*args: Any, **kwargs: Any) -> pa.Table:
        rows, asked = original(*args, **kwargs), [*args, *kwargs.values()][0]
        return perturbation.perturb(rows, feed.keys, asked.toordinal()) if asked > day else rows

    return delivered


def _exchange(package: str, there: object, instead: object) -> None:
    """Give every name of the package's modules that stands for one object another."""
    for module in _modules(package):
        for name, value in list(vars(module).items()):
            if value is there:
                setattr(module, name, instead)


def _forget(package: str) -> None:
    """Empty the caches of the package's functions (functools.cache and lru_cache)."""
    for module in _modules(package):
        for value in list(vars(module).values()):
            if hasattr(type(value), "cache_clear"):
                value.cache_clear()


def _modules(package: str) -> list[ModuleType]:
    """The modules of a package that are imported."""
    found = list(sys.modules.items())
    return [each for name, each in found if f"{name}.".startswith(f"{package}.") and isinstance(each, ModuleType)]
