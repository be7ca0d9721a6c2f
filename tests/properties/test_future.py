"""Nothing sees the future: every value that becomes known after a day is changed at the source, in the package's own
files, and the features of the day stay equal, through the real stages. A leak that is planted is caught."""

import zipfile
from datetime import date, datetime, timedelta
from pathlib import Path
from zoneinfo import ZoneInfo

import ibis
import numpy as np
import pandas as pd
import pytest
from ibis import _

from include.stages import build_features
from include.storage.lake import Lake
from include.use_cases import load
from include.use_cases.flight_delays import features, source

pytestmark = pytest.mark.slow

FLIGHTS = load("flight_delays")
NEW_YORK = ZoneInfo("America/New_York")
DAYS = [date(2013, 2, 9), date(2013, 3, 11), date(2013, 7, 2)]
"""A snowstorm, the day after the clocks changed, and a summer's day."""


def midnight(day: date) -> pd.Timestamp:
    return pd.Timestamp(datetime(day.year, day.month, day.day, tzinfo=NEW_YORK)).tz_convert("UTC")


def known_after(flights: pd.DataFrame, day: date) -> np.ndarray:
    """Which outcomes are known only after the midnight of `day`; worked out here anew, by the facts of the data:
    a flight has landed 20 minutes after its time in the air."""
    departed = pd.to_datetime(flights["time_hour"], utc=True) + pd.to_timedelta(flights["minute"], unit="min")
    departed += pd.to_timedelta(flights["dep_delay"].fillna(0), unit="min")
    landed = departed + pd.to_timedelta(flights["air_time"].fillna(0) + 20, unit="min")
    return (landed > midnight(day)).to_numpy()


def perturbed_flights(flights: pd.DataFrame, day: date) -> pd.DataFrame:
    """Other values wherever they become known after `day` begins, none of which becomes known earlier by it."""
    rng = np.random.default_rng(1)
    changed = flights.copy()
    dates = pd.to_datetime(flights[["year", "month", "day"]]).dt.date.to_numpy()
    later = dates > day
    order = rng.permutation(int(later.sum()))
    for column in ("carrier", "dest", "distance", "sched_arr_time", "tailnum"):
        changed.loc[later, column] = flights.loc[later, column].to_numpy()[order]
    unknown = known_after(flights, day) & flights["dep_delay"].notna().to_numpy()
    count = int(unknown.sum())
    for column, least, most in (("dep_delay", 0, 300), ("air_time", 1, 200), ("arr_delay", -400, 900)):
        changed.loc[unknown, column] = changed.loc[unknown, column] + rng.integers(least, most, count)
    # A flight of today or later may as well be cancelled: that, too, becomes known only when it does not depart.
    never = (dates >= day) & (rng.random(len(flights)) < 0.3)
    changed.loc[never, ["dep_time", "dep_delay", "arr_time", "arr_delay", "air_time"]] = np.nan
    return changed


def perturbed_weather(weather: pd.DataFrame, day: date) -> pd.DataFrame:
    later = (pd.to_datetime(weather["time_hour"], utc=True) >= midnight(day)).to_numpy()
    changed = weather.copy()
    for column in ("temp", "dewp", "humid", "wind_dir", "wind_speed", "precip", "pressure", "visib"):
        changed.loc[later, column] = weather.loc[later, column] * 0.5 + 1
    return changed


@pytest.fixture(scope="module")
def original() -> tuple[pd.DataFrame, pd.DataFrame]:
    return pd.read_csv(source.package_file("flights.csv.zip")), pd.read_csv(source.package_file("weather.csv"))


def write(folder: Path, flights: pd.DataFrame, weather: pd.DataFrame) -> None:
    folder.mkdir()
    with zipfile.ZipFile(folder / "flights.csv.zip", "w") as archive:
        numbers = flights.select_dtypes("float").columns
        archive.writestr(
            "flights.csv", flights.astype(dict.fromkeys(numbers, "Int64")).to_csv(index=False, na_rep="NA")
        )
    weather.to_csv(folder / "weather.csv", index=False, na_rep="NA")


def features_digest(home: Path, day: date, files: Path | None) -> str:
    """Build the day in a lake of its own, after the days that follow it, so that these are there to be seen."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("AIRWORTHY_HOME", str(home))
        patch.delenv("AIRWORTHY_LAKE", raising=False)
        if files:
            patch.setattr(source, "package_file", lambda name: files / name)
        build_features.land_missing(FLIGHTS, day - timedelta(days=FLIGHTS.look_back_days), day + timedelta(days=2))
        commit = build_features.run(FLIGHTS, day)
        later = Lake.of(FLIGHTS).as_of(day + timedelta(days=2))
        assert max(later.partitions("checked/outcomes")) == day + timedelta(days=2)
        return commit.partition.digest


def differs(tmp_path: Path, original: tuple[pd.DataFrame, pd.DataFrame], day: date) -> bool:
    """Whether the features of `day` differ where only the future does."""
    flights, weather = original
    write(tmp_path / "changed", perturbed_flights(flights, day), perturbed_weather(weather, day))
    same = features_digest(tmp_path / "home-same", day, None)
    return same != features_digest(tmp_path / "home-changed", day, tmp_path / "changed")


@pytest.fixture(autouse=True)
def _loose_expectations(monkeypatch):
    """The future is made absurd on purpose: it must not be refused before it could be seen."""
    from include.use_case import Suite
    from include.use_cases.flight_delays import expectations

    for feed in FLIGHTS.feeds:
        monkeypatch.setattr(expectations, feed.name, lambda: Suite(rows=(), table=()))


@pytest.mark.parametrize("day", DAYS, ids=str)
def test_features_stay_equal_when_everything_known_later_changes(tmp_path, original, day):
    assert not differs(tmp_path, original, day)


def test_an_outcome_that_is_delivered_too_early_is_caught(tmp_path, original, monkeypatch):
    """The mistake everybody makes: today's outcomes among today's rows."""
    honest = source.outcomes
    monkeypatch.setattr(source, "outcomes", lambda day: honest(day + timedelta(days=1)))
    assert differs(tmp_path, original, DAYS[0])


def test_a_flight_that_counts_as_landed_before_it_has_is_caught(tmp_path, original, monkeypatch):
    """The mistake that is easily missed: a flight in the air at midnight, given to the day on which it departed."""
    monkeypatch.setattr(source, "_known_at", lambda flights, flown, landed: _scheduled(flights))
    assert differs(tmp_path, original, DAYS[0])


def _scheduled(flights):
    return np.asarray(flights["time_hour"].cast("int64")) + 60 * np.asarray(flights["minute"])


def test_weather_of_the_day_itself_is_caught(tmp_path, original, monkeypatch):
    honest = source.weather
    monkeypatch.setattr(source, "weather", lambda day: honest(day + timedelta(days=1)))
    assert differs(tmp_path, original, DAYS[0])


def test_a_feature_that_reads_past_the_view_finds_nothing(tmp_path, original, monkeypatch):
    """A leak in features.py itself: it asks for later days, and the view holds none."""
    honest = features.build

    def greedy(day, *, schedule, outcomes, weather):
        later = outcomes.filter(_.day > day).count().name("later")
        rows = honest(day, schedule=schedule, outcomes=outcomes, weather=weather)
        return rows.mutate(distance=(rows.distance + ibis.cast(later.as_scalar(), "int32")).cast("int32"))

    monkeypatch.setattr(features, "build", greedy)
    assert not differs(tmp_path, original, DAYS[0])
