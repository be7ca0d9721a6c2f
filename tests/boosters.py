"""Small boosters of every objective, on rows with numbers, categories, nulls and zeros."""

from __future__ import annotations

import functools
import re
import struct
from collections.abc import Mapping
from types import MappingProxyType

import lightgbm
import numpy as np
import pyarrow as pa

from include.model.encoding import Encoding
from include.model.model import Model
from include.model.prediction_intervals import QuantileBounds
from include.model.tree_text import Tree, read_trees
from include.scoring.tree_certificate import Subject

ENCODING = Encoding(
    {
        "size": "float64",
        "weight": "float64",
        "hour": "int8",
        "share": "float32",
        "kind": "category",
        "town": "category",
    },
    {"kind": tuple("abcde"), "town": tuple(f"town {number:02d}" for number in range(60))},
)
ROWS = 3_000
OBJECTIVES: Mapping[str, Mapping[str, object]] = MappingProxyType(
    {
        "binary": {"objective": "binary"},
        "weighted binary": {"objective": "binary", "scale_pos_weight": 3.0},
        "regression": {"objective": "regression"},
        "monotone": {"objective": "regression", "monotone_constraints": "1,-1,0,0,0,0"},
        "smoothed": {"objective": "regression", "path_smooth": 2.0, "extra_trees": True},
        "bagged": {"objective": "regression", "bagging_fraction": 0.5, "bagging_freq": 1, "feature_fraction": 0.7},
        "one to one": {"objective": "regression", "max_cat_to_onehot": 100},
        "regression_l1": {"objective": "regression_l1"},
        "huber": {"objective": "huber"},
        "quantile": {"objective": "quantile", "alpha": 0.9},
        "mape": {"objective": "mape"},
        "poisson": {"objective": "poisson"},
        "gamma": {"objective": "gamma"},
        "tweedie": {"objective": "tweedie"},
        "multiclass": {"objective": "multiclass", "num_class": 3},
    }
)
"""Name to the parameters of LightGBM: all that a task or a declaration can set."""
LINEAR = MappingProxyType({"objective": "regression", "linear_tree": True})


def rows(count: int = ROWS, seed: int = 0) -> pa.Table:
    """Encoded rows with nulls, and with zeros of both signs."""
    generator = np.random.default_rng(seed)
    numbers = generator.normal(size=(count, 6))
    numbers[:, 1] = np.where(generator.random(count) < 0.3, -0.0, np.round(numbers[:, 1], 1))
    numbers[:, 2] = generator.integers(-12, 12, count)
    numbers[:, 4], numbers[:, 5] = generator.integers(0, 5, count), generator.integers(0, 60, count)
    numbers[generator.random((count, 6)) < 0.05] = np.nan
    columns = [
        pa.array(numbers[:, column].astype(field.type.to_pandas_dtype()), from_pandas=True)
        for column, field in enumerate(ENCODING.schema())
    ]
    return pa.table(columns, schema=ENCODING.schema())


@functools.cache
def text_of(name: str, rounds: int = 6, leaves: int = 12) -> str:
    """LightGBM's text of a booster of OBJECTIVES, or of linear trees."""
    parameters = dict(LINEAR if name == "linear" else OBJECTIVES[name])
    encoded = rows()
    values = np.column_stack([np.nan_to_num(column.to_numpy()) for column in encoded.columns])
    size, weight, hour, share, kind, town = values.T
    score = size + np.abs(weight) + share + 2 * np.sin(hour / 3) + (town % 4) + kind
    labels = np.exp(score / 4)
    if "binary" in name:
        labels = (score > np.median(score)).astype(float)
    elif name == "multiclass":
        labels = np.digitize(score, np.quantile(score, [0.3, 0.6])).astype(float)
    own = {"num_leaves": leaves, "verbosity": -1, "num_threads": 1, "deterministic": True, "min_data_in_leaf": 5}
    categories = {"feature_name": list(ENCODING.features), "categorical_feature": ENCODING.categories}
    dataset = lightgbm.Dataset(encoded, labels, params=parameters | own, **categories)
    return str(lightgbm.train(parameters | own, dataset, rounds).model_to_string())


def booster_of(name: str, **sizes: int) -> lightgbm.Booster:
    return lightgbm.Booster(model_str=text_of(name, **sizes))


def trees_of(name: str, **sizes: int) -> list[Tree]:
    return read_trees(text_of(name, **sizes))


def subject_of(name: str, **sizes: int) -> Subject:
    return Subject(booster_of(name, **sizes), trees_of(name, **sizes), ENCODING)


def model_of(name: str = "regression", ends: str | None = None, **sizes: int) -> Model:
    """A model without baselines; `ends` names the objective of both ends of its intervals."""
    bounds = QuantileBounds(booster_of(ends), booster_of(ends, rounds=7), with_point=False) if ends else None
    return Model(booster_of(name, **sizes), ENCODING, {}, bounds)


def with_flipped_leaf(text: str, tree: int, leaf: int) -> str:
    """LightGBM's text with one bit of the value of one leaf flipped, high enough not to be rounded away."""
    place = [*re.finditer(r"^leaf_value=(.*)$", text, re.MULTILINE)][tree]
    values = place[1].split()
    bits = struct.unpack("<Q", struct.pack("<d", float(values[leaf])))[0] ^ (1 << 40)
    values[leaf] = repr(struct.unpack("<d", struct.pack("<Q", bits))[0])
    return f"{text[: place.start(1)]}{' '.join(values)}{text[place.end(1) :]}"
