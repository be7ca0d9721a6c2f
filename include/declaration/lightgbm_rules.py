"""Define the LightGBM parameters that may be set, with types and ranges.

Imports nothing heavy.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Protocol

from include.declaration.problems import Problem, did_you_mean

LARGEST_INTEGER, LARGEST_NUMBER = 2**31 - 1, 1e308


@dataclass(frozen=True)
class Range:
    """Allowed values of a parameter, both ends included."""

    kind: type
    least: float = 0
    most: float = math.inf
    """If infinite, LightGBM's own limit applies: 32 bits for whole numbers, finite values for others."""

    def __str__(self) -> str:
        if self.kind is bool:
            return "True or False"
        end = "" if self.most == math.inf else f" to {self.most:g}"
        return f"{'a whole number' if self.kind is int else 'a number'} from {self.least:g}{end}"

    def holds(self, value: object) -> bool:
        """Return whether a value has the type and is in the range."""
        if self.kind is bool or isinstance(value, bool):
            return self.kind is bool and isinstance(value, bool)
        if not isinstance(value, int if self.kind is int else int | float):
            return False
        end = min(self.most, LARGEST_INTEGER if self.kind is int else LARGEST_NUMBER)
        return self.least <= value <= end  # False for NaN


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
    "extra_trees": Range(bool),
}
"""See https://lightgbm.readthedocs.io/en/stable/Parameters.html."""
ROUNDS: Mapping[str, Range] = {
    "num_boost_round": Range(int, 1, 100_000),
    "early_stopping_rounds": Range(int, 1, 100_000),
}
OWN: Mapping[str, object] = {
    "deterministic": True,
    "force_row_wise": True,
    "boosting": "gbdt",
    "device_type": "cpu",
    "verbosity": -1,
}
"""Parameters that the trainer sets, in addition to seed and threads: they make training deterministic."""
OF_THE_TASK = frozenset({"objective", "metric", "num_class", "alpha"})
"""Parameters that follow from the declared task."""
ALSO_OWN = frozenset(
    {
        *("seed", "data_random_seed", "bagging_seed", "feature_fraction_seed", "extra_seed"),
        *("num_threads", "force_col_wise", "is_unbalance", "categorical_feature"),
    }
)
_ALIASES: Mapping[str, str] = {
    "learning_rate": "eta shrinkage_rate",
    "num_leaves": "max_leaf num_leaf max_leaves max_leaf_nodes",
    "min_data_in_leaf": "min_data min_samples_leaf min_child_samples min_data_per_leaf",
    "min_sum_hessian_in_leaf": "min_hessian min_sum_hessian min_child_weight min_sum_hessian_per_leaf",
    "min_gain_to_split": "min_split_gain",
    "lambda_l1": "reg_alpha l1_regularization",
    "lambda_l2": "lambda reg_lambda l2_regularization",
    "feature_fraction": "sub_feature colsample_bytree",
    "feature_fraction_bynode": "colsample_bynode sub_feature_bynode",
    "bagging_fraction": "bagging sub_row subsample",
    "bagging_freq": "subsample_freq",
    "pos_bagging_fraction": "pos_bagging pos_sub_row pos_subsample",
    "neg_bagging_fraction": "neg_bagging neg_sub_row neg_subsample",
    "max_bin": "max_bins",
    "max_delta_step": "max_leaf_output max_tree_output",
    "extra_trees": "extra_tree",
    "num_boost_round": "num_iterations n_iter nrounds max_iter num_tree num_round num_trees num_rounds n_estimators"
    " num_iteration",
    "early_stopping_rounds": "early_stopping_round early_stopping n_iter_no_change",
    "objective": "app loss application objective_type",
    "metric": "metrics metric_types",
    "boosting": "boost boosting_type",
    "device_type": "device",
    "verbosity": "verbose",
    "seed": "random_seed random_state",
    "data_random_seed": "data_seed",
    "bagging_seed": "bagging_fraction_seed",
    "num_threads": "n_jobs nthread nthreads num_thread",
    "num_class": "num_classes",
    "is_unbalance": "unbalance unbalanced_sets",
    "categorical_feature": "cat_column cat_feature categorical_column categorical_features",
}
"""Parameter to its aliases in LightGBM; with `num_boost_round` and `early_stopping_rounds` as the names used here."""
ALIASES: Mapping[str, str] = {alias: name for name, aliases in _ALIASES.items() for alias in aliases.split()}


