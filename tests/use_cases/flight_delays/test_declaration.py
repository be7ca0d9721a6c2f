"""What a reader may rely on in the declaration."""

from __future__ import annotations

import subprocess
import sys

import pytest

from include.settings import REPOSITORY
from include.use_case import Period
from include.use_cases.flight_delays import USE_CASE, source

HEAVY = ("pandas", "pyarrow", "numpy", "ibis", "duckdb", "lightgbm", "mlflow", "great_expectations")


def test_reading_the_declaration_imports_nothing_heavy():
    code = (
        "import sys; from include.use_cases.flight_delays import USE_CASE;"
        f"print([name for name in {HEAVY!r} if name in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", code], cwd=REPOSITORY, capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


def test_a_warning_pays_from_a_probability_of_a_quarter():
    assert USE_CASE.task.threshold == pytest.approx(0.25)


@pytest.mark.parametrize("feed", ["outcomes", "weather"])
def test_the_days_declared_absent_are_those_on_which_the_source_has_nothing(feed):
    absent = USE_CASE.feed(feed).missing_periods
    around = {period + step for period in sorted(absent)[:4] for step in (-1, 0, 1)}
    for period in {*around, Period("2026-08-03")} - {Period("2012-12-31")}:
        assert (getattr(source, feed)(period).num_rows == 0) == (period in absent), period


def test_the_absent_days_of_the_replay_are_declared_to_the_year_2100():
    assert max(USE_CASE.feed("weather").missing_periods).start_date.year == 2100


def test_every_feature_and_key_has_one_place():
    assert not set(USE_CASE.keys) & {"late"}
    assert "tailnum" not in {column for feed in USE_CASE.feeds for column in feed.columns}
