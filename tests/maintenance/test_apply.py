"""maintain on the toy use case: what is planned, and that every kept version can be rebuilt."""

from __future__ import annotations

import json
import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pyarrow as pa
import pytest
from mlflow import MlflowClient

from include.backtest.model_cache import ModelCache
from include.ingestion import data_docs
from include.lake import inventory, schemas, snapshot, transaction_log
from include.lake.lake import Lake
from include.lake.object_store import StoragePath
from include.maintenance import apply
from include.maintenance import plan as maintenance_plan
from include.maintenance.mlflow_cleanup import MlflowCleanup
from include.notifications.queue import NotificationQueue
from include.project import open_project
from include.registry.mlflow_registry import Registry
from include.registry.records import Records
from include.registry.tags import NOT_REPRODUCIBLE
from include.reproduction import reproduce
from include.training import train
from tests import places
from tests.conftest import AS_OF
from tests.maintained import (
    CORRECTED,
    FEW_ROUNDS,
    USE_CASE,
    age,
    enlarge,
    everything,
    later,
    make_champion,
    outcomes,
    register_one,
)
from tests.refusals import raises
from tests.toy_use_case import USE_CASE as TOY

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
    report = reproduce.reproduce_version(open_project(USE_CASE), "2").report()
    assert f"it is no longer reproducible since {now.date()}, because of the declared retention" in report
    assert "is not among the newest 1 of the other versions" in report
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
def test_a_checkpoint_keeps_old_versions_readable_however_old_the_log_is(home, set_limits):
    set_limits(checkpoint_after=1)
    enlarge()
    table = home / "lake" / "toy" / "features"
    for path in (table / "_delta_log").iterdir():
        age(path, 400)
    apply.maintain(open_project(USE_CASE), apply_changes=True)
    log = transaction_log.read_transaction_log(Lake.open(USE_CASE).root / "features", USE_CASE.calendar)
    assert log.checkpoint == log.version
    assert outcomes() == dict.fromkeys("1234", "equal")


def test_a_table_that_cleans_its_log_up_gets_no_checkpoint(home, set_limits):
    set_limits(checkpoint_after=1)
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
    with pytest.raises(apply.PlanIncompleteError):
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
    (Records.open(USE_CASE.name).folder / "training" / f"{Registry(USE_CASE).version('1').run_id}.000001.json").remove()
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


# -- leftovers: runs, artifacts, half-written files, pages, logs; and what is never removed

leftovers = pytest.mark.xdist_group("leftovers")


# -- MLflow


def of_no_version() -> str:
    of_versions = {version.run_id for version in Registry(USE_CASE).versions()}
    upkeep = MlflowCleanup.open(open_project(USE_CASE))
    runs = upkeep.runs(upkeep.experiment())
    [found] = [run.run_id for run in runs if run.run_id not in of_versions]
    return found


@leftovers
def test_a_run_that_became_no_version_is_deleted_and_later_its_files_go(home):
    run_id, upkeep = of_no_version(), MlflowCleanup.open(open_project(USE_CASE))
    experiment = upkeep.experiment()
    model = Registry(USE_CASE).get_run(run_id).data.tags["airworthy.model_id"]
    apply.maintain(open_project(USE_CASE), apply_changes=True, now=later(200))
    [run] = [run for run in upkeep.runs(experiment) if run.deleted]
    assert run.run_id == run_id
    assert upkeep.size(experiment, run_id) and upkeep.size(experiment, f"models/{model}")
    assert apply.maintain(open_project(USE_CASE), apply_changes=True, now=later(229)).counts == {}, (
        "it can still be restored"
    )
    result = apply.maintain(open_project(USE_CASE), apply_changes=True, now=later(231))
    assert set(result.counts) == {"deleted run", "logged model"}
    assert result.counts["deleted run"]["bytes"] > 0
    assert not upkeep.size(experiment, run_id) and not upkeep.size(experiment, f"models/{model}")
    assert outcomes()["4"] == "equal"
    assert apply.maintain(open_project(USE_CASE), apply_changes=True, now=later(231)).counts == {}


@leftovers
def test_a_run_that_a_person_restores_stays(home):
    run_id = of_no_version()
    apply.maintain(open_project(USE_CASE), apply_changes=True, now=later(200))
    MlflowCleanup.open(open_project(USE_CASE)).restore_run(run_id)
    assert set(apply.maintain(open_project(USE_CASE), apply_changes=True, now=later(370)).counts) == {"restored run"}
    assert apply.maintain(open_project(USE_CASE), apply_changes=True, now=later(549)).counts == {}, (
        "its days count from then on"
    )


