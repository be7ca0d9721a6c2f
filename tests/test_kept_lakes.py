"""Lakes and registries stored by code of earlier formats, or of this one, can be read permanently."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from include.lake import integrity, lake_format, schemas
from include.lake.lake import Lake
from include.lake.lake_format import FORMAT, LakeFormatError
from include.maintenance.lake_upgrade import RenamedColumnsError, upgrade_lake
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
    assert version.copies["status"] == "champion" and version.copies["trees"] == version.trees
    known = registry._client.get_model_version(USE_CASE.name, "1").tags
    assert [name for name in known if not name.startswith(("airworthy.", "mlflow."))] == []
    entries = Ledger.open(USE_CASE).verify(registry.ledger_head())
    assert [entry.action for entry in entries] == ["promotion"]
    assert Ledger.open(USE_CASE).champion_of(AS_OF).version == "1"
    assert score.score_period(open_project(USE_CASE), AS_OF).changed
    assert Lake.open(USE_CASE).as_of(AS_OF).read("predictions").num_rows
