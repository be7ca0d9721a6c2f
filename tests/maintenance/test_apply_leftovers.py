"""maintain and leftovers: runs, artifacts, half-written files, pages, logs; and what is never removed."""

from __future__ import annotations

import json
import time
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pyarrow as pa
import pytest
from mlflow import MlflowClient

from include.backtest.model_cache import ModelCache
from include.ingestion import data_docs
from include.lake import schemas, snapshot
from include.lake.lake import Lake
from include.maintenance import apply
from include.maintenance import plan as maintenance_plan
from include.maintenance.mlflow_cleanup import MlflowCleanup
from include.notifications.queue import NotificationQueue
from include.project import open_project
from include.registry.mlflow_registry import Registry
from include.training import train
from tests import places
from tests.conftest import AS_OF
from tests.maintained import FEW_ROUNDS, USE_CASE, age, later, outcomes
from tests.toy_use_case import USE_CASE as TOY

pytestmark = [pytest.mark.slow, pytest.mark.both_places(long=True)]

# -- MLflow


def of_no_version() -> str:
    of_versions = {version.run_id for version in Registry(USE_CASE).versions()}
    runs = MlflowCleanup(USE_CASE).runs(MlflowCleanup(USE_CASE).experiment())
    [found] = [run.run_id for run in runs if run.run_id not in of_versions]
    return found


def test_a_run_that_became_no_version_is_deleted_and_later_its_files_go(home):
    run_id, upkeep = of_no_version(), MlflowCleanup(USE_CASE)
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


def test_a_run_that_a_person_restores_stays(home):
    run_id = of_no_version()
    apply.maintain(open_project(USE_CASE), apply_changes=True, now=later(200))
    MlflowCleanup(USE_CASE).restore_run(run_id)
    assert set(apply.maintain(open_project(USE_CASE), apply_changes=True, now=later(370)).counts) == {"restored run"}
    assert apply.maintain(open_project(USE_CASE), apply_changes=True, now=later(549)).counts == {}, (
        "its days count from then on"
    )


def test_a_restored_run_that_a_person_deletes_later_is_that_persons(home):
    run_id, upkeep = of_no_version(), MlflowCleanup(USE_CASE)
    apply.maintain(open_project(USE_CASE), apply_changes=True, now=later(200))
    upkeep.restore_run(run_id)
    apply.maintain(open_project(USE_CASE), apply_changes=True, now=later(207))
    MlflowClient(upkeep.address).delete_run(run_id)
    assert apply.maintain(open_project(USE_CASE), apply_changes=True, now=later(4000)).counts == {}
    assert upkeep.size(upkeep.experiment(), run_id)


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
    assert not any(run.deleted for run in MlflowCleanup(USE_CASE).runs(MlflowCleanup(USE_CASE).experiment()))


def test_folders_of_artifacts_that_belong_to_nothing_go(home):
    upkeep = MlflowCleanup(USE_CASE)
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


@pytest.mark.both_places(not_on_s3="it is about artifacts, and nothing is in the lake")
def test_where_artifacts_are_not_in_a_folder_of_the_experiments_own_none_is_ownerless(lake_home, tracking, tmp_path):
    """Else what others keep in the same folder would belong to no run."""
    shared = tmp_path / "shared"
    (shared / ("0" * 32)).mkdir(parents=True)
    upkeep = MlflowCleanup(USE_CASE)
    experiment = MlflowClient(upkeep.address).create_experiment("toy", artifact_location=shared.as_uri())
    assert upkeep.experiment() == experiment
    assert upkeep.artifact_folders(experiment) == {"runs": [], "models": []}


# -- files


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


def next_second() -> datetime:
    """Wait for the next full second: S3 says no more of when a file was written."""
    now = datetime.now(UTC)
    then = now.replace(microsecond=0) + timedelta(seconds=1)
    time.sleep((then - now).total_seconds() + 0.05)  # a file system's clock may be a little behind
    return then


