"""The reference profile."""

import lightgbm
import numpy as np
import pyarrow as pa
import pytest

from include.declaration.period import Period
from include.model import encoding
from include.model.model import Model
from include.model.tasks import task_model
from include.model.trainer import TrainingRows
from include.monitoring import drift, reference_profile
from include.monitoring.reference_profile import ProfileUnreadableError, ReferenceProfile
from include.use_case import Binary, DecisionCosts

FEATURES = {"kind": "category", "size": "float64"}
TASK = Binary(costs=DecisionCosts(false_negative=3, false_positive=1, unit="points"))


def rows(periods: int, seed: int, shift: float = 0.0) -> TrainingRows:
    """100 rows a day; large ones fail more often."""
    rng = np.random.default_rng(seed)
    size = rng.normal(10 + shift, 3, periods * 100)
    table = pa.table({"kind": pa.array(rng.choice(["a", "b"], periods * 100)), "size": size})
    labels = (rng.random(periods * 100) < 1 / (1 + np.exp(10 - size))).astype(float)
    place = np.repeat(np.arange(periods), 100) + np.datetime64(Period(f"2020-01-{1 + seed:02}").start_date)
    return TrainingRows(table, labels, place.astype("datetime64[D]"))


@pytest.fixture(scope="module")
def model() -> Model:
    train = rows(20, 0)
    learned = encoding.learn_encoding(FEATURES, train.features)
    encoded = learned.encode(train.features)
    booster = lightgbm.train(
        {"objective": "binary", "verbose": -1, "num_threads": 1},
        lightgbm.Dataset(encoded, train.labels, feature_name=list(FEATURES), categorical_feature=["kind"]),
        num_boost_round=5,
    )
    return Model(booster, learned, task_model(TASK).fit_baselines(learned, learned, encoded, train.labels))


@pytest.fixture(scope="module")
def found(model) -> ReferenceProfile:
    parts = {"train": rows(20, 0), "validation": rows(3, 1), "test": rows(5, 2)}
    return reference_profile.build_profile(
        model, parts, {name: model.predict_all(part.features) for name, part in parts.items()}, TASK
    )


def test_a_profile_is_read_back_as_it_was_written(found):
    import json

    again = ReferenceProfile.from_json(json.loads(json.dumps(found.to_json())))
    assert again.to_json() == found.to_json()
    assert all(np.array_equal(again.features[name].counts, found.features[name].counts) for name in FEATURES)
    assert again.expected_metrics == found.expected_metrics and again.usual == found.usual


def test_importance_is_the_share_of_gain_and_what_tells_the_labels_has_most(found):
    assert sum(found.importance.values()) == pytest.approx(1)
    assert found.importance["size"] > 0.9


def test_usual_is_what_each_validation_and_test_day_showed_against_train(found):
    assert found.usual.periods == len(found.usual.weighted_drift) == len(found.usual.psi["size"]) == 8
    period = rows(3, 1).features.slice(100, 100)
    counts = found.features["size"].bins.count(period["size"])
    assert drift.psi(found.features["size"].counts, counts) == found.usual.psi["size"][1], "in order of days"


def test_days_that_are_unlike_train_make_more_drift_usual(model, found):
    parts = {"train": rows(20, 0), "validation": rows(3, 1, shift=4), "test": rows(5, 2, shift=4)}
    moved = reference_profile.build_profile(
        model, parts, {name: model.predict_all(part.features) for name, part in parts.items()}, TASK
    )
    assert min(moved.usual.weighted_drift) > max(found.usual.weighted_drift)
    assert min(moved.usual.prediction_drift) > max(found.usual.prediction_drift)


def test_the_expected_metrics_are_those_of_the_test_days_with_its_interval(found):
    expected = found.expected_metrics["log_loss"]
    assert expected.lower < expected.value < expected.upper
    assert expected.periods == 5
    assert "rows" not in found.expected_metrics and found.expected_metrics["base_rate"].lower is None
    assert found.baselines["prior"]["log_loss"].value > expected.value


def test_the_lead_over_a_baseline_is_kept_day_by_day_of_validation_and_test(found):
    validation, test = found.daily("log_loss", "prior")
    assert (len(validation), len(test)) == (3, 5)
    lead = found.expected_metrics["log_loss"].value - found.baselines["prior"]["log_loss"].value
    assert np.mean(test) == pytest.approx(lead) and lead < 0, "below 0 is better"
    assert np.mean(found.daily("auc", "prior")[-1]) < 0, "also where higher is better"
    assert np.mean(found.daily("log_loss", None)[-1]) == pytest.approx(found.expected_metrics["log_loss"].value)


@pytest.mark.parametrize(
    "damage", [None, [], {}, {"rows": 3}, {"format": 3}, {"format": 4}, {"format": 4, "rows": 1, "usual": {}}]
)
def test_another_or_a_damaged_profile_says_that_a_new_version_has_one(damage):
    with pytest.raises(ProfileUnreadableError):
        ReferenceProfile.from_json(damage)


def test_a_profile_of_the_format_before_is_read(found):
    values = found.to_json()
    before = {**values, "format": 5, "probability": values["predictions"]}
    del before["predictions"]
    assert ReferenceProfile.from_json(before).to_json() == values


def test_a_profile_whose_shares_do_not_fit_its_bins_is_damaged(found):
    values = found.to_json()
    values["predictions"] = {**values["predictions"], "shares": [1.0]}
    with pytest.raises(ProfileUnreadableError) as refused:
        ReferenceProfile.from_json(values)
    assert "ValueError" in refused.value.what


@pytest.mark.parametrize(
    "lost", [{"weighted_drift": []}, {"prediction_drift": []}, {"psi": {}}, {"psi": {"kind": [0.1], "size": []}}]
)
def test_a_profile_that_does_not_say_what_is_usual_is_damaged(found, lost):
    values = found.to_json()
    values["usual"] = {**values["usual"], **lost}
    with pytest.raises(ProfileUnreadableError) as refused:
        ReferenceProfile.from_json(values)
    assert "ValueError" in refused.value.what
