"""Build periods again with all later data changed; differences are leaks.

For each sampled period D, training days among them, three results are built again: the features of D, the labels that
became known on D, and the quarantine decisions about the feeds of D. They are built in a temporary copy of the lake. In
its raw and checked feeds, features and labels, the partitions of the week after D have another value in every cell
outside the keys, fewer rows, other least and greatest keys, and one value less of each key with several; later
partitions and all other tables are missing. The result must equal the stored one bit for bit. What the use case's
functions read in addition to their arguments counts as a leak, too: see `isolation`.

The check finds mistakes, not sabotage. It does not cover:
- a source that delivers early, unless the feed declares `known_at`: then ingestion refuses the row;
- columns of the period's own rows that depend on the future, such as one that is filled in afterwards, or is missing
  before a failure: name it in `known_at`, or leave it out of the feed;
- constants in the code or in the data files that the code digest covers, and values that a module stored before the
  gate ran, at import or in a variable other than a cache of functools;
- the clock of compiled code under another name, or in SQL that is built at run time; queries of the file system
  without opening a file (`os.listdir`, `os.stat`);
- a file that only C++ or Rust opens, such as one named in a text of SQL; another database;
- calls of the source by a custom expectation while it judges rows, unless they open files;
- a leak on few periods, which one training may not sample; the next one samples others.
"""

from __future__ import annotations

import functools
import tempfile
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import date
from pathlib import Path

import pyarrow as pa

from include.declaration.data_declaration import DataDeclaration
from include.declaration.feature_group import FeatureGroup
from include.declaration.feature_groups import known_period
from include.declaration.period import Period
from include.declaration.use_case import UseCase
from include.evaluation.checks.isolation import isolated_calls
from include.evaluation.checks.perturbation import randomise_future_rows
from include.evaluation.checks.read_recorder import Recorder
from include.evaluation.inputs import RebuiltPeriod
from include.features import materialize
from include.features.group_join import used_periods
from include.ingestion import validate
from include.ingestion.correction_log import CorrectionLog
from include.lake import clone, schemas
from include.lake.lake import Lake
from include.lake.lake_format import mark_format
from include.lake.sorting import rows_in_both, sort_rows
from include.project import DataProject, Project

LATER_PERIODS = 7
"""Days after a sampled one whose partitions are changed; later ones are missing."""
AGAIN = 2
"""Further builds after a difference, to tell a leak from a random result."""
_MOST_PERIODS = date.max.toordinal() + 1
"""Factor that keeps the seeds of daily periods apart."""
ROWS = "rows"
"""Listed among the features if other rows were built."""


@dataclass(frozen=True)
class _Trial:
    """Define a period to be built again, from the lake as of `as_of`."""

    project: DataProject
    period: Period
    as_of: Period

    @property
    def use_case(self) -> DataDeclaration:
        return self.project.use_case

    @property
    def lake(self) -> Lake:
        return self.project.lake

    @property
    def since(self) -> Period:
        return max(self.use_case.first_period, self.period - self.use_case.look_back_periods)

    @functools.cached_property
    def stored(self) -> dict[str, str]:
        """Return table to digest of what is built again, without feeds without rows.

        These feeds have no rows of the day.
        """
        built = ("features", "labels") if isinstance(self.use_case, UseCase) else ("features",)
        found = {table: _digest(self.lake, table, self.period) for table in built}
        checked = {table: _digest(self.lake, table, self.period) for table in _checked_tables(self.use_case)}
        return found | {table: digest for table, digest in checked.items() if digest}


def _checked_tables(use_case: DataDeclaration) -> list[str]:
    return [f"checked/{feed.name}" for feed in use_case.feeds]


def _digest(lake: Lake, table: str, period: Period) -> str:
    """Return the digest of a day's rows; empty if there are none. Creates no table."""
    digest = clone.partition_digests(lake, table, period, period).get(period, "")
    return digest if digest and lake.as_of(period).partitions(table, period, period)[period].rows else ""


@dataclass(frozen=True)
class _Built:
    """Hold the results of the use case's functions, or the error."""

    tables: Mapping[str, pa.Table] = field(default_factory=dict)
    digests: Mapping[str, str] = field(default_factory=dict)
    read: frozenset[str] = frozenset()
    error: str = ""

    @property
    def rows(self) -> int:
        """Count the rows of features."""
        return self.tables["features"].num_rows if "features" in self.tables else 0


