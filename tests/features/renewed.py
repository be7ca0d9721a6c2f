"""The toy use case in a separate package whose files a test may change."""

from __future__ import annotations

import importlib
import shutil
import sys
from dataclasses import dataclass
from pathlib import Path

from include.declaration.period import Period
from include.features import build, staleness
from include.ingestion import ingest, validate
from include.lake.lake import Lake
from include.project import open_project
from include.registry import code_digest
from include.settings import REPOSITORY
from include.use_case import UseCase

NAME = "renewed_toy"


@dataclass(frozen=True)
class Renewed:
    """A use case, each time as a process that starts now finds it."""

    folder: Path

    @classmethod
    def make(cls, parent: Path) -> Renewed:
        folder = parent / NAME
        shutil.copytree(REPOSITORY / "tests" / "toy_use_case", folder, ignore=shutil.ignore_patterns("__pycache__"))
        for path in folder.glob("*.py"):
            path.write_text(path.read_text().replace("tests.toy_use_case", NAME))
        return cls(folder)

    def edit(self, module: str, old: str, new: str) -> None:
        path = self.folder / f"{module}.py"
        assert old in path.read_text(), f"{module}.py has no {old!r}"
        path.write_text(path.read_text().replace(old, new))

    def double_size(self) -> None:
        """Let features.py return twice the size."""
        fields = '"event_date", "id", "kind", "size", "hour", "urgent")'
        self.edit("features", fields, '"event_date", "id", "kind", "hour", "urgent", size=events["size"] * 2)')

    @property
    def use_case(self) -> UseCase:
        forget()
        return importlib.import_module(NAME).USE_CASE

    def run(self, *periods: Period) -> None:
        """Run the data DAG's stages for these days."""
        use_case = self.use_case
        for period in periods:
            ingest.ingest_period(open_project(use_case), period)
            validate.validate_period(open_project(use_case), period)
            build.build_features(open_project(use_case), period)

    def stale(self, **asked: Period) -> dict[str, dict[Period, str]]:
        """Table to the stale days of it that have rows, with the reason; tables that have none are left out."""
        found = staleness.find_stale(open_project(self.use_case), **asked)
        periods = {each.table: {period.period: period.reason for period in each.stale if period.rows} for each in found}
        return {table: stale for table, stale in periods.items() if stale}

    def values(self, period: Period, column: str) -> list[object]:
        return Lake.open(self.use_case).as_of(period).read("features", period, order_by=("id",))[column].to_pylist()


def forget() -> None:
    """Let the next import read the files as they are now."""
    for name in [name for name in sys.modules if name.partition(".")[0] == NAME]:
        del sys.modules[name]
    importlib.invalidate_caches()
    code_digest.forget_files()
