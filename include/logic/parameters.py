"""LightGBM's parameters: which may be set by a declaration or a form, of what type and in what range."""

from __future__ import annotations

import difflib
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from include.errors import BadRequest
from include.use_case import Training, UseCase


@dataclass(frozen=True)
class Range:
    """What a parameter may be, both ends included."""

    kind: type
    least: float = 0
    most: float = float("inf")

    def __str__(self) -> str:
        return f"{'a whole number' if self.kind is int else 'a number'} from {self.least:g} to {self.most:g}"


TUNABLE: Mapping[str, Range] = {
    "learning_rate": Range(float, 1e-6, 1),
    "num_leaves": Range(int, 2, 131072),
    "max_depth": Range(int, -1, 1000),
    "min_data_in_leaf": Range(int),
    "min_sum_hessian_in_leaf": Range(float),
    "min_gain_to_split": Range(float),
    "lambda_l1": Range(float),
    "lambda_l2": Range(float),
    "linear_lambda": Range(float),
    "path_smooth": Range(float),
    "feature_fraction": Range(float, 1e-6, 1),
    "feature_fraction_bynode": Range(float, 1e-6, 1),
    "bagging_fraction": Range(float, 1e-6, 1),
    "bagging_freq": Range(int),
    "pos_bagging_fraction": Range(float, 1e-6, 1),
    "neg_bagging_fraction": Range(float, 1e-6, 1),
    "max_bin": Range(int, 2, 65535),
    "min_data_in_bin": Range(int, 1),
    "max_cat_threshold": Range(int, 1),
    "max_cat_to_onehot": Range(int, 1),
    "min_data_per_group": Range(int, 1),
    "cat_l2": Range(float),
    "cat_smooth": Range(float),
    "scale_pos_weight": Range(float, 1e-6),
    "max_delta_step": Range(float),
    "extra_trees": Range(int, 0, 1),
}
"""See https://lightgbm.readthedocs.io/en/stable/Parameters.html."""
ROUNDS: Mapping[str, Range] = {"rounds": Range(int, 1, 100_000), "early_stopping_rounds": Range(int, 1, 100_000)}
OWN: Mapping[str, object] = {
    "objective": "binary",
    "metric": "binary_logloss",
    "deterministic": True,
    "force_row_wise": True,
    "boosting": "gbdt",
    "device_type": "cpu",
    "verbosity": -1,
}
"""What the trainer sets itself, besides seed and number of threads: determinism and the objective hang on it."""
ALSO_OWN = frozenset(
    {
        *("seed", "random_state", "data_random_seed", "bagging_seed", "feature_fraction_seed", "extra_seed"),
        *("num_threads", "n_jobs", "device", "force_col_wise"),
        *("application", "num_class", "is_unbalance", "categorical_feature"),
    }
)


@dataclass(frozen=True)
class Parameters:
    """Everything that LightGBM is told, but for the number of threads, which changes no tree."""

    lightgbm: Mapping[str, int | float | str | bool]
    rounds: int
    early_stopping_rounds: int

    def to_json(self) -> dict[str, object]:
        rounds = {"rounds": self.rounds, "early_stopping_rounds": self.early_stopping_rounds}
        return {**dict(sorted(self.lightgbm.items())), **rounds}


def merge(use_case: UseCase, overrides: Mapping[str, Any] | None) -> Parameters:
    """The declared parameters with these overrides; BadRequest names all that is wrong, and what may be set."""
    training, overrides = use_case.training, dict(overrides or {})
    declared = {name: value for name, value in training.parameters.items() if OWN.get(name) != value}
    wrong = [*_wrong(declared, "declared "), *_wrong(overrides, "")]
    if wrong:
        names = sorted({*TUNABLE, *ROUNDS})
        raise BadRequest(f"{use_case.name}: {'; '.join(wrong)}. These may be set: {', '.join(names)}.")
    return _parameters(training, declared | overrides)


def _parameters(training: Training, chosen: Mapping[str, Any]) -> Parameters:
    rounds = {"rounds": training.rounds, "early_stopping_rounds": training.early_stopping_rounds}
    rounds |= {name: value for name, value in chosen.items() if name in ROUNDS}
    typed = {name: TUNABLE[name].kind(value) for name, value in chosen.items() if name not in ROUNDS}
    # LightGBM derives its seeds for bagging, features and data from this one.
    return Parameters({**OWN, "seed": training.seed, **typed}, **rounds)  # type: ignore[dict-item]


def _wrong(values: Mapping[str, Any], what: str) -> list[str]:
    wrong = []
    for name, value in values.items():
        allowed = TUNABLE.get(name) or ROUNDS.get(name)
        if allowed is None:
            wrong.append(f"{what}parameter {name!r} {_unknown(str(name))}")
        elif not _fits(value, allowed):
            wrong.append(f"{what}parameter {name!r} must be {allowed}, not {value!r}")
    return wrong


def _unknown(name: str) -> str:
    if name in OWN or name in ALSO_OWN:
        return "is set by the trainer itself"
    near = difflib.get_close_matches(name, [*TUNABLE, *ROUNDS], n=1)
    return f"is unknown (did you mean {near[0]!r}?)" if near else "is unknown"


def _fits(value: object, allowed: Range) -> bool:
    if isinstance(value, bool) or not isinstance(value, (int, float) if allowed.kind is float else int):
        return False
    return allowed.least <= value <= allowed.most  # NaN lies in no range
