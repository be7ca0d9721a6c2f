"""Contributions are exact: with the base they add up to LightGBM's raw score."""

import lightgbm
import numpy as np
import pyarrow as pa
import pytest

from include.model import contributions, encoding
from include.model.contributions import (
    SAMPLE_ROWS,
    AttributionReference,
    compute_contributions,
    learn_attributions,
    share_change,
    shares,
)
from include.model.model import Model
from include.model.trainer import TrainingRows

FEATURES = {"a kind": "category", "size": "float64", "count": "int32"}
OBJECTIVES = ({"objective": "binary"}, {"objective": "multiclass", "num_class": 3}, {"objective": "poisson"})


def rows(count: int = 400, seed: int = 0) -> pa.Table:
    rng = np.random.default_rng(seed)
    kinds = rng.choice(["a", "b", "<c>"], count)
    size = [None if value < 5 else value for value in rng.normal(10, 3, count)]
    return pa.table({"a kind": kinds, "size": pa.array(size), "count": pa.array(rng.poisson(3, count), pa.int32())})


def fitted(params: dict, table: pa.Table) -> Model:
    learned = encoding.learn_encoding(FEATURES, table)
    labels = np.array(table["count"]) % (3 if "num_class" in params else 2)
    data = lightgbm.Dataset(
        learned.encode(table), labels, feature_name=learned.booster_names,
        categorical_feature=[learned.booster_names[0]],
    )  # fmt: skip
    booster = lightgbm.train({**params, "verbose": -1, "num_threads": 1, "min_data_in_leaf": 5}, data, 20)
    return Model(booster, learned, {})


@pytest.mark.parametrize("params", OBJECTIVES, ids=lambda params: params["objective"])
def test_base_and_contributions_add_up_to_the_raw_score(params):
    table = rows()
    model = fitted(params, table)
    found = compute_contributions(model, table.slice(0, 50))
    raw = model.booster.predict(model.encoding.encode(table.slice(0, 50)), raw_score=True)
    assert found.values.shape == (50, params.get("num_class", 1), 3)
    assert found.raw_scores == pytest.approx(np.asarray(raw).reshape(50, -1), abs=1e-12)


def test_contributions_are_named_by_the_declared_features():
    table = rows()
    means = compute_contributions(fitted({"objective": "binary"}, table), table).mean_absolute()
    assert list(means) == list(FEATURES)
    assert max(means, key=means.get) == "count", "the labels depend on it alone"


def test_the_change_of_shares_is_what_moved_to_other_features():
    assert share_change({"a": 0.7, "b": 0.3}, {"a": 0.5, "b": 0.5}) == pytest.approx(0.2)
    assert share_change({"a": 1.0}, {"b": 1.0}) == 1
    assert shares({"a": 3.0, "b": 1.0}) == {"a": 0.75, "b": 0.25}
    assert shares({"a": 0.0, "b": 0.0}) == {"a": 0.5, "b": 0.5}


def part(periods: int, seed: int) -> TrainingRows:
    starts = np.repeat(np.datetime64("2020-01-01") + np.arange(periods), 150)
    return TrainingRows(rows(periods * 150, seed), np.zeros(periods * 150), starts)


def test_the_reference_has_each_period_and_is_made_again_bit_for_bit():
    model = fitted({"objective": "binary"}, rows())
    found = learn_attributions(model, [part(3, 1), part(4, 2)], threads=1)
    assert len(found.drift) == 7 and found.rows == (SAMPLE_ROWS,) * 7
    assert sum(found.shares.values()) == pytest.approx(1) and max(found.drift) < 0.2
    assert found == learn_attributions(model, [part(3, 1), part(4, 2)], threads=2)
    assert AttributionReference.from_json(found.to_json()) == found


def test_only_the_newest_periods_are_sampled():
    model = fitted({"objective": "binary"}, rows())
    many = part(contributions.REFERENCE_PERIODS + 5, 1)
    assert len(learn_attributions(model, [many], threads=1).drift) == contributions.REFERENCE_PERIODS


def test_a_single_period_has_no_reference():
    assert learn_attributions(fitted({"objective": "binary"}, rows()), [part(1, 1)], threads=1) is None


def test_linear_trees_have_no_contributions_and_no_reference():
    table = rows()
    model = fitted({"objective": "regression", "linear_tree": True}, table)
    with pytest.raises(contributions.NoContributionsError):
        compute_contributions(model, table)
    assert learn_attributions(model, [part(3, 1)], threads=1) is None
