"""Features use no future data: they stay equal when every value that becomes known later is changed.

The values are changed in the package's own files, and the real steps run. A planted leak is detected.
"""

import functools
import zipfile
from dataclasses import replace
from datetime import datetime, time
from pathlib import Path
from zoneinfo import ZoneInfo

import numpy as np
import pandas as pd
import pytest
from ibis import _

from include.datasets import new_york_flights
from include.datasets.replay_2013 import FIRST
from include.declaration.period import Period
from include.declaration.use_case_discovery import load_use_case
from include.features import build as features_build
from include.features import materialize
from include.ingestion.known_at import KnownTooLateError
from include.lake.lake import Lake
from include.project import open_project
from include.use_case import Suite, UseCase
from include.use_cases.flight_delays import features, source
from tests.contexts import UseCaseFunctions

pytestmark = pytest.mark.slow

FLIGHTS = load_use_case("flight_delays")
SHORT = replace(FLIGHTS, look_back_periods=3)
"""For leaks that are planted: they show in a few days' history as well, and a tenth of the days is landed."""
NEW_YORK = ZoneInfo("America/New_York")
DAYS = [Period("2013-02-09"), Period("2013-03-11"), Period("2013-07-02")]
"""A snowstorm, the day after the clocks changed, and a summer's day."""


def midnight(period: Period) -> pd.Timestamp:
    return pd.Timestamp(datetime.combine(period.start_date, time(), NEW_YORK)).tz_convert("UTC")


def departed_at(flights: pd.DataFrame) -> pd.Series:
    """When each departure is known; of a cancelled flight, when it should have departed."""
    scheduled = pd.to_datetime(flights["time_hour"], utc=True) + pd.to_timedelta(flights["minute"], unit="min")
    return scheduled + pd.to_timedelta(flights["dep_delay"].fillna(0), unit="min")


def known_at(flights: pd.DataFrame) -> pd.Series:
    """When each outcome is known; worked out here again, by the facts of the data: a flight has landed 20 minutes after
    its time in the air, is known as diverted a day after it departed, and as cancelled when it should have departed."""
    departed = departed_at(flights)
    landed = departed + pd.to_timedelta(flights["air_time"].fillna(0) + 20, unit="min")
    diverted = departed + pd.Timedelta(days=1)
    return landed.where(flights["arr_delay"].notna(), diverted.where(flights["dep_time"].notna(), departed))


def dates(rows: pd.DataFrame) -> np.ndarray:
    """The local date of each row."""
    return pd.to_datetime(rows[["year", "month", "day"]]).to_numpy().astype("datetime64[D]")


def moved_to_the_next_day(rows: pd.DataFrame, chosen: np.ndarray) -> np.ndarray:
    """Give the chosen rows the date of a day later, but for the year's last days; which they were."""
    chosen = chosen & (dates(rows) < np.datetime64("2013-12-30"))
    following = pd.DatetimeIndex(dates(rows)[chosen] + np.timedelta64(1, "D"))
    for part in ("year", "month", "day"):
        rows.loc[chosen, part] = getattr(following, part).to_numpy()
    return chosen


def shift_instants(rows: pd.DataFrame, chosen: np.ndarray, hours: int) -> None:
    shifted = pd.to_datetime(rows.loc[chosen, "time_hour"], utc=True) + pd.Timedelta(hours=hours)
    rows.loc[chosen, "time_hour"] = shifted.dt.strftime("%Y-%m-%dT%H:%M:%SZ")


