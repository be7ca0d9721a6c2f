"""Fit LightGBM and the baselines on encoded rows: the same rows and parameters always give the same trees."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import lightgbm
import numpy as np
import numpy.typing as npt
import pyarrow as pa
from lightgbm.callback import CallbackEnv

from include.model import encoding
from include.model.arrays import Numbers
from include.model.baselines import Logistic, Prior
from include.model.encoding import Encoding
from include.model.lightgbm_params import Parameters
from include.model.model import Model


@dataclass(frozen=True)
class TrainingRows:
    """Feature columns and, of the same length, labels (0 or 1) and days (datetime64[D])."""

    features: pa.Table
    labels: Numbers
    days: npt.NDArray[np.datetime64]


@dataclass(frozen=True)
class FittedModel:
    """A model and how its training went."""

    model: Model
    best_round: int
    validation_log_loss: list[float]
    """Of each round."""


@dataclass(frozen=True)
class EncodedRows:
    """The rows to fit on and the rows to stop by, as LightGBM sees them: encoded once, however often fitted."""

    encoding: Encoding
    train: pa.Table
    train_labels: Numbers
    validation: pa.Table
    validation_labels: Numbers


@dataclass(frozen=True)
class BoostedTrees:
    """A booster, cut at its best round, and the validation log loss (in nats) of each round that it took."""

    booster: lightgbm.Booster
    best_round: int
    validation_log_loss: list[float]


def encode_rows(features: Mapping[str, str], train: TrainingRows, validation: TrainingRows) -> EncodedRows:
    """Encode both; vocabularies come from `train` alone."""
    learned = encoding.learn_encoding(features, train.features)
    return EncodedRows(
        learned, learned.encode(train.features), train.labels, learned.encode(validation.features), validation.labels
    )


def fit_model(
    features: Mapping[str, str],
    train: TrainingRows,
    validation: TrainingRows,
    parameters: Parameters,
    threads: int,
    baseline: Sequence[str] = (),
) -> FittedModel:
    """Fit on `train`, stop by the log loss on `validation`; vocabularies and baselines come from `train` alone.

    `baseline` are the features that the logistic regression reads; none: all.
    """
    rows = encode_rows(features, train, validation)
    boosted = boost_trees(rows, parameters, threads)
    logistic = Logistic.fit(rows.encoding.only(baseline or features), rows.train, train.labels)
    model = Model(boosted.booster, rows.encoding, Prior.fit(train.labels), logistic)
    return FittedModel(model, boosted.best_round, boosted.validation_log_loss)


def boost_trees(
    rows: EncodedRows, parameters: Parameters, threads: int, watch: Callable[[int, float], None] | None = None
) -> BoostedTrees:
    """Fit LightGBM alone. `watch` is told each round, from 1, and its log loss; what it raises ends the fit."""
    told = {**parameters.lightgbm, "num_threads": threads}
    names = dict(zip(rows.encoding.features, rows.encoding.booster_names, strict=True))
    named: dict[str, Any] = {"feature_name": list(names.values())}
    named["categorical_feature"] = [names[name] for name in rows.encoding.categories]
    dataset = lightgbm.Dataset(rows.train, rows.train_labels, params=told, free_raw_data=True, **named)
    judge = lightgbm.Dataset(
        rows.validation, rows.validation_labels, reference=dataset, params=told, free_raw_data=True, **named
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
            *([_watched(watch)] if watch else []),
        ],
    )
    # Read back from its own text, so that the model judged here is, bit for bit, the one that will score.
    best = booster.best_iteration
    booster = lightgbm.Booster(model_str=booster.model_to_string(num_iteration=best))
    return BoostedTrees(booster, best, history["validation"]["binary_logloss"])


def _watched(watch: Callable[[int, float], None]) -> Callable[[CallbackEnv], None]:
    """LightGBM's callback that tells of each round."""

    def after(env: CallbackEnv) -> None:
        assert env.evaluation_result_list is not None  # there is a validation set
        watch(env.iteration + 1, env.evaluation_result_list[0][2])

    return after
