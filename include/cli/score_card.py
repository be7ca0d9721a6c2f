"""`airworthy score-card`: judge a use case by the 28 tests of the ML Test Score."""

from __future__ import annotations

import json
import time
from collections.abc import Mapping

import typer
from rich.console import Console

from include.cli.backtest import earliest_period
from include.cli.escaping import print_line
from include.declaration.period import Period
from include.declaration.use_case_discovery import load_use_case
from include.errors import InvalidRequestError
from include.printable import escape_values
from include.project import open_project
from include.score_card import score
from include.score_card.definitions import GROUPS, TESTS, TITLES, Outcome, ScoreCard
from include.score_card.staleness import measure_staleness

STYLES: Mapping[Outcome, str] = {"passed": "green", "manual": "", "not met": "yellow", "not available": "dim"}


def print_score_card(
    console: Console,
    name: str,
    *,
    as_json: bool,
    staleness: bool = False,
    first: Period | None = None,
    last: Period | None = None,
) -> None:
    """Print the outcome of every test with its evidence, as text or as JSON.

    `staleness` first replays past periods with a model that is never replaced, and keeps the result.

    Raises:
        InvalidRequestError: the name is unknown, or a range is given without `staleness`.
    """
    use_case = load_use_case(name)
    project = open_project(use_case)
    if staleness:
        began = time.monotonic()
        newest = use_case.newest_period() - use_case.label.label_delay_periods
        until = last or min(newest, use_case.first_period + 364)

        def tell(what: str) -> None:
            if not as_json:
                print_line(console, f"  {time.monotonic() - began:5.0f} s  {what}", "dim")

        measure_staleness(project, first or earliest_period(use_case), until, tell)
    elif first or last:
        raise InvalidRequestError("--from and --to are the periods of the backtest: give --staleness too.")
    card = score.score_use_case(project)
    if as_json:
        typer.echo(json.dumps(escape_values(card.to_json()), indent=2))
    else:
        print_card(console, card)


def print_card(console: Console, card: ScoreCard) -> None:
    """Print a score card as lines of text."""
    champion = f"champion version {card.version}" if card.version else "no champion"
    print_line(console, f"ML Test Score of {card.use_case}: {card.score:g} of 7 ({card.period}, {champion})", "bold")
    print_line(console, "The score is the smallest of the four groups' points; see docs/ml_test_score.md.", "dim")
    for group in GROUPS:
        print_line(console, f"{TITLES[group]}: {card.points(group):g} of 7", "bold")
        for test in TESTS:
            if test.group != group:
                continue
            verdict = card.verdicts[test.id]
            print_line(console, f"  {test.id}  {verdict.outcome:<13}  {test.title}", STYLES[verdict.outcome])
            print_line(console, f"      {verdict.evidence}", "dim")
            if verdict.remedy:
                print_line(console, f"      → {verdict.remedy}", "dim")
