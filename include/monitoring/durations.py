"""Keep what each run of a step cost, and compare it with the periods before.

A record is one file, `durations/<step>/<year>/<period>.<start>.<warm or cold>.json` next to the tables: a commit to a
table would cost more than a small step. Costs depend on the machine and the clock; no data are made from them.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import asdict, dataclass, fields, replace
from datetime import datetime, timedelta
from typing import ClassVar, Literal, get_args

import pyarrow as pa

from include.declaration.period import Period
from include.grammar import counted
from include.lake import schemas
from include.lake.lake_format import mark_format
from include.lake.object_store import StoragePath
from include.lake.record_store import RecordCorruptedError, RecordStore, encode_record
from include.monitoring.metric_table import MetricTable, MetricValue
from include.monitoring.slowdown import CostFigure, judge_cost
from include.printable import printable_logger
from include.project import DataProject

log = printable_logger(__name__)
StepName = Literal[
    "ingest", "validate", "build_features", "score", "score_shadow", "export", "measure",
    "prepare", "tune", "train", "evaluate", "register", "promote",
]  # fmt: skip
STEPS: tuple[StepName, ...] = get_args(StepName)
PERIODS = 28
"""Number of earlier recorded periods that define the usual cost."""
FOLDER = "durations"
SECONDS, CPU_SECONDS, PEAK_MEMORY = "step_seconds", "step_cpu_seconds", "step_peak_memory"
NEGLIGIBLE = {SECONDS: 5.0, CPU_SECONDS: 1.0, PEAK_MEMORY: float(256 * 2**20)}
"""The judged metrics, and by how much each may exceed its usual value: small differences are those of the machine.

The clock also counts what else ran on it.
"""
_START = "%Y%m%dT%H%M%S%f"
_MOST_KEPT = 4096
_kept: dict[tuple[str, str], StepCost] = {}
"""Records that this process has read or written, by folder and key; a record never changes."""


class DurationsCorruptedError(RecordCorruptedError):
    """A record of what a step cost cannot be read."""

    damaged: ClassVar[str] = "The records of what steps cost are damaged"
    consequence: ClassVar[str] = "They are not shown."


@dataclass(frozen=True)
class StepCost:
    """What one run of a step of a period cost."""

    step: StepName
    period: Period
    started_at: datetime
    warm: bool
    """Whether this process had done the step before: the first time, libraries are imported and code is compiled."""
    amount: int | None
    """Rows; of `prepare` periods, of `tune` trials; None if the work has no size."""
    model_version: str | None
    memory_before: int
    """Resident memory of the process when the step began, in bytes."""
    figures: tuple[CostFigure, ...]

    def figure_of(self, metric: str) -> CostFigure | None:
        """Return a measured cost; None if it was not measured."""
        return next((figure for figure in self.figures if figure.metric == metric), None)

    def comparable_cost(self, metric: str) -> float | None:
        """Return a cost as later periods compare it: of memory, what the step added."""
        figure = self.figure_of(metric)
        return None if figure is None or figure.missing_reason else figure.value - self.base_of(metric)

    def base_of(self, metric: str) -> int:
        """Return the part of a cost that is not the step's."""
        return self.memory_before if metric == PEAK_MEMORY else 0

    @property
    def amount_text(self) -> str:
        """Return the amount in words; empty if there is none."""
        unit = {"prepare": "period", "tune": "trial"}.get(self.step, "row")
        return "" if self.amount is None else counted(self.amount, unit)

    @property
    def rows(self) -> list[MetricValue]:
        """Return the costs as rows of metrics, whose subject is the step."""
        return [
            MetricValue(
                self.period, figure.metric, self.step, figure.value, None, None, figure.limit, figure.breached,
                self.model_version, self.period, 1, figure.missing_reason,
            )
            for figure in self.figures
        ]  # fmt: skip


def judge(cost: StepCost, earlier: Sequence[StepCost], max_slowdown: float) -> StepCost:
    """Return a cost with its limits, from the costs of earlier periods."""

    def judged(figure: CostFigure) -> CostFigure:
        name = figure.metric
        if name not in NEGLIGIBLE or figure.missing_reason:
            return figure
        before = [(value, past.amount) for past in earlier if (value := past.comparable_cost(name)) is not None]
        base = cost.base_of(name)
        return judge_cost(figure, cost.amount, before, max_slowdown, negligible=NEGLIGIBLE[name], base=base)

    return replace(cost, figures=tuple(map(judged, cost.figures)))


def write_cost(project: DataProject, cost: StepCost) -> StepCost:
    """Keep what a run of a step cost; return it as it is kept."""
    mark_format(project.root)
    store = _store(project, cost.step, cost.period.key[:4])
    while not store.create(_key(cost), _encode(cost)):  # another process began in the same microsecond
        cost = replace(cost, started_at=cost.started_at + timedelta(microseconds=1))
    _keep(store.folder, _key(cost), cost)
    return cost


def import_cost(project: DataProject, cost: StepCost) -> None:
    """Keep a cost that code of an earlier lake format measured.

    If that is repeated, the record is kept once.
    """
    store = _store(project, cost.step, cost.period.key[:4])
    store.create(_key(cost), _encode(cost))


