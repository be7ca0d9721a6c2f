"""Fit LightGBM and the baselines on encoded rows: the same rows and parameters always give the same trees."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import lightgbm
import numpy as np
import numpy.typing as npt
import pyarrow as pa

from include.logic import encoding
from include.logic.baselines import Logistic, Prior
from include.logic.metrics import Numbers
from include.logic.model import Model
from include.logic.parameters import Parameters


@dataclass(frozen=True)
class Rows:
    """Feature columns and, of the same length, labels (0 or 1) and days (datetime64[D])."""

    features: pa.Table
    labels: Numbers
    days: npt.NDArray[np.datetime64]


@dataclass(frozen=True)
class Fitted:
    """A model and how its training went."""

    model: Model
    best_round: int
    validation_log_loss: list[float]
    """Of each round."""


def fit(features: Mapping[str, str], train: Rows, validation: Rows, parameters: Parameters, threads: int) -> Fitted:
    """Fit on `train`, stop by the log loss on `validation`; vocabularies and baselines come from `train` alone."""
    learned = encoding.learn(features, train.features)
    encoded = learned.encode(train.features)
    told = {**parameters.lightgbm, "num_threads": threads}
    names, categories = list(learned.features), learned.categories
    dataset = lightgbm.Dataset(
        encoded, train.labels, feature_name=names, categorical_feature=categories, params=told, free_raw_data=True
    )
    judge = lightgbm.Dataset(
        learned.encode(validation.features),
        validation.labels,
        reference=dataset,
        feature_name=names,
        categorical_feature=categories,
        params=told,
        free_raw_data=True,
    )
    history: dict[str, dict[str, list[float]]] = {}
    booster = lightgbm.train(
        told,
        dataset,
        num_boost_round=parameters.rounds,
        valid_sets=[judge],
        valid_names=["validation"],
        callbacks=[
            lightgbm.early_stopping(parameters.early_stopping_rounds, verbose=False),
            lightgbm.record_evaluation(history),
        ],
    )
    # Read back from its own text, so that the model judged here is, bit for bit, the one that will score.
    best = booster.best_iteration
    booster = lightgbm.Booster(model_str=booster.model_to_string(num_iteration=best))
    model = Model(booster, learned, Prior.fit(train.labels), Logistic.fit(learned, encoded, train.labels))
    return Fitted(model, best, history["validation"]["binary_logloss"])
