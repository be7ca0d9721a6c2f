"""`airworthy demo`, `report` and `predictions`: run the demo and print results."""

from __future__ import annotations

import os

from rich.console import Console
from rich.table import Table

from include.cli import report, services
from include.declaration.period import Period
from include.declaration.personal import mask_values
from include.declaration.use_case_discovery import load_use_case
from include.errors import InvalidRequestError, PartitionMissingError
from include.lake import clone
from include.local import credentials, demo, instance
from include.local import services as local_services
from include.local.airflow_client import AirflowClient
from include.local.instance import Instance
from include.local.progress import show_waiting
from include.model.tasks import task_model
from include.monitoring import monitor
from include.printable import escape_line
from include.project import Project, open_project
from include.web import summary as reporting

SHIPPED = "flight_delays"


def run_demo(console: Console) -> None:
    """Start the services, run the shipped use case's life, and report the result.

    Raises:
        DemoRunningError: another process runs the demo of this home.
        DemoFailedError: a step did not succeed.
    """
    chosen, use_case, here = demo.plan_demo(), load_use_case(SHIPPED), instance.current()
    with local_services.reserve_demo(here):
        _run_demo(console, open_project(use_case), here, chosen)


def _run_demo(console: Console, project: Project, here: Instance, chosen: demo.DemoPlan) -> None:
    use_case = project.use_case
    services.start_services(console, foreground=False)
    os.environ["MLFLOW_TRACKING_URI"] = here.mlflow_url  # the report reads the MLflow server that the demo uses
    api = AirflowClient(here.airflow_url, credentials.USER, credentials.load_or_make(here).password)
    with show_waiting(console, "Reading the current state …"):
        before = reporting.build_report(project).state
    demo.Demo(api, project, chosen, console).run_steps()
    with show_waiting(console, "Measuring the result …"):
        found = reporting.build_report(project)
        realised = monitor.realised_performance(project, *chosen.scored)
    console.print()
    report.print_report(console, use_case, found, realised)
    if found.state == before:
        console.print("\nNothing was changed: every table, the ledger and the registry are as before.")
    report.places(console, use_case, here, *chosen.scored)


def show_report(console: Console, name: str, first: Period | None, last: Period | None) -> None:
    """Print a use case's report; with days, also their predictions' performance.

    Raises:
        InvalidRequestError: the days are in the wrong order, or none of them is a day of the use case.
    """
    use_case = load_use_case(name)
    realised = None
    if first:
        last = last or first
        if last < first:
            raise InvalidRequestError(
                f"{name}: there is no period from {first} to {last}. Give the earlier period first."
            )
        use_case.require(last)
        realised = monitor.realised_performance(open_project(use_case), max(first, use_case.first_period), last)
    report.print_report(console, use_case, reporting.build_report(open_project(use_case)), realised)


def show_predictions(console: Console, name: str, period: Period, rows: int) -> None:
    """Print a day's rows, those with the highest prediction first.

    Raises:
        PartitionMissingError: the day is not scored.
    """
    use_case = load_use_case(name)
    use_case.require(period)
    lake = open_project(use_case).lake
    if not clone.partition_digests(lake, "predictions", period, period):
        raise PartitionMissingError(name, "predictions", period)
    predictions = lake.as_of(period).table("predictions", since=period)
    first_by = task_model(use_case).order_column
    first = predictions.order_by([predictions[first_by].desc(), *use_case.keys]).limit(rows).drop("period").to_pyarrow()
    table = Table(
        *map(escape_line, first.column_names), box=None, title=f"{use_case.name} {period}", title_justify="left"
    )
    for row in (mask_values(row, use_case.personal_columns) for row in first.to_pylist()):
        table.add_row(*(f"{value:.3f}" if isinstance(value, float) else escape_line(value) for value in row.values()))
    console.print(table)
