"""Lakes and registries stored by code of earlier formats, or of this one, can be read permanently."""

from __future__ import annotations

import os
from datetime import UTC, datetime
from pathlib import Path

import pyarrow as pa
import pytest
from deltalake import write_deltalake

from include.lake import integrity, inventory, lake_format, schemas
from include.lake.lake import Lake
from include.lake.lake_format import FORMAT, LakeFormatError
from include.lake.object_store import StoragePath
from include.maintenance import lake_upgrade
from include.maintenance.lake_upgrade import RenamedColumnsError, upgrade_lake
from include.monitoring import durations, step_cost
from include.monitoring.durations import SECONDS, StepCost
from include.monitoring.slowdown import CostFigure
from include.project import open_project
from include.registry.ledger import Ledger
from include.registry.mlflow_registry import Registry
from include.scoring import score
from tests import kept_lakes
from tests.conftest import AS_OF, LAST, move
from tests.toy_use_case import USE_CASE

ARCHIVES = {int(path.name.split("_")[1].split(".")[0]): path for path in kept_lakes.KEPT.glob("format_*.tar.xz")}


@pytest.mark.skipif("KEEP_LAKE_AS" not in os.environ, reason="only python -m tests.kept_lakes keeps a lake")
def test_a_lake_of_this_format_is_kept(champion_home):
    kept_lakes.keep(champion_home, Path(os.environ["KEEP_LAKE_AS"]))


def test_every_format_up_to_this_one_has_a_kept_lake():
    assert sorted(ARCHIVES) == list(range(1, FORMAT + 1))


def unpacked(number: int, lake_home: Path, folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Make the kept lake of a format that of the test."""
    lake_format._current.clear()
    move(kept_lakes.unpack(ARCHIVES[number], folder / "kept"), lake_home, monkeypatch)
    if number < FORMAT:
        with pytest.raises(LakeFormatError, match="upgrade toy"):
            Lake.open(USE_CASE)


def test_a_lake_of_format_1_is_refused_since_its_partitions_have_another_name(lake_home, tmp_path, monkeypatch):
    unpacked(1, lake_home, tmp_path, monkeypatch)
    with pytest.raises(RenamedColumnsError) as refused:
        upgrade_lake(open_project(USE_CASE))
    assert refused.value.columns == ["day"]
    with pytest.raises(LakeFormatError):
        Lake.open(USE_CASE)


@pytest.mark.parametrize("number", sorted({*ARCHIVES} - {1}))
def test_a_kept_lake_is_read_after_its_upgrade_and_its_champion_scores(number, lake_home, tmp_path, monkeypatch):
    unpacked(number, lake_home, tmp_path, monkeypatch)
    assert upgrade_lake(open_project(USE_CASE)) == list(range(number + 1, FORMAT + 1))
    view = Lake.open(USE_CASE).as_of(LAST)
    for table in schemas.table_names(USE_CASE):
        periods = list(integrity.damaged_periods(view, table, LAST - 100, LAST))
        assert [(period, damage) for period, damage in periods if damage] == []
    assert view.read("features").num_rows > 1000
    registry = Registry(USE_CASE)
    assert registry.ledger_head() is not None
    version = registry.version("1")
    assert version.copies["status"] == "champion"
    known = registry._client.get_model_version(USE_CASE.name, "1").tags
    assert [name for name in known if not name.startswith(("airworthy.", "mlflow."))] == []
    entries = Ledger.open(USE_CASE).verify(registry.ledger_head())
    assert [(entry.action, entry.trees) for entry in entries] == [("promotion", version.trees)]
    assert Ledger.open(USE_CASE).champion_of(AS_OF).version == "1"
    assert score.score_period(open_project(USE_CASE), AS_OF).changed
    assert Lake.open(USE_CASE).as_of(AS_OF).read("predictions").num_rows


OLD_DURATIONS = pa.schema(
    [
        ("started_at", pa.string()),
        *((name, pa.float64()) for name in ("seconds", "usual_seconds", "limit")),
        ("rows", pa.int64()),
        ("breached", pa.bool_()),
        ("model_version", pa.string()),
        ("period", pa.date32()),
        ("digest", pa.string()),
    ]
)
"""The columns of the tables `durations/…` of format 2."""


def old_durations(root: StoragePath, step: str, number: int) -> None:
    """Write the durations of a number of days as format 2 did."""
    for day in range(number):
        row = {
            "started_at": f"2026-01-{day + 1:02}T00:00:00.000+00:00", "seconds": 2.0, "rows": 100, "model_version": "1",
            "period": (AS_OF + day).start, "digest": f"{day}", "breached": None, "usual_seconds": None, "limit": None,
        }  # fmt: skip
        rows = pa.Table.from_pylist([row], schema=OLD_DURATIONS)
        write_deltalake(f"{root}/durations/{step}", rows, mode="append", partition_by=["period", "digest"])


def test_durations_of_format_2_become_records_and_say_what_is_usual(lake_home, tmp_path, monkeypatch):
    unpacked(2, lake_home, tmp_path, monkeypatch)
    project = open_project(USE_CASE)
    old_durations(project.root, "score", 4), old_durations(project.root, "train", 1)
    lake_upgrade.convert_durations(project)
    left = project.root / "durations"
    assert (left / "score").names() == ["2020"] == (left / "train").names()
    before = sorted(file.name for file in inventory.list_files(left))
    old_durations(project.root, "score", 4)  # an interrupted upgrade has not removed it
    assert upgrade_lake(project) == [3]
    assert sorted(file.name for file in inventory.list_files(left)) == before and len(before) == 5
    found = durations.read_costs(project, AS_OF, LAST)
    assert {(cost.step, cost.period, cost.amount, cost.model_version) for cost in found} == {
        ("train", AS_OF, 100, "1"), *(("score", AS_OF + day, 100, "1") for day in range(4))
    }  # fmt: skip
    slow = CostFigure(SECONDS, 10.0)
    cost = StepCost("score", AS_OF + 9, datetime.now(UTC), False, 100, "1", 0, (slow,))
    assert step_cost.record_cost(project, cost).figure_of(SECONDS) == CostFigure(SECONDS, 10.0, 2.0, 7.0, True)
