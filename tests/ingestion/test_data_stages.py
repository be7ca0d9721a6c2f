"""ingest, validate, label and build_features on the toy use case, through the real lake."""

import numpy as np
import pyarrow as pa
import pytest

from include.declaration.period import Period
from include.errors import (
    BeforeFirstPeriodError,
    ColumnsError,
    DataError,
    ExpectationFailedError,
    FeedRefusedError,
    RowsUnexpectedError,
    SourceError,
    SuiteError,
)
from include.features import build
from include.features.materialize import ResultRowsError
from include.ingestion import ingest, validate
from include.lake.lake import Lake
from include.lake.storable_values import NonFiniteValueError
from include.project import open_project
from tests.refusals import raises
from tests.toy_use_case import USE_CASE, features, source

pytestmark = pytest.mark.both_places(long=True)

DAY = Period("2020-01-10")
EVENTS = USE_CASE.feed("events")


@pytest.fixture(autouse=True)
def _home(lake_home):
    """Every test has a lake of its own."""


def run_day(period: Period = DAY) -> None:
    (
        ingest.ingest_period(open_project(USE_CASE), period),
        validate.validate_period(open_project(USE_CASE), period),
        build.build_features(open_project(USE_CASE), period),
    )


def read(table: str, period: Period = DAY) -> pa.Table:
    return Lake.open(USE_CASE).as_of(period).read(table, since=period)


def with_hours(hours: list[int | None], period: Period = DAY) -> pa.Table:
    """Events whose first hours are these."""
    rows = source.everything(period).drop_columns(["failed"])
    changed = hours + rows["hour"].to_pylist()[len(hours) :]
    return rows.set_column(rows.schema.get_field_index("hour"), "hour", pa.array(changed, pa.int32()))


def test_every_landed_row_is_published_or_quarantined_with_its_reason(toy_functions):
    toy_functions.source(events=lambda period: with_hours([25, -1], period))
    ingest.ingest_period(open_project(USE_CASE), DAY)
    done = validate.validate_period(open_project(USE_CASE), DAY)["events"]
    assert (done.landed, done.published, done.quarantined) == (200, 198, 2)
    reasons = read("checked/events")["reasons"].to_pylist()
    assert sorted(map(len, reasons)) == [0] * 198 + [1, 1]


def test_quarantined_rows_reach_no_feature(toy_functions):
    toy_functions.source(events=lambda period: with_hours([25], period))
    run_day()
    assert read("features").num_rows == 199


def test_a_day_with_too_many_bad_rows_is_refused_and_publishes_nothing(toy_functions):
    toy_functions.source(events=lambda period: with_hours([25] * 50, period))
    ingest.ingest_period(open_project(USE_CASE), DAY)
    with pytest.raises(FeedRefusedError) as refused:
        validate.validate_period(open_project(USE_CASE), DAY)
    assert (refused.value.feed, refused.value.period) == ("events", DAY)
    assert "50 of 200 rows" in refused.value.reasons[0] and refused.value.page.endswith(f"/validation/toy/events/{DAY}")
    assert read("checked/events").num_rows == 0
    assert read("checked/outcomes").num_rows == 200, "the good feed is published all the same"


def test_an_empty_day_is_refused_unless_it_is_declared_absent(toy_functions):
    toy_functions.source(events=lambda period: source.everything(period, rows=0).drop_columns(["failed"]))
    ingest.ingest_period(open_project(USE_CASE), DAY)
    with pytest.raises(FeedRefusedError) as refused:
        validate.validate_period(open_project(USE_CASE), DAY)
    assert (refused.value.feed, refused.value.period) == ("events", DAY)


def test_rows_on_a_day_declared_absent_are_not_dropped_silently():
    from dataclasses import replace

    with raises(RowsUnexpectedError, feed="events", period=DAY, count=200):
        ingest.land_feed(open_project(USE_CASE), replace(EVENTS, missing_periods=frozenset({DAY})), DAY)


