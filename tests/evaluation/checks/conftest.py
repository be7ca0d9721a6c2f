"""A lake with the days of a training as the data runs leave them, except the features."""

from __future__ import annotations

from pathlib import Path

import pyarrow as pa
import pytest

from include import settings
from include.declaration.period import Period, period_range
from include.lake import schemas
from include.lake.lake import Lake
from include.lake.object_store import StoragePath
from tests.conftest import copy_lake
from tests.toy_use_case import USE_CASE, source

FIRST, LAST = Period("2020-01-01"), Period("2020-01-26")


@pytest.fixture(scope="session")
def landed_home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A home whose lake has raw and checked feeds and labels of each day from FIRST to LAST; not written to."""
    home = tmp_path_factory.mktemp("a home")
    lake = Lake(USE_CASE, StoragePath.parse(home) / "lake" / "toy")
    for period in period_range(FIRST, LAST):
        for feed in USE_CASE.feeds:
            rows = getattr(source, feed.name)(period)
            lake.replace(f"raw/{feed.name}", period, rows, inputs={}, stage="ingest")
            reasons = pa.array([[]] * rows.num_rows, schemas.REASONS.type)
            checked = rows.append_column(schemas.REASONS, reasons)
            lake.replace(f"checked/{feed.name}", period, checked, inputs={}, stage="validate")
        lake.replace("labels", period, source.outcomes(period), inputs={}, stage="label")
    for table in ("labels", *(f"{state}/{feed.name}" for state in ("raw", "checked") for feed in USE_CASE.feeds)):
        lake.delta(table).create_checkpoint()  # else each opening reads the log's files one by one
    return home


@pytest.fixture
def lake(lake_home: Path, landed_home: Path) -> Lake:
    """A copy of that lake as the test's own."""
    copy_lake(landed_home / "lake", StoragePath.parse(settings.current_settings().lake))
    return Lake.open(USE_CASE)
