"""A label belongs to the feature row of its keys and its period, even if no key holds a date."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta

import numpy as np
import pyarrow as pa
import pytest

from include.backtest import history as backtest_history
from include.declaration.calendars import Daily
from include.declaration.period import Period, period_range
from include.declaration.problems import DeclarationError
from include.features import build as features_build
from include.features import materialize
from include.features.distinct import RowsNotDistinctError
from include.features.labels import known_labels
from include.features.materialize import ResultRowsError
from include.ingestion import ingest, validate
from include.lake import history
from include.lake.lake import Lake
from include.project import open_project
from include.training import dataset, train
from include.use_case import PARTITION, Feed, Label, UseCase
from tests.refusals import raises
from tests.toy_use_case import USE_CASE as TOY
from tests.toy_use_case import features

DAY, CUSTOMERS = Period("2020-02-20"), 200
CUSTOMERS_DAILY = replace(
    TOY,
    name="customers",
    feeds=(Feed("visits", columns={"customer_id": "int64", "spent": "float64"}, keys=("customer_id",)),),
    keys=("customer_id",),
    period=PARTITION,
    features={"spent": "float64"},
    label=Label("returned", meaning="the customer came back", label_delay_periods=2),
)
"""Return one row a day for each customer; the keys do not contain the day of a row."""


def coins(period: Period) -> np.ndarray:
    """Of each customer, whether he comes back after `day`: nothing foretells it."""
    return np.random.default_rng(period.start_date.toordinal()).integers(0, 2, CUSTOMERS)


def labels_about(period: Period, values: np.ndarray | None = None) -> pa.Table:
    values = coins(period) if values is None else values
    return pa.table(
        {
            "customer_id": pa.array(range(len(values)), pa.int64()),
            "labelled_period": pa.array([period.start_date] * len(values), pa.date32()),
            "returned": pa.array(values, pa.int8()),
        }
    )


def feature_rows(customers: range = range(CUSTOMERS)) -> pa.Table:
    """What does not change from day to day, so that it names the customer."""
    return pa.table(
        {"customer_id": pa.array(customers, pa.int64()), "spent": pa.array([float(c) for c in customers], pa.float64())}
    )


def fill(first: Period, last: Period, known_after_days: int = 1) -> Lake:
    lake = Lake.open(CUSTOMERS_DAILY)
    for period in period_range(first, last):
        lake.replace("labels", period, labels_about(period - known_after_days), inputs={}, stage="test")
        lake.replace("features", period, feature_rows(), inputs={}, stage="test")
    return lake


def labelled(lake: Lake, as_of: Period, first: Period, last: Period) -> dict[tuple[Period, int], int]:
    rows = dataset.labelled_rows(lake.use_case, lake.as_of(as_of), first, last, columns=["customer_id"])
    return {(Period.from_date(row["period"]), row["customer_id"]): row["returned"] for row in rows.to_pylist()}


# -- the declaration


@pytest.mark.parametrize(
    ("changed", "named"),
    [
        ({"period": ""}, ["['event_date']", "period=PARTITION"]),
        ({"period": "size"}, ["period='size'"]),
        ({"period": "id"}, ["period='id'", "int64", "date32"]),
    ],
)
def test_a_declaration_without_a_known_period_is_refused(changed, named):
    with raises(DeclarationError, *named):
        replace(TOY, **changed)


@pytest.mark.parametrize(
    "changed", [{"features": {"labelled_period": "float64"}}, {"label": replace(TOY.label, name="Labelled_Period")}]
)
def test_no_other_column_may_be_named_period_where_labels_has_one(changed):
    with pytest.raises(ValueError, match="`labels`"):
        replace(CUSTOMERS_DAILY, **changed)


# -- the join


def test_labels_of_one_day_are_not_joined_to_the_features_of_another(lake_home):
    first, last = DAY, DAY + 5
    lake = fill(first, last + 1)
    found = labelled(lake, last + 1, first, last)
    assert found == {(period, c): coins(period)[c] for period in period_range(first, last) for c in range(CUSTOMERS)}


@pytest.mark.slow
@pytest.mark.usefixtures("without_plots")
def test_coin_flips_cannot_be_learned_from_the_keys(lake_home, tracking):
    fill(DAY - 40, DAY)
    result = train.train_model(
        open_project(CUSTOMERS_DAILY), DAY, parameters={"num_boost_round": 40, "early_stopping_rounds": 40}
    )
    assert result.test["prior"]["log_loss"] == pytest.approx(np.log(2), abs=0.01)
    assert result.test["model"]["log_loss"] > np.log(2) - 0.01


def test_the_replay_reads_the_same_labels_as_the_training(lake_home):
    lake = fill(DAY - 20, DAY)
    past = backtest_history.load_label_history(open_project(CUSTOMERS_DAILY), DAY - 2, DAY - 2)
    periods, customers = Daily().periods_of(past.rows["period"].to_pylist()), past.rows["customer_id"].to_pylist()
    seen = dict(zip(zip(periods, customers, strict=True), past.labels(DAY - 4), strict=True))
    expected = labelled(lake, DAY - 4, DAY - 20, DAY - 2)
    assert {row: label for row, label in seen.items() if not np.isnan(label)} == expected


def test_of_several_labels_of_one_row_the_newest_known_counts_and_none_that_is_known_later(lake_home):
    lake, about = fill(DAY, DAY + 4), DAY + 1
    other = pa.concat_tables([labels_about(DAY + 3), labels_about(about, 1 - coins(about))])
    lake.replace("labels", DAY + 4, other, inputs={}, stage="test")
    before = known_labels(lake.use_case, lake.as_of(DAY + 3), DAY).to_pyarrow()
    assert max(before["labelled_period"].to_pylist()) == (DAY + 2).start_date
    for as_of, expected in ((3, coins(about)), (4, 1 - coins(about))):
        found = labelled(lake, DAY + as_of, about, about)
        assert [found[about, c] for c in range(CUSTOMERS)] == list(expected)


def test_a_label_that_two_feature_rows_would_get_is_refused(lake_home):
    lake = fill(DAY, DAY + 2)
    twice = pa.concat_tables([feature_rows(), feature_rows(range(3, 5))])
    lake.replace("features", DAY + 1, twice, inputs={}, stage="test")
    with pytest.raises(RowsNotDistinctError) as caught:
        labelled(lake, DAY + 2, DAY, DAY + 2)
    assert (caught.value.table, caught.value.rows) == ("features", 2)
    with pytest.raises(RowsNotDistinctError):
        backtest_history.load_label_history(open_project(CUSTOMERS_DAILY), DAY + 2, DAY + 2)


# -- what may be written


def landed(use_case: UseCase, period: Period) -> Period:
    ingest.ingest_period(open_project(use_case), period), validate.validate_period(open_project(use_case), period)
    return period


def derive_with(toy_functions, function: str, build: Callable, table: str = "features") -> None:
    """What `derive.write` does with that function of the toy's, on a landed day."""
    period = landed(TOY, Period("2020-01-10"))
    landed(TOY, period - 1)
    toy_functions.features(**{function: build})
    materialize.materialize(TOY, table, function, Lake.open(TOY).as_of(period), period - 1)


