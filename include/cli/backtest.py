"""`airworthy replay`: print a backtest's results as tables, a chart and a file."""

from __future__ import annotations

import json
import time
from collections.abc import Sequence
from pathlib import Path

from rich.console import Console
from rich.table import Table

from include.backtest import run
from include.backtest.run import BacktestResult, PolicyOutcome
from include.cli.escaping import line_of, print_line
from include.declaration.period import Period
from include.declaration.use_case import UseCase
from include.declaration.use_case_discovery import load_use_case
from include.errors import InvalidRequestError
from include.model.metrics import METRICS
from include.project import open_project
from include.retraining.policy import budget_month

_FOOTNOTE = (
    "A false alarm is a training whose model is not better than the champion on the 28 scored periods after it:"
    " counted as promoted + not promoted. A model that is promoted in a period is champion from the next period on."
)


def print_backtest(
    console: Console,
    name: str,
    first: Period | None,
    last: Period | None,
    *,
    variations: bool = False,
    plot: Path | None = None,
    json_file: Path | None = None,
) -> None:
    """Run a backtest with progress lines; print the tables and write the files."""
    _require_folders(plot, json_file)
    use_case, began = load_use_case(name), time.monotonic()
    from_period, to_period = first or earliest_period(use_case), last or use_case.first_period + 364

    def tell(what: str) -> None:
        print_line(console, f"  {time.monotonic() - began:5.0f} s  {what}", "dim")

    found = run.run_backtest(open_project(use_case), from_period, to_period, variations=variations, tell=tell)
    print_backtest_result(console, name, found)
    if plot:
        plot.write_bytes(run.draw_backtest(found))
    if json_file:
        json_file.write_text(json.dumps(found.to_json(), indent=1) + "\n")


def print_backtest_result(console: Console, name: str, found: BacktestResult) -> None:
    """Print the tables of a backtest, and the trainings of each policy."""
    console.print()
    console.print(backtest_table(f"{name}, {found.first} to {found.last}", found, found.outcomes))
    console.print(*(_months(found, metric) for metric in found.shown[:2]))
    if found.variations:
        console.print(backtest_table("The declared policy with one thing changed", found, found.variations))
    print_line(console, _FOOTNOTE, "dim")
    for each in found.outcomes:
        _trainings(console, each, found.headings[found.main_metric])


def _require_folders(*files: Path | None) -> None:
    """Check the output files before minutes of work.

    Raises:
        InvalidRequestError: a file cannot be written.
    """
    for file in filter(None, files):
        if file.is_dir() or not file.parent.is_dir():
            reason = "it is a folder" if file.is_dir() else f"there is no folder {file.parent}"
            raise InvalidRequestError(f"{file} cannot be written: {reason}. Name a file in an existing folder.")


def earliest_period(use_case: UseCase) -> Period:
    """Return the first day of the first month in which a model can be trained."""
    training = use_case.training
    needed = training.min_train_periods + training.validation_periods + training.test_periods + 2 * training.gap_periods
    period = use_case.first_period + (needed - 1 + use_case.label.label_delay_periods)
    while budget_month(period) == budget_month(period - 1):
        period += 1
    return period


def backtest_table(title: str, result: BacktestResult, outcomes: Sequence[PolicyOutcome]) -> Table:
    """Return a table with one line per policy."""
    made = Table("policy", title=line_of(title), title_justify="left")
    shown = [result.headings[metric] for metric in result.shown]
    for column in ("trained", "promoted", "false alarms", "periods triggered", *shown):
        made.add_column(column, justify="right")
    total = result.unit or f"sum of {result.headings[result.main_metric]}"
    made.add_column(line_of(f"{total} against never"), justify="right")
    made.add_column("worst month", justify="right")
    for each in outcomes:
        worst = each.worst_month
        made.add_row(
            line_of(each.policy),
            str(len(each.trainings)),
            str(each.counted("promoted")),
            f"{each.false_alarms(promoted=True)} + {each.false_alarms(promoted=False)}",
            str(each.alarm_periods),
            *(_number(each.metrics[metric], 3 if METRICS[metric].unit == "cost" else 4) for metric in result.shown),
            f"{each.cost - result.outcomes[0].cost:{'+,.0f' if result.unit else '+,.4g'}}",
            line_of(f"{worst}: {_number(each.months[worst][result.main_metric])}"),
        )
    return made


def _months(result: BacktestResult, metric: str) -> Table:
    made = Table("month", title=line_of(f"{result.headings[metric]} by month"), title_justify="left")
    for each in result.outcomes:
        made.add_column(line_of(each.policy), justify="right")
    for month in result.outcomes[0].months:
        made.add_row(line_of(month), *(_number(each.months[month][metric]) for each in result.outcomes))
    return made


def _trainings(console: Console, outcome: PolicyOutcome, loss: str) -> None:
    if not outcome.trainings:
        return
    console.print()
    print_line(console, f"{outcome.policy}: {outcome.meaning}", "bold")
    for each in outcome.trainings:
        after = "gain not known yet" if each["gain"] is None else f"{each['gain']:+.4f} gained afterwards in {loss}"
        print_line(console, f"  {each['period']}  {each['result']:<9} {after}; {each['reason']}")


def _number(value: float | None, digits: int = 4) -> str:
    return "–" if value is None else f"{value:.{digits}f}"
