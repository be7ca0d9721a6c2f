"""Build a use case's overview on one day; write nothing.

It is built from metrics, decisions and ledger.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any, TypeVar

import pyarrow as pa

from include.declaration.period import Period, period_range
from include.declaration.use_case import UseCase
from include.errors import AirworthyError
from include.features import rebuild_plan, staleness
from include.features.rebuild_plan import RebuildPlan
from include.features.staleness import MixedHistory
from include.ingestion import quarantine_counts
from include.ingestion.correction_log import CorrectionsCorruptedError
from include.ingestion.quarantine_counts import RowStates
from include.lake.lake import Lake
from include.lake.range_reader import RangeReader
from include.model.metrics import METRICS
from include.monitoring import breach_runs, durations, status
from include.monitoring.definitions import MONITORING_METRICS, SLICE
from include.monitoring.durations import StepCost
from include.monitoring.metric_table import MetricTable
from include.monitoring.status import Status, StatusInputs
from include.project import Project
from include.registry import lifecycle
from include.registry.ledger import LedgerCorruptedError
from include.registry.ledger_entry import LedgerEntry
from include.registry.version_summary import VersionSummary, summarise_entry
from include.web.opening import opening_period

DECISIONS, TRAININGS = 14, 10
"""Numbers of newest decisions, and of newest decisions that led to a training, that are read."""
UNDRAWN = frozenset(
    (
        *(name for name, metric in MONITORING_METRICS.items() if metric.subject == "<feature>" and not metric.chart),
        *("confusion", "slice_rows", *(f"{SLICE}{name}" for name in METRICS)),
    )
)
"""Metrics of features and groups without a chart: for days other than the shown one, only breaches are read."""
T = TypeVar("T")


@dataclass(frozen=True)
class DecisionView:
    """One day's decision, and the outcome of its training, if any."""

    period: Period
    outcome: str
    reason: str
    model_version: str
    signals: tuple[Mapping[str, Any], ...]
    result: str = ""
    result_reason: str = ""
    challenger: str = ""
    run_id: str = ""


@dataclass(frozen=True)
class Overview:
    """State of a use case as known on `period`; plain values."""

    use_case: UseCase
    period: Period
    today: Period
    newest: Period | None
    """The newest measured day; None if none was."""
    measured: tuple[Period, ...]
    """Every day that was measured."""
    first: Period
    """The first day that is drawn."""
    measures: MetricTable
    """Metrics of the days from `first` to `period`."""
    costs: tuple[StepCost, ...]
    """What each step of the days from `first` to `period` cost, in order."""
    cost_metrics: MetricTable
    """The same as metrics, whose subjects are the steps."""
    status: Status
    champion: VersionSummary | None
    entries: tuple[LedgerEntry, ...]
    """The ledger's entries effective by `period`, newest first."""
    decisions: tuple[DecisionView, ...]
    """Newest first."""
    set_aside: RowStates | None
    """None if no feed was ever validated."""
    problems: tuple[str, ...]
    newest_status: Status | None = None
    """The status of the newest measured day, if the page opens on an earlier one; else None."""

    @property
    def is_started(self) -> bool:
        """Return whether anything was measured, decided or promoted."""
        return bool(self.measured or self.entries or self.decisions)

    @cached_property
    def calendar(self) -> list[Period]:
        """Return every day that is drawn, measured or not."""
        return period_range(self.first, self.period)


