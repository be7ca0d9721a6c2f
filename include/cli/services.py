"""`airworthy up`, `down`, `status`, `token` and `upgrade`: run and print."""

from __future__ import annotations

import os
import shlex
import time
from datetime import timedelta

from rich.console import Console
from rich.table import Table

from include.cli.escaping import print_line
from include.local import credentials, environment, health, instance, services, supervisor
from include.local.airflow_client import AirflowClient
from include.local.instance import SERVICES, Instance
from include.local.progress import show_waiting


def start_services(console: Console, foreground: bool) -> None:
    here = instance.current()
    with show_waiting(console, "Starting Airflow and MLflow; a minute or so …"):
        started = services.start_instance(here, say=plain_errors(console))
    console.print("Up." if started else "Already up; nothing was changed.")
    console.print(summary(here))
    if foreground:
        console.print("Ctrl-C stops everything.")
        services.stay_in_foreground(here, say=plain_errors(console))


def plain_errors(console: Console) -> services.Say:
    """Return a function that prints one line."""
    return lambda line: print_line(console, line)


def stop_services(console: Console) -> None:
    here = instance.current()
    with show_waiting(console, "Stopping …"):
        count = services.stop_instance(here)
    console.print(f"Stopped; none of {count} processes is left." if count else f"Nothing of {here.home} was running.")


def print_status(console: Console) -> None:
    console.print(table(instance.current()))


def print_token() -> str:
    """Return a token of the read-only user for Prometheus, valid for a day."""
    here = instance.current()
    return AirflowClient(here.airflow_url, credentials.VIEWER, credentials.viewer_password(here)).token


def shell_environment() -> dict[str, str]:
    """Return the environment for an operator's command.

    It lacks the mark by which `down` finds services.
    """
    return {key: value for key, value in environment.current(instance.current()).items() if key != environment.MARK}


def summary(here: Instance) -> str:
    """Return the addresses of the services, and how to log in."""
    password = credentials.load_or_make(here).password
    lines = {
        "Airflow": here.airflow_url,
        "log in": f"{credentials.USER} / {password}   (kept in {credentials.password_file(here)})",
        "MLflow": here.mlflow_shown,
        "logs": str(here.logs),
        "stop": stop_command(here),
    }
    return "\n".join(f"  {name:<8} {value}" for name, value in lines.items())


def stop_command(here: Instance) -> str:
    """Return the command that stops this instance, for any shell."""
    return (
        "make down" if "AIRWORTHY_HOME" not in os.environ else f"AIRWORTHY_HOME={shlex.quote(str(here.home))} make down"
    )


def table(here: Instance) -> Table:
    """Return a table with one row per service."""
    report = supervisor.read_report(here)
    known = report.services if report else {}
    ready = health.is_healthy(here, report) if report else frozenset()
    address = {"api-server": here.airflow_url, "mlflow": here.mlflow_shown}
    shown = Table("service", "state", "pid", "uptime", "address", box=None, pad_edge=False)
    for name in SERVICES:
        service = known.get(name)
        if service is None or not service.pid:
            shown.add_row(name, service.state.lower() if service else "stopped", "", "", "")
            continue
        state = "healthy" if name in ready else f"{service.state.lower()}, not ready"
        uptime = str(timedelta(seconds=int(time.time() - service.started)))
        shown.add_row(name, state, str(service.pid), uptime, address.get(name, ""))
    return shown


def upgrade(console: Console, name: str) -> None:
    """Migrate a use case's lake to the format of this code, and print what was done."""
    from include.declaration.use_case_discovery import load_declaration
    from include.lake.lake_format import FORMAT
    from include.maintenance.lake_upgrade import upgrade_lake
    from include.project import open_data_project

    if reached := upgrade_lake(open_data_project(load_declaration(name))):
        print_line(console, f"The lake of {name} was brought to format {reached[-1]}.")
    else:
        print_line(console, f"The lake of {name} has format {FORMAT} already; nothing was changed.")
