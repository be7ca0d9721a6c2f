"""A day compared with the profile of the version that scored it."""

from dataclasses import replace

import numpy as np
import pyarrow as pa
import pytest

from include.declaration.monitoring import Monitoring
from include.monitoring import drift, drift_metrics, reference_histogram
from include.monitoring.reference_profile import ReferenceProfile, ReferenceVariation

DECLARED = {"kind": "category", "size": "float64"}
RNG = np.random.default_rng(3)
TRAIN = pa.table({"kind": RNG.choice(["a", "b"], 5000), "size": RNG.normal(10, 3, 5000)})


def of(weighted=(0.1, 0.2, 0.3), prediction=(0.1,), psi=(0.01,)) -> ReferenceProfile:
    usual = ReferenceVariation(
        len(weighted), tuple(weighted), tuple(prediction), {"kind": tuple(psi), "size": tuple(psi)}
    )
    return ReferenceProfile(
        rows=5000,
        features={
            "kind": reference_histogram.reference_histogram(TRAIN["kind"], ("a", "b")),
            "size": reference_histogram.reference_histogram(TRAIN["size"], None),
        },
        types=DECLARED,
        importance={"kind": 0.25, "size": 0.75},
        predictions=reference_histogram.reference_histogram(pa.array(np.linspace(0, 1, 5000)), None),
        usual=usual,
        expected_metrics={},
    )


def compared(period: pa.Table, reference: ReferenceProfile | None = None, declared=DECLARED, **limits):
    """Figures by metric and subject."""
    reference = reference or of()
    counts = drift.count_bins(reference.bins, [period])
    found = drift_metrics.feature_drift(reference, counts, declared, Monitoring(**limits))
    return {(each.metric, each.subject): each for each in found}


def like_train(rows: int = 500) -> pa.Table:
    return TRAIN.slice(0, rows)


def test_a_day_like_train_breaks_nothing_and_has_every_figure():
    found = compared(like_train())
    assert not any(each.breached for each in found.values())
    assert {metric for metric, _ in found} == {
        "null_share", "unseen_share", "psi", "importance", "weighted_drift",
    }  # fmt: skip
    assert ("unseen_share", "size") not in found  # only a category can be unseen
    assert found["importance", "size"].value == 0.75


def test_a_feature_that_has_moved_breaks_its_own_limit_and_with_its_importance_that_of_all():
    moved = like_train().set_column(1, "size", pa.array(RNG.normal(30, 3, 500)))
    found = compared(moved)
    assert found["psi", "size"].breached and not found["psi", "kind"].breached
    assert found["weighted_drift", "features"].value == pytest.approx(0.75, abs=0.01)
    assert found["weighted_drift", "features"].breached


@pytest.mark.parametrize(("times", "quantile", "limit"), [(1.0, 1.0, 0.3), (1.0, 0.5, 0.2), (2.0, 0.5, 0.4)])
def test_weighted_drift_may_be_what_the_days_of_the_test_showed(times, quantile, limit):
    found = compared(like_train(), drift_factor=times, drift_quantile=quantile)
    assert found["weighted_drift", "features"].limit == pytest.approx(limit)


@pytest.mark.parametrize(("psi", "rows", "limit"), [((0.01,), 500, 0.2), ((0.7,), 500, 0.7), ((0.01,), 20, None)])
def test_a_features_limit_is_the_greatest_of_the_declared_the_usual_and_chance(psi, rows, limit):
    found = compared(like_train(rows), of(psi=psi))["psi", "size"]
    chance = drift.psi_null_quantile(
        of().features["size"].counts, of().features["size"].bins.count(like_train(rows)["size"])
    )
    assert found.limit == pytest.approx(chance if limit is None else limit)
    assert limit is not None or found.limit > 0.8


def test_nulls_and_unseen_categories_are_shares_with_limits_of_their_own():
    kinds = pa.array(["a"] * 80 + ["new"] * 8 + [None] * 12)
    found = compared(pa.table({"kind": kinds, "size": TRAIN["size"].slice(0, 100)}))
    assert found["null_share", "kind"].value == 0.12 and found["null_share", "kind"].breached
    assert found["unseen_share", "kind"].value == 0.08 and found["unseen_share", "kind"].breached
    assert not compared(like_train(), max_unseen_share=0.0)["unseen_share", "kind"].breached


def test_a_feature_that_is_gone_is_a_state_and_the_rest_does_not_vouch_for_it():
    found = compared(like_train().drop(["size"]))
    assert found["psi", "size"].value is None and "does not have" not in found["psi", "kind"].missing_reason
    assert (
        found["psi", "size"].missing_reason
        == "The version reads size, which the period's features do not have; train a version without it."
    )
    assert found["weighted_drift", "features"].breached is None
    assert found["weighted_drift", "features"].missing_reason == found["psi", "size"].missing_reason
    assert found["psi", "kind"].value is not None


