"""Plan the backfills that build stale periods again, and estimate what they cost."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass
from functools import partial
from typing import Any

from include.declaration.data_declaration import DataDeclaration
from include.declaration.names import SHADOW
from include.declaration.period import LATEST, Period
from include.features import staleness
from include.features.metric_inputs import METRICS
from include.features.staleness import PREDICTIONS, TableStaleness, table_exists
from include.grammar import duration_text
from include.lake.snapshot import AsOfSnapshot
from include.project import DataProject
from include.registry import code_digest


@dataclass(frozen=True)
class Cost:
    """What building periods again costs, by what their newest builds took."""

    periods: int
    rows: int
    """Rows of all tables that are built."""
    cpu_seconds: float | None
    """Processor time; None if it was recorded for no period."""
    recorded: int
    """Number of periods whose processor time is recorded; the others are estimated by their mean."""

    @property
    def text(self) -> str:
        """Describe it in a few words."""
        size = f"{self.periods:,} periods, {self.rows:,} rows"
        if self.cpu_seconds is None:
            return f"{size}; no processor time is recorded"
        known = "" if self.recorded == self.periods else f", recorded for {self.recorded:,} of them"
        return f"{size}, about {duration_text(self.cpu_seconds)} of processor time{known}"


@dataclass(frozen=True)
class RebuildStep:
    """One backfill of a DAG."""

    kind: str
    """The DAG: `data`, `score` or `monitor`."""
    first: Period
    last: Period
    cost: Cost
    airflow: str
    """The command that starts the backfill in Airflow."""
    run: str
    """The command that does the same in one process, without Airflow."""


@dataclass(frozen=True)
class RebuildPlan:
    """The stale tables of a use case, and how to build them again."""

    use_case: str
    tables: tuple[TableStaleness, ...]
    """Every table that has periods, in build order."""
    steps: tuple[RebuildStep, ...]
    """The backfills, in order; empty if nothing is stale."""

    def to_json(self) -> dict[str, Any]:
        """Return the plan as plain values."""
        return {
            "use_case": self.use_case,
            "tables": [_table_json(table) for table in self.tables],
            "rebuild": [
                {**asdict(step), "first": step.first.key, "last": step.last.key, "cost": asdict(step.cost)}
                for step in self.steps
            ],
        }


def plan_rebuild(project: DataProject, *, reread: bool = False) -> RebuildPlan:
    """Return the stale tables, and one backfill for each DAG that builds one of them.

    Reads the logs of the tables and no rows; `reread` is as for `code_digest.table_code_digest`.
    """
    use_case, tables = project.use_case, staleness.find_stale(project, reread=reread)
    view = project.lake.as_of(LATEST)
    data = [table for table in tables if table.table not in (PREDICTIONS, SHADOW, METRICS)]
    steps = [
        _step(use_case, view, "data", _data_range(use_case, view, data), staleness.data_tables(use_case), data),
        _step(use_case, view, "score", _stale_periods(tables, {PREDICTIONS, SHADOW}), [PREDICTIONS, SHADOW], []),
        _step(use_case, view, "monitor", _stale_periods(tables, {METRICS}), [METRICS], []),
    ]
    return RebuildPlan(use_case.name, tuple(tables), tuple(step for step in steps if step is not None))


def _data_range(use_case: DataDeclaration, view: AsOfSnapshot, tables: Sequence[TableStaleness]) -> list[Period]:
    """Return the periods that a backfill of `data` must include.

    If rows of a feed change, so do the features of the periods that look back on them.
    """
    periods = _stale_periods(tables, {table.table for table in tables})
    feeds = {table.table for table in tables if "/" in table.table}
    if landed := _stale_periods(tables, feeds):
        results = [name for name in (code_digest.LABELS, code_digest.FEATURES) if table_exists(view.lake, name)]
        built = [period for name in results for period in view.partitions(name)]
        periods += [period for period in built if min(landed) <= period <= max(landed) + use_case.look_back_periods]
    return periods


def _stale_periods(tables: Iterable[TableStaleness], names: set[str]) -> list[Period]:
    return [stale.period for table in tables if table.table in names for stale in table.stale]


def _step(
    use_case: DataDeclaration,
    view: AsOfSnapshot,
    kind: str,
    periods: Sequence[Period],
    built: Sequence[str],
    stale: Sequence[TableStaleness],
) -> RebuildStep | None:
    if not periods:
        return None
    first, last = min(periods), max(periods)
    # Features of a period read the feeds of earlier ones, so these must be built first.
    in_order = " --max-active-runs 1" if any("/" in table.table and table.stale for table in stale) else ""
    return RebuildStep(
        kind,
        first,
        last,
        _cost(view, built, first, last),
        f"airflow backfill create --dag-id {use_case.name}__{kind} --from-date {first.backfill_bound}"
        f" --to-date {last.backfill_bound} --reprocess-behavior completed{in_order}",
        f"airworthy run {use_case.name} {kind} --from {first} --to {last}",
    )


def _cost(view: AsOfSnapshot, tables: Sequence[str], first: Period, last: Period) -> Cost:
    seconds: dict[Period, float] = {}
    periods, rows = set[Period](), 0
    for table in filter(partial(table_exists, view.lake), tables):
        partitions = view.partitions(table, first, last)
        notes = staleness.newest_notes(view, table) if partitions else {}
        periods |= partitions.keys()
        rows += sum(partition.rows for partition in partitions.values())
        for period in partitions:
            note = notes.get(period)
            if note is not None and note.cpu_seconds is not None:
                seconds[period] = seconds.get(period, 0.0) + note.cpu_seconds
    mean = sum(seconds.values()) / len(seconds) if seconds else None
    return Cost(len(periods), rows, None if mean is None else round(mean * len(periods), 1), len(seconds))


def _table_json(table: TableStaleness) -> dict[str, Any]:
    stale = [{**asdict(one), "period": one.period.key} for one in table.stale]
    return {"table": table.table, "periods": table.periods, "changes": list(table.changes), "stale": stale}
