"""Trainings beside the one that `trained_toy` and `champion` hold."""

from __future__ import annotations

from collections.abc import Callable
from datetime import date
from pathlib import Path
from typing import Any

import pytest

from include.stages import train
from include.use_case import UseCase
from tests.conftest import draw_nothing

LATER = date(2020, 3, 5)


@pytest.fixture
def another(lake_home: Path) -> Callable[..., str]:
    """Trains a use case as of a day, the later one unless it is told, and returns the run; no plots, no verdicts."""

    def trained(use_case: UseCase, day: date = LATER, **parameters: Any) -> str:
        with pytest.MonkeyPatch.context() as patch:
            draw_nothing(patch)
            return train.run(use_case, day, parameters={"rounds": 12, **parameters}).run_id

    return trained
