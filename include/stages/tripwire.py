"""Tripwire: build features again after all that became known later has been changed. Whatever moves has seen it.

The code is given a lake that stands in for the real one, for the view that it is handed as for whoever reads around it:
the settings point there meanwhile. In its partitions of later days raw and checked feeds, features and labels have
another value in every cell but the keys, and fewer rows; all other tables and all days from a week later on, or after
the training's day, are absent. The source, which knows the future, may not be asked at all: each call is noticed.

It catches mistakes, not sabotage. What it cannot see:
- what is read from a place that no setting names: a path that stands in the code or was kept when it was imported,
  DuckDB reading a file by its absolute path, another database, a web address;
- what of later days is only which of them there are, or the greatest or smallest of their keys;
- what source.py holds in a variable, or what was kept in one (other than by functools) before this began;
- calls of the source in another process, or in a thread that Python did not start or that was there before.
What is read in these ways and not from the lake that stands in may still show: the features are not those stored.
"""

from __future__ import annotations

import contextlib
import functools
import gc
import importlib
import importlib.util
import os
import sys
import tempfile
import threading
from collections.abc import Callable, Collection, Iterator, Sequence
from cProfile import Profile
from dataclasses import dataclass
from datetime import date, timedelta
from pathlib import Path
from types import FrameType, ModuleType
from typing import Any

import numpy as np
import pyarrow as pa

from include.logic import perturbation
from include.logic.evidence import Rebuilt
from include.stages import derive
from include.storage import schemas, stand_in
from include.storage.lake import Lake
from include.storage.place import Place
from include.use_case import UseCase

LATER_DAYS = 7
"""Of the days after a sampled one, so many stand in the lake that the features are built from."""
AGAIN = 2
"""Further builds of the same where something differs: what is left to chance shall not be called a leak."""
ROWS = "rows"
"""Named among features where the rows themselves differ."""
_CACHED = type(functools.cache(date))


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
    lake itself is only read, and settings and the profiler's hook are as before when this returns or raises. Not safe
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
    called: frozenset[str]
    """Functions of the source that were called."""
    digest: str = ""
    """Empty where nothing was built."""
    error: str = ""


def _rebuilt(trial: _Trial) -> Rebuilt:
    # What a leak keeps in a variable is then what was changed, and shows as stale features after that.
    changed, honest = _built(trial, changed=True), _built(trial, changed=False)
    stored = stand_in.days(trial.lake, "features", trial.day, trial.day).get(trial.day, "")
    stale, moved, error = stored != honest.digest, set[str](), honest.error
    if not error and changed.error:
        error = f"Only with what became known later changed: {changed.error}"
    if not error:
        moved = _differing(honest.rows, changed.rows, trial.use_case)
    again = [_built(trial, changed=False) for _ in range(AGAIN if not error and (stale or moved) else 0)]
    unsteady = set[str]().union(*(_differing(honest.rows, each.rows, trial.use_case) for each in again))
    return Rebuilt(
        day=trial.day,
        rows=honest.rows.num_rows,
        leaking=_in_order(moved - unsteady, trial.use_case),
        called=tuple(sorted(changed.called | honest.called)),
        unsteady=_in_order(unsteady, trial.use_case),
        stale=stale and not honest.error,
        error=error,
    )


def _in_order(names: Collection[str], use_case: UseCase) -> tuple[str, ...]:
    return tuple(name for name in (ROWS, *use_case.features) if name in names)


def _differing(before: pa.Table, after: pa.Table, use_case: UseCase) -> set[str]:
    """Features that differ on the rows that both have, and `rows` where there are others."""
    keys = list(use_case.keys)
    same_rows = before.select(keys).equals(after.select(keys))
    if not same_rows:
        common = before.select(keys).join(after.select(keys), keys, join_type="inner")
        order = [(key, "ascending") for key in keys]
        before, after = (rows.join(common, keys, join_type="inner").sort_by(order) for rows in (before, after))
    differing = {name for name in use_case.features if not before[name].equals(after[name])}
    return differing if same_rows else differing | {ROWS}


def _built(trial: _Trial, *, changed: bool) -> _Built:
    """The day's features, from a lake that stands in for the real one."""
    use_case, day, called = trial.use_case, trial.day, set[str]()
    with tempfile.TemporaryDirectory(prefix="airworthy-") as temporary:
        home = Path(temporary).resolve()
        lake = Lake(use_case, Place.of(home) / "lake" / use_case.name)
        _fill(trial, lake, changed=changed)
        try:
            with _settings_point_to(home), _noticed_calls_of_the_source(use_case, called):
                commit = derive.write(use_case, "features", "build", lake.as_of(day), trial.since)
        except Exception as error:  # of whatever kind: it is the use case's function that is run
            none = schemas.read(use_case, "features").empty_table()
            return _Built(none, frozenset(called), error=f"{type(error).__name__}: {error}")
        rows = lake.as_of(day).read("features", day, day, order_by=use_case.keys)
        return _Built(rows, frozenset(called), commit.partition.digest)