def rebuild_periods(project: Project, periods: Sequence[Period], as_of: Period) -> tuple[RebuiltPeriod, ...]:
    """Build each day again with changed later data; compare it with the stored.

    The lake is only read. After a difference, the day is built once more from unchanged data, to tell a leak from
    changed code, and twice more to tell both from a random result. An error of the use case's functions is in the day's
    `error`. The periods of feature groups that the day joins are rebuilt in the same way, and what they found is part
    of the day's result. Not safe in a process whose other threads use the settings or the profiler's hook.
    """
    return tuple(_with_groups(_Trial(project, period, as_of)) for period in periods)


def _with_groups(trial: _Trial) -> RebuiltPeriod:
    """Rebuild the day, and the periods of feature groups that it joins."""
    found = _rebuilt(trial)
    for group, known in used_periods(trial.use_case, trial.period).values():
        of_group = _rebuilt(_Trial(trial.project.of_group(group), known, _known_in(group, trial)))
        found = _merged(found, of_group, f"{group.group} of {known}")
    return found


def _known_in(group: FeatureGroup, trial: _Trial) -> Period:
    return known_period(group, trial.use_case, trial.as_of)


def _merged(found: RebuiltPeriod, of_group: RebuiltPeriod, group: str) -> RebuiltPeriod:
    """Return the result of a day together with that of a group's period."""

    def named(names: Sequence[str]) -> tuple[str, ...]:
        return tuple(f"{name} (feature group {group})" for name in names)

    error = f"Feature group {group}: {of_group.error}" if of_group.error else ""
    return replace(
        found,
        leaking=found.leaking + named(of_group.leaking),
        read=found.read + named(of_group.read),
        non_deterministic=found.non_deterministic + named(of_group.non_deterministic),
        outdated=found.outdated or of_group.outdated,
        error=found.error or error,
    )


def _rebuilt(trial: _Trial) -> RebuiltPeriod:
    # The changed build is first: if a leak caches data in a variable, these are the changed data, and the build from
    # unchanged data then differs from the stored one.
    changed = _built(trial, [*trial.stored], changed=True)
    if not changed.error and changed.digests == trial.stored:
        return RebuiltPeriod(trial.period, changed.rows, read=tuple(sorted(changed.read)))
    other = [table for table, digest in trial.stored.items() if changed.digests.get(table) != digest]
    honest = _built(trial, other, changed=False)
    outdated = any(trial.stored[table] != digest for table, digest in honest.digests.items())
    error = honest.error
    if not error and changed.error:
        error = f"Only after later data were changed: {changed.error}"
    moved = set() if error else _differing(honest, changed, trial.use_case)
    again = [_built(trial, other, changed=False) for _ in range(0 if error else AGAIN)]
    by_chance = set[str]().union(*(_differing(honest, built, trial.use_case) for built in again))
    return RebuiltPeriod(
        period=trial.period,
        rows=(honest if "features" in honest.tables else changed).rows,
        leaking=_in_order(moved - by_chance, trial.use_case),
        read=tuple(sorted(changed.read | honest.read)),
        non_deterministic=_in_order(by_chance, trial.use_case),
        outdated=outdated,
        error=error,
    )


def _in_order(names: Collection[str], use_case: DataDeclaration) -> tuple[str, ...]:
    order = [ROWS, *use_case.features]
    return tuple(sorted(names, key=lambda name: (order.index(name) if name in order else len(order), name)))


def _differing(before: _Built, after: _Built, use_case: DataDeclaration) -> set[str]:
    """Return what differs: features, rows, labels, or a feed's quarantine.

    Features are given by name.
    """
    found = set[str]()
    for table, rows in before.tables.items():
        other = after.tables.get(table, rows.schema.empty_table())
        if table == "features":
            found |= _differing_features(rows, other, use_case)
        elif not rows.equals(other):
            found.add(_labels_of(use_case) if table == "labels" else f"the quarantine of {table[8:]}")
    return found


def _labels_of(declared: DataDeclaration) -> str:
    return f"the labels ({declared.label.name})" if isinstance(declared, UseCase) else "the labels"


def _differing_features(before: pa.Table, after: pa.Table, use_case: DataDeclaration) -> set[str]:
    """Return the features that differ on common rows, and `rows` if the rows differ."""
    keys = list(use_case.keys)
    same_rows = before.select(keys).equals(after.select(keys))
    if not same_rows:
        before, after = rows_in_both(before, after, keys), rows_in_both(after, before, keys)
        before, after = sort_rows(before, keys), sort_rows(after, keys)
    differing = {name for name in use_case.features if not before[name].equals(after[name])}
    return differing if same_rows else differing | {ROWS}


