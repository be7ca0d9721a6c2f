"""The baselines, on data with a known answer."""

import json

import numpy as np
import pyarrow as pa
import pytest
from sklearn.linear_model import LogisticRegression

from include.model import encoding
from include.model.baselines import Logistic, Prior

FEATURES = {"kind": "category", "size": "float64"}


def sample(rows: int = 4000) -> tuple[encoding.Encoding, pa.Table, np.ndarray]:
    rng = np.random.default_rng(1)
    kind, size = rng.integers(0, 3, rows), rng.normal(50, 10, rows)
    labels = (rng.random(rows) < 1 / (1 + np.exp(-(kind - 1.5 + (size - 50) / 10)))).astype(float)
    table = pa.table({"kind": pa.array(np.array(["a", "b", "c"])[kind]), "size": size})
    learned = encoding.learn_encoding(FEATURES, table)
    return learned, learned.encode(table), labels


def test_the_prior_predicts_the_rate_of_train_for_every_row():
    prior = Prior.fit(np.array([1.0] * 30 + [0.0] * 68))
    assert prior.predict(pa.table({"x": [1, 2]})).tolist() == [0.31, 0.31]


def test_the_prior_is_never_sure():
    assert 0 < Prior.fit(np.zeros(5)).rate < Prior.fit(np.ones(5)).rate < 1


def test_the_logistic_regression_equals_scikit_learn_on_the_same_columns():
    learned, encoded, labels = sample()
    kind, size = encoded["kind"].to_numpy(), encoded["size"].to_numpy()
    columns = np.column_stack([(size - size.mean()) / size.std(), kind == 0, kind == 1, kind == 2])
    expected = LogisticRegression(max_iter=300).fit(columns, labels > 0).predict_proba(columns)[:, 1]
    assert Logistic.fit(learned, encoded, labels).predict(encoded) == pytest.approx(expected, abs=1e-6)


def test_missing_numbers_count_as_the_median_and_missing_categories_as_none():
    model = Logistic(0.5, {"size": (50.0, 49.0, 10.0, 2.0)}, {"kind": (1.0, -1.0)})
    rows = pa.table({"size": pa.array([None, 50.0], pa.float64()), "kind": pa.array([None, 1.0], pa.float32())})
    score = 0.5 + (50 - 49) / 10 * 2
    expected = [1 / (1 + np.exp(-score)), 1 / (1 + np.exp(-(score - 1)))]
    assert model.predict(rows) == pytest.approx(expected)


def test_the_logistic_regression_survives_json_to_the_bit():
    learned, encoded, labels = sample()
    model = Logistic.fit(learned, encoded, labels)
    again = Logistic.from_json(json.loads(json.dumps(model.to_json())))
    assert again.predict(encoded).tolist() == model.predict(encoded).tolist()


def test_a_column_without_values_or_without_spread_does_no_harm():
    columns = {"empty": pa.nulls(100, pa.float64()), "constant": np.ones(100), "size": np.arange(100.0)}
    learned = encoding.Encoding(dict.fromkeys(columns, "float64"), {})
    found = Logistic.fit(learned, learned.encode(pa.table(columns)), (np.arange(100) > 50).astype(float))
    assert np.isfinite(found.predict(learned.encode(pa.table(columns)))).all()


def test_an_extreme_value_gives_a_probability():
    model = Logistic(0.0, {"size": (0.0, 0.0, 1.0, 1.0)}, {})
    assert model.predict(pa.table({"size": [1e30, -1e30]})) == pytest.approx([1, 0])


@pytest.mark.parametrize("far", [1e308, 1.7e308, 1e150])
def test_the_largest_numbers_there_are_make_no_answer_that_is_no_probability(far):
    rng = np.random.default_rng(1)
    values = {name: rng.normal(size=2000) for name in ("a", "b")}
    labels = (values["a"] > 0).astype(float)
    for name, sign in (("a", 1), ("b", -1)):
        values[name][::100], values[name][1::100] = sign * far, -sign * far
    table = pa.table(values)
    learned = encoding.learn_encoding(dict.fromkeys(values, "float64"), table)
    encoded = learned.encode(table)
    for train in (encoded, learned.encode(pa.table({name: rng.normal(size=2000) for name in values}))):
        answers = Logistic.fit(learned, train, labels).predict(encoded)
        assert np.isfinite(answers).all() and ((answers >= 0) & (answers <= 1)).all()


def test_of_categories_without_a_value_the_logistic_regression_learns_the_rate_alone():
    table = pa.table({"kind": pa.nulls(98, pa.string())})
    learned = encoding.learn_encoding({"kind": "category"}, table)
    labels = np.array([1.0] * 30 + [0.0] * 68)
    fitted = Logistic.fit(learned, learned.encode(table), labels)
    new = learned.encode(pa.table({"kind": ["a", None]}))
    assert fitted.predict(new) == pytest.approx([0.31, 0.31])
    assert Logistic.from_json(json.loads(json.dumps(fitted.to_json()))) == fitted