class SearchedRange(Protocol):
    """A range that tuning searches: `include.declaration.use_case.SearchRange`."""

    @property
    def low(self) -> float: ...
    @property
    def high(self) -> float: ...
    @property
    def whole(self) -> bool: ...


def wrong_parameters(values: Mapping[str, Any]) -> list[Problem]:
    """Return the problems of values of LightGBM's parameters and of `ROUNDS`."""
    wrong = []
    for name, value in values.items():
        allowed = TUNABLE.get(name) or ROUNDS.get(name)
        if allowed is None:
            wrong.append(_unknown(name))
        elif not allowed.holds(value):
            wrong.append(Problem(f"parameters[{name!r}]", f"Parameter {name!r} must be {allowed}, not {value!r}."))
    return wrong


def wrong_declaration(parameters: Mapping[str, Any], search: Mapping[str, SearchedRange]) -> Iterator[Problem]:
    """Yield the problems of the parameters and the search ranges of a `Training`.

    A parameter that the trainer sets may be declared with the trainer's value.
    """
    declared = {name: value for name, value in parameters.items() if name not in OWN or OWN[name] != value}
    for name in declared.keys() & ROUNDS.keys():
        yield Problem(
            f"parameters[{name!r}]",
            f"Parameter {name!r} is a field of Training.",
            f"Write Training({name}=…).",
        )
    yield from wrong_parameters({name: value for name, value in declared.items() if name not in ROUNDS})
    searchable = sorted(name for name, allowed in TUNABLE.items() if allowed.kind is not bool)
    for name, each in search.items():
        path = f"search_space[{name!r}]"
        if name not in searchable:
            near = f"Write {ALIASES[name]!r}." if ALIASES.get(name) in searchable else did_you_mean(name, searchable)
            hint = near or f"These can be searched: {', '.join(searchable)}."
            yield Problem(path, f"Parameter {name!r} cannot be searched.", hint)
        elif problem := _wrong_range(TUNABLE[name], each, parameters.get(name)):
            yield Problem(path, f"The search range of {name!r} {problem}.")


def _wrong_range(allowed: Range, search: SearchedRange, declared: object) -> str | None:
    """Return the problem of a parameter's search range as text, or None."""
    if allowed.kind is int and not search.whole:
        return f"must be {allowed}: give whole numbers for both ends, not {search.low!r} and {search.high!r}"
    if not (allowed.holds(search.low) and allowed.holds(search.high)):
        return f"must be {allowed}; {search.low:g} to {search.high:g} is outside"
    if not isinstance(declared, int | float):
        return "has no value in `parameters`: declare the value to try first"
    if not search.low <= declared <= search.high or (search.whole and declared != int(declared)):
        return f"tries {declared!r} first, which is not a value from {search.low!r} to {search.high!r}"
    return None


def _unknown(name: str) -> Problem:
    """Return the problem of a name that cannot be set, with the name to write instead."""
    path, meant = f"parameters[{name!r}]", ALIASES.get(name, name)
    if meant in OF_THE_TASK:
        return Problem(path, f"Parameter {name!r} follows from the task of the use case.", "Leave it out.")
    if meant in OWN or meant in ALSO_OWN:
        return Problem(path, f"Parameter {name!r} is set by the trainer itself.", "Leave it out.")
    if meant != name:
        return Problem(path, f"Parameter {name!r} is another name of {meant!r}.", f"Write {meant!r}.")
    hint = did_you_mean(name, allowed := sorted({*TUNABLE, *ROUNDS})) or f"These may be set: {', '.join(allowed)}."
    return Problem(path, f"Parameter {name!r} cannot be set.", hint)
