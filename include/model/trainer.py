"""Fit LightGBM and the baselines: equal rows and parameters always give equal trees."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import lightgbm
import numpy as np
import numpy.typing as npt
import pyarrow as pa
from lightgbm.callback import CallbackEnv

from include.model import encoding
from include.model.arrays import Numbers
from include.model.encoding import Encoding
from include.model.lightgbm_params import Parameters
from include.model.model import Model
from include.model.prediction_intervals import Bounds
from include.model.season import SEASON_AGO, with_season
from include.model.tasks.base import Parameter, TaskModel


@dataclass(frozen=True)
class TrainingRows:
    """Feature columns, encoded labels and the starts of periods, of one length."""

    features: pa.Table
    labels: Numbers
    periods: npt.NDArray[np.datetime64]
    weights: Numbers | None = None
    """The weight of each row in the loss of the trees; None: all rows count the same."""
    season_ago: pa.ChunkedArray | None = None
    """The label of the same keys one season earlier, null where it is not known; None: no season is declared."""

    @property
    def inputs(self) -> pa.Table:
        """Return the features, with what the baselines read besides."""
        return self.features if self.season_ago is None else self.features.append_column(SEASON_AGO, self.season_ago)


@dataclass(frozen=True)
class FittedModel:
    """A trained model with its validation history."""

    model: Model
    best_round: int
    validation_loss: list[float]
    """The loss of each round, as `TaskModel.loss_name` names it."""
    crossed_share: float = 0.0
    """Share of the validation rows whose quantiles crossed, and were sorted."""


@dataclass(frozen=True)
class EncodedRows:
    """Encoded train and validation rows for LightGBM, reused by several fits."""

    encoding: Encoding
    train: pa.Table
    train_labels: Numbers
    validation: pa.Table
    validation_labels: Numbers
    train_weights: Numbers | None = None
    validation_weights: Numbers | None = None


@dataclass(frozen=True)
class BoostedTrees:
    """A booster truncated at its best round, and the validation loss of each round."""

    booster: lightgbm.Booster
    best_round: int
    validation_loss: list[float]


Boost = Callable[[Parameters], BoostedTrees]
"""Fits trees on train and validation rows."""


def encode_rows(features: Mapping[str, str], train: TrainingRows, validation: TrainingRows) -> EncodedRows:
    """Encode train and validation rows; vocabularies come from `train` alone."""
    learned = encoding.learn_encoding(features, train.features)
    return EncodedRows(
        learned,
        learned.encode(train.features),
        train.labels,
        learned.encode(validation.features),
        validation.labels,
        train.weights,
        validation.weights,
    )


def fit_model(
    features: Mapping[str, str],
    train: TrainingRows,
    validation: TrainingRows,
    parameters: Parameters,
    threads: int,
    task: TaskModel[Any],
    baseline: Sequence[str] = (),
) -> FittedModel:
    """Fit the model on `train` with early stopping on `validation`, and the baselines on `train`.

    Intervals, if the task has any, are fitted on `validation`. `baseline` are the features of the linear baseline;
    empty means all.
    """
    rows = encode_rows(features, train, validation)
    return fit_with(
        lambda chosen: boost_trees(rows, chosen, threads), rows, train.inputs, parameters, threads, task, baseline
    )


def fit_with(
    boost: Boost,
    rows: EncodedRows,
    inputs: pa.Table,
    parameters: Parameters,
    threads: int,
    task: TaskModel[Any],
    baseline: Sequence[str] = (),
) -> FittedModel:
    """Fit the model with the trees of `boost`; `rows.train` and `inputs` are what the baselines are fitted on.

    They may be a sample of the train rows, unencoded in `inputs`.
    """
    boosted = boost(parameters)
    linear = rows.encoding.only(baseline or rows.encoding.features)
    baselines = task.fit_baselines(rows.encoding, linear, with_season(rows.train, inputs), rows.train_labels)
    bounds = _fit_bounds(task, boost, rows, boosted.booster, parameters, threads)
    model = Model(boosted.booster, rows.encoding, baselines, bounds)
    crossed = model.predict_encoded(rows.validation, threads).crossed if bounds else 0
    share = crossed / max(rows.validation.num_rows, 1)
    return FittedModel(model, boosted.best_round, boosted.validation_loss, share)


def _fit_bounds(
    task: TaskModel[Any],
    boost: Boost,
    rows: EncodedRows,
    booster: lightgbm.Booster,
    parameters: Parameters,
    threads: int,
) -> Bounds | None:
    """Fit the intervals; further models differ in the parameters of their loss."""

    def fit(changed: Mapping[str, Parameter]) -> lightgbm.Booster:
        return boost(replace(parameters, lightgbm={**parameters.lightgbm, **changed})).booster

    return task.fit_bounds(booster, rows.validation, rows.validation_labels, fit, threads)


def boost_trees(
    rows: EncodedRows, parameters: Parameters, threads: int, watch: Callable[[int, float], None] | None = None
) -> BoostedTrees:
    """Fit LightGBM alone.

    `watch` is called with the number of each round, from 1, and its loss; an error that it raises ends the fit.
    """
    params = {**parameters.lightgbm, "num_threads": threads}
    named = dataset_arguments(rows.encoding, params)
    dataset = lightgbm.Dataset(rows.train, rows.train_labels, weight=rows.train_weights, **named)
    validation = lightgbm.Dataset(
        rows.validation, rows.validation_labels, weight=rows.validation_weights, reference=dataset, **named
    )
    history: dict[str, dict[str, list[float]]] = {}
    booster = lightgbm.train(
        params,
        dataset,
        num_boost_round=parameters.num_boost_round,
        valid_sets=[validation],
        valid_names=["validation"],
        callbacks=[
            lightgbm.early_stopping(parameters.early_stopping_rounds, verbose=False),
            lightgbm.record_evaluation(history),
            *([_round_callback(watch)] if watch else []),
        ],
    )
    # Loaded from its text, so that the evaluated model is exactly the one that will score.
    best = booster.best_iteration
    booster = lightgbm.Booster(model_str=booster.model_to_string(num_iteration=best))
    return BoostedTrees(booster, best, next(iter(history["validation"].values())))


def dataset_arguments(encoding: Encoding, params: Mapping[str, Parameter]) -> dict[str, Any]:
    """Return the arguments of `lightgbm.Dataset` for encoded rows."""
    names = dict(zip(encoding.features, encoding.booster_names, strict=True))
    categories = [names[name] for name in encoding.categories]
    return {
        "feature_name": list(names.values()),
        "categorical_feature": categories,
        "params": params,
        "free_raw_data": True,
    }


def _round_callback(watch: Callable[[int, float], None]) -> Callable[[CallbackEnv], None]:
    """Return LightGBM's callback that calls `watch` after each round."""

    def after_round(env: CallbackEnv) -> None:
        assert env.evaluation_result_list is not None  # there is a validation set
        watch(env.iteration + 1, env.evaluation_result_list[0][2])

    return after_round
