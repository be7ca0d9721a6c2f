"""A period whose features break an expectation is refused: nothing is published, and the error says what to do."""

from __future__ import annotations

import great_expectations.expectations as gxe
import ibis
import pytest

from include.declaration.period import Period
from include.errors import SuiteError
from include.ingestion import validation_report
from include.lake.lake import Lake
from include.pipelines import data
from include.pipelines.context import PipelineRun
from include.project import open_project
from include.use_case import FeatureSuite, PredictionSuite, Suite
from include.validation.errors import PeriodRefusedError
from tests.toy_use_case import USE_CASE

pytestmark = [pytest.mark.slow, pytest.mark.usefixtures("lake_home")]
DAY = USE_CASE.first_period + USE_CASE.look_back_periods


def run(period: Period = DAY) -> None:
    """Run the steps of the DAG `data` for a period."""
    for step in data.STEPS:
        step(PipelineRun(open_project(USE_CASE), period, {}))


def rows(period: Period = DAY) -> int:
    return Lake.open(USE_CASE).as_of(period).read("features", period).num_rows


def with_columns(**columns):
    def build(period, events, outcomes):
        today = events.filter(events.event_date == period.start_date)
        return today.select("event_date", "id", "kind", "size", "hour", "urgent").mutate(**columns)

    return build


def refused(period: Period = DAY) -> PeriodRefusedError:
    with pytest.raises(PeriodRefusedError) as error:
        run(period)
    assert (error.value.use_case, error.value.table, error.value.period) == ("toy", "features", period)
    assert not error.value.retryable, "the same rows would break it again"
    return error.value


@pytest.mark.parametrize(
    ("columns", "field"),
    [
        ({"size": ibis.literal(4.0)}, "may_be_constant"),
        ({"kind": ibis.null("string"), "hour": ibis.literal(3)}, "may_be_null"),
    ],
)
def test_a_constant_or_null_feature_is_refused_before_anything_is_published_unless_it_is_declared(
    toy_functions, columns, field
):
    toy_functions.features(build=with_columns(**columns))
    error = refused()
    assert [one.expectation.split("'")[1] for one in error.broken] == list(columns)
    assert field in error.broken[0].remedy and "in all 200 rows" in error.broken[0].observed
    assert rows() == 0
    declared = FeatureSuite(may_be_constant=("size", "hour"), may_be_null=("kind",))
    toy_functions.expectations(features=lambda: declared)
    run()
    assert rows() == 200


def test_a_refused_period_keeps_the_features_that_it_had(toy_functions):
    run()
    before = Lake.open(USE_CASE).as_of(DAY).digest("features", DAY)
    toy_functions.features(build=with_columns(size=ibis.literal(4.0)))
    refused()
    assert Lake.open(USE_CASE).as_of(DAY).digest("features", DAY) == before


def test_before_the_whole_look_back_a_trailing_feature_may_be_null(toy_functions):
    toy_functions.features(build=with_columns(size=ibis.null("float64")))
    run(DAY - 1)
    assert rows(DAY - 1) == 200
    refused(DAY)


def test_one_row_that_breaks_a_row_level_expectation_refuses_the_period_since_no_row_may_be_lost(toy_functions):
    known = gxe.ExpectColumnValuesToBeBetween(column="hour", max_value=22)
    toy_functions.expectations(features=lambda: Suite(rows=(known,)))
    error = refused()
    [one] = error.broken
    assert one.expectation.startswith("hour: expect_column_values_to_be_between")
    assert "of 200 rows that break it, the first event_date=" in one.observed
    assert "'features' of expectations.py" in one.remedy
    assert rows() == 0
    assert error.page.endswith(f"/validation/toy/features/{error.period}")
    (name,) = validation_report.list_reports(Lake.open(USE_CASE), "features", f"{error.period}.")
    report = validation_report.read_report(Lake.open(USE_CASE), "features", name)
    assert report.outcome == "refused" and one.expectation in report.refusals[0]


def test_a_table_level_expectation_sees_all_rows_of_the_period(toy_functions):
    toy_functions.expectations(
        features=lambda: FeatureSuite(table=(gxe.ExpectTableRowCountToBeBetween(min_value=200, max_value=200),))
    )
    run()
    assert rows() == 200
    toy_functions.expectations(features=lambda: Suite(table=(gxe.ExpectTableRowCountToBeBetween(min_value=201),)))
    [one] = refused().broken
    assert one.observed == "200"
    assert rows() == 200, "the period keeps what it had"


@pytest.mark.parametrize(
    "returned",
    [
        None,
        PredictionSuite(),
        FeatureSuite(may_be_constant=("colour",)),
        Suite(rows=(gxe.ExpectColumnValuesToNotBeNull(column="failed"),)),
        Suite(rows=(gxe.ExpectColumnValuesToBeInSet(column="kind", value_set=[1]),)),
    ],
)
def test_a_suite_that_does_not_fit_the_features_is_an_error_of_the_use_case(toy_functions, returned):
    toy_functions.expectations(features=lambda: returned)
    with pytest.raises(SuiteError) as error:
        run()
    assert (error.value.use_case, error.value.feed) == ("toy", "features")
    assert rows() == 0


def test_exceptions_are_a_tuple_of_names():
    from tests.refusals import invalid

    with invalid("may_be_constant"):
        FeatureSuite(may_be_constant="size")