def perturbed_flights(flights: pd.DataFrame, period: Period) -> pd.DataFrame:
    """Other values in every column wherever they become known after `day` begins; none is known earlier by it."""
    rng = np.random.default_rng(1)
    changed = flights.copy()
    today = np.datetime64(period.start_date)
    later, began = dates(flights) > today, dates(flights) >= today
    flown, landed = flights["dep_time"].notna().to_numpy(), flights["arr_delay"].notna().to_numpy()
    unknown = (known_at(flights) > midnight(period)).to_numpy()
    share = rng.random(len(flights))
    # How it went: flights of today or later, and those that were in the air, or diverted, when today began.
    delayed = unknown & landed
    departing = delayed & (departed_at(flights) > midnight(period)).to_numpy()  # not those that were in the air
    for column, rows, least, most in (
        ("dep_delay", departing, 0, 300),
        ("air_time", delayed, 1, 200),
        ("arr_delay", delayed, -400, 900),
    ):
        changed.loc[rows, column] += rng.integers(least, most, int(rows.sum()))
    changed.loc[delayed & (share > 0.95), ["arr_time", "arr_delay", "air_time"]] = np.nan  # diverted
    arrived = unknown & flown & ~landed & (share < 0.5)
    changed.loc[arrived, ["arr_time", "arr_delay", "air_time"]] = [1200, 1100, 24 * 60]  # no sooner than it was known
    never = began & (share < 0.3) & flown
    changed.loc[never, ["dep_time", "dep_delay", "arr_time", "arr_delay", "air_time"]] = np.nan
    after_all = began & ~flown & (share < 0.7)
    flight = ["dep_time", "dep_delay", "arr_time", "arr_delay", "air_time"]
    changed.loc[after_all, flight] = [1000, 5, 1200, 60, 90]
    # What was planned: flights of later dates. Numbers of their own keep the keys apart.
    order = rng.permutation(int(later.sum()))
    for column in ("carrier", "origin", "dest", "distance", "sched_arr_time", "tailnum"):
        changed.loc[later, column] = flights.loc[later, column].to_numpy()[order]
    changed.loc[later, "flight"] = 10_000 + np.arange(len(order))
    changed.loc[later, "minute"] = (changed.loc[later, "minute"] + 7) % 60
    sooner = later & (flights["hour"] > 6).to_numpy()
    changed.loc[sooner, "hour"] -= 1
    shift_instants(changed, sooner, -1)
    changed.loc[later, "sched_dep_time"] = changed.loc[later, "hour"] * 100 + changed.loc[later, "minute"]
    shift_instants(changed, moved_to_the_next_day(changed, later & (rng.random(len(flights)) < 0.1)), 24)
    return changed


def perturbed_weather(weather: pd.DataFrame, period: Period) -> pd.DataFrame:
    """The same of observations, which are known at the end of their date."""
    rng = np.random.default_rng(2)
    changed = weather.copy()
    later = dates(weather) >= np.datetime64(period.start_date)
    for column in ("temp", "dewp", "humid", "wind_dir", "wind_speed", "wind_gust", "precip", "pressure", "visib"):
        changed.loc[later, column] = weather.loc[later, column].fillna(7) * 0.5 + 1
    changed.loc[later, "origin"] = weather.loc[later, "origin"].map({"EWR": "JFK", "JFK": "LGA", "LGA": "EWR"})
    # The instant stays, so that the offset differs too; it keeps the keys apart.
    changed.loc[later, "hour"] = 23 - weather.loc[later, "hour"]
    moved_to_the_next_day(changed, later & (rng.random(len(weather)) < 0.1))
    shift_instants(changed, later & (rng.random(len(weather)) < 0.1), 3)
    return changed


def dropped_and_added(
    flights: pd.DataFrame, weather: pd.DataFrame, period: Period
) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Some flights of later dates, and some observations from today on, are not there, and others are."""
    rng = np.random.default_rng(3)
    after, from_today = (
        dates(flights) > np.datetime64(period.start_date),
        dates(weather) >= np.datetime64(period.start_date),
    )
    more = flights[after & (rng.random(len(flights)) < 0.2)].copy()
    more["flight"] = 1_000_000 + np.arange(len(more))
    fewer = flights[~(after & (rng.random(len(flights)) < 0.1))]
    seen = weather[from_today & (rng.random(len(weather)) < 0.1)].copy()
    shift_instants(seen, np.full(len(seen), True), 40)
    unseen = ~(from_today & (rng.random(len(weather)) < 0.1))
    return pd.concat([fewer, more]), pd.concat([weather[unseen], seen])


@pytest.fixture(scope="module")
def original() -> tuple[pd.DataFrame, pd.DataFrame]:
    return pd.read_csv(new_york_flights.package_file("flights.csv.zip")), pd.read_csv(
        new_york_flights.package_file("weather.csv")
    )


def write(folder: Path, flights: pd.DataFrame, weather: pd.DataFrame) -> None:
    folder.mkdir()
    with zipfile.ZipFile(folder / "flights.csv.zip", "w") as archive:
        numbers = flights.select_dtypes("float").columns
        archive.writestr(
            "flights.csv", flights.astype(dict.fromkeys(numbers, "Int64")).to_csv(index=False, na_rep="NA")
        )
    weather.to_csv(folder / "weather.csv", index=False, na_rep="NA")


def features_digest(home: Path, period: Period, files: Path | None, use_case: UseCase = FLIGHTS) -> str:
    """Build the day in a lake of its own, after the days that follow it, so that these are there to be seen."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("AIRWORTHY_HOME", str(home))
        patch.delenv("AIRWORTHY_LAKE", raising=False)
        if files:
            patch.setattr(new_york_flights, "package_file", lambda name: files / name)
        features_build.land_missing(open_project(use_case), period - use_case.look_back_periods, period + 2)
        commit = features_build.build_features(open_project(use_case), period)
        later = Lake.open(use_case).as_of(period + 2)
        assert {max(later.partitions(f"checked/{feed.name}")) for feed in use_case.feeds} == {period + 2}
        return commit.partition.digest


