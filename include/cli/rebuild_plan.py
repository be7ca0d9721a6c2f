"""`airworthy plan`: print the stale periods, and the backfills that rebuild them."""

from __future__ import annotations

import json

from rich.console import Console

from include.cli.escaping import print_line
from include.declaration.use_case_discovery import load_declaration
from include.features.rebuild_plan import RebuildPlan, plan_rebuild
from include.features.staleness import stale_stretches
from include.project import open_data_project


def print_rebuild_plan(console: Console, name: str, *, as_json: bool = False) -> None:
    """Print the staleness of each table by stretches of days; change nothing.

    With `as_json`, print all of it as JSON.

    Raises:
        InvalidRequestError: the name is unknown.
    """
    plan = plan_rebuild(open_data_project(load_declaration(name)))
    if as_json:
        console.print(json.dumps(plan.to_json(), indent=1), markup=False, highlight=False, soft_wrap=True)
        return
    print_plan(console, plan)


def print_plan(console: Console, plan: RebuildPlan) -> None:
    """Print the stale periods of each table, and the commands that rebuild them."""
    if not plan.tables:
        print_line(console, f"{plan.use_case}: nothing has been landed yet, so nothing is stale.")
        return
    for table in plan.tables:
        print_line(console, table.summary, "yellow" if table.stale else "")
        for stretch in stale_stretches(table):
            print_line(console, f"  {stretch}", "dim")
    for step in plan.steps:
        print_line(console, f"Rebuild with {plan.use_case}__{step.kind} ({step.cost.text}):")
        print_line(console, f"  {step.airflow}")
        print_line(console, f"  or, without Airflow: {step.run}")
    if plan.steps:
        print_line(
            console,
            "Then run this command again: if the features of a scored period have changed, its predictions are stale,"
            " and so are metrics that were measured from them. Models do not change; the next training reads the"
            " rebuilt periods.",
        )