@leftovers
def test_a_restored_run_that_a_person_deletes_later_is_that_persons(home):
    run_id, upkeep = of_no_version(), MlflowCleanup.open(open_project(USE_CASE))
    apply.maintain(open_project(USE_CASE), apply_changes=True, now=later(200))
    upkeep.restore_run(run_id)
    apply.maintain(open_project(USE_CASE), apply_changes=True, now=later(207))
    MlflowClient(upkeep.address).delete_run(run_id)
    assert apply.maintain(open_project(USE_CASE), apply_changes=True, now=later(4000)).counts == {}
    assert upkeep.size(upkeep.experiment(), run_id)


@leftovers
def test_a_run_that_becomes_a_version_in_the_same_moment_is_restored(home, monkeypatch):
    now, run_id, delete = later(200), of_no_version(), MlflowCleanup.delete_run
    plan = maintenance_plan.build_cleanup_plan(open_project(USE_CASE), now)
    runs_only = replace(plan, items=tuple(plan.items_of("run")))

    def raced(self, *args):
        registry = Registry(USE_CASE)
        registry.register(registry.candidate(run_id), "A model.")
        delete(self, *args)

    monkeypatch.setattr(MlflowCleanup, "delete_run", raced)
    assert apply.apply_plan(open_project(USE_CASE), runs_only, now) == [f"run {run_id} became a version meanwhile."]
    assert not any(
        run.deleted
        for run in MlflowCleanup.open(open_project(USE_CASE)).runs(
            MlflowCleanup.open(open_project(USE_CASE)).experiment()
        )
    )


@leftovers
def test_folders_of_artifacts_that_belong_to_nothing_go(home):
    upkeep = MlflowCleanup.open(open_project(USE_CASE))
    experiment = upkeep.experiment()
    [root] = {path.parents[2] for path in home.rglob("models/m-*/artifacts")}
    for name in ("0" * 32, "models/m-" + "0" * 32, "a colleague's", "models/a colleague's"):
        (root / name / "artifacts").mkdir(parents=True)
        (root / name / "artifacts" / "file").write_bytes(b"123")
    assert apply.maintain(open_project(USE_CASE), apply_changes=False, now=later(1)).counts == {
        "ownerless folder": {"count": 2, "bytes": 0}
    }
    assert set(apply.maintain(open_project(USE_CASE), apply_changes=True, now=later(1)).counts) == {"ownerless folder"}
    assert apply.maintain(open_project(USE_CASE), apply_changes=True, now=later(29)).counts == {}, (
        "of less than 30 days"
    )
    assert upkeep.size(experiment, "0" * 32)
    result = apply.maintain(open_project(USE_CASE), apply_changes=True, now=later(32))
    assert result.counts["orphan artifacts"] == {"count": 2, "bytes": 6}
    assert not upkeep.size(experiment, "0" * 32) and upkeep.find_orphans(experiment) == {}
    assert upkeep.size(experiment, "a colleague's") and upkeep.size(experiment, "models/a colleague's")
    assert outcomes()["4"] == "equal"


@leftovers
@pytest.mark.both_places(not_on_s3="it is about artifacts, and nothing is in the lake")
def test_where_artifacts_are_not_in_a_folder_of_the_experiments_own_none_is_ownerless(lake_home, tracking, tmp_path):
    """Else what others keep in the same folder would belong to no run."""
    shared = tmp_path / "shared"
    (shared / ("0" * 32)).mkdir(parents=True)
    upkeep = MlflowCleanup.open(open_project(USE_CASE))
    experiment = MlflowClient(upkeep.address).create_experiment("toy", artifact_location=shared.as_uri())
    assert upkeep.experiment() == experiment
    assert upkeep.artifact_folders(experiment) == {"runs": [], "models": []}


# -- files