def test_a_feature_that_the_model_never_looks_at_may_be_gone():
    idle = replace(of(), importance={"kind": 0.0, "size": 1.0})
    assert compared(like_train().drop(["kind"]), idle)["weighted_drift", "features"].breached is False


def test_a_feature_that_the_version_does_not_know_is_a_state():
    found = compared(like_train(), declared={**DECLARED, "speed": "float64"})
    assert found["psi", "speed"].missing_reason == "The version does not read speed, so it has no reference."
    assert found["weighted_drift", "features"].breached is False


def test_a_day_without_rows_is_a_state_and_not_no_drift():
    found = compared(like_train(0))
    for key in (("psi", "size"), ("null_share", "kind"), ("weighted_drift", "features")):
        assert found[key].value is None and found[key].breached is None and found[key].missing_reason
    empty = drift_metrics.prediction_drift(of(), np.zeros(len(of().predictions.bins), int), Monitoring())
    assert (empty.value, empty.breached) == (None, None) and empty.missing_reason


def test_predictions_are_held_against_what_single_days_showed():
    bins = of().predictions.bins
    same = drift_metrics.prediction_drift(of(), bins.count(pa.array(np.linspace(0, 1, 300))), Monitoring())
    high = drift_metrics.prediction_drift(of(), bins.count(pa.array(np.linspace(0.5, 1, 300))), Monitoring())
    assert (same.breached, high.breached, same.limit) == (False, True, pytest.approx(0.1))


@pytest.mark.parametrize("rows", [1, 3, 10, 30])
def test_few_rows_of_the_same_distribution_break_neither_drift(rows):
    idle = of(weighted=(0.01,), prediction=(0.01,))
    said = idle.predictions.bins
    for seed in range(40):
        rng = np.random.default_rng(seed)
        found = compared(TRAIN.take(rng.integers(0, 5000, rows)), idle)["weighted_drift", "features"]
        assert found.breached is False and found.limit > 0.01, seed
        drawn = drift_metrics.prediction_drift(idle, said.count(pa.array(rng.random(rows))), Monitoring())
        assert drawn.breached is (
            drawn.value > drift.psi_null_quantile(idle.predictions.counts, said.count(pa.array([0.5] * rows)))
        )


def test_what_few_rows_show_by_chance_is_weighted_as_their_drift_is():
    idle, period = of(weighted=(0.01,)), like_train(60)
    counts = drift.count_bins(idle.bins, [period])
    chance = {name: drift.psi_null_quantile(idle.features[name].counts, counts[name]) for name in idle.features}
    limit = compared(period, idle)["weighted_drift", "features"].limit
    assert limit == pytest.approx(0.25 * chance["kind"] + 0.75 * chance["size"])


def test_few_rows_that_have_moved_altogether_still_break_both():
    idle = of(weighted=(0.01,), prediction=(0.01,))
    moved = compared(pa.table({"kind": ["new"] * 60, "size": [99.0] * 60}), idle)
    assert moved["weighted_drift", "features"].breached
    said = idle.predictions.bins.count(pa.array([0.99] * 60))
    assert drift_metrics.prediction_drift(idle, said, Monitoring()).breached


def test_a_feature_that_is_declared_with_another_type_than_it_was_learned_with_is_a_state():
    counts = drift.count_bins(drift_metrics.drift_bins(of(), {**DECLARED, "size": "category"}), [like_train()])
    assert set(counts) == {"kind"}
    found = {
        (each.metric, each.subject): each
        for each in drift_metrics.feature_drift(of(), counts, {**DECLARED, "size": "category"}, Monitoring())
    }
    missing_reason = "The version reads size as float64, which is declared as category now; train a new version."
    assert found["psi", "size"].missing_reason == found["weighted_drift", "features"].missing_reason == missing_reason
    assert found["psi", "kind"].breached is False


def test_nulls_have_a_limit_only_if_their_share_was_stable_in_the_training():
    empty = like_train().set_column(1, "size", pa.nulls(500, pa.float64()))
    stable, whole = of(), of()
    assert compared(empty, stable)["null_share", "size"].breached
    known = replace(whole, usual=replace(whole.usual, null_share={"size": (0.0, 1.0, 0.0)}))
    found = compared(empty, known)["null_share", "size"]
    assert (found.value, found.limit, found.breached) == (1.0, None, None)
    some = replace(whole, usual=replace(whole.usual, null_share={"size": (0.0, 0.3)}))
    assert compared(empty, some)["null_share", "size"].limit == pytest.approx(0.4)
