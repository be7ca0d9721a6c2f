"""Print the report of a use case, for the demo and `airworthy report`."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping

from rich.console import Console, Group, RenderableType
from rich.table import Table

from include import page_addresses, settings
from include.cli import services
from include.cli.escaping import line_of, print_line
from include.declaration.gates import MODEL
from include.declaration.period import Period
from include.declaration.task import Task
from include.declaration.use_case import UseCase
from include.local import credentials
from include.local.instance import Instance
from include.model.metrics import METRICS
from include.monitoring.monitor import RealisedPerformance
from include.page_addresses import framed_page
from include.printable import escape_line
from include.registry.version_summary import VersionSummary
from include.web.summary import FeedReport, UseCaseReport

_REASONS = 3
"""Number of reasons for waiting days that are shown, the most frequent first."""


def print_report(
    console: Console, use_case: UseCase, report: UseCaseReport, realised: RealisedPerformance | None
) -> None:
    """Print the report: rows, versions, their performance."""
    task = use_case.task
    console.print(
        Group(_rows(use_case, report), "", *_versions(report, task), *_decisions(report), *_realised(realised, task))
    )


def places(console: Console, use_case: UseCase, here: Instance, first: Period, last: Period) -> None:
    """Print the addresses to open next, how to log in and how to stop."""
    airflow, name = here.airflow_url, use_case.name
    dags = [page_addresses.dag_address(airflow, f"{name}__{kind}") for kind in ("data", "train", "score")]
    lines = {
        "page": framed_page(airflow, page_addresses.USE_CASE, {"period": last}, name=name),
        "Airflow": "   ".join(dags),
        "log in": f"{credentials.USER} / {credentials.load_or_make(here).password}",
        "MLflow": page_addresses.model_address(here.mlflow_shown, name),
        "validation": framed_page(airflow, page_addresses.VALIDATIONS, name=name),
        "predictions": f"{settings.current_settings().lake}/{use_case.name}/predictions",
        "": f".venv/bin/airworthy predictions {use_case.name} {first}",
        "stop": services.stop_command(here),
    }
    console.print()
    for name, value in lines.items():
        print_line(console, f"  {name:<12} {value}")
    if use_case.notice:
        console.print()
        print_line(console, f"  {use_case.notice}", "dim")


def _rows(use_case: UseCase, report: UseCaseReport) -> RenderableType:
    table = Table("feed", title=f"{use_case.name}: rows", title_justify="left")
    for column in ("periods", "landed", "published", "quarantined"):
        table.add_column(column, justify="right")
    table.add_column("reasons")
    for name, feed in report.feeds.items():
        figures = (feed.periods, feed.landed, feed.published, feed.quarantined)
        table.add_row(name, *(f"{figure:,}" for figure in figures), _reasons(feed))
    derived = ", ".join(f"{rows:,} {name}" for name, rows in report.rows.items())
    return Group(table, line_of(f"Made of them: {derived}."))


def _reasons(feed: FeedReport) -> str:
    reasons = [f"{rows:,} × {escape_line(reason)}" for reason, rows in feed.reasons.items()]
    if feed.not_validated:
        reasons.append(
            f"{feed.not_validated[0].unit.counted(len(feed.not_validated))} refused or not validated, from"
            f" {feed.not_validated[0]}"
        )
    return "\n".join(reasons) or "–"


def _versions(report: UseCaseReport, task: Task) -> list[RenderableType]:
    if not report.versions:
        return [line_of("No model is registered yet.")]
    return [item for version in report.versions for item in _version(version, task)]


def _version(version: VersionSummary, task: Task) -> list[RenderableType]:
    title = line_of(f"version {version.number}, trained as of {version.as_of}: {_state(version)}", "bold")
    table = _metrics("in its test periods", version.test, task)
    judged = f"judged against version {version.compared_with}" if version.compared_with else "there was no champion"
    counted = Counter(gate_result["outcome"] for gate_result in version.gate_results)
    lines = [line_of(f"  Gates: {', '.join(f'{count} {outcome}' for outcome, count in counted.items())}; {judged}.")]
    for gate_result in version.gate_results:
        if gate_result["outcome"] != "passed" or (gate_result["kind"] == "champion" and version.compared_with):
            style = {"failed": "red", "inconclusive": "yellow"}.get(gate_result["outcome"], "")
            lines.append(
                line_of(f"  {gate_result['outcome']:<10} {gate_result['gate']}: {gate_result['reason']}", style)
            )
    if version.card:
        lines.append(line_of(f"  model card {version.card}"))
    return ["", title, table, *lines]


def _state(version: VersionSummary) -> str:
    if version.promoted_from:
        return f"{version.status}, promoted from {', '.join(map(str, version.promoted_from))} on"
    return f"{version.status}, not promoted" if version.status != "challenger" else "challenger, waiting to be promoted"


def _decisions(report: UseCaseReport) -> list[RenderableType]:
    """Return the lines about automatic trainings, with their reasons."""
    if not report.decided_periods:
        return []
    lines: list[RenderableType] = [
        "",
        line_of(f"retraining, decided for {report.unit.counted(report.decided_periods)}", "bold"),
    ]
    for decision in report.decisions:
        outcome = f"version {decision.version} {decision.outcome}" if decision.version else decision.outcome
        lines += [line_of(f"  {decision.period}  train: {outcome}"), line_of(f"              {decision.reason}")]
    return lines if report.decisions else [*lines, line_of(f"  No {report.unit.name} triggered a training.")]


def _realised(realised: RealisedPerformance | None, task: Task) -> list[RenderableType]:
    """Return the lines about the performance of predictions, or why it is not known."""
    if realised is None:
        return []
    span = f"{realised.first} … {realised.last}"
    reasons = Counter(realised.waiting.values()).most_common(_REASONS)
    unit = Period(realised.first).unit
    waiting = [line_of(f"  {unit.counted(count)} wait: {reason}") for reason, count in reasons]
    if not realised.rows:
        cause = (
            "no period was scored"
            if not realised.periods and not waiting
            else "no row has both a prediction and a label"
        )
        return ["", line_of(f"The performance on {span} is not known: {cause}."), *waiting]
    periods = f"{unit.counted(len(realised.periods), 'scored')} {span}, {realised.rows:,} rows with a label"
    return ["", _metrics(f"realised on {periods}", realised.metrics, task), *waiting]


def _metrics(title: str, found: Mapping[str, Mapping[str, float]], task: Task) -> Table:
    table = Table("", title=title, title_justify="left")
    for metric in task.headline:
        table.add_column(METRICS[metric].heading(task), justify="right")
    for subject in (MODEL, *reversed(task.baselines)):
        values = found.get(subject, {})
        cells = (values.get(metric) for metric in task.headline)
        table.add_row(subject, *("–" if value is None else f"{value:.4f}" for value in cells))
    return table
