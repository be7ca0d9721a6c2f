"""Fit LightGBM in several processes, each with a share of the rows; all get the same trees.

LightGBM's own data-parallel learner adds up the histograms of all processes in a fixed order. What it takes from the
rows of one process alone is made equal here: the bins come from one sample that all have, and rounds end by the loss of
the validation rows of all.
"""

from __future__ import annotations

import re
import warnings
from collections.abc import Callable, Mapping
from dataclasses import dataclass

import lightgbm
import numpy as np
import pyarrow as pa
from lightgbm.basic import EvalResult
from lightgbm.callback import CallbackEnv

from include.model.arrays import Numbers
from include.model.lightgbm_params import Parameters
from include.model.tasks.base import Parameter
from include.model.trainer import BoostedTrees, EncodedRows, dataset_arguments

Combine = Callable[[float, float], float]
"""Returns the mean loss of all shares from that of this one, and the sum of its weights."""
_OF_NETWORK = ("machines", "local_listen_port", "num_machines", "time_out", "tree_learner")
_BEFORE_STOPPING = 5
"""Order of a callback that runs before those of LightGBM."""


@dataclass(frozen=True)
class Network:
    """The processes that fit together, in the order of their shares."""

    machines: tuple[str, ...]
    """`host:port` of each."""
    share: int
    """The number of this process, from 0."""

    def parameters(self) -> dict[str, Parameter]:
        """Return LightGBM's parameters for it."""
        return {
            "tree_learner": "data",
            "machines": ",".join(self.machines),
            "local_listen_port": int(self.machines[self.share].rpartition(":")[2]),
            "num_machines": len(self.machines),
        }


def boost_share(
    rows: EncodedRows, sample: pa.Table, parameters: Parameters, threads: int, network: Network, combine: Combine
) -> BoostedTrees:
    """Fit trees on the rows of this share together with the other processes.

    `sample` are encoded train rows of all shares, equal in each process: the bins of the features are made from them.

    Raises:
        LightGBMError: LightGBM failed, or another process did.
    """
    params = {**parameters.lightgbm, **network.parameters(), "num_threads": threads}
    arguments = dataset_arguments(rows.encoding, params)
    history: dict[str, dict[str, list[float]]] = {}
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of parameters that a data set takes over from its reference
        # Before the network exists: then LightGBM makes the bins in this process alone.
        bins = lightgbm.Dataset(sample, np.zeros(sample.num_rows), **arguments).construct()
        train = lightgbm.Dataset(rows.train, rows.train_labels, weight=rows.train_weights, reference=bins, **arguments)
        validation = lightgbm.Dataset(
            rows.validation, rows.validation_labels, weight=rows.validation_weights, reference=train, **arguments
        )
        booster = lightgbm.train(
            params,
            train,
            num_boost_round=parameters.num_boost_round,
            valid_sets=[validation],
            valid_names=["validation"],
            callbacks=[
                _combined_loss(combine, _weight_of(rows)),
                lightgbm.early_stopping(parameters.early_stopping_rounds, verbose=False),
                lightgbm.record_evaluation(history),
            ],
        )
    best = booster.best_iteration
    text = _without_network(booster.model_to_string(num_iteration=best))
    booster.free_network()
    return BoostedTrees(lightgbm.Booster(model_str=text), best, next(iter(history["validation"].values())))


def _weight_of(rows: EncodedRows) -> float:
    weights: Numbers | None = rows.validation_weights
    return float(len(rows.validation_labels) if weights is None else np.sum(weights))


def _combined_loss(combine: Combine, weight: float) -> Callable[[CallbackEnv], None]:
    """Return a callback that replaces the loss of each round by that of all shares."""

    def after_round(env: CallbackEnv) -> None:
        results = env.evaluation_result_list
        assert results is not None and len(results) == 1  # one validation set, one metric
        own = results[0]
        combined = combine(own.metric_value, weight)
        results[0] = EvalResult(own.dataset_name, own.metric_name, combined, own.maximize)

    after_round.order = _BEFORE_STOPPING  # type: ignore[attr-defined]
    return after_round


def _without_network(text: str) -> str:
    """Return LightGBM's text without the addresses of the processes."""
    trees, mark, parameters = text.partition("\nparameters:")
    return trees + mark + re.sub(rf"^\[({'|'.join(_OF_NETWORK)}): .*\]\n", "", parameters, flags=re.MULTILINE)


def merged_vocabulary(parts: list[Mapping[str, tuple[str, ...]]]) -> dict[str, tuple[str, ...]]:
    """Return the sorted values of each category from those of several parts of the rows."""
    return {name: tuple(sorted({word for part in parts for word in part[name]})) for name in parts[0]}
