"""Homes that many tests copy, made once per session: a filled lake, a trained model, a champion of each toy."""

from __future__ import annotations

import functools
import shutil
from pathlib import Path

import pytest

from include.lake.lake import Lake
from include.lake.object_store import StoragePath
from include.project import open_project
from tests.conftest import copy_folder, living_in, moved_into
from tests.toys import Toy


class Homes:
    """None of them is ever written to again."""

    def __init__(self, folders: pytest.TempPathFactory, tracking: Path) -> None:
        self._folders, self._tracking = folders, tracking
        self.filled = functools.cache(self._filled)
        self.trained = functools.cache(self._trained)
        self.champion = functools.cache(self._champion)

    def _filled(self, toy: Toy) -> Path:
        """The lake with features and labels of every day from the toy's first to its last."""
        root = self._folders.mktemp("filled")
        lake, step = Lake(toy.use_case, StoragePath.parse(root) / "lake" / toy.name), 14
        first = toy.first
        while first <= toy.last:
            toy.fill(lake, first, min(first + step - 1, toy.last))
            for table in ("features", "labels"):
                lake.delta(table).create_checkpoint()  # else each opening reads the log's files one by one
            first += step
        return root

    def _trained(self, toy: Toy) -> tuple[Path, str]:
        """The filled lake and one complete, evaluated run as of the toy's day, and the run's id."""
        from include.evaluation import evaluate
        from include.training import train

        home = self._folders.mktemp("trained") / "home"
        copy_folder(self.filled(toy), home)
        shutil.copyfile(self._tracking, home / "mlflow.db")
        with living_in(home):
            run_id = train.train_model(open_project(toy.use_case), toy.as_of, reason="a first model").run_id
            evaluate.evaluate_run(open_project(toy.use_case), run_id)
        return home, run_id

    def _champion(self, toy: Toy) -> Path:
        """That home after the run was registered and, as version 1, promoted as its gates allow."""
        from include.promotion import promote, register

        home = self._folders.mktemp("champion") / "home"
        trained, run_id = self.trained(toy)
        with moved_into(trained, home):
            version = register.register_run(open_project(toy.use_case), run_id).version
            assert promote.promote_version(open_project(toy.use_case), version, actor="a test").promoted
        return home
