"""A wrong use case declaration is refused, with what to write instead."""

from dataclasses import replace

import pytest

from include.declaration.period import Period
from include.declaration.use_case_discovery import load_use_case
from include.errors import BeforeFirstPeriodError, UseCaseUnknownError
from include.use_case import DecisionCosts, Gate, SliceGate, Training
from tests.refusals import invalid, raises
from tests.toy_use_case import USE_CASE

FEED = USE_CASE.feed("events")


@pytest.mark.parametrize(
    ("change", "paths"),
    [
        ({"columns": {"id": "int"}}, ["columns['id']", "keys"]),
        ({"keys": ("nowhere",)}, ["keys"]),
        (
            {"columns": {"id": "int64", "period": "date32"}, "keys": ("id",)},
            ["columns"],
        ),
        ({"max_quarantined": 1.0}, ["max_quarantined"]),
    ],
)
def test_a_feed_that_cannot_be_is_refused(change, paths):
    with invalid(*paths):
        replace(FEED, **change)


@pytest.mark.parametrize(
    ("change", "paths"),
    [
        ({"name": "Toy"}, ["name"]),
        ({"name": "a__b"}, ["name"]),
        ({"keys": ("nowhere",)}, ["keys", "period"]),
        ({"features": {"kind": "string"}}, ["features['kind']"]),
        ({"features": {"failed": "int8"}}, ["features"]),
        ({"feeds": (FEED, FEED)}, ["feeds"]),
        *(
            ({"feeds": (replace(FEED, name=name), USE_CASE.feed("outcomes"))}, ["feeds"])
            for name in ("features", "labels", "predictions", "prediction", "model", "prior", "logistic")
        ),
    ],
)
def test_a_use_case_that_cannot_be_is_refused(change, paths):
    with invalid(*paths):
        replace(USE_CASE, **change)


@pytest.mark.parametrize(
    "gates",
    [
        (Gate("auc", at_least=0.9), Gate("auc", at_most=0.8)),
        (Gate("auc", at_least=0.9), Gate("auc", at_least=0.9)),
        (Gate("auc", at_least=0.9, min_periods=8),),
        (SliceGate("colour", "brier", 0.1),),
        (SliceGate("size", "brier", 0.1),),
    ],
)
def test_gates_that_do_not_fit_the_use_case_are_refused_and_it_is_named(gates):
    with invalid("gates") as refused:
        replace(USE_CASE, gates=gates)
    assert refused.value.whole == "UseCase('toy')"


def test_rows_may_be_grouped_by_keys_and_by_features_without_fractions():
    assert USE_CASE.slice_columns() == ["event_date", "id", "kind", "hour", "urgent"]


def test_a_window_must_hold_its_splits():
    with invalid("window_periods"):
        Training(
            window_periods=30,
            validation_periods=7,
            test_periods=7,
            gap_periods=1,
            min_train_periods=20,
            parameters={},
            num_boost_round=10,
            early_stopping_rounds=5,
        )


def test_the_threshold_follows_from_the_costs():
    assert DecisionCosts(false_negative=30, false_positive=10, unit="minutes").threshold == pytest.approx(0.25)


def test_declarations_cannot_be_changed_afterwards():
    with pytest.raises(TypeError):
        USE_CASE.features["new"] = "int8"
    with pytest.raises(TypeError):
        FEED.columns["new"] = "int8"


def test_an_unknown_use_case_is_answered_with_those_there_are():
    with raises(UseCaseUnknownError, "'flight_delays'", name="nothing"):
        load_use_case("nothing")


def test_a_day_before_the_first_is_refused():
    USE_CASE.require(USE_CASE.first_period)
    with raises(BeforeFirstPeriodError, first=USE_CASE.first_period, period=Period("2019-12-31")):
        USE_CASE.require(Period("2019-12-31"))


def test_the_package_of_a_shipped_use_case_is_that_of_the_module_that_declares_it():
    assert load_use_case("flight_delays").package == "include.use_cases.flight_delays"
