"""Find which partitions of the asked periods would change, and why."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from include.backfill.request import BackfillRequest, Phase
from include.declaration.data_declaration import DataDeclaration
from include.declaration.period import Period
from include.declaration.use_case import UseCase
from include.features import staleness
from include.features.metric_inputs import METRICS
from include.grammar import counted, duration_text
from include.lake.partitions import Partition
from include.lake.snapshot import AsOfSnapshot
from include.project import DataProject, Project
from include.registry import code_digest
from include.scoring import export

MISSING, REBUILT, ASKED = "missing", "their inputs are built again", "settled, but the source is asked again"
UNDELIVERED = "not delivered to each declared export"


@dataclass(frozen=True)
class PeriodWork:
    """A period that a phase would build, with the reason for each of its tables."""

    period: Period
    reasons: tuple[tuple[str, str], ...]
    """Table and why its partition would change."""
    rows: int
    """Rows that its partitions have now."""

    @property
    def reason(self) -> str:
        """Return the reasons in words."""
        return "; ".join(f"{table}: {why}" for table, why in self.reasons)


@dataclass(frozen=True)
class PhasePlan:
    """The work of one phase."""

    phase: Phase
    asked: int
    """Number of periods that were asked for."""
    work: tuple[PeriodWork, ...]
    may_change: int = 0
    """Number of further periods whose inputs an earlier phase builds again."""
    cpu_seconds: float | None = None
    """Estimated processor time, by what the newest builds took; None if none is recorded."""

    @property
    def periods(self) -> list[Period]:
        """Return the periods to build, in order."""
        return [work.period for work in self.work]

    @property
    def lines(self) -> list[str]:
        """Describe the plan: one line of counts, and one for each reason."""
        settled = self.asked - len(self.work) - self.may_change
        time = "" if not self.cpu_seconds else f", about {duration_text(self.cpu_seconds)} of processor time"
        rows = f" ({sum(work.rows for work in self.work):,} rows now)" if self.work else ""
        parts = [f"{len(self.work):,} of {counted(self.asked, 'period')} to build{rows}{time}", f"{settled:,} settled"]
        if self.may_change:
            parts.insert(1, f"{self.may_change:,} that may change: {REBUILT}")
        reasons = Counter(reason for work in self.work for reason in work.reasons)
        return [f"{self.phase}: {'; '.join(parts)}"] + [
            f"  {table}: {counted(count, 'period')} {why}" for (table, why), count in reasons.items()
        ]


def plan_backfill(project: DataProject, request: BackfillRequest) -> list[PhasePlan]:
    """Return the plan of every phase; read the tables' logs alone.

    What a phase will do depends on the phases before it, so it is planned again when it begins.
    """
    plans: list[PhasePlan] = []
    changed: set[Period] = set()
    for phase in request.phases:
        plan = plan_phase(project, request, phase)
        own, asked = set(plan.periods), request.periods(project.use_case, phase)
        touched = {period for period in asked if _is_touched(project.use_case, phase, period, changed)} - own
        plans.append(PhasePlan(phase, plan.asked, plan.work, len(touched), plan.cpu_seconds))
        changed |= own | touched
    return plans


def plan_phase(project: DataProject, request: BackfillRequest, phase: Phase) -> PhasePlan:
    """Return what a phase would build now."""
    use_case = project.use_case
    asked = request.periods(use_case, phase)
    if not asked:
        return PhasePlan(phase, 0, ())
    tables = tables_of(use_case, phase)
    view = project.lake.as_of(asked[-1])
    found = staleness.find_stale(project, asked[0], asked[-1], tables=tables)
    stale = {(table.table, one.period): str(one.reason) for table in found for one in table.stale}
    exist = [table for table in tables if staleness.table_exists(project.lake, table)]
    stored = {table: view.partitions(table, asked[0], asked[-1]) if table in exist else {} for table in tables}
    if phase == "score" and isinstance(project, Project) and project.use_case.exports:
        for period, partition in stored[staleness.PREDICTIONS].items():
            if not export.is_delivered(project, period, partition.digest):
                stale.setdefault((staleness.PREDICTIONS, period), UNDELIVERED)
    asks = request.settled and phase == "land"
    work = tuple(one for period in asked if (one := _work(period, stored, stale, asks=asks)))
    return PhasePlan(phase, len(asked), work, cpu_seconds=_cpu_seconds(view, tables, len(work)))


def tables_of(use_case: DataDeclaration, phase: Phase) -> list[str]:
    """Return the tables that a phase writes."""
    feeds = [f"{kind}/{feed.name}" for feed in use_case.feeds for kind in (code_digest.RAW, code_digest.CHECKED)]
    results = [*([code_digest.LABELS] if isinstance(use_case, UseCase) else []), code_digest.FEATURES]
    tables = {"land": feeds, "build": results, "score": [staleness.PREDICTIONS], "measure": [METRICS]}
    return tables[phase]


def _is_touched(use_case: DataDeclaration, phase: Phase, period: Period, changed: set[Period]) -> bool:
    """Return whether a phase reads what an earlier phase builds again."""
    if phase == "measure":  # its window reaches back over many periods
        return bool(changed) and period >= min(changed)
    since = period - use_case.look_back_periods if phase == "build" else period
    return any(since <= one <= period for one in changed)


def _work(
    period: Period,
    stored: Mapping[str, Mapping[Period, Partition]],
    stale: Mapping[tuple[str, Period], str],
    *,
    asks: bool,
) -> PeriodWork | None:
    """Return the work of a period; None if it is settled.

    With `asks`, a settled period has the work to ask its sources.
    """
    reasons = [
        (table, MISSING if period not in partitions else stale[table, period])
        for table, partitions in stored.items()
        if period not in partitions or (table, period) in stale
    ]
    if asks and not reasons:
        reasons = [(table, ASKED) for table in stored if table.startswith(f"{code_digest.RAW}/")]
    rows = sum(partitions[period].rows for partitions in stored.values() if period in partitions)
    return PeriodWork(period, tuple(reasons), rows) if reasons else None


def _cpu_seconds(view: AsOfSnapshot, tables: Sequence[str], periods: int) -> float | None:
    means = [mean for table in tables if (mean := _mean_cpu_seconds(view, table)) is not None]
    return round(sum(means) * periods, 1) if means else None


def _mean_cpu_seconds(view: AsOfSnapshot, table: str) -> float | None:
    recorded = list(_recorded(view, table))
    return sum(recorded) / len(recorded) if recorded else None


def _recorded(view: AsOfSnapshot, table: str) -> Iterator[float]:
    if staleness.table_exists(view.lake, table):
        for note in staleness.newest_notes(view, table).values():
            if note.cpu_seconds is not None:
                yield note.cpu_seconds
