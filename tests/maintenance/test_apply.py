"""maintain on the toy use case: what is planned, and that every kept version can be rebuilt."""

from __future__ import annotations

import pytest

from include.lake import transaction_log
from include.lake.lake import Lake
from include.maintenance import apply
from include.maintenance import plan as maintenance_plan
from include.project import open_project
from include.registry.mlflow_registry import Registry
from include.registry.records import Records
from include.registry.tags import NOT_REPRODUCIBLE
from include.reproduction import reproduce
from include.training import train
from tests import places
from tests.conftest import AS_OF
from tests.maintained import CORRECTED, FEW_ROUNDS, USE_CASE, age, enlarge, everything, later, make_champion, outcomes

pytestmark = [pytest.mark.slow, pytest.mark.both_places(long=True)]


@pytest.mark.both_places
def test_a_dry_run_tells_counts_and_bytes_and_changes_no_byte(home):
    (Lake.open(USE_CASE).root / "features/part-0.parquet").write(b"x" * 5)
    before = everything(home), places.contents(Lake.open(USE_CASE).root)
    result = apply.maintain(open_project(USE_CASE), apply_changes=False, now=later())
    assert (everything(home), places.contents(Lake.open(USE_CASE).root)) == before
    assert set(result.counts) == {"version", "superseded file", "orphan file", "run"}
    assert result.counts["orphan file"] == {"count": 1, "bytes": 5}
    assert result.counts["superseded file"]["bytes"] > 1000
    assert [line.split("  ")[-1] for line in result.lines] == [
        "versions that can no longer be built again",
        "files of days as they were before they were replaced",
        "files that no commit of a table names",
        "runs without a version, to be deleted (they can be restored)",
    ]


def test_where_there_is_nothing_it_says_so_and_makes_nothing(lake_home, tracking):
    before = everything(lake_home), places.contents(Lake.open(USE_CASE).root)
    assert apply.maintain(open_project(USE_CASE), apply_changes=True, now=later()).lines == ("Nothing is to be done.",)
    assert (everything(lake_home), places.contents(Lake.open(USE_CASE).root)) == before


def test_the_same_state_and_instant_make_the_same_plan(home):
    now = later()
    assert maintenance_plan.build_cleanup_plan(open_project(USE_CASE), now) == maintenance_plan.build_cleanup_plan(
        open_project(USE_CASE), now
    )


def test_nothing_younger_than_declared_is_planned(home):
    assert apply.maintain(open_project(USE_CASE), apply_changes=True, now=later(29)).counts == {}


# -- tables and versions


@pytest.mark.both_places
def test_kept_versions_are_built_again_byte_for_byte_and_a_dropped_one_says_why(home):
    now = later()
    apply.maintain(open_project(USE_CASE), apply_changes=True, now=now)
    assert outcomes() == {"1": "equal", "2": "not rebuilt", "3": "equal", "4": "equal"}
    told = reproduce.reproduce_version(open_project(USE_CASE), "2").report()
    assert f"it is no longer reproducible since {now.date()}, because of the declared retention" in told
    assert "is not among the newest 1 of the other versions" in told
    assert [NOT_REPRODUCIBLE in version.tags for version in Registry(USE_CASE).versions()] == [
        False, True, False, False,
    ]  # fmt: skip
    assert apply.maintain(open_project(USE_CASE), apply_changes=True, now=now).counts == {}, (
        "a second one finds nothing"
    )
    assert outcomes() == {"1": "equal", "2": "not rebuilt", "3": "equal", "4": "equal"}


def test_what_deltalake_itself_would_keep_is_kept(home):
    """Held against its own vacuum with the same versions to keep."""
    needed = [int(Registry(USE_CASE).version(number).tags["features.version"]) for number in ("1", "3", "4")]
    lake = Lake.open(USE_CASE)
    delta = lake.delta("features")
    theirs = delta.vacuum(0, dry_run=True, enforce_retention_duration=False, keep_versions=needed)
    plan = maintenance_plan.build_cleanup_plan(open_project(USE_CASE), later())
    ours = [item.name for item in plan.items_of("superseded file")]
    assert ours
    assert set(ours) <= set(theirs)


