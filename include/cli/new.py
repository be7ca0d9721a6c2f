"""`airworthy new`: write the folder of a new use case from a sample of its data."""

from __future__ import annotations

import getpass
import subprocess
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from rich.console import Console

from include import settings
from include.cli.escaping import print_line
from include.connections import EnvironmentConnections
from include.declaration.declared_modules import import_package
from include.declaration.problems import DeclarationError, Problem
from include.declaration.use_case_discovery import load_use_case
from include.errors import InvalidRequestError
from include.scaffold.answers import FORMATS, Answers
from include.scaffold.plan import Plan
from include.scaffold.project import Product, write_project
from include.scaffold.render import write_use_case
from include.scaffold.rhythm import propose_calendar
from include.scaffold.sample import Sample, read_sample
from include.scaffold.table_sample import read_table_sample


@dataclass(frozen=True)
class Question:
    """What is asked for on a terminal if the option is not given."""

    text: str
    default: str | None = None
    """The answer without a terminal; None: the option must be given."""


SAMPLE = {"sample": Question("CSV or Parquet file with one row per key and period, with the outcome")}
QUESTIONS = {
    "date": Question("Column with the day or local time that a row is about"),
    "calendar": Question("How long a period is: daily, hourly or weekly", "daily"),
    "keys": Question("Columns that, with the date, identify a row (comma separated; empty if the date does)", ""),
    "label": Question("Column with the outcome to predict"),
    "label_delay": Question("Periods after which the outcome of one is known", "1"),
    "known_before": Question("Columns that are known when the period begins, such as a plan (comma separated)", ""),
    "time_zone": Question("Time zone of days and of local times", "UTC"),
    "owner": Question("Who is asked about it", ""),
    "objective": Question("What the predictions are for, as a sentence", ""),
}
POSITIVE = Question("The value that is predicted; the others are the opposite", "")
Ask = Callable[[str, str], str]
"""Asks a question, with the answer that an empty line gives."""


def ask_missing(given: dict[str, str | None], questions: Mapping[str, Question], ask: Ask | None) -> dict[str, str]:
    """Return the options with the answers to what was not given.

    Raises:
        InvalidRequestError: options are missing, and there is no terminal to ask at.
    """
    needed = [name for name, question in questions.items() if given[name] is None and question.default is None]
    if needed and ask is None:
        options = ", ".join(f"--{name.replace('_', '-')}" for name in needed)
        raise InvalidRequestError(f"Give {options}, or run it on a terminal.")
    answers = {}
    for name, question in questions.items():
        value, default = given[name], question.default or ""
        answers[name] = value if value is not None else ask(question.text, default) if ask else default
    return answers


def columns_of(text: str) -> tuple[str, ...]:
    """Return the names in a comma separated list."""
    return tuple(name.strip() for name in text.split(",") if name.strip())


def interval_of(text: str) -> tuple[float, ...]:
    """Return the quantiles of a comma separated list; `none` is an empty one.

    Raises:
        InvalidRequestError: it has no numbers.
    """
    try:
        return () if text == "none" else tuple(float(part) for part in columns_of(text))
    except ValueError:
        raise InvalidRequestError(f"--interval {text!r} is not two quantiles such as 0.1,0.9; or none.") from None


def write_new_use_case(
    console: Console, package: str | None, options: dict[str, str | None], ask: Ask | None = None, **more: Any
) -> None:
    """Write the folder of a new use case into a package of use cases.

    Then load the use case, and print the next commands. `options` are texts, None if they are not given; `ask` asks for
    these.

    Raises:
        DeclarationError: the answers are invalid, or do not fit the sample; lists all problems.
        InvalidRequestError: the folder exists, there is no such package, or an option is missing.
        BrokenUseCaseError: what was written cannot be loaded.
    """
    sample, place = _read(options, ask, more)
    if ask:
        columns = ", ".join(f"{name} ({column.kind})" for name, column in sample.columns.items())
        print_line(console, f"{sample.rows.num_rows:,} rows of {sample.place}, with the columns: {columns}")
    if ask:
        options = {**options, **ask_missing(options, {"date": QUESTIONS["date"]}, ask)}
    dates = sample.columns.get(options["date"] or "")
    proposed = propose_calendar(sample.rows[dates.name]) if dates else "daily"
    questions = QUESTIONS | {"calendar": replace(QUESTIONS["calendar"], default=proposed if ask else "daily")}
    texts = ask_missing(options, questions, ask)
    if options["calendar"] is None and texts["calendar"] != proposed:
        advice = f"The dates suggest --calendar {proposed}; {texts['calendar']} is written."
        print_line(console, advice, "yellow")
    label = sample.columns.get(texts["label"])
    if ask and not more["positive"] and label and (label.kind, label.distinct) == ("string", 2):
        more["positive"] = ask(POSITIVE.text, "")
    values: dict[str, Any] = {name: texts[name] for name in ("date", "label", "time_zone", "objective", "calendar")}
    values |= {name: columns_of(texts[name]) for name in ("keys", "known_before")}
    values |= {"label_delay": _number(texts["label_delay"]), "owner": texts["owner"] or getpass.getuser()}
    answers = Answers(**place, **more, **values)
    chosen = package or settings.current_settings().use_case_packages[0]
    folder = _folder_of(chosen)
    plan = write_use_case(answers, sample, folder, chosen)
    load_use_case(answers.name)
    _print_next(console, plan, folder / answers.name)


def _read(options: dict[str, str | None], ask: Ask | None, more: dict[str, Any]) -> tuple[Sample, dict[str, Any]]:
    """Return the sample, and the answers that say where it is."""
    table, conn_id = options["sample_table"] or "", options["conn_id"] or ""
    if bool(table) != bool(conn_id) or (table and options["sample"]):
        raise InvalidRequestError("Give --sample FILE, or --sample-table TABLE --conn-id CONNECTION.")
    if table:
        place: dict[str, Any] = {"sample": None, "sample_table": table, "conn_id": conn_id}
        return read_table_sample(EnvironmentConnections(), conn_id, table), place
    file = Path(ask_missing(options, SAMPLE, ask)["sample"]).expanduser()
    if not (file.suffix in FORMATS and file.is_file()):
        problem = Problem("sample", f"{file} is no file that ends with {' or '.join(FORMATS)}.")
        raise DeclarationError([problem], more["name"])
    return read_sample(file.resolve()), {"sample": file}


def _number(text: str) -> int:
    try:
        return int(text)
    except ValueError:
        raise InvalidRequestError(f"--label-delay {text!r} is not a number of periods.") from None


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
    print_line(console, f"Its task is {plan.task}: {plan.answers.label} {plan.target.shown}.")
    print_line(console, "Read its README.md, and try it:")
    for command in (
        f"check {name} {last}",
        f"run {name} data --from {first} --to {last}",
        f"run {name} train --from {last}",
        f"run {name} score --from {last}",
    ):
        print_line(console, f"  airworthy {command}")
