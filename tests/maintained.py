"""Shared by the tests of maintenance: versions, corrections, days in several files, elapsed time."""

from __future__ import annotations

import os
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pyarrow.compute as pc

from include.declaration.period import Period
from include.declaration.retention import Retention
from include.lake.lake import Lake
from include.project import open_project
from include.registry.ledger import Ledger
from include.registry.ledger_entry import LedgerDecision
from include.registry.mlflow_registry import Registry
from include.reproduction import reproduce
from include.training import train
from tests.conftest import AS_OF
from tests.toy_use_case import USE_CASE as TOY

USE_CASE = replace(TOY, retention=Retention(newest_versions=1))
CORRECTED = AS_OF - 30
FEW_ROUNDS = {"num_boost_round": 5, "early_stopping_rounds": 5}


def register_one() -> str:
    run_id = train.train_model(open_project(USE_CASE), AS_OF, parameters=FEW_ROUNDS).run_id
    registry = Registry(USE_CASE)
    return registry.register(registry.candidate(run_id), "A model.").number


def make_champion(number: str) -> None:
    version = Registry(USE_CASE).version(number)
    Ledger.open(USE_CASE).append(
        LedgerDecision(
            version=number,
            trees=version.trees,
            fingerprint=version.fingerprint,
            effective_from=version.as_of,
            action="promotion",
            actor="a test",
            reason="",
            files_digest=version.files_digest,
        )
    )


def enlarge(period: Period = CORRECTED) -> None:
    """Correct a day of features."""
    lake = Lake.open(USE_CASE)
    rows = lake.as_of(period).read("features", since=period).drop_columns(["period"])
    place = rows.schema.get_field_index("size")
    changed = rows.set_column(place, rows.schema.field("size"), pc.multiply(rows["size"], 2.0))
    assert lake.replace("features", period, changed, inputs={}, stage="test").changed


def later(periods: int = 400) -> datetime:
    return datetime.now(UTC) + timedelta(days=periods)


def everything(home: Path) -> dict[str, bytes]:
    return {str(path.relative_to(home)): path.read_bytes() for path in sorted(home.rglob("*")) if path.is_file()}


def outcomes() -> dict[str, str]:
    """Version to how it is built again."""
    return {
        version.number: reproduce.reproduce_version(open_project(USE_CASE), version.number).outcome
        for version in Registry(USE_CASE).versions()
    }


def age(path: Path, periods: int) -> None:
    then = (datetime.now(UTC) - timedelta(days=periods)).timestamp()
    os.utime(path, (then, then))