def earlier_costs(project: DataProject, cost: StepCost) -> list[StepCost]:
    """Return the costs of the same step in up to 28 recorded periods before.

    Of each period, it is the newest record. They are in the order of periods. Warm steps are compared with warm ones,
    cold with cold. A damaged record is left out.
    """
    found = list[StepCost]()
    for store in _stores(project, cost.step, cost.period):
        if len(found) >= PERIODS:
            break
        keys = [key for key in store.list_keys() if key.endswith(_warmth(cost.warm))]
        newest = _newest(keys, lambda period: period < cost.period.key)
        read = _read(store, sorted(newest.values())[-(PERIODS - len(found)) :])
        found += [each for each in read if isinstance(each, StepCost)]
    return sorted(found, key=lambda past: past.period)


def read_costs(project: DataProject, first: Period, last: Period) -> list[StepCost]:
    """Return the newest record of each step and period, in order of periods.

    The periods are from `first` to `last`.

    Raises:
        DurationsCorruptedError: a record is damaged.
    """
    found = list[StepCost]()
    for step in STEPS:
        for store in _stores(project, step, last):
            if store.folder.name < first.key[:4]:
                break
            newest = _newest(store.list_keys(), lambda period: first.key <= period <= last.key)
            found += _undamaged(_read(store, sorted(newest.values())))
    return sorted(found, key=lambda cost: (cost.period, STEPS.index(cost.step)))


def newest_costs(project: DataProject, until: Period) -> list[StepCost]:
    """Return the record of each step for its newest period up to `until`.

    Raises:
        DurationsCorruptedError: a record is damaged.
    """
    found = list[StepCost]()
    for step in STEPS:
        for store in _stores(project, step, until):
            newest = _newest(store.list_keys(), lambda period: period <= until.key)
            if newest:
                found += _undamaged(_read(store, [newest[max(newest)]]))
                break
    return found


def cost_frame(project: DataProject, costs: Sequence[StepCost]) -> pa.Table:
    """Return a row for each metric of each cost, in the given order."""
    schema = pa.schema(
        [
            schemas.period_field(project.use_case.calendar.unit),
            ("step", pa.string()),
            ("started_at", pa.timestamp("us", "UTC")),
            ("warm", pa.bool_()),
            ("amount", pa.int64()),
            ("model_version", pa.string()),
            ("metric", pa.string()),
            *((name, pa.float64()) for name in ("value", "usual", "limit")),
            ("breached", pa.bool_()),
            ("missing_reason", pa.string()),
        ]
    )
    rows = [
        {name: getattr(cost, name) for name in ("step", "started_at", "warm", "amount", "model_version")}
        | asdict(figure)
        | {"period": cost.period.start}
        for cost in costs
        for figure in cost.figures
    ]
    return pa.Table.from_pylist(rows, schema=schema)


def cost_table(project: DataProject, costs: Sequence[StepCost]) -> MetricTable:
    """Return costs as a table of metrics."""
    calendar = project.use_case.calendar
    field = schemas.period_field(calendar.unit)
    schema = schemas.METRICS.set(
        schemas.METRICS.get_field_index("measured_period"), field.with_name("measured_period")
    ).append(field)
    rows = [
        row._asdict() | {"period": row.period.start, "measured_period": row.measured_period.start}
        for cost in costs
        for row in cost.rows
    ]
    return MetricTable(pa.Table.from_pylist(rows, schema=schema), calendar)


def _store(project: DataProject, step: str, year: str) -> RecordStore[StepCost]:
    folder = project.root / FOLDER / step / year
    return RecordStore(folder, _decode, DurationsCorruptedError)


def _stores(project: DataProject, step: str, until: Period) -> Iterator[RecordStore[StepCost]]:
    """Yield the store of each year up to that of a period, the newest first."""
    years = [year for year in (project.root / FOLDER / step).names() if year.isdigit() and year <= until.key[:4]]
    for year in reversed(years):
        yield _store(project, step, year)


def _newest(keys: Iterable[str], accepted: Callable[[str], bool]) -> dict[str, str]:
    """Return the newest record of each accepted period, by the key of the period."""
    newest = dict[str, str]()
    for key in sorted(keys):
        if accepted(period := key.partition(".")[0]):
            newest[period] = key
    return newest


def _read(store: RecordStore[StepCost], keys: Sequence[str]) -> list[StepCost | RecordCorruptedError]:
    folder = store.folder.uri
    read = store.read_each([key for key in keys if (folder, key) not in _kept])
    for key, record in read.items():
        if isinstance(record, StepCost):
            _keep(store.folder, key, record)
    return [read[key] if key in read else _kept[folder, key] for key in keys]


def _undamaged(records: Sequence[StepCost | RecordCorruptedError]) -> list[StepCost]:
    for record in records:
        if isinstance(record, RecordCorruptedError):
            raise record
    return [record for record in records if isinstance(record, StepCost)]


def _keep(folder: StoragePath, key: str, cost: StepCost) -> None:
    if len(_kept) >= _MOST_KEPT:
        _kept.clear()
    _kept[folder.uri, key] = cost


def _warmth(warm: bool) -> str:
    return ".warm" if warm else ".cold"


def _key(cost: StepCost) -> str:
    return f"{cost.period.key}.{cost.started_at.strftime(_START)}{_warmth(cost.warm)}"


def _encode(cost: StepCost) -> bytes:
    values = {each.name: getattr(cost, each.name) for each in fields(cost)}
    values |= {"period": cost.period.key, "started_at": cost.started_at.isoformat()}
    return encode_record(values | {"figures": [asdict(figure) for figure in cost.figures]})


def _decode(_: str, content: bytes) -> StepCost:
    values = json.loads(content)
    return StepCost(
        **values
        | {
            "period": Period(values["period"]),
            "started_at": datetime.fromisoformat(values["started_at"]),
            "figures": tuple(CostFigure(**figure) for figure in values["figures"]),
        }
    )