def test_a_feed_that_has_changed_its_columns_is_not_landed(toy_functions):
    toy_functions.source(
        events=lambda period: with_hours([], period).rename_columns(
            ["event_date", "id", "type", "size", "hour", "urgent"]
        )
    )
    with pytest.raises(ColumnsError) as refused:
        ingest.ingest_period(open_project(USE_CASE), DAY)
    assert (refused.value.missing, refused.value.extra) == (("kind",), ("type",))
    assert read("raw/events").num_rows == 0


def test_an_expectation_that_raises_quarantines_nothing(toy_functions):
    import great_expectations.expectations as gxe

    from include.use_case import Suite

    raising = gxe.ExpectColumnValuesToMatchJsonSchema(column="kind", json_schema={"type": "object"})
    toy_functions.expectations(events=lambda: Suite(rows=(raising,)))
    ingest.ingest_period(open_project(USE_CASE), DAY)
    with pytest.raises(ExpectationFailedError) as said:
        validate.validate_period(open_project(USE_CASE), DAY)
    assert (said.value.feed, said.value.period) == ("events", DAY)
    assert not said.value.retryable
    assert "\n" not in str(said.value)
    assert read("checked/events").num_rows == 0


def test_a_suite_that_cannot_be_used_stops_the_day_before_any_feed_is_judged(toy_functions):
    toy_functions.expectations(outcomes=lambda: None)
    ingest.ingest_period(open_project(USE_CASE), DAY)
    with pytest.raises(SuiteError) as refused:
        validate.validate_period(open_project(USE_CASE), DAY)
    assert refused.value.feed == "outcomes" and "it returns None" in refused.value.problems[0]
    assert read("checked/events").num_rows == 0


@pytest.mark.parametrize(("bad", "is_refused"), [(10, False), (11, True)])
def test_a_day_is_refused_only_above_the_share_of_its_landed_rows_that_may_be_quarantined(
    toy_functions, bad, is_refused
):
    """The limit is 5 % of 200 rows: 10 are exactly that, though they are more than 5 % of the 190 published ones."""
    toy_functions.source(events=lambda period: with_hours([25] * bad, period))
    ingest.land_feed(open_project(USE_CASE), EVENTS, DAY)
    if is_refused:
        with pytest.raises(FeedRefusedError) as refused:
            validate.check_feed(open_project(USE_CASE), EVENTS, DAY)
        assert "11 of 200 rows (5.5%)" in refused.value.reasons[0]
    else:
        assert validate.check_feed(open_project(USE_CASE), EVENTS, DAY).published == 190


def test_rows_with_a_null_key_and_rows_of_one_key_are_quarantined_whatever_the_suite_says(toy_functions):
    def rows(period: Period) -> pa.Table:
        found = with_hours([], period)
        ids = [None, *found["id"].to_pylist()[1:-1], 1]
        return found.set_column(1, "id", pa.array(ids, pa.int64()))

    toy_functions.source(events=rows)
    ingest.land_feed(open_project(USE_CASE), EVENTS, DAY)
    done = validate.check_feed(open_project(USE_CASE), EVENTS, DAY)
    assert (done.landed, done.published, done.quarantined) == (200, 197, 3)
    found = {tuple(row["reasons"]): row["id"] for row in read("checked/events").to_pylist() if row["reasons"]}
    assert found == {
        ("keys must not be null: id",): None,
        ("keys must occur only once in the day: event_date, id",): 1,
    }


def test_days_before_are_landed_by_the_day_that_needs_them():
    run_day()
    landed = Lake.open(USE_CASE).as_of(DAY).partitions("checked/events")
    assert min(landed) == DAY - USE_CASE.look_back_periods
    assert max(landed) == DAY


def test_running_a_day_again_commits_nothing():
    run_day()
    before = {table: Lake.open(USE_CASE).as_of(DAY).version(table) for table in ("raw/events", "features", "labels")}
    run_day()
    assert before == {table: Lake.open(USE_CASE).as_of(DAY).version(table) for table in before}