@leftovers
@pytest.mark.both_places(not_on_s3="there, a file is whole or is not there")
def test_what_a_killed_writer_left_half_written_goes_once_it_is_old(home):
    ours = [home / "lake" / "toy" / "alerts" / ".creating-a.tmp", data_docs.data_docs_folder("toy").path / ".writing-b"]
    young = ours[0].with_name(".creating-c.tmp")
    for path in (*ours, young):
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(b"half")
    for path in ours:
        age(path, 200)
    assert apply.maintain(open_project(USE_CASE), apply_changes=True).counts == {
        "unfinished file": {"count": 2, "bytes": 8}
    }
    assert (young.exists(), [path.exists() for path in ours]) == (True, [False, False])


@leftovers
def test_predictions_of_shards_that_no_task_committed_go_once_a_task_cannot_use_them_any_more(home):
    project = open_project(USE_CASE)
    shard = project.root / "shards/2020-03-01/b2-aaaa/0000/aaaa.parquet"
    shard.write(b"rows")
    shards = {"shard": {"count": 1, "bytes": 4}}
    for days, planned in ((29, {}), (31, shards)):
        counts = apply.maintain(project, apply_changes=True, now=later(days)).counts
        assert {kind: counted for kind, counted in counts.items() if kind == "shard"} == planned
        assert shard.exists() is not bool(planned)
    if shard.is_local:  # SeaweedFS removes an emptied folder by itself, minutes later
        assert not (project.root / "shards").names()


@leftovers
def test_records_of_costs_and_backfills_and_compiled_trees_go_when_they_are_old(home):
    project = open_project(USE_CASE)
    records = [project.root / name for name in ("durations/score/2020/one.json", "backfills/a run/land.2020.001.json")]
    compiled = StoragePath.parse(project.settings.home / "compiled" / "trees.so")
    for path in (*records, compiled):
        path.write(b"{}")
    kinds = {"cost": [path.exists for path in records], "compiled trees": [compiled.exists]}
    for days, gone in (
        (89, ()),
        (91, ("compiled trees",)),
        (729, ("compiled trees",)),
        (731, ("compiled trees", "cost")),
    ):
        apply.maintain(project, apply_changes=True, now=later(days))
        assert {kind for kind, exist in kinds.items() if not any(each() for each in exist)} == set(gone)


def next_second() -> datetime:
    """Wait for the next full second: S3 says no more of when a file was written."""
    now = datetime.now(UTC)
    then = now.replace(microsecond=0) + timedelta(seconds=1)
    time.sleep((then - now).total_seconds() + 0.05)  # a file system's clock may be a little behind
    return then


@leftovers
def test_old_pages_fits_and_logs_go_and_young_ones_stay(home, place):
    """All are due after a day, and it is asked a day after a moment between the old ones and the young."""
    use_case = replace(
        USE_CASE, retention=replace(USE_CASE.retention, data_docs_days=1, backtest_cache_days=1, log_days=1)
    )
    pages = [data_docs.data_docs_folder("toy") / "events" / f"2020-01-0{n}__aaaa.html" for n in (1, 2)]
    fits, logs = ModelCache.open(open_project(USE_CASE)), place / "tasks"
    other = logs / "dag_id=another__data/attempt=1.log"
    old_log = logs / "dag_id=toy__data/run_id=a:b/task_id=x/attempt=1.log"
    young_log = logs / "dag_id=toy__data/run_id=c/attempt=1.log"
    pages[0].write(b"page"), fits.put("old", [1]), old_log.write(b"log"), other.write(b"log")
    between = next_second()
    pages[1].write(b"page"), fits.put("young", [1]), young_log.write(b"log")
    result = apply.maintain(
        open_project(use_case), apply_changes=True, now=between + timedelta(days=1), logs=[str(logs)]
    )
    assert {kind: removed["count"] for kind, removed in result.counts.items()} == {"page": 1, "fit": 1, "task log": 1}
    assert not any(each.exists() for each in (pages[0], fits.folder / "old.json", old_log))
    assert list(places.files(logs / "dag_id=toy__data")) == [young_log]
    if logs.is_local:  # SeaweedFS removes an emptied folder by itself, minutes later
        assert (logs / "dag_id=toy__data").names() == ["run_id=c"]
    assert other.exists() and pages[1].exists() and fits.read("young") == [1] and young_log.exists()
    index = (data_docs.data_docs_folder("toy") / "index.html").read().decode()
    assert "2020-01-02" in index and "2020-01-01" not in index


