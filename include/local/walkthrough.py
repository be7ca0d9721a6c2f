"""`airworthy demo`, `report` and `predictions`: what a newcomer types first."""

from __future__ import annotations

import os
from datetime import date

from rich.console import Console
from rich.table import Table

from include.local import commands, credentials, demo, instance, summary
from include.local.airflow_api import AirflowApi
from include.stages import measure
from include.stages import report as reporting
from include.storage.lake import Lake
from include.use_cases import load

SHIPPED = "flight_delays"


def run_demo(console: Console) -> None:
    """Bring the services up, walk the shipped use case through its life, and say what came of it."""
    chosen, use_case, here = demo.plan(), load(SHIPPED), instance.current()
    commands.up(console, foreground=False)
    os.environ["MLFLOW_TRACKING_URI"] = here.mlflow_url  # what the demo shows is what the demo made
    api = AirflowApi(here.airflow_url, credentials.USER, credentials.load_or_make(here).password)
    before = reporting.run(use_case).state
    demo.Demo(api, use_case, chosen, console).run()
    found = reporting.run(use_case)
    console.print()
    summary.show(console, use_case, found, measure.realised(use_case, *chosen.scored))
    if found.state == before:
        console.print("\nNothing was changed: every table, the ledger and the registry stand as they did before.")
    summary.places(console, use_case, here, *chosen.scored)


def show_report(console: Console, name: str, first: date | None, last: date | None) -> None:
    """The same summary at any time; with two days, how good the predictions between them were."""
    use_case = load(name)
    realised = measure.realised(use_case, first, last or first) if first else None
    summary.show(console, use_case, reporting.run(use_case), realised)


def show_predictions(console: Console, name: str, day: date, rows: int) -> None:
    """A day's rows, the most probable first."""
    use_case = load(name)
    predictions = Lake.of(use_case).as_of(day).table("predictions", since=day)
    first = predictions.order_by([predictions.probability.desc(), *use_case.keys]).limit(rows).drop("day").to_pyarrow()
    table = Table(*first.column_names, box=None, title=f"{use_case.name} {day}", title_justify="left")
    for row in first.to_pylist():
        table.add_row(*(f"{value:.3f}" if isinstance(value, float) else str(value) for value in row.values()))
    console.print(table if first.num_rows else f"No predictions of {day}; run {name}__score for that day.")