def test_labels_are_in_the_day_on_which_they_became_known():
    run_day()
    known = read("labels")
    assert set(known["event_date"].to_pylist()) == {(DAY - 1).start_date, (DAY - 2).start_date}


def test_features_may_be_a_pandas_frame(toy_functions):
    as_table = features.build
    run_day()
    before = read("features").sort_by("id")
    toy_functions.features(build=lambda period, **feeds: as_table(period, **feeds).to_pandas())
    assert not build.build_features(open_project(USE_CASE), DAY).changed
    assert read("features").sort_by("id").equals(before)


def test_a_feature_that_is_nan_is_refused(toy_functions):
    as_table = features.build
    toy_functions.features(build=lambda period, **f: as_table(period, **f).mutate(size=np.nan))
    with pytest.raises(NonFiniteValueError) as refused:
        run_day()
    assert (refused.value.table, refused.value.period) == ("features", DAY) and [
        each.column for each in refused.value.found
    ] == ["size"]


@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf])
def test_what_is_no_number_in_a_source_is_refused_before_anything_is_written(toy_functions, value):
    rows = source.everything(DAY).drop_columns(["failed"])
    rows = rows.set_column(rows.schema.get_field_index("size"), "size", pa.array([value] * rows.num_rows))
    toy_functions.source(events=lambda period: rows)
    with pytest.raises(NonFiniteValueError) as refused:
        ingest.ingest_period(open_project(USE_CASE), DAY)
    assert refused.value.table == "raw/events"
    assert read("raw/events").num_rows == 0


@pytest.mark.parametrize("stage", [ingest.ingest_period, validate.validate_period, build.build_features])
def test_a_day_before_the_first_is_refused_by_name(stage):
    with raises(BeforeFirstPeriodError, first=Period("2020-01-01"), period=Period("2019-12-31")):
        stage(open_project(USE_CASE), Period("2019-12-31"))


@pytest.mark.parametrize(
    ("cause", "again"), [(OSError("disk"), True), (KeyError("kind"), False), (DataError("damaged file"), False)]
)
def test_a_source_that_fails_names_feed_and_day_and_is_tried_again_only_if_it_could_not_read(
    toy_functions, cause, again
):
    def broken(period):
        raise cause

    toy_functions.source(events=broken)
    with pytest.raises(SourceError) as failed:
        ingest.ingest_period(open_project(USE_CASE), DAY)
    assert (failed.value.feed, failed.value.period) == ("events", DAY)
    assert failed.value.retryable is again


def test_a_corrected_day_that_is_refused_takes_the_stale_rows_out_of_use(toy_functions):
    run_day()
    toy_functions.source(events=lambda period: with_hours([25] * 50, period))
    ingest.ingest_period(open_project(USE_CASE), DAY)
    with pytest.raises(FeedRefusedError):
        validate.validate_period(open_project(USE_CASE), DAY)
    assert read("checked/events").num_rows == 0
    with pytest.raises(FeedRefusedError):
        build.build_features(open_project(USE_CASE), DAY + 1)


def test_a_feature_function_that_raises_says_where_to_mend_it(toy_functions):
    toy_functions.features(build=lambda period, **feeds: feeds["nowhere"])
    with pytest.raises(ResultRowsError) as refused:
        run_day()
    assert (refused.value.table, refused.value.period) == ("features", DAY) and "KeyError" in refused.value.what


def test_two_rows_of_one_key_are_refused(toy_functions):
    as_table = features.build
    toy_functions.features(build=lambda period, **f: as_table(period, **f).union(as_table(period, **f).limit(1)))
    with pytest.raises(ResultRowsError) as refused:
        run_day()
    assert refused.value.table == "features"


def test_ensure_builds_only_what_is_missing():
    build.build_features(open_project(USE_CASE), DAY)
    built = build.ensure_features(open_project(USE_CASE), DAY - 1, DAY + 1)
    assert built == [DAY - 1, DAY + 1]