def _fill(trial: _Trial, lake: Lake, *, changed: bool) -> None:
    """The tables that features could be built from, from the look-back to some days later, as they are or changed."""
    for table in schemas.tables(trial.use_case):
        kind, _, feed = table.partition("/")
        if kind not in ("raw", "checked", "features", "labels"):
            continue
        days = stand_in.days(trial.lake, table, trial.since, trial.until)
        if table == "features":
            days.pop(trial.day, None)  # this is what will be built
        keys = trial.use_case.feed(feed).keys if feed else schemas.keys(trial.use_case, table)
        later = [day for day in days if changed and day > trial.day]
        changes = {day: functools.partial(perturbation.perturb, keys=keys, seed=day.toordinal()) for day in later}
        stand_in.copy(table, days, trial.lake, lake, changes)


# -- what the code could ask besides the view


@contextlib.contextmanager
def _settings_point_to(home: Path) -> Iterator[None]:
    """Whoever asks the settings where the lake is finds the one in this home."""
    instead = {"AIRWORTHY_HOME": str(home), "AIRWORTHY_LAKE": str(home / "lake")}
    before = {name: os.environ.get(name) for name in instead}
    os.environ.update(instead)
    try:
        yield
    finally:
        for name, value in before.items():
            if value is None:
                del os.environ[name]
            else:
                os.environ[name] = value


@contextlib.contextmanager
def _noticed_calls_of_the_source(use_case: UseCase, called: set[str]) -> Iterator[None]:
    """Add to `called` each function of the source that is called from elsewhere, as `source.everything`.

    It is known by the file that its code stands in, however it is got hold of. What functions have cached is forgotten
    before, so that no answer from then hides a call.
    """
    if all(feed.landing for feed in use_case.feeds) and not importlib.util.find_spec(f"{use_case.package}.source"):
        yield  # every feed is delivered as files: there is no source to call
        return
    source = importlib.import_module(f"{use_case.package}.source")
    importlib.import_module(f"{use_case.package}.features")  # what importing it calls is no call of its functions
    lies_within = _lies_within(source)

    def notice(frame: FrameType, event: str, _: Any) -> None:
        if event == "call" and lies_within(frame.f_code.co_filename):
            caller, name = frame.f_back, frame.f_code.co_qualname
            if name != "<module>" and (caller is None or not lies_within(caller.f_code.co_filename)):
                module = str(frame.f_globals.get("__name__", "source")).removeprefix(f"{use_case.package}.")
                called.add(f"{module}.{name.partition('.<locals>')[0]}")

    before: Any = sys.getprofile()
    of_threads = threading.getprofile()
    _forget(use_case.package)
    threading.setprofile(notice)
    sys.setprofile(notice)
    try:
        yield
    finally:
        sys.setprofile(None)
        threading.setprofile(of_threads)
        if isinstance(before, Profile):
            before.enable()  # set as a hook it would be called, and it is no function
        else:
            sys.setprofile(before)


def _lies_within(module: ModuleType) -> Callable[[str], bool]:
    """Whether a file is that of a module, or lies in its folder where it is a package."""
    folders = tuple(f"{Path(folder).resolve()}{os.sep}" for folder in getattr(module, "__path__", ()))
    own = Path(module.__file__).resolve() if module.__file__ else None

    @functools.cache
    def lies_within(file: str) -> bool:
        path = Path(file).resolve()
        return path == own or str(path).startswith(folders)

    return lies_within


def _forget(package: str) -> None:
    """Empty the caches (functools.cache and lru_cache) of the package's functions, and those its modules name."""

    def belongs(name: object) -> bool:
        return f"{name}.".startswith(f"{package}.")

    for name, module in list(sys.modules.items()):
        for value in list(vars(module).values()) if belongs(name) else ():
            if hasattr(type(value), "cache_clear"):
                value.cache_clear()
    gc.unfreeze()  # what an executor froze before it forked is not among the objects otherwise
    for each in gc.get_objects():  # in classes, closures and lists too
        if type(each) is _CACHED and belongs(getattr(each, "__module__", "")):
            each.cache_clear()
