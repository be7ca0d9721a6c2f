"""`airworthy check`: validates days, judges a model, reports every finding, and keeps only landed data."""

from __future__ import annotations

import contextlib
import io
import os
from dataclasses import replace
from pathlib import Path

import pytest
from rich.console import Console

from include.cli import check as cli_check
from include.declaration.period import Period
from include.errors import AirworthyError
from include.use_case import Gate, UseCase
from tests.integration.use_cases import quick_toy
from tests.toy_use_case import features, source

AS_OF = Period("2020-01-08")
pytestmark = pytest.mark.slow


@pytest.fixture
def use(tmp_path: Path, configure, declare, without_plots):
    """Lets `check` find one use case, in an environment that is put back."""
    mine = tmp_path / "mine"
    configure(home=mine, lake=mine, data_docs=mine, mlflow=str(mine), commit="tests")

    def chosen(use_case: UseCase) -> io.StringIO:
        declare(replace(use_case, name="toy"))
        return io.StringIO()

    return chosen


def check(said: io.StringIO) -> None:
    cli_check.print_check(Console(file=said, width=400), "toy", AS_OF)


def test_a_model_that_passes_is_reported_with_what_else_was_found_and_nothing_is_registered(use, tmp_path):
    said = use(quick_toy.USE_CASE)
    before = dict(os.environ)
    check(said)
    for part in (
        "8 days of",
        "passes its gates. Nothing was registered.",
        "warning    feeds ['events', 'outcomes'] declare no known_at",
        "rows of 6 of the days",
        "are labelled;",
    ):
        assert part in said.getvalue()
    assert dict(os.environ) == before
    assert [path.name for path in (tmp_path / "mine").iterdir()] == ["check"], "nothing but what it landed"


@pytest.mark.long
def test_what_was_landed_is_kept_until_the_declaration_that_made_it_changes(use, toy_functions):
    check(use(quick_toy.USE_CASE))
    landed = []
    ask = source.events
    toy_functions.source(events=lambda period: (landed.append(period), ask(period))[1])
    check(use(replace(quick_toy.USE_CASE, gates=(Gate("log_loss", at_most=9.0),))))
    assert landed == []
    events = quick_toy.USE_CASE.feed("events")
    fewer = replace(events, columns={name: kind for name, kind in events.columns.items() if name != "size"})
    with pytest.raises(AirworthyError):
        check(use(replace(quick_toy.USE_CASE, feeds=(fewer, quick_toy.USE_CASE.feed("outcomes")))))
    assert landed


@pytest.mark.long
def test_only_the_days_that_the_training_reads_are_landed(use, toy_functions):
    landed = []
    ask = source.events
    toy_functions.source(events=lambda period: (landed.append(period), ask(period))[1])
    training = quick_toy.USE_CASE.training
    late = Period("2020-03-01")
    with contextlib.suppress(AirworthyError):
        cli_check.print_check(Console(file=use(quick_toy.USE_CASE)), "toy", late)
    matures = quick_toy.USE_CASE.label.label_delay_periods
    back = training.window_periods + matures + quick_toy.USE_CASE.look_back_periods
    assert min(landed) >= late - back


def test_everything_wrong_with_the_functions_is_said_at_once(use, monkeypatch, toy_functions):
    toy_functions.expectations(events=lambda: None, outcomes=lambda: 1 / 0)
    monkeypatch.delattr(features, "labels")
    said = use(quick_toy.USE_CASE)
    with pytest.raises(cli_check.CheckFailedError) as refused:
        check(said)
    assert refused.value.reason.startswith("3 ")
    for part in ("events", "ZeroDivisionError", "labels"):
        assert part in said.getvalue()


def test_a_gate_that_fails_fails_the_check_with_its_reason(use):
    said = use(replace(quick_toy.USE_CASE, gates=(Gate("auc", at_least=0.9999),)))
    with pytest.raises(cli_check.CheckFailedError):
        check(said)
    assert "failed     auc at least 0.9999" in said.getvalue()


def test_every_day_that_is_refused_is_named(use, toy_functions):
    events, empty = source.events, (AS_OF, AS_OF - 2)
    toy_functions.source(events=lambda period: events(period).slice(0, 0) if period in empty else events(period))
    said = use(quick_toy.USE_CASE)
    with pytest.raises(cli_check.CheckFailedError) as refused:
        check(said)
    assert refused.value.reason.startswith("2 ")
    assert all(f"'events' of {period}" in said.getvalue() for period in empty)


def test_a_feed_that_is_refused_on_every_day_ends_the_landing_after_a_few(use, toy_functions):
    asked = []
    events, outcomes = source.events, source.outcomes
    toy_functions.source(
        events=lambda period: (asked.append(period), events(period).drop_columns(["size"]))[1],
        outcomes=lambda period: outcomes(period).rename_columns({"failed": "broken"}),
    )
    said = use(quick_toy.USE_CASE)
    with pytest.raises(cli_check.CheckFailedError):
        check(said)
    assert len(asked) == 4
    assert "size" in said.getvalue() and "failed" in said.getvalue(), "all feeds are reported at once"
