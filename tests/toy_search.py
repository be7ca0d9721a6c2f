"""The toy use case with a search space and a very short tuning."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from mlflow import MlflowClient
from mlflow.entities import Run

from include import settings
from include.declaration.period import Period
from include.project import open_project
from include.training import search, tune
from include.use_case import SearchRange, UseCase
from tests import toy
from tests.conftest import AS_OF

QUICK = {"num_boost_round": 12, "early_stopping_rounds": 4}
SPACE = {"learning_rate": SearchRange(0.001, 0.5, log=True), "num_leaves": SearchRange(2, 40)}
DECLARED = {"learning_rate": 0.1, "num_leaves": 15}
"""What the toy use case declares of what is searched."""
USE_CASE = replace(toy.USE_CASE, training=replace(toy.USE_CASE.training, search_space=SPACE))


def quick(use_case: UseCase = USE_CASE, period: Period = AS_OF, trials: int = 4, **options: Any) -> tune.TuneResult:
    """A tuning of few trials of few rounds."""
    return tune.tune_parameters(
        open_project(use_case), period, trials=trials, parameters=QUICK | options.pop("parameters", {}), **options
    )


def client() -> MlflowClient:
    """Of the store that the stages write to."""
    return MlflowClient(settings.current_settings().mlflow)


def runs(filter_: str = "") -> list[Run]:
    """All runs, oldest first."""
    return list(client().search_runs(["1"], filter_, order_by=["attributes.start_time ASC"]))


def trials_of(study: str) -> list[Run]:
    """The trials' runs, oldest first."""
    return runs(f"tags.mlflow.parentRunId = '{study}'")


def choice(result: tune.TuneResult) -> search.SearchResult:
    """What was chosen, without the run that says so."""
    return search.SearchResult(**{name: getattr(result, name) for name in search.SearchResult.__dataclass_fields__})