def build_overview(
    project: Project,
    today: Period,
    period: Period | None = None,
    span: int = 90,
    *,
    with_quarantine: bool = True,
    opens: bool = False,
) -> Overview:
    """Build the overview as of `period`, over `span` days.

    A list of use cases does without the quarantined rows. None means the newest measured day, else `today`; with
    `opens`, the newest one of a stretch of days with labels. A day before the use case's first, or after `today`, is
    replaced by that. `problems` names each table or ledger that cannot be read; the rest is shown without it.
    """
    use_case = project.use_case
    lake, problems = project.lake, list[str]()
    nothing = RangeReader(lake, "metrics", ())
    metrics = _read_or_report(problems, "The table metrics", lambda: RangeReader.open(lake, "metrics", today), nothing)
    newest = max(metrics.periods, default=None)
    period = min(max(period, use_case.first_period), today) if period else None
    opening = newest
    if opens and period is None:
        opening = _read_or_report(problems, "The table metrics", lambda: opening_period(metrics, span), newest)
    shown_period = period or opening or today
    drawn = metrics.between(shown_period - (span - 1), shown_period)
    empty = MetricTable(nothing.rows(), project.use_case.calendar)
    measures = _read_or_report(problems, "The table metrics", lambda: _measures(drawn, shown_period), empty)
    entries: list[LedgerEntry] = _read_or_report(problems, "The ledger", lambda: _entries(project, shown_period), [])
    decisions: list[DecisionView] = _read_or_report(
        problems, "The table of decisions", lambda: _decisions(lake, shown_period), []
    )
    costs: list[StepCost] = _read_or_report(
        problems,
        "The costs of steps",
        lambda: durations.read_costs(project, shown_period - (span - 1), shown_period),
        [],
    )
    what = "The folder of corrections"
    set_aside: RowStates | None = None
    if with_quarantine:
        set_aside = _read_or_report(problems, what, lambda: _set_aside(project, shown_period), None)
    made_champion = lifecycle.champion_of(shown_period, entries)
    champion = summarise_entry(made_champion, entries) if made_champion else None
    training = next((each for each in decisions if each.outcome == "retrain"), None)
    is_open = training is not None and not training.result
    shown_status = status.overall_status(
        StatusInputs(
            task=use_case.task,
            use_case=use_case.name,
            period=shown_period,
            today=today if shown_period in (newest, today) and period in (None, newest) else None,
            stale_periods=use_case.monitoring.stale_periods,
            rows=measures.rows_on(shown_period),
            costs=[row for cost in costs if cost.period == shown_period for row in cost.rows],
            champion=champion.number if champion else None,
            performance=[(limit.name, limit.subject) for limit in use_case.monitoring.limits],
            training=training.reason if training and is_open else "",
            training_since=training.period if training and is_open else None,
            problems=problems,
            is_scored=use_case.is_scored(shown_period),
            running=_running(measures, shown_period),
        )
    )
    known = drawn.periods or [cost.period for cost in costs]
    first = max(min(known, default=shown_period), shown_period - (span - 1))
    drawn_costs = [cost for cost in costs if cost.period >= first]
    return Overview(
        use_case=use_case,
        period=shown_period,
        today=today,
        newest=newest,
        measured=metrics.periods,
        first=first,
        measures=measures,
        costs=tuple(drawn_costs),
        cost_metrics=durations.cost_table(project, drawn_costs),
        status=shown_status,
        champion=champion,
        entries=tuple(reversed(entries)),
        decisions=tuple(decisions),
        set_aside=set_aside,
        problems=tuple(problems),
        newest_status=(
            build_overview(project, today, span=1, with_quarantine=False).status if opening != newest else None
        ),
    )


def _running(measures: MetricTable, period: Period) -> Mapping[tuple[str, str], breach_runs.BreachRun]:
    """Return how long the breaches of a day last."""
    return breach_runs.running_on(breach_runs.join_breaches(measures.breached(), measures.periods), period)


@dataclass(frozen=True)
class StaleTables:
    """The tables of a use case that other code or inputs made.

    They are compared with the current ones.
    """

    tables: tuple[str, ...]
    """A sentence per stale table."""
    commands: tuple[str, ...]
    """The commands that rebuild them, in order; empty if nothing is stale."""
    mixed_history: tuple[str, ...] = ()
    """A sentence per table whose periods different code built, of those that the next training reads."""