def test_features_about_another_day_are_refused(lake_home, toy_functions):
    named = ("200", "'event_date'", "event_date=2020-01-09")
    with raises(ResultRowsError, *named, table="features", period=Period("2020-01-10")):
        derive_with(
            toy_functions,
            "build",
            lambda period, events, outcomes: events.select("event_date", "id", "kind", "size", "hour", "urgent"),
        )


@pytest.mark.parametrize(("later", "rows"), [(3, 200), (1, 171)])
def test_a_label_about_the_day_itself_or_a_later_one_is_refused(lake_home, toy_functions, later, rows):
    with raises(ResultRowsError, f"{rows} ", "'event_date'", table="labels", period=Period("2020-01-10")):
        derive_with(
            toy_functions,
            "labels",
            lambda period, events, outcomes: outcomes.filter(outcomes.period == period.start_date).mutate(
                event_date=outcomes.event_date + timedelta(days=later)
            )[["event_date", "id", "failed"]],
            "labels",
        )


def test_labels_get_the_look_back(lake_home, toy_functions):
    given = []
    as_before = features.labels
    toy_functions.features(
        labels=lambda period, **feeds: (
            given.append(Daily().periods_of(sorted(feeds["events"].period.to_pyarrow().unique().to_pylist()))),
            as_before(period, **feeds),
        )[1]
    )
    features_build.build_features(open_project(replace(TOY, look_back_periods=2)), Period("2020-01-04"))
    assert given == [period_range(Period("2020-01-02"), Period("2020-01-04"))]


def test_labels_are_known_to_be_made_from_the_look_back(lake_home):
    period = Period("2020-01-10")
    features_build.build_features(open_project(replace(TOY, look_back_periods=1)), period)
    lake = Lake.open(TOY)
    view = lake.as_of(period)
    note = next(note for note in reversed(history.read_commit_notes(lake.uri("labels"))) if note.period == period)
    assert note.inputs["checked/events"] == view.digest_of_periods("checked/events", period - 1, period)
