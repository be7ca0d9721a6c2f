"""Trainings beside the one that `trained_toy` has made."""

from __future__ import annotations

from collections.abc import Callable
from datetime import date
from typing import Any

import pytest

from include.stages import train
from include.use_case import UseCase

LATER = date(2020, 3, 5)


@pytest.fixture
def another(trained_toy: str, without_plots: None) -> Callable[..., str]:
    """Trains a use case as of a day, the later one unless it is told, and returns the run; not judged yet."""

    def trained(use_case: UseCase, day: date = LATER, **parameters: Any) -> str:
        return train.run(use_case, day, parameters={"rounds": 12, **parameters}).run_id

    return trained