def stale_tables(project: Project) -> StaleTables:
    """Return the tables that are stale by the code on disk.

    No reason names a path.
    """
    problems: list[str] = []
    nothing = RebuildPlan(project.use_case.name, (), ())
    plan: RebuildPlan = _read_or_report(
        problems, "What is stale", lambda: rebuild_plan.plan_rebuild(project, reread=True), nothing
    )
    mixed: list[MixedHistory] = _read_or_report(problems, "The history", lambda: _mixed_history(project), [])
    tables = [table.summary for table in plan.tables if table.stale]
    commands = tuple(step.airflow for step in plan.steps)
    return StaleTables((*tables, *problems), commands, tuple(table.summary for table in mixed))


def _mixed_history(project: Project) -> list[MixedHistory]:
    """Return the mixed tables in the window of a training as of the newest period."""
    newest = project.use_case.newest_period()
    first = max(project.use_case.first_period, newest - project.use_case.training.window_periods)
    return staleness.find_mixed_history(project, first, newest)


def _read_or_report(problems: list[str], part: str, read: Callable[[], T], otherwise: T) -> T:
    """Return what `read` returns, or `otherwise` if it fails.

    The reason is then added to `problems`. No reason names a path.
    """
    try:
        return read()
    except LedgerCorruptedError as error:
        del error  # it names a path of the server, which only operators may see
        problems.append("The ledger is damaged: the command `ledger` shows where. Restore its folder from a backup.")
    except CorrectionsCorruptedError as error:
        del error  # as above
        problems.append(
            "The corrections are damaged: the command `quarantine` shows where. Restore them from a backup."
        )
    except AirworthyError as error:
        problems.append(str(error))
    except OSError as error:
        reason = error.strerror or type(error).__name__  # the full text names the path
        problems.append(f"{part} cannot be read: {reason}. Check its folder in the lake and the folder's permissions.")
    return otherwise


def _measures(drawn: RangeReader, shown_period: Period) -> MetricTable:
    """Return all metrics of the shown day, and earlier drawn or breached ones."""
    before = RangeReader(drawn.lake, drawn.table, tuple(each for each in drawn.files if each[0] != shown_period))
    rows = pa.concat_tables([before.rows(without=UNDRAWN), drawn.select({shown_period}).rows()])
    return MetricTable(rows, drawn.lake.use_case.calendar)


def _set_aside(project: Project, shown_period: Period) -> RowStates | None:
    """Count all feeds' rows quarantined by the shown day.

    The command line counts them alike.
    """
    counted = [quarantine_counts.count_states(project, feed.name, shown_period) for feed in project.use_case.feeds]
    known = [states for states in counted if states is not None]
    return sum(known, RowStates()) if known else None


def _entries(project: Project, period: Period) -> list[LedgerEntry]:
    return [entry for entry in project.ledger.entries() if entry.effective_from <= period]


def _decisions(lake: Lake, period: Period) -> list[DecisionView]:
    """Return the last decisions by `period`, newest first, each with its outcome."""
    retrained = RangeReader.open(lake, "retrainings", period).newest(TRAININGS).rows().to_pylist()
    calendar = lake.use_case.calendar
    results = calendar.by_period((row["period"], row) for row in retrained)
    decided = RangeReader.open(lake, "decisions", period)
    shown = decided.select({*decided.periods[-DECISIONS:], *results})
    rows: Sequence[Mapping[str, Any]] = shown.rows().to_pylist()
    decided_on = calendar.periods_of(row["period"] for row in rows)
    return [
        _decided(on, row, results.get(on, {})) for on, row in zip(reversed(decided_on), reversed(rows), strict=True)
    ]


def _decided(period: Period, row: Mapping[str, Any], result: Mapping[str, Any]) -> DecisionView:
    return DecisionView(
        period=period,
        outcome=row["outcome"],
        reason=row["reason"] or "",
        model_version=row["model_version"] or "",
        signals=_signals(row["signals"]),
        result=result.get("outcome") or "",
        result_reason=result.get("reason") or "",
        challenger=result.get("model_version") or "",
        run_id=result.get("run_id") or "",
    )


def _signals(text: str | None) -> tuple[Mapping[str, Any], ...]:
    try:
        signals = json.loads(text or "[]")
    except ValueError:
        return ()
    return tuple(signal for signal in signals if isinstance(signal, dict)) if isinstance(signals, list) else ()
