"""The life of a use case that joins a feature group: check, train, promote, score, reproduce."""

from __future__ import annotations

import io

import pyarrow as pa
import pyarrow.compute as pc
import pytest
from rich.console import Console

from include.cli import check
from include.declaration.feature_group_discovery import load_feature_group
from include.declaration.period import Period
from include.declaration.use_case_discovery import load_use_case
from include.evaluation import evaluate
from include.features import build
from include.features.staleness import find_stale
from include.ingestion import ingest, validate
from include.maintenance import apply
from include.project import Project, open_data_project, open_project
from include.promotion import promote, register
from include.reproduction import reproduce
from include.scoring import score
from include.training import train
from tests import places
from tests.maintained import later
from tests.sharing.feature_groups.kind_quality import source

pytestmark = pytest.mark.slow

AS_OF = Period("2020-01-08")
SHARED = ("defects", "recent_defects")
honest = source.inspections


def one_more(period: Period) -> pa.Table:
    rows = honest(period)
    return rows.set_column(2, "defects", pc.add(rows["defects"], pa.scalar(1, pa.int32())))


@pytest.fixture
def assembly(lake_home, tracking, configure, without_plots) -> Project:
    configure(use_case_packages="tests.sharing.trained", feature_group_packages="tests.sharing.feature_groups")
    return open_project(load_use_case("assembly"))


def trained(project: Project) -> str:
    """Train and promote a model; its version."""
    build.ensure_window(project, AS_OF, None)
    run_id = train.train_model(project, AS_OF, reason="a test").run_id
    evaluate.evaluate_run(project, run_id)
    version = register.register_run(project, run_id).version
    promoted = promote.promote_version(project, version, actor="a test")
    assert promoted.promoted, promoted.reason
    return version


def correct_group(monkeypatch: pytest.MonkeyPatch) -> None:
    """Count the defects of the group's last two days again, and build its features."""
    group = open_data_project(load_feature_group("kind_quality"))
    monkeypatch.setattr(source, "inspections", one_more)
    for period in (AS_OF - 1, AS_OF):
        ingest.ingest_period(group, period)
        validate.validate_period(group, period)
        assert build.build_features(group, period).changed


def stale_periods(project: Project) -> dict[str, list[Period]]:
    return {one.table: [each.period for each in one.stale] for one in find_stale(project, reread=True) if one.stale}


@pytest.mark.both_places(long=True)
def test_a_champion_on_a_groups_features_is_rebuilt_equal_after_the_group_was_corrected_cleaned_and_removed(
    assembly, monkeypatch
):
    version = trained(assembly)
    model = assembly.registry.load(assembly.registry.version(version))
    assert set(SHARED) <= set(model.encoding.features)
    assert score.score_period(assembly, AS_OF).version == version
    assert reproduce.reproduce_version(assembly, version).outcome == "equal"

    correct_group(monkeypatch)
    assert stale_periods(assembly) == {"features": [AS_OF - 1, AS_OF]}
    for period in (AS_OF - 1, AS_OF):
        assert build.build_features(assembly, period).changed
    assert stale_periods(assembly) == {"predictions": [AS_OF]}
    score.score_period(assembly, AS_OF, rescore=True)
    assert stale_periods(assembly) == {}

    group = open_data_project(load_feature_group("kind_quality"))
    assert apply.maintain(group, apply_changes=True, now=later()).counts["superseded file"]["count"] == 6
    assert reproduce.reproduce_version(assembly, version).outcome == "equal"
    places.empty(group.lake.root)
    assert reproduce.reproduce_version(assembly, version).outcome == "equal"


def test_the_check_of_a_use_case_builds_the_groups_that_it_uses(assembly, lake_home):
    said = io.StringIO()
    check.print_check(Console(file=said, width=400), "assembly", AS_OF)
    assert "passes its gates. Nothing was registered." in said.getvalue()
    kept = lake_home / "check/assembly/lake"
    assert (kept / "_feature_groups/kind_quality/features").is_dir() and (kept / "assembly/features").is_dir()
    assert not (lake_home / "lake").exists(), "the lake itself is not touched"


def test_the_check_lands_a_group_again_after_its_code_has_changed(assembly, lake_home, monkeypatch):
    said = io.StringIO()
    for defects in (honest, one_more):
        monkeypatch.setattr(source, "inspections", defects)
        check.print_check(Console(file=said, width=400), "assembly", AS_OF)
        monkeypatch.setattr("include.evaluation.check_use_case._text", lambda path: path.name)  # as if edited
    kept = open_data_project(load_feature_group("kind_quality")).in_lake(str(lake_home / "check/assembly/lake"))
    [row] = kept.lake.as_of(AS_OF).read("raw/inspections", AS_OF, AS_OF).slice(0, 1).to_pylist()
    assert row["defects"] == one_more(AS_OF)["defects"][0].as_py()