@pytest.fixture(scope="module")
def honest(tmp_path_factory: pytest.TempPathFactory):
    """Digest of a day's features by the shipped code and data; each built once."""
    return functools.cache(lambda period: features_digest(tmp_path_factory.mktemp("honest"), period, None))


def changed_files(folder: Path, original: tuple[pd.DataFrame, pd.DataFrame], period: Period) -> Path:
    flights, weather = original
    write(folder, *dropped_and_added(perturbed_flights(flights, period), perturbed_weather(weather, period), period))
    return folder


def differs(tmp_path: Path, original: tuple[pd.DataFrame, pd.DataFrame], period: Period) -> bool:
    """Whether the features of `day`, of a short history, differ where only the future does."""
    same = features_digest(tmp_path / "home-same", period, None, SHORT)
    files = changed_files(tmp_path / "changed", original, period)
    return same != features_digest(tmp_path / "home-changed", period, files, SHORT)


@pytest.fixture(autouse=True)
def _loose_expectations(flights_functions):
    """The future is made absurd on purpose: it must not be refused before it could be seen."""

    for feed in FLIGHTS.feeds:
        flights_functions.expectations(**{feed.name: lambda: Suite(rows=(), table=())})


@pytest.mark.parametrize("period", DAYS, ids=str)
def test_features_stay_equal_when_everything_known_later_changes(tmp_path, original, honest, period):
    files = changed_files(tmp_path / "changed", original, period)
    assert features_digest(tmp_path / "home-changed", period, files) == honest(period)


def test_the_perturbation_reaches_every_column_of_every_feed_and_nothing_that_was_known(tmp_path, original):
    period, (flights, weather) = DAYS[0], original
    write(tmp_path / "same", flights, weather)
    # Before rows are dropped and added, so that they can be compared one by one.
    write(tmp_path / "changed", perturbed_flights(flights, period), perturbed_weather(weather, period))
    found = [
        (
            new_york_flights._read_flights(folder / "flights.csv.zip"),
            new_york_flights._read_weather(folder / "weather.csv"),
        )
        for folder in (tmp_path / "same", tmp_path / "changed")
    ]
    (flown, seen), (flown_else, seen_else) = [[table.to_pandas() for table in pair] for pair in found]
    planned_later, today = dates(flights) > np.datetime64(period.start_date), (period.start_date - FIRST).days
    unknown = (flown["index"] + flown["end_lag"] > today).to_numpy()
    seen_later = dates(weather) >= np.datetime64(period.start_date)
    for feed, before, after, later in (
        ("schedule", flown, flown_else, planned_later),
        ("outcomes", flown, flown_else, unknown),
        ("weather", seen, seen_else, seen_later),
    ):
        for column in FLIGHTS.feed(feed).columns:
            unequal = ~(before[column].eq(after[column]) | (before[column].isna() & after[column].isna())).to_numpy()
            assert unequal[later].mean() > 0.02, f"{feed}.{column} is not perturbed"
            assert not unequal[~later].any() or feed == "schedule", f"{feed}.{column} of the past is perturbed"
    assert (flown_else.loc[unknown, "index"] + flown_else.loc[unknown, "end_lag"]).min() > today
    assert flown_else[~unknown].equals(flown[~unknown])
    statuses = set(zip(flown["status"], flown_else["status"], strict=True))
    assert {("cancelled", "landed"), ("landed", "cancelled"), ("landed", "diverted"), ("diverted", "landed")} < statuses