def test_old_pages_fits_and_logs_go_and_young_ones_stay(home, place):
    """All are due after a day, and it is asked a day after a moment between the old ones and the young."""
    use_case = replace(
        USE_CASE, retention=replace(USE_CASE.retention, data_docs_days=1, backtest_cache_days=1, log_days=1)
    )
    pages = [data_docs.data_docs_folder("toy") / "events" / f"2020-01-0{n}__aaaa.html" for n in (1, 2)]
    fits, logs = ModelCache.open(USE_CASE), place / "tasks"
    other = logs / "dag_id=another__data/attempt=1.log"
    old_log = logs / "dag_id=toy__data/run_id=a:b/task_id=x/attempt=1.log"
    young_log = logs / "dag_id=toy__data/run_id=c/attempt=1.log"
    pages[0].write(b"page"), fits.put("old", [1]), old_log.write(b"log"), other.write(b"log")
    between = next_second()
    pages[1].write(b"page"), fits.put("young", [1]), young_log.write(b"log")
    result = apply.maintain(
        open_project(use_case), apply_changes=True, now=between + timedelta(days=1), logs=[str(logs)]
    )
    assert {kind: told["count"] for kind, told in result.counts.items()} == {"page": 1, "fit": 1, "task log": 1}
    assert not any(each.exists() for each in (pages[0], fits.folder / "old.json", old_log))
    assert list(places.files(logs / "dag_id=toy__data")) == [young_log]
    if logs.is_local:  # SeaweedFS removes an emptied folder by itself, minutes later
        assert (logs / "dag_id=toy__data").names() == ["run_id=c"]
    assert other.exists() and pages[1].exists() and fits.read("young") == [1] and young_log.exists()
    index = (data_docs.data_docs_folder("toy") / "index.html").read().decode()
    assert "2020-01-02" in index and "2020-01-01" not in index


@pytest.mark.both_places(not_on_s3="there, no folder leads back to itself")
def test_a_place_that_cannot_be_listed_is_reported_and_the_others_are_cared_for(home):
    logs, fits = home / "logs" / "tasks", ModelCache.open(USE_CASE)
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
    assert {kind: told["count"] for kind, told in result.counts.items()} == {"fit": 1, "task log": 1}
    assert [str(pages) in result.problems[0], "toy__data" in result.problems[1]] == [True, True]
    with pytest.raises(apply.PlanIncompleteError, match="maintenance has done the rest"):
        apply.require_plan(result)


def test_an_alert_whose_text_is_gone_is_never_sent_again(home):
    from include.notifications.messages import failure_message

    outbox = NotificationQueue.of(open_project(USE_CASE))
    told = failure_message("toy", "2020-01-01", kind="data", run_id="r", task="t", tries=1, error="e", links={})
    waiting = failure_message("toy", "2020-01-02", kind="data", run_id="s", task="t", tries=1, error="e", links={})
    for message in (told, waiting):
        outbox.put(message, ["email"])
    letter = next(each for each in outbox.waiting() if each.message.key == told.key)
    outbox.sent(letter, "email")
    assert "letter" not in apply.maintain(open_project(USE_CASE), apply_changes=False, now=later(89)).counts
    assert apply.maintain(open_project(USE_CASE), apply_changes=True, now=later(100)).counts["letter"]["count"] == 2
    assert [each.message.key for each in outbox.waiting()] == [waiting.key]
    outbox.put(told, ["email"])
    assert [each.message.key for each in outbox.waiting()] == [waiting.key]


def test_ledger_claims_and_decisions_never_go(home):
    lake = Lake.open(USE_CASE)
    for outcome in ("hold", "retrain"):
        row = {"outcome": outcome, "reason": "r", "signals": "{}", "model_version": "1"}
        rows = pa.Table.from_pylist([row], schema=schemas.DECISIONS)
        lake.replace("decisions", AS_OF, rows, inputs={}, stage="test")
    (lake.root / "claims/2020-03/01.json").write(json.dumps({"day": "2020-03-01"}).encode())
    kept = ("ledger", "claims", "decisions")
    before = {name: places.contents(lake.root / name) for name in kept}
    assert all(before.values())
    apply.maintain(open_project(USE_CASE), apply_changes=True, now=later(4000))
    assert {name: places.contents(lake.root / name) for name in kept} == before


@pytest.mark.both_places(not_on_s3="it is about artifacts, which a server keeps elsewhere")
def test_over_a_servers_proxy_artifacts_are_measured_and_removed(toy_lake, mlflow_server, monkeypatch, without_plots):
    """In an experiment of its own: others use the same server."""
    monkeypatch.setenv("MLFLOW_TRACKING_URI", mlflow_server)
    tidy = replace(USE_CASE, name="tidy", package=TOY.package)
    (toy_lake / "lake" / "toy").rename(toy_lake / "lake" / "tidy")
    monkeypatch.setattr(snapshot, "is_genuine", lambda *_: True)  # they are signed as files of the other use case
    run_id = train.train_model(open_project(tidy), AS_OF, parameters=FEW_ROUNDS).run_id
    upkeep = MlflowCleanup(tidy)
    experiment, model = upkeep.experiment(), upkeep.run(run_id).data.tags["airworthy.model_id"]
    for days, kinds in ((200, {"run"}), (231, {"deleted run", "logged model"}), (232, set())):
        result = apply.maintain(open_project(tidy), apply_changes=True, now=later(days))
        assert set(result.counts) == kinds
    assert not upkeep.size(experiment, run_id) and not upkeep.size(experiment, f"models/{model}")
    assert upkeep.artifact_folders(experiment) == {"runs": [], "models": []}
