"""`airworthy new`: write the folder of a new use case from a sample of its data."""

from __future__ import annotations

import getpass
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any

from rich.console import Console

from include import settings
from include.cli.escaping import print_line
from include.declaration.declared_modules import import_package
from include.declaration.use_case_discovery import load_use_case
from include.errors import InvalidRequestError
from include.scaffold.answers import Answers
from include.scaffold.plan import Plan
from include.scaffold.project import Product, write_project
from include.scaffold.render import write_use_case

QUESTIONS = {
    "sample": "CSV or Parquet file with one row per key and day, with the outcome",
    "date": "Column with the day or local time that a row is about",
    "keys": "Columns that, with the date, identify a row (comma separated; empty if the date does)",
    "label": "Column with the outcome to predict",
}
"""What is asked for on a terminal if the option is not given."""


def ask_missing(given: dict[str, str | None], ask: Callable[[str], str] | None) -> dict[str, str]:
    """Return the options with the answers to what was not given.

    Raises:
        InvalidRequestError: options are missing, and there is no terminal to ask at.
    """
    missing = [name for name, value in given.items() if value is None and (ask or name != "keys")]
    if missing and ask is None:
        raise InvalidRequestError(f"Give {', '.join(f'--{name}' for name in missing)}, or run it on a terminal.")
    answers = {name: ask(QUESTIONS[name]) for name in missing} if ask else {}
    return {name: answers.get(name, value or "") for name, value in given.items()}


def columns_of(text: str) -> tuple[str, ...]:
    """Return the names in a comma separated list."""
    return tuple(name.strip() for name in text.split(",") if name.strip())


def write_new_use_case(console: Console, package: str | None, **answers: Any) -> None:
    """Write the folder of a new use case into a package of use cases.

    Then load the use case, and print the next commands.

    Raises:
        DeclarationError: the answers are invalid, or do not fit the sample; lists all problems.
        InvalidRequestError: the folder exists, or there is no such package.
        BrokenUseCaseError: what was written cannot be loaded.
    """
    answers["owner"] = answers["owner"] or getpass.getuser()
    plain = Answers(**answers)
    chosen = package or settings.current_settings().use_case_packages[0]
    folder = _folder_of(chosen)
    plan = write_use_case(plain, folder, chosen)
    load_use_case(plain.name)
    _print_next(console, plan, folder / plain.name)


def write_new_project(console: Console, folder: Path) -> None:
    """Write a repository for a team's own use cases.

    It uses the version of this checkout.

    Raises:
        InvalidRequestError: the folder has files.
    """
    product = Product(_git("remote", "get-url", "origin") or str(settings.REPOSITORY), _git("rev-parse", "HEAD"))
    written = write_project(folder, product)
    print_line(console, f"{len(written)} files are in {folder}. Read its README.md, and go on there:")
    for command in ("make setup", 'make airworthy ARGS="new NAME --sample FILE …"', "make test", "make up"):
        print_line(console, f"  {command}")


def _git(*arguments: str) -> str:
    """Return what git says of this checkout; empty if it is none."""
    command = ["git", "-C", str(settings.REPOSITORY), *arguments]
    done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=60)
    return done.stdout.strip() if done.returncode == 0 else ""


def _folder_of(package: str) -> Path:
    try:
        return Path(import_package(package).__path__[0])
    except (ImportError, AttributeError) as error:
        raise InvalidRequestError(
            f"There is no package {package!r} ({error}). Name one of AIRWORTHY_USE_CASE_PACKAGES that can be imported."
        ) from error


def _print_next(console: Console, plan: Plan, folder: Path) -> None:
    name, first, last = plan.answers.name, plan.first, plan.last
    rows = plan.sample.rows.num_rows
    print_line(console, f"{folder} is written, from {rows:,} rows of {first} to {last}.")
    for column, reason in plan.sample.left_out.items():
        print_line(console, f"Column {column!r} is left out: {reason}.", "yellow")
    print_line(console, "Read its README.md, and try it:")
    for command in (
        f"check {name} {last}",
        f"run {name} data --from {first} --to {last}",
        f"run {name} train --from {last}",
        f"run {name} score --from {last}",
    ):
        print_line(console, f"  airworthy {command}")
