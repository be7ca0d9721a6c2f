"""What `airworthy replay` prints and writes."""

from __future__ import annotations

import json
from io import StringIO

import pytest
from rich.console import Console

from include.cli import backtest
from include.declaration.period import Period
from include.declaration.use_case_discovery import load_use_case
from include.errors import InvalidRequestError
from tests import toy
from tests.refusals import raises


@pytest.fixture
def shown(toy_lake, configure, tmp_path):
    """The text, and the files, of a replay of three weeks."""
    configure(use_case_packages="tests.use_cases")
    out = StringIO()
    backtest.print_backtest(
        Console(file=out, width=200), "toy", Period("2020-02-12"), Period("2020-03-05"),
        plot=tmp_path / "plot.png", json_file=tmp_path / "all.json",
    )  # fmt: skip
    return out.getvalue(), tmp_path


@pytest.mark.slow
@pytest.mark.long
def test_a_replay_says_what_each_policy_came_to_and_writes_what_was_asked_for(shown):
    text, folder = shown
    stored = json.loads((folder / "all.json").read_text())
    assert (folder / "plot.png").read_bytes().startswith(b"\x89PNG")
    for policy in ("never", "monthly", "weekly", "naive PSI", "performance", "declared"):
        assert policy in text
    weekly = next(each for each in stored["outcomes"] if each["policy"] == "weekly")
    assert [each["period"] for each in weekly["trainings"]] == ["2020-02-17", "2020-02-24", "2020-03-02"]
    for each in weekly["trainings"]:
        assert f"{each['period']}  {each['result']}" in text
    assert f"{weekly['metrics']['log_loss']:.4f}" in text
    assert "A false alarm is" in text


def test_without_days_a_replay_begins_with_the_first_month_in_which_a_model_can_be_trained():
    assert backtest.earliest_period(load_use_case("flight_delays")) == Period("2013-04-01")
    assert backtest.earliest_period(toy.USE_CASE) == Period("2020-02-01")


@pytest.mark.parametrize(("option", "file"), [("plot", "nowhere/plot.png"), ("json_file", ".")])
def test_a_file_that_cannot_be_written_is_refused_before_anything_is_replayed(lake_home, tmp_path, option, file):
    """Its lake is empty: a replay would be refused too, but not for the file."""
    with raises(InvalidRequestError, tmp_path / file):
        backtest.print_backtest(Console(file=StringIO()), "flight_delays", None, None, **{option: tmp_path / file})
