"""Differences between a rebuilt model and the registered one."""

from dataclasses import replace
from functools import cache

import lightgbm
import numpy as np
import pyarrow as pa
import pytest

from include.model.baselines import Logistic, Prior
from include.model.encoding import Encoding
from include.model.model import Model
from include.model.prediction_intervals import ConformalBounds
from include.reproduction import model_diff

ENCODING = Encoding({"size": "float64"}, {})
BASELINES = {"prior": Prior(0.5), "logistic": Logistic(0.0, {"size": (1.0, 1.0, 1.0, 1.0)}, {})}


@cache
def booster(num_boost_round: int = 4, labels: int = 1) -> lightgbm.Booster:
    sizes = np.arange(200.0)
    late = (sizes * labels % 7 > 3).astype(float)
    data = lightgbm.Dataset(pa.table({"size": sizes}), late, feature_name=["size"], params={"verbosity": -1})
    return lightgbm.train(
        {"objective": "binary", "verbosity": -1, "num_threads": 1}, data, num_boost_round=num_boost_round
    )


def model(**changed: object) -> Model:
    return replace(Model(booster(), ENCODING, BASELINES), **changed)


def test_equal_models_do_not_differ_whatever_their_parameters_section_says():
    text = booster().model_to_string().replace("[num_threads: 1]", "[num_threads: 8]")
    assert "[num_threads: 8]" in text
    assert model_diff.model_differences(model(), model(booster=lightgbm.Booster(model_str=text))) == []


@pytest.mark.parametrize(
    ("changed", "said"),
    [
        ({"booster": booster(num_boost_round=2)}, "2 trees were built, 4 are registered, and those in both are equal"),
        ({"booster": booster(labels=3)}, "the trees differ from tree 0 on: 4 trees were built, 4 are registered"),
        ({"baselines": {**BASELINES, "prior": Prior(0.25)}}, "the baseline prior has other values"),
        ({"baselines": {**BASELINES, "logistic": Logistic(0.5, {}, {})}}, "the baseline logistic has other values"),
        ({"bounds": ConformalBounds(-1.0, 1.0, "one")}, "the intervals of the predictions have other ends"),
        ({"encoding": Encoding({"size": "float32"}, {})}, "the encoding reads {'size': 'float32'}, not"),
        ({"encoding": replace(ENCODING, vocabulary={"kind": ("nut",)})}, r"1 values of category 'kind' are in one"),
    ],
)
def test_whatever_differs_is_reported(changed, said):
    found = model_diff.model_differences(model(), model(**changed))
    assert len(found) == 1
    assert said in found[0]


def test_another_order_of_a_vocabulary_differs():
    before, after = (replace(ENCODING, vocabulary={"kind": words}) for words in (("nut", "bolt"), ("bolt", "nut")))
    assert model_diff.model_differences(model(encoding=before), model(encoding=after)) == [
        "category 'kind' has the same values in another order"
    ]
