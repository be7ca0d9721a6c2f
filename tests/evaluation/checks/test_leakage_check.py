"""Planted leaks are detected, features without leaks pass, and the real lake does not change."""

import itertools
import os
from dataclasses import replace
from pathlib import Path

import ibis
import pytest
from deltalake import DeltaTable

from include import settings
from include.declaration.period import LATEST, Period
from include.evaluation.checks.leakage_check import ROWS, rebuild_periods
from include.evaluation.inputs import RebuiltPeriod
from include.features import materialize
from include.lake import s3, signing
from include.lake.lake import Lake
from include.lake.object_store import StoragePath
from include.project import open_project
from tests import places
from tests.conftest import SIGNING_KEY
from tests.toy_use_case import USE_CASE, features, source

pytestmark = [pytest.mark.slow, pytest.mark.both_places(long=True)]

DAY, AS_OF = Period("2020-01-09"), Period("2020-01-18")
TOMORROW = DAY + 1
SOUND = RebuiltPeriod(DAY, rows=source.ROWS)
honest = features.build
"""The toy's own features; monkeypatching hides them."""


def with_history(period, events, outcomes):
    """Honest: the hour moved by how often events have failed in the look-back."""
    failed = outcomes.filter(outcomes.failed == 1).count().as_scalar()
    rows = honest(period, events, outcomes)
    return rows.mutate(hour=(rows.hour + failed).cast("int32"))


def later_failures(where: str | Path, table: str) -> int:
    """How many failures a table of the lake there has of the day after DAY, read past the view."""
    uri = (StoragePath.parse(where) / "toy" / table).uri
    later = DeltaTable(uri, storage_options=s3.storage_options(uri)).to_pyarrow_table(
        partitions=[("period", "=", str(TOMORROW))]
    )
    return later["failed"].to_pylist().count(1)


def moved_by(period, events, outcomes, number: float) -> ibis.Table:
    """The toy's features, but for `size`, which knows a number."""
    rows = honest(period, events, outcomes)
    return rows.mutate(size=rows["size"] + number)


def store(lake: Lake, period: Period = DAY) -> None:
    """Build the day's features into the lake, by the code as it is."""
    materialize.materialize(USE_CASE, "features", "build", lake.as_of(period), period - USE_CASE.look_back_periods)


def tried(lake: Lake, toy_functions, build) -> RebuiltPeriod:
    """What is found about a day that was built by this code."""
    toy_functions.features(build=build)
    store(lake)
    [found] = rebuild_periods(open_project(USE_CASE), [DAY], AS_OF)
    return found


@pytest.mark.parametrize("build", [honest, with_history])
def test_honest_features_do_not_move(lake, toy_functions, build):
    assert tried(lake, toy_functions, build) == SOUND


def test_files_are_proved_by_the_keys_that_the_home_keeps_in_its_file(lake, lake_home, toy_functions, configure):
    keys = lake_home / "credentials" / "signing_keys"
    keys.parent.mkdir(parents=True)
    keys.write_text(f"{SIGNING_KEY}\n{signing.RETIRED}{'an older key ' * 3}\n")
    configure(signing_keys=None)
    assert tried(lake, toy_functions, honest) == SOUND
    assert signing.VARIABLE not in os.environ


@pytest.mark.parametrize(
    "table", [*(pytest.param(name, marks=pytest.mark.slow) for name in ("raw/outcomes", "checked/outcomes")), "labels"]
)
def test_features_that_read_a_later_day_around_the_view_are_named(lake, toy_functions, table):
    def build(period, events, outcomes):
        return moved_by(period, events, outcomes, later_failures(settings.current_settings().lake, table))

    assert tried(lake, toy_functions, build) == replace(SOUND, leaking=("size",))


@pytest.mark.both_places(not_on_s3="then the lake is not in the home")
def test_features_that_look_for_the_lake_in_the_home_are_named(lake, toy_functions):
    def build(period, events, outcomes):
        return moved_by(period, events, outcomes, later_failures(settings.current_settings().home / "lake", "labels"))

    assert tried(lake, toy_functions, build) == replace(SOUND, leaking=("size",))


def test_a_leak_is_named_next_to_the_features_that_are_left_to_chance(lake, toy_functions):
    drawn = itertools.count()

    def build(period, events, outcomes):
        rows = moved_by(period, events, outcomes, later_failures(settings.current_settings().lake, "labels"))
        return rows.mutate(hour=(rows.hour + next(drawn)).cast("int32"))

    found = tried(lake, toy_functions, build)
    assert found == replace(SOUND, leaking=("size",), non_deterministic=("hour",), outdated=True)


def test_features_that_are_left_to_chance_are_distinguished_from_those_of_other_code(lake, toy_functions):
    drawn = itertools.count()

    def build(period, events, outcomes):
        rows = moved_by(period, events, outcomes, next(drawn))
        return rows.filter(rows.id < 100 + next(drawn))

    assert tried(lake, toy_functions, build) == replace(
        SOUND, rows=105, non_deterministic=("rows", "size"), outdated=True
    )


def test_features_that_open_the_lake_as_of_a_later_day_are_named(lake, toy_functions):
    def build(period, events, outcomes):
        later = Lake.open(USE_CASE).as_of(TOMORROW).read("checked/events", TOMORROW)
        return moved_by(period, events, outcomes, later.num_rows)

    assert tried(lake, toy_functions, build) == replace(SOUND, leaking=("size",))


def events_of(period: Period) -> int:
    """How many events of a day the lake has, asked for as of that day."""
    return Lake.open(USE_CASE).as_of(period).read("checked/events", period).num_rows