@leftovers
@pytest.mark.both_places(not_on_s3="there, no folder leads back to itself")
def test_a_place_that_cannot_be_listed_is_reported_and_the_others_are_cared_for(home):
    logs, fits = home / "logs" / "tasks", ModelCache.open(open_project(USE_CASE))
    (logs / "dag_id=toy__score").mkdir(parents=True)
    (logs / "dag_id=toy__score" / "attempt=1.log").write_text("log")
    (logs / "dag_id=toy__data").symlink_to(logs / "dag_id=toy__data")
    fits.put("old", [1])
    pages = data_docs.data_docs_folder("toy")
    pages.path.parent.mkdir(parents=True, exist_ok=True)
    pages.path.symlink_to(pages.path)
    for path in (fits.folder.path / "old.json", logs / "dag_id=toy__score" / "attempt=1.log"):
        age(path, 200)
    result = apply.maintain(open_project(USE_CASE), apply_changes=True, logs=[str(logs)])
    assert {kind: removed["count"] for kind, removed in result.counts.items()} == {"fit": 1, "task log": 1}
    assert [str(pages) in result.problems[0], "toy__data" in result.problems[1]] == [True, True]
    with raises(apply.PlanIncompleteError, applied=True, problems=result.problems):
        apply.require_plan(result)


@leftovers
def test_an_alert_whose_text_is_gone_is_never_sent_again(home):
    from include.notifications.messages import failure_message

    outbox = NotificationQueue.open(open_project(USE_CASE))
    sent = failure_message("toy", "2020-01-01", kind="data", run_id="r", task="t", tries=1, error="e", links={})
    waiting = failure_message("toy", "2020-01-02", kind="data", run_id="s", task="t", tries=1, error="e", links={})
    for message in (sent, waiting):
        outbox.put(message, ["email"])
    queued = next(each for each in outbox.waiting() if each.message.key == sent.key)
    outbox.mark_sent(queued, "email")
    assert "letter" not in apply.maintain(open_project(USE_CASE), apply_changes=False, now=later(89)).counts
    assert apply.maintain(open_project(USE_CASE), apply_changes=True, now=later(100)).counts["letter"]["count"] == 2
    assert [each.message.key for each in outbox.waiting()] == [waiting.key]
    outbox.put(sent, ["email"])
    assert [each.message.key for each in outbox.waiting()] == [waiting.key]


@leftovers
def test_ledger_claims_and_decisions_never_go(home):
    lake = Lake.open(USE_CASE)
    for outcome in ("hold", "retrain"):
        row = {"outcome": outcome, "reason": "r", "signals": "{}", "model_version": "1"}
        rows = pa.Table.from_pylist([row], schema=schemas.DECISIONS)
        lake.replace("decisions", AS_OF, rows, inputs={}, stage="test")
    (lake.root / "claims/2020-03/01.json").write(json.dumps({"period": "2020-03-01"}).encode())
    kept = ("ledger", "claims", "decisions")
    before = {name: places.contents(lake.root / name) for name in kept}
    assert all(before.values())
    apply.maintain(open_project(USE_CASE), apply_changes=True, now=later(4000))
    assert {name: places.contents(lake.root / name) for name in kept} == before


@leftovers
@pytest.mark.both_places(not_on_s3="it is about artifacts, which a server keeps elsewhere")
def test_over_a_servers_proxy_artifacts_are_measured_and_removed(
    toy_lake, mlflow_server, monkeypatch, configure, without_plots
):
    """In an experiment of its own: others use the same server."""
    configure(mlflow=mlflow_server)
    tidy = replace(USE_CASE, name="tidy", package=TOY.package)
    (toy_lake / "lake" / "toy").rename(toy_lake / "lake" / "tidy")
    monkeypatch.setattr(snapshot, "is_genuine", lambda *_: True)  # they are signed as files of the other use case
    run_id = train.train_model(open_project(tidy), AS_OF, parameters=FEW_ROUNDS).run_id
    upkeep = MlflowCleanup.open(open_project(tidy))
    experiment, model = upkeep.experiment(), Registry(tidy).get_run(run_id).data.tags["airworthy.model_id"]
    for periods, kinds in ((200, {"run"}), (231, {"deleted run", "logged model"}), (232, set())):
        result = apply.maintain(open_project(tidy), apply_changes=True, now=later(periods))
        assert set(result.counts) == kinds
    assert not upkeep.size(experiment, run_id) and not upkeep.size(experiment, f"models/{model}")
    assert upkeep.artifact_folders(experiment) == {"runs": [], "models": []}