def test_rows_of_the_future_are_dropped_and_added_and_keys_stay_apart(original):
    period, (flights, weather) = DAYS[0], original
    changed = perturbed_flights(flights, period), perturbed_weather(weather, period)
    for before, after, column in zip(
        changed, dropped_and_added(*changed, period), ("flight", "time_hour"), strict=True
    ):
        keys = ["year", "month", "day", "origin", column] + (
            ["carrier", "dest", "sched_dep_time"] if "dest" in before else ["hour"]
        )
        assert not after.duplicated(keys).any()
        assert set(before.index) - set(after.index), "no row is dropped"
        assert after.index.duplicated().any(), "no row is added"


def test_without_a_leak_a_short_history_stays_equal_too(tmp_path, original):
    assert not differs(tmp_path, original, DAYS[0])


@pytest.fixture(params=["flight_outcomes", "late_departures"])
def other(request, monkeypatch) -> UseCase:
    """Another use case of the same files, with loose expectations and a short history."""
    use_case = load_use_case(request.param)
    loose = {feed.name: lambda: Suite(rows=(), table=()) for feed in use_case.feeds}
    UseCaseFunctions(monkeypatch, use_case).expectations(**loose)
    return replace(use_case, look_back_periods=7)


def test_features_of_other_use_cases_of_these_files_stay_equal_too(tmp_path, original, other):
    period = DAYS[1]
    same = features_digest(tmp_path / "same", period, None, other)
    assert (
        features_digest(tmp_path / "other", period, changed_files(tmp_path / "files", original, period), other) == same
    )


def test_a_departure_that_counts_as_known_when_it_was_planned_is_caught(tmp_path, original, other, monkeypatch):
    monkeypatch.setattr(new_york_flights, "_known_at", lambda flights, *_: (_scheduled(flights),) * 2)
    period = DAYS[1]
    same = features_digest(tmp_path / "same", period, None, other)
    assert (
        features_digest(tmp_path / "other", period, changed_files(tmp_path / "files", original, period), other) != same
    )


def test_an_outcome_that_is_delivered_too_early_is_caught(tmp_path, original, flights_functions):
    """The mistake everybody makes: today's outcomes among today's rows."""
    honest = source.outcomes
    flights_functions.source(outcomes=lambda period: honest(period + 1))
    with pytest.raises(KnownTooLateError):
        differs(tmp_path, original, DAYS[0])


def test_a_flight_that_counts_as_landed_before_it_has_is_caught(tmp_path, original, monkeypatch):
    """The mistake that is easily missed: a flight in the air at midnight, given to the day on which it departed."""
    monkeypatch.setattr(new_york_flights, "_known_at", lambda flights, *_: (_scheduled(flights),) * 2)
    assert differs(tmp_path, original, DAYS[0])


def _scheduled(flights):
    return np.asarray(flights["time_hour"].cast("int64")) + 60 * np.asarray(flights["minute"])


def test_weather_of_the_day_itself_is_caught(tmp_path, original, flights_functions):
    honest = source.weather
    flights_functions.source(weather=lambda period: honest(period + 1))
    with pytest.raises(KnownTooLateError):
        differs(tmp_path, original, DAYS[0])


def test_a_feature_that_reads_past_the_view_finds_nothing(tmp_path, original, honest, monkeypatch, flights_functions):
    """A leak in features.py itself: it asks for later days, which are in the lake, and the view holds none."""
    build = features.build

    def greedy(period, *, schedule, outcomes, weather):
        later = outcomes.filter(_.period > period.start_date).count().name("later")
        rows = build(period, schedule=schedule, outcomes=outcomes, weather=weather)
        return rows.mutate(distance=(rows.distance + later.as_scalar().cast("int32")).cast("int32"))

    flights_functions.features(build=greedy)
    assert features_digest(tmp_path / "greedy", DAYS[0], None) == honest(DAYS[0])
    # From a view of later days, the same function makes other features: the leak is one.
    clean = materialize._clean
    later = functools.cache(lambda view: view.lake.as_of(view.period + 2))
    monkeypatch.setattr(materialize, "_clean", lambda view, *rest: clean(later(view), *rest))
    assert features_digest(tmp_path / "from a later view", DAYS[0], None) != honest(DAYS[0])