def test_a_file_of_a_writer_that_may_still_commit_is_left(home):
    (Lake.open(USE_CASE).root / "features/part-0.parquet").write(b"x")
    assert not maintenance_plan.build_cleanup_plan(open_project(USE_CASE), later(29)).items_of("orphan file")
    assert maintenance_plan.build_cleanup_plan(open_project(USE_CASE), later(31)).items_of("orphan file")


@pytest.mark.both_places(
    not_on_s3="when a file was written, the server alone says, and deltalake goes by its own clock"
)
def test_a_checkpoint_keeps_old_versions_readable_however_old_the_log_is(home, monkeypatch):
    monkeypatch.setattr(maintenance_plan, "CHECKPOINT_AFTER", 1)
    enlarge()
    table = home / "lake" / "toy" / "features"
    for path in (table / "_delta_log").iterdir():
        age(path, 400)
    apply.maintain(open_project(USE_CASE), apply_changes=True)
    log = transaction_log.read_transaction_log(Lake.open(USE_CASE).root / "features")
    assert log.checkpoint == log.version
    assert outcomes() == dict.fromkeys("1234", "equal")


def test_a_table_that_cleans_its_log_up_gets_no_checkpoint(home, monkeypatch):
    monkeypatch.setattr(maintenance_plan, "CHECKPOINT_AFTER", 1)
    delta = Lake.open(USE_CASE).delta("features")
    delta.alter.set_table_properties({"delta.enableExpiredLogCleanup": "true"})
    assert "features" not in [
        item.table
        for item in maintenance_plan.build_cleanup_plan(open_project(USE_CASE), later(1)).items_of("checkpoint")
    ]


def test_a_log_that_is_not_whole_keeps_every_file_of_its_table_and_is_reported(home):
    first = Lake.open(USE_CASE).root / f"features/_delta_log/{1:020d}.json"
    assert first.exists()
    first.remove()
    result = apply.maintain(open_project(USE_CASE), apply_changes=True, now=later())
    assert "superseded file" not in result.counts
    with pytest.raises(apply.PlanIncompleteError, match="lacks some of the commits"):
        apply.require_plan(result)


def test_what_a_version_says_it_needs_is_read_from_its_record_and_not_from_mlflow(home):
    registry = Registry(USE_CASE)
    before = apply.maintain(open_project(USE_CASE), apply_changes=False, now=later())
    registry.untag_version("1", "features.version")
    registry.tag_version("2", {"features.version": "0"})
    assert apply.maintain(open_project(USE_CASE), apply_changes=False, now=later()) == before


def test_the_files_of_a_version_without_a_record_are_left_alone(home):
    kinds = ("run", "orphan artifacts", "logged model")
    before = apply.maintain(open_project(USE_CASE), apply_changes=False, now=later(1000)).counts
    (Records.of(USE_CASE.name).folder / "training" / f"{Registry(USE_CASE).version('1').run_id}.000001.json").remove()
    result = apply.maintain(open_project(USE_CASE), apply_changes=True, now=later(1000))
    assert Registry(USE_CASE)._client.get_model_version(USE_CASE.name, "1").version
    assert [result.counts.get(kind) for kind in kinds] == [before.get(kind) for kind in kinds]


def test_the_data_of_a_run_that_may_still_be_registered_stay(home):
    run_id = train.train_model(open_project(USE_CASE), AS_OF, parameters=FEW_ROUNDS).run_id
    then = int(Registry(USE_CASE).get_run(run_id).data.tags["airworthy.features.version"])
    enlarge()
    apply.maintain(open_project(USE_CASE), apply_changes=True, now=later(100))
    lake = Lake.open(USE_CASE)
    assert lake.at_versions(CORRECTED, {"features": then}).read("features", CORRECTED).num_rows


def test_a_version_that_stays_after_all_says_no_more_that_it_is_lost_if_its_files_are_there(home):
    """Killed between the tag and the files, and champion again since; of version 2 the files went."""
    now, registry = later(), Registry(USE_CASE)
    apply.maintain(open_project(USE_CASE), apply_changes=True, now=now)
    make_champion("2")
    registry.tag_version("3", {NOT_REPRODUCIBLE: "since yesterday"})
    assert set(apply.maintain(open_project(USE_CASE), apply_changes=True, now=now).counts) == {"regained version"}
    assert [version.number for version in registry.versions() if NOT_REPRODUCIBLE in version.tags] == ["2"]
    assert outcomes() == {"1": "equal", "2": "not rebuilt", "3": "equal", "4": "equal"}