# -- killed, run twice or in parallel: the same result, and nothing unplanned is removed

interrupted = pytest.mark.xdist_group("interrupted maintenance")


@interrupted
def test_killed_between_any_two_steps_the_next_one_ends_in_the_same(home, monkeypatch):
    """Each step fails once, in turn: what a kill leaves is what an error leaves."""
    now, steps = later(), ("_mark_versions", "_remove_from_tables", "_delete_runs")
    for step in steps:
        with monkeypatch.context() as patch:
            patch.setattr(apply._PlanExecutor, step, lambda *_: (_ for _ in ()).throw(KeyboardInterrupt))
            with pytest.raises(KeyboardInterrupt):
                apply.maintain(open_project(USE_CASE), apply_changes=True, now=now)
        dropped = NOT_REPRODUCIBLE in Registry(USE_CASE).version("2").tags
        assert dropped or reproduce.reproduce_version(open_project(USE_CASE), "2").outcome == "equal", (
            f"{step}: lost before it was reported"
        )
    apply.maintain(open_project(USE_CASE), apply_changes=True, now=now)
    assert outcomes() == {"1": "equal", "2": "not rebuilt", "3": "equal", "4": "equal"}
    assert apply.maintain(open_project(USE_CASE), apply_changes=True, now=now).counts == {}


@interrupted
def test_killed_amid_the_files_the_next_one_removes_the_rest(home, monkeypatch):
    now, remove, done = later(), inventory.remove_files, []

    def interrupted_once(place, names, **options):
        if done:
            return remove(place, names, **options)
        remove(place, names[:1], **options)
        done.extend(names[:1])
        raise KeyboardInterrupt

    monkeypatch.setattr(inventory, "remove_files", interrupted_once)
    with pytest.raises(KeyboardInterrupt):
        apply.maintain(open_project(USE_CASE), apply_changes=True, now=now)
    planned = maintenance_plan.build_cleanup_plan(open_project(USE_CASE), now)
    assert done and done[0] not in [item.name for item in planned.items]
    apply.maintain(open_project(USE_CASE), apply_changes=True, now=now)
    assert outcomes()["1"] == "equal"


@interrupted
def test_a_plan_carried_out_twice_is_no_error(home):
    now = later()
    plan = maintenance_plan.build_cleanup_plan(open_project(USE_CASE), now)
    for _ in range(2):
        apply.apply_plan(open_project(USE_CASE), plan, now)
    assert outcomes()["1"] == "equal"


@interrupted
def test_a_version_registered_since_the_plan_was_made_stops_it_before_a_file_goes(home):
    now = later()
    plan = maintenance_plan.build_cleanup_plan(open_project(USE_CASE), now)
    register_one()
    with raises(apply.PlanStaleError, changed="versions"):
        apply.apply_plan(open_project(USE_CASE), plan, now)
    folder, planned = Lake.open(USE_CASE).root / "features", plan.items_of("superseded file")
    assert planned
    assert [item.name for item in planned if not (folder / item.name).exists()] == []


@interrupted
def test_an_entry_on_the_ledger_since_the_plan_was_made_stops_it(home):
    now = later()
    plan = maintenance_plan.build_cleanup_plan(open_project(USE_CASE), now)
    make_champion("4")
    with raises(apply.PlanStaleError, changed="ledger"):
        apply.apply_plan(open_project(USE_CASE), plan, now)


@interrupted
def test_two_at_once_come_to_the_same_as_one(home):
    now = later()
    with ThreadPoolExecutor(2) as pool:
        running = [pool.submit(apply.maintain, open_project(USE_CASE), apply_changes=True, now=now) for _ in range(2)]
    assert all(each.result() for each in running)
    assert maintenance_plan.build_cleanup_plan(open_project(USE_CASE), now).items == ()
    assert [reproduce.reproduce_version(open_project(USE_CASE), number).outcome for number in "12"] == [
        "equal",
        "not rebuilt",
    ]


@interrupted
def test_only_what_the_plan_names_is_removed(home):
    now = later()
    plan = maintenance_plan.build_cleanup_plan(open_project(USE_CASE), now)
    orphan = Lake.open(USE_CASE).root / "features/part-0.parquet"
    orphan.write(b"x")
    apply.apply_plan(open_project(USE_CASE), plan, now)
    assert orphan.exists()
