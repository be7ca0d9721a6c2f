"""Trainings in addition to those of the fixtures `trained_toy` and `champion`."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from include import settings
from include.declaration.period import Period
from include.lake.object_store import StoragePath
from include.project import open_project
from include.training import train
from include.use_case import UseCase
from tests import maintained, quarantined
from tests.conftest import AS_OF, copy_lake, draw_nothing, living_in, move

LATER = Period("2020-03-05")


@pytest.fixture(scope="session")
def quarantined_home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A home whose toy lake has the events of one day landed and validated, two of them quarantined; not written to."""
    home = tmp_path_factory.mktemp("quarantined")
    with living_in(home) as patch:
        quarantined.spoil(patch, "events", "hour", [25, -1], quarantined.DAY)
        quarantined.land("events", quarantined.DAY)
    return home


@pytest.fixture
def bad_hours(lake_home: Path, quarantined_home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Two events of DAY have impossible hours and are quarantined."""
    quarantined.spoil(monkeypatch, "events", "hour", [25, -1], quarantined.DAY)
    copy_lake(quarantined_home / "lake", StoragePath.parse(settings.current_settings().lake))


@pytest.fixture
def another(lake_home: Path) -> Callable[..., str]:
    """Trains a use case as of a day, the later one by default, and returns the run; no plots, no gate results."""

    def trained(use_case: UseCase, period: Period = LATER, **parameters: Any) -> str:
        with pytest.MonkeyPatch.context() as patch:
            draw_nothing(patch)
            return train.train_model(
                open_project(use_case), period, parameters={"num_boost_round": 12, **parameters}
            ).run_id

    return trained


@pytest.fixture(scope="session")
def four_versions(tmp_path_factory: pytest.TempPathFactory, filled: Path, tracking_template: Path) -> Path:
    """A home with four versions, a day of features corrected after each, and the ledger's champions 1 and 3; with
    them a run that became no version. Version 2 is of data that only its Delta version still holds."""
    home = tmp_path_factory.mktemp("versions") / "home"
    shutil.copytree(filled, home)
    shutil.copy(tracking_template, home / "mlflow.db")
    with living_in(home) as patch:
        draw_nothing(patch)
        for number in ("1", "2", "3", "4"):
            version = maintained.register_one()
            assert version == number
            if number in "13":
                maintained.make_champion(number)
            maintained.enlarge()
        train.train_model(open_project(maintained.USE_CASE), AS_OF - 1, parameters=maintained.FEW_ROUNDS)
    return home


@pytest.fixture
def home(lake_home: Path, four_versions: Path, monkeypatch: pytest.MonkeyPatch, without_plots: None) -> Path:
    """A copy of that home as the test's own."""
    move(four_versions, lake_home, monkeypatch)
    return lake_home
