"""LightGBM's parameters: which a use case or a form may set, of what type and in what range.

Imports nothing heavy, as use_case.py.
"""

from __future__ import annotations

import difflib
import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Protocol


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


class SearchedRange(Protocol):
    """A range that tuning searches: `include.declaration.use_case.Search`."""

    @property
    def low(self) -> float: ...
    @property
    def high(self) -> float: ...
    @property
    def whole(self) -> bool: ...


def wrong_parameters(values: Mapping[str, Any]) -> list[str]:
    """Return what is wrong with these values of LightGBM's parameters and of `ROUNDS`, in words."""
    wrong = []
    for name, value in values.items():
        allowed = TUNABLE.get(name) or ROUNDS.get(name)
        if allowed is None:
            wrong.append(f"parameter {name!r} {_unknown(str(name))}")
        elif not _fits(value, allowed):
            wrong.append(f"parameter {name!r} must be {allowed}, not {value!r}")
    return wrong


def wrong_declaration(parameters: Mapping[str, Any], search: Mapping[str, SearchedRange]) -> str:
    """Return what is wrong with the parameters of a `Training` and what it searches; empty if nothing is.

    A parameter that the trainer sets itself may be declared with the trainer's value.
    """
    # In `Training`, rounds are fields of their own.
    declared = {name: value for name, value in parameters.items() if OWN.get(name) != value}
    wrong = [f"parameter {name!r} is a field of Training" for name in declared if name in ROUNDS]
    wrong += wrong_parameters({name: value for name, value in declared.items() if name not in ROUNDS})
    allowed = f". These may be set: {', '.join(sorted(TUNABLE))}" if wrong else ""
    for name, each in search.items():
        if problem := _wrong_range(name, each, parameters.get(name)):
            wrong.append(f"search of {name!r} {problem}")
    return "; ".join(wrong) + allowed


def _wrong_range(name: str, search: SearchedRange, declared: object) -> str | None:
    """Return what is wrong with the range of a parameter, in words."""
    allowed = TUNABLE.get(name)
    if allowed is None:
        return f"is not possible; these can be searched: {', '.join(sorted(TUNABLE))}"
    if allowed.kind is int and not search.whole:
        return f"must be {allowed}: give whole numbers for both ends, not {search.low!r} and {search.high!r}"
    if not (math.isfinite(search.high) and allowed.least <= search.low and search.high <= allowed.most):
        return f"must be {allowed}; {search.low:g} to {search.high:g} is not within"
    if not isinstance(declared, int | float):
        return "has no value in `parameters`: declare the one to begin with, which is tried first"
    if not search.low <= declared <= search.high or (search.whole and declared != int(declared)):
        return f"begins with {declared!r}, which is no value from {search.low!r} to {search.high!r}: it is tried first"
    return None


def _unknown(name: str) -> str:
    if name in OWN or name in ALSO_OWN:
        return "is set by the trainer itself"
    near = difflib.get_close_matches(name, [*TUNABLE, *ROUNDS], n=1)
    return f"is unknown (did you mean {near[0]!r}?)" if near else "is unknown"


def _fits(value: object, allowed: Range) -> bool:
    if isinstance(value, bool) or not isinstance(value, (int, float) if allowed.kind is float else int):
        return False
    return allowed.least <= value <= allowed.most  # NaN lies in no range
