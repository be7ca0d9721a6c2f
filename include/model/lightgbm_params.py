"""Merge the declared LightGBM parameters of a use case with those of a form."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from include.declaration import form_limits
from include.declaration.lightgbm_rules import OWN, ROUNDS, TUNABLE, wrong_parameters
from include.declaration.problems import Problem
from include.declaration.use_case import Training, UseCase
from include.errors import InvalidRequestError
from include.model.tasks import task_model


class InvalidParametersError(InvalidRequestError):
    """Parameters that were given for a training cannot be set."""

    def __init__(self, use_case: str, problems: Sequence[Problem]) -> None:
        self.use_case, self.problems = use_case, tuple(problems)
        super().__init__(f"{use_case}: {' '.join(problem.text for problem in problems)}")


@dataclass(frozen=True)
class Parameters:
    """All parameters of LightGBM except the number of threads, which changes no tree."""

    lightgbm: Mapping[str, int | float | str | bool]
    num_boost_round: int
    early_stopping_rounds: int

    def to_json(self) -> dict[str, object]:
        stopping = {"num_boost_round": self.num_boost_round, "early_stopping_rounds": self.early_stopping_rounds}
        return {**dict(sorted(self.lightgbm.items())), **stopping}


def merge_parameters(use_case: UseCase, overrides: Mapping[str, Any] | None) -> Parameters:
    """Return the declared parameters with these overrides.

    Raises:
        InvalidParametersError: the overrides are invalid; names all errors, and what may be set.
    """
    form_limits.require_parameters("parameters", overrides)
    training, overrides = use_case.training, dict(overrides or {})
    if wrong := wrong_parameters(overrides):
        raise InvalidParametersError(use_case.name, wrong)
    declared = {name: value for name, value in training.parameters.items() if name not in OWN}
    fixed = task_model(use_case).lightgbm_parameters()
    if training.monotone:
        directions = (training.monotone.get(name, 0) for name in use_case.features)
        fixed["monotone_constraints"] = ",".join(map(str, directions))
    return _parameters(training, fixed, declared | overrides)


def _parameters(training: Training, fixed: Mapping[str, Any], chosen: Mapping[str, Any]) -> Parameters:
    stopping = {
        "num_boost_round": training.num_boost_round,
        "early_stopping_rounds": training.early_stopping_rounds,
    }
    stopping |= {name: value for name, value in chosen.items() if name in ROUNDS}
    typed = {name: TUNABLE[name].kind(value) for name, value in chosen.items() if name not in ROUNDS}
    # LightGBM derives its seeds for bagging, features and data from this one.
    return Parameters({**fixed, **OWN, "seed": training.seed, **typed}, **stopping)  # type: ignore[dict-item]