def _built(trial: _Trial, tables: Sequence[str], *, changed: bool) -> _Built:
    """Build the trial's day of these tables in a temporary lake."""
    use_case, period, read = trial.use_case, trial.period, set[str]()
    with tempfile.TemporaryDirectory(prefix="airworthy-") as temporary:
        home = Path(temporary).resolve()
        copy = trial.project.in_lake(str(home / "lake"))
        lake = copy.lake
        mark_format(lake.root)  # its tables are copied, not written
        _fill(trial, copy, changed=changed)
        try:
            with isolated_calls(use_case, home, read) as recorder:
                _run_functions(trial, copy, tables, recorder)
        except Exception as error:  # the use case's functions may raise any error
            return _Built(read=frozenset(read), error=f"{type(error).__name__}: {error}")
        view, keys = lake.as_of(period), {table: schemas.sort_keys(use_case, table) for table in tables}
        rows = {table: view.read(table, period, period, order_by=keys[table]) for table in tables}
        digests = {table: _digest(lake, table, period) for table in tables}
        return _Built(rows, digests, frozenset(read))


def _run_functions(trial: _Trial, copy: DataProject, tables: Sequence[str], recorder: Recorder) -> None:
    """Build the day's features and labels, and judge its feeds again.

    The stages are those of the data DAG.
    """
    use_case, view = trial.use_case, copy.lake.as_of(trial.period)
    for table in sorted(tables, key=lambda name: name.startswith("checked/")):  # these replace what others read
        if function := {"labels": "labels", "features": "build"}.get(table):
            materialize.materialize(
                use_case, table, function, view, trial.since, is_judged=False, around_our_code=recorder.of_events_alone
            )
        else:
            feed = use_case.feed(table.partition("/")[2])
            use_case.function("expectations", feed.name)()  # once more with its calls recorded
            with recorder.of_events_alone():
                validate.check_feed(copy, feed, trial.period)


def _fill(trial: _Trial, copy: DataProject, *, changed: bool) -> None:
    """Copy the tables that the functions can read, or changed ones.

    They are copied from the look-back to `as_of`.
    """
    until = min(trial.as_of, trial.period + LATER_PERIODS) if changed else trial.as_of
    for group, known in used_periods(trial.use_case, trial.period).values():
        _fill_group(trial, copy, group, known, changed=changed)
    for table, keys in _readable(trial.use_case):
        periods = clone.partition_digests(trial.lake, table, trial.since, until)
        if table in ("features", "labels"):
            periods.pop(trial.period, None)  # this is what will be built
        later = [period for period in periods if changed and period > trial.period]
        # The seed includes the as-of day, so that each training removes other values of a key.
        seeds = {period: trial.as_of.ordinal * _MOST_PERIODS + period.ordinal for period in later}
        changes = {period: functools.partial(randomise_future_rows, keys=keys, seed=seeds[period]) for period in later}
        clone.clone_table(table, periods, trial.lake, copy.lake, changes)
    for feed in trial.use_case.feeds:
        CorrectionLog.open(trial.project, feed.name).copy_period(trial.period, CorrectionLog.open(copy, feed.name))


def _fill_group(trial: _Trial, copy: DataProject, group: FeatureGroup, known: Period, *, changed: bool) -> None:
    """Copy the features of a group: the joined period, and later ones.

    With `changed`, the later ones are changed.
    """
    as_of = _known_in(group, trial)
    until = min(as_of, known + LATER_PERIODS) if changed else as_of
    lake = trial.lake.of_group(group)
    periods = clone.partition_digests(lake, "features", known, until)
    changes = {
        period: functools.partial(
            randomise_future_rows, keys=group.keys, seed=trial.as_of.ordinal * _MOST_PERIODS + period.ordinal
        )
        for period in (periods if changed else ())
        if period > known
    }
    target = copy.lake.of_group(group)
    mark_format(target.root)
    clone.clone_table("features", periods, lake, target, changes)


def _readable(use_case: DataDeclaration) -> Iterable[tuple[str, Sequence[str]]]:
    """Yield the tables to be copied, each with the columns that are not changed."""
    for table in schemas.table_names(use_case):
        kind, _, feed = table.partition("/")
        if kind in ("raw", "checked", "features", "labels"):
            yield table, use_case.feed(feed).keys if feed else schemas.sort_keys(use_case, table)