def test_rows_that_depend_on_what_comes_later_are_named_as_rows(lake, toy_functions):
    def build(period, events, outcomes):
        rows = honest(period, events, outcomes)
        return rows.filter(rows.id < events_of(TOMORROW) - 50)

    assert tried(lake, toy_functions, build) == replace(SOUND, rows=150, leaking=(ROWS,))


def test_rows_that_both_have_are_compared_feature_by_feature(lake, toy_functions):
    def build(period, events, outcomes):
        rows = moved_by(period, events, outcomes, events_of(TOMORROW))
        return rows.filter(rows.id < events_of(TOMORROW) - 50)

    assert tried(lake, toy_functions, build) == replace(SOUND, rows=150, leaking=(ROWS, "size"))


def test_days_after_the_training_or_more_than_a_week_later_are_absent(lake, toy_functions):
    seen = []

    def build(period, events, outcomes):
        seen.append(max(Lake.open(USE_CASE).as_of(LATEST).partitions("checked/events")))
        return honest(period, events, outcomes)

    toy_functions.features(build=build)
    store(lake)
    for as_of, last in ((DAY + 3, DAY + 3), (AS_OF, DAY + 7)):
        seen.clear()
        rebuild_periods(open_project(USE_CASE), [DAY], as_of)
        assert seen == [last], "what is equal to the bit is not built again"


def test_features_that_were_stored_by_other_code_are_stale(lake, toy_functions):
    toy_functions.features(build=with_history)
    store(lake)
    toy_functions.features(build=honest)
    assert rebuild_periods(open_project(USE_CASE), [DAY], AS_OF) == (replace(SOUND, outdated=True),)


def test_features_that_are_not_stored_at_all_are_stale(lake):
    missing = Period("2020-01-12")
    assert rebuild_periods(open_project(USE_CASE), [missing], AS_OF) == (
        RebuiltPeriod(missing, rows=200, outdated=True),
    )


def test_a_day_without_rows_has_none_to_tell_of(lake, toy_functions):
    def build(period, events, outcomes):
        return honest(period, events, outcomes).limit(0)

    assert tried(lake, toy_functions, build) == RebuiltPeriod(DAY, rows=0)


def test_a_function_that_raises_is_an_error_that_says_so(lake, toy_functions):
    def build(period, events, outcomes):
        raise ZeroDivisionError("no events")

    store(lake)
    toy_functions.features(build=build)
    [found] = rebuild_periods(open_project(USE_CASE), [DAY], AS_OF)
    assert not found.leaking
    assert "ZeroDivisionError: no events" in found.error
    assert not found.error.startswith("Only")


def test_one_that_raises_only_where_the_future_is_another_is_an_error(lake, toy_functions):
    def build(period, events, outcomes):
        if events_of(TOMORROW) < source.ROWS:
            raise LookupError("rows are missing")
        return honest(period, events, outcomes)

    found = tried(lake, toy_functions, build)
    assert found.error.startswith("Only after later data were changed:")
    assert "LookupError: rows are missing" in found.error


@pytest.mark.parametrize("fails", [True, False])
def test_settings_and_lake_are_as_they_were(lake, toy_functions, configure, fails):
    configure(lake=settings.current_settings().lake)
    leaves_all_as_it_was(lake, toy_functions, fails)


@pytest.mark.both_places(not_on_s3="there, the setting names the lake")
@pytest.mark.parametrize("fails", [True, False])
def test_a_setting_that_was_not_there_is_not_there_again(lake, toy_functions, fails):
    assert "AIRWORTHY_LAKE" not in os.environ
    leaves_all_as_it_was(lake, toy_functions, fails)


def leaves_all_as_it_was(lake, toy_functions, fails):
    store(lake)
    real = settings.current_settings().lake
    assert lake.root == StoragePath.parse(real) / "toy"

    def build(period, events, outcomes):
        assert StoragePath.parse(settings.current_settings().lake) != StoragePath.parse(real)
        # A process that writes to the files that it finds must not reach the real ones.
        for path in (Path(settings.current_settings().lake) / "toy" / "raw").rglob(f"period={TOMORROW}/**/*.parquet"):
            path.write_bytes(b"")
        if fails:
            raise KeyboardInterrupt
        return honest(period, events, outcomes)

    before = (dict(os.environ), places.contents(lake.root))
    assert any("raw/" in name for name in before[1])
    toy_functions.features(build=build)
    if fails:
        with pytest.raises(KeyboardInterrupt):
            rebuild_periods(open_project(USE_CASE), [DAY], AS_OF)
    else:
        assert rebuild_periods(open_project(USE_CASE), [DAY], AS_OF) == (SOUND,)
    assert (dict(os.environ), places.contents(lake.root)) == before


def test_a_lake_that_is_named_is_the_one_that_is_tried(lake, configure, tmp_path):
    store(lake)
    lake_address = lake.root.uri.removesuffix(f"/{USE_CASE.name}")
    configure(lake=tmp_path / "nothing here")
    assert rebuild_periods(open_project(USE_CASE).in_lake(lake_address), [DAY], AS_OF) == (SOUND,)
    assert not (tmp_path / "nothing here").exists()


def test_no_table_is_made_in_the_lake(place):
    [found] = rebuild_periods(open_project(USE_CASE).in_lake((place / "empty").uri), [DAY], AS_OF)
    assert place.names() == []
    assert found == RebuiltPeriod(DAY, rows=0), "no rows, and none stored"
