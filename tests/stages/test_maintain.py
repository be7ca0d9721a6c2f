"""maintain on the toy use case: what goes, what stays, and that every version that is kept can be built again."""

from __future__ import annotations

import json
import os
import shutil
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

import pyarrow as pa
import pyarrow.compute as pc
import pytest
from deltalake import DeltaTable, write_deltalake
from mlflow import MlflowClient

from include.logic.retention import NOT_REPRODUCIBLE
from include.retention import Retention
from include.stages import maintain, register, reproduce, survey, train
from include.storage import care, data_docs, delta_log, inventory, schemas
from include.storage.fits import Fits
from include.storage.lake import Lake
from include.storage.ledger import Decision, Ledger
from include.storage.models import Registry
from include.storage.outbox import Outbox
from include.storage.runs import FINGERPRINT
from include.storage.upkeep import Upkeep
from tests import places
from tests.conftest import AS_OF, draw_nothing, living_in, move
from tests.toy_use_case import USE_CASE as TOY

USE_CASE = replace(TOY, retention=Retention(newest_versions=1))
CORRECTED = AS_OF - timedelta(days=30)
FEW_ROUNDS = {"rounds": 5, "early_stopping_rounds": 5}


@pytest.fixture(scope="module")
def four_versions(tmp_path_factory, filled, tracking_template) -> Path:
    """A home with four versions, a day of features corrected after each, and the ledger's champions 1 and 3; beside
    them a run that became no version. Version 2 is of what nobody holds any more, but its Delta version."""
    home = tmp_path_factory.mktemp("versions") / "home"
    shutil.copytree(filled, home)
    shutil.copy(tracking_template, home / "mlflow.db")
    with living_in(home) as patch:
        draw_nothing(patch)
        for number in ("1", "2", "3", "4"):
            version = register_one()
            assert version == number
            if number in "13":
                flies(number)
            enlarge()
        train.run(USE_CASE, AS_OF - timedelta(days=1), parameters=FEW_ROUNDS)
    return home


@pytest.fixture
def home(lake_home, four_versions, monkeypatch, without_plots) -> Path:
    """A copy of that home as the test's own."""
    move(four_versions, lake_home, monkeypatch)
    return lake_home


def register_one() -> str:
    run_id = train.run(USE_CASE, AS_OF, parameters=FEW_ROUNDS).run_id
    registry = Registry(USE_CASE)
    tags = registry.run(run_id).data.tags
    copied = {name: tags[name] for name in (*register.COPIED, FINGERPRINT) if name in tags}
    return registry.register(run_id, tags["model_id"], copied, "A model.").number


def flies(number: str) -> None:
    version = Registry(USE_CASE).version(number)
    Ledger.of(USE_CASE).append(
        Decision(
            version=number,
            trees=version.trees,
            fingerprint=version.fingerprint,
            effective_from=version.as_of,
            action="promotion",
            who="a test",
            reason="",
        )
    )


def enlarge(day: date = CORRECTED) -> None:
    """Correct a day of features."""
    lake = Lake.of(USE_CASE)
    rows = lake.as_of(day).read("features", since=day).drop_columns(["day"])
    place = rows.schema.get_field_index("size")
    changed = rows.set_column(place, rows.schema.field("size"), pc.multiply(rows["size"], 2.0))
    assert lake.replace("features", day, changed, inputs={}, stage="test").changed


def scatter(day: date) -> None:
    """Leave a day of features in three files, as another writer may."""
    lake = Lake.of(USE_CASE)
    view = lake.as_of(day)
    rows, digest = view.read("features", since=day), view.digest("features", day)
    stored = rows.append_column("digest", pa.repeat(pa.scalar(digest), rows.num_rows))
    stored = stored.select(schemas.stored(USE_CASE, "features").names)
    where = {"mode": "overwrite", "predicate": f"day = '{day}'"}
    for start in range(0, rows.num_rows, 70):
        write_deltalake(lake.delta("features"), stored.slice(start, 70), **where)
        where = {"mode": "append"}


def later(days: int = 400) -> datetime:
    return datetime.now(UTC) + timedelta(days=days)


def everything(home: Path) -> dict[str, bytes]:
    return {str(path.relative_to(home)): path.read_bytes() for path in sorted(home.rglob("*")) if path.is_file()}


def outcomes() -> dict[str, str]:
    """Version to how it is built again."""
    return {
        version.number: reproduce.run(USE_CASE, version.number).outcome for version in Registry(USE_CASE).versions()
    }


def age(path: Path, days: int) -> None:
    then = (datetime.now(UTC) - timedelta(days=days)).timestamp()
    os.utime(path, (then, then))


# -- what is planned


@pytest.mark.both_places
def test_a_dry_run_tells_counts_and_bytes_and_changes_no_byte(home):
    scatter(AS_OF)
    (Lake.of(USE_CASE).root / "features/part-0.parquet").write(b"x" * 5)
    before = everything(home), places.contents(Lake.of(USE_CASE).root)
    result = maintain.run(USE_CASE, really=False, now=later())
    assert (everything(home), places.contents(Lake.of(USE_CASE).root)) == before
    assert set(result.counts) == {"compaction", "version", "superseded file", "orphan file", "run"}
    assert result.counts["orphan file"] == {"count": 1, "bytes": 5}
    assert result.counts["superseded file"]["bytes"] > 1000
    assert [line.split("  ")[-1] for line in result.lines] == [
        "days of tables whose files are made one",
        "versions that can no longer be built again",
        "files of days as they were before they were replaced",
        "files that no commit of a table names",
        "runs without a version, to be deleted (they can be restored)",
    ]


def test_where_there_is_nothing_it_says_so_and_makes_nothing(lake_home, tracking):
    before = everything(lake_home)
    assert maintain.run(USE_CASE, really=True, now=later()).lines == ("Nothing is to be done.",)
    assert everything(lake_home) == before


def test_the_same_state_and_instant_make_the_same_plan(home):
    now = later()
    assert survey.run(USE_CASE, now) == survey.run(USE_CASE, now)


def test_nothing_younger_than_declared_is_planned(home):
    assert maintain.run(USE_CASE, really=True, now=later(29)).counts == {}


# -- tables and versions


@pytest.mark.both_places
def test_kept_versions_are_built_again_byte_for_byte_and_a_dropped_one_says_why(home):
    scatter(AS_OF)
    now = later()
    maintain.run(USE_CASE, really=True, now=now)
    assert outcomes() == {"1": "equal", "2": "not rebuilt", "3": "equal", "4": "equal"}
    told = reproduce.run(USE_CASE, "2").report()
    assert f"it is no longer reproducible since {now.date()}, because of the declared retention" in told
    assert "is not among the newest 1 of the other versions" in told
    assert [NOT_REPRODUCIBLE in version.tags for version in Registry(USE_CASE).versions()] == [
        False, True, False, False,
    ]  # fmt: skip
    joined = maintain.run(USE_CASE, really=True, now=now).counts  # of an instant that lies after the joining, here
    assert joined == {"superseded file": {"count": 3, "bytes": joined["superseded file"]["bytes"]}}
    assert maintain.run(USE_CASE, really=True, now=now).counts == {}, "a third one finds nothing"
    assert outcomes() == {"1": "equal", "2": "not rebuilt", "3": "equal", "4": "equal"}


def test_what_deltalake_itself_would_keep_is_kept(home):
    """Held against its own vacuum with the same versions to keep."""
    needed = [int(Registry(USE_CASE).version(number).tags["features.version"]) for number in ("1", "3", "4")]
    lake = Lake.of(USE_CASE)
    delta = DeltaTable(lake.uri("features"))
    theirs = delta.vacuum(0, dry_run=True, enforce_retention_duration=False, keep_versions=needed)
    plan = survey.run(USE_CASE, later())
    ours = [item.name for item in plan.of("superseded file")]
    assert ours
    assert set(ours) <= set(theirs)


def test_a_file_of_a_writer_that_may_still_commit_is_left(home):
    young = home / "lake" / "toy" / "features" / "part-0.parquet"
    young.write_bytes(b"x")
    assert not survey.run(USE_CASE, later(29)).of("orphan file")
    assert survey.run(USE_CASE, later(31)).of("orphan file")


def test_files_are_joined_without_changing_rows_digest_or_old_versions(home):
    scatter(AS_OF)
    lake = Lake.of(USE_CASE)
    keys = list(USE_CASE.keys)
    before = lake.as_of(AS_OF).read("features", AS_OF, AS_OF, order_by=keys)
    digests = lake.as_of(AS_OF).digest_of_days("features")
    version = lake.as_of(AS_OF).version("features")
    maintain.run(USE_CASE, really=True, now=later(2))
    after = lake.as_of(AS_OF)
    assert after.version("features") == version + 1
    assert len(after.files("features", AS_OF, AS_OF)) == 1
    assert after.read("features", AS_OF, AS_OF, order_by=keys).equals(before)
    assert after.digest_of_days("features") == digests
    pinned = lake.pinned(AS_OF, {"features": version})
    assert pinned.read("features", AS_OF, AS_OF, order_by=keys).equals(before)
    rows = before.drop_columns(["day"])
    assert not lake.replace("features", AS_OF, rows, inputs={}, stage="test").changed


def test_a_day_that_was_written_today_is_not_touched(home):
    scatter(AS_OF)
    assert not survey.run(USE_CASE, datetime.now(UTC)).of("compaction")


def test_a_checkpoint_keeps_old_versions_readable_however_old_the_log_is(home, monkeypatch):
    monkeypatch.setattr(survey, "CHECKPOINT_AFTER", 1)
    enlarge()
    table = home / "lake" / "toy" / "features"
    for path in (table / "_delta_log").iterdir():
        age(path, 400)
    maintain.run(USE_CASE, really=True)
    log = delta_log.read(Lake.of(USE_CASE).root / "features")
    assert log.checkpoint == log.version
    assert outcomes() == dict.fromkeys("1234", "equal")


def test_a_table_that_cleans_its_log_up_gets_no_checkpoint(home, monkeypatch):
    monkeypatch.setattr(survey, "CHECKPOINT_AFTER", 1)
    delta = DeltaTable(Lake.of(USE_CASE).uri("features"))
    delta.alter.set_table_properties({"delta.enableExpiredLogCleanup": "true"})
    assert "features" not in [item.table for item in survey.run(USE_CASE, later(1)).of("checkpoint")]


def test_a_log_that_is_not_whole_keeps_every_file_of_its_table_and_is_told(home):
    (home / "lake" / "toy" / "features" / "_delta_log" / f"{1:020d}.json").unlink()
    result = maintain.run(USE_CASE, really=True, now=later())
    assert "superseded file" not in result.counts
    with pytest.raises(maintain.NotAllLookedAt, match="lacks some of the commits"):
        maintain.require(result)


def test_while_a_kept_version_does_not_say_what_it_needs_nothing_of_the_training_data_goes(home):
    Registry(USE_CASE).untag_version("1", "features.version")
    result = maintain.run(USE_CASE, really=False, now=later())
    assert "superseded file" not in result.counts
    assert "version 1 of toy has no tag features.version" in result.problems[0]


def test_the_data_of_a_run_that_may_still_be_registered_stay(home):
    run_id = train.run(USE_CASE, AS_OF, parameters=FEW_ROUNDS).run_id
    then = int(Registry(USE_CASE).run(run_id).data.tags["features.version"])
    enlarge()
    maintain.run(USE_CASE, really=True, now=later(100))
    lake = Lake.of(USE_CASE)
    assert lake.pinned(CORRECTED, {"features": then}).read("features", CORRECTED).num_rows


def test_a_version_that_stays_after_all_says_no_more_that_it_is_lost_if_its_files_are_there(home):
    """Killed between the tag and the files, and champion again since; of version 2 the files went."""
    now, registry = later(), Registry(USE_CASE)
    maintain.run(USE_CASE, really=True, now=now)
    flies("2")
    registry.tag_version("3", {NOT_REPRODUCIBLE: "since yesterday"})
    assert set(maintain.run(USE_CASE, really=True, now=now).counts) == {"regained version"}
    assert [version.number for version in registry.versions() if NOT_REPRODUCIBLE in version.tags] == ["2"]
    assert outcomes() == {"1": "equal", "2": "not rebuilt", "3": "equal", "4": "equal"}


# -- killed, and beside others


@pytest.mark.slow
def test_killed_between_any_two_steps_the_next_one_ends_in_the_same(home, monkeypatch):
    """Each step fails once, in turn: what a kill leaves is what an error leaves."""
    now, steps = later(), ("_compact", "_tell_versions", "_remove_from_tables", "_delete_runs")
    scatter(AS_OF)
    for step in steps:
        with monkeypatch.context() as patch:
            patch.setattr(maintain._Doing, step, lambda *_: (_ for _ in ()).throw(KeyboardInterrupt))
            with pytest.raises(KeyboardInterrupt):
                maintain.run(USE_CASE, really=True, now=now)
        dropped = NOT_REPRODUCIBLE in Registry(USE_CASE).version("2").tags
        assert dropped or reproduce.run(USE_CASE, "2").outcome == "equal", f"{step}: lost before it was told"
    maintain.run(USE_CASE, really=True, now=now)
    maintain.run(USE_CASE, really=True, now=now)  # what the first has joined was replaced before that instant
    assert outcomes() == {"1": "equal", "2": "not rebuilt", "3": "equal", "4": "equal"}
    assert maintain.run(USE_CASE, really=True, now=now).counts == {}


def test_killed_amid_the_files_the_next_one_removes_the_rest(home, monkeypatch):
    now, remove, done = later(), inventory.remove, []

    def one(place, names, **options):
        remove(place, names[:1], **options)
        done.extend(names[:1])
        raise KeyboardInterrupt

    monkeypatch.setattr(inventory, "remove", one)
    with pytest.raises(KeyboardInterrupt):
        maintain.run(USE_CASE, really=True, now=now)
    monkeypatch.setattr(inventory, "remove", remove)
    planned = survey.run(USE_CASE, now)
    assert done and done[0] not in [item.name for item in planned.items]
    maintain.run(USE_CASE, really=True, now=now)
    assert outcomes()["1"] == "equal"


def test_a_plan_carried_out_twice_is_no_error(home):
    now = later()
    scatter(AS_OF)
    plan = survey.run(USE_CASE, now)
    for _ in range(2):
        maintain.carry_out(USE_CASE, plan, now)
    assert outcomes()["1"] == "equal"


def test_a_version_registered_since_the_plan_was_made_stops_it_before_a_file_goes(home):
    now = later()
    plan = survey.run(USE_CASE, now)
    register_one()
    with pytest.raises(maintain.Moved, match="run it again"):
        maintain.carry_out(USE_CASE, plan, now)
    gone = [item.name for item in plan.of("superseded file") if not (home / "lake/toy/features" / item.name).exists()]
    assert gone == []


def test_an_entry_on_the_ledger_since_the_plan_was_made_stops_it(home):
    now = later()
    plan = survey.run(USE_CASE, now)
    flies("4")
    with pytest.raises(maintain.Moved, match="new entry"):
        maintain.carry_out(USE_CASE, plan, now)


def test_two_at_once_come_to_the_same_as_one(home):
    now = later()
    with ThreadPoolExecutor(2) as pool:
        running = [pool.submit(maintain.run, USE_CASE, really=True, now=now) for _ in range(2)]
    assert all(each.result() for each in running)
    assert survey.run(USE_CASE, now).items == ()
    assert [reproduce.run(USE_CASE, number).outcome for number in "12"] == ["equal", "not rebuilt"]


def test_only_what_the_plan_names_is_removed(home):
    now = later()
    plan = survey.run(USE_CASE, now)
    orphan = home / "lake" / "toy" / "features" / "part-0.parquet"
    orphan.write_bytes(b"x")
    maintain.carry_out(USE_CASE, plan, now)
    assert orphan.exists()


def test_a_day_written_at_the_same_moment_is_left_for_next_time(home, monkeypatch):
    from deltalake.table import TableOptimizer

    scatter(AS_OF)
    plan, compact = survey.run(USE_CASE, later(2)), TableOptimizer.compact

    def raced(self, *args, **options):
        enlarge(AS_OF)
        return compact(self, *args, **options)

    monkeypatch.setattr(TableOptimizer, "compact", raced)
    assert "next time" in maintain.carry_out(USE_CASE, plan, later(2))[0]


def test_a_task_that_writes_a_day_while_it_is_joined_looks_again_and_writes_it(home, monkeypatch):
    scatter(AS_OF)
    commit, tries = Lake._commit, []

    def raced(self, *args):
        tries.append(1)
        if len(tries) == 1:
            assert care.compact(Lake.of(USE_CASE), "features", [AS_OF])
        commit(self, *args)

    monkeypatch.setattr(Lake, "_commit", raced)
    before = Lake.of(USE_CASE).as_of(AS_OF).read("features", AS_OF, AS_OF, order_by=["id"])
    enlarge(AS_OF)
    after = Lake.of(USE_CASE).as_of(AS_OF).read("features", AS_OF, AS_OF, order_by=["id"])
    assert len(tries) == 2
    assert after["size"].equals(pc.multiply(before["size"], 2.0))


# -- MLflow


def of_no_version() -> str:
    of_versions = {version.run_id for version in Registry(USE_CASE).versions()}
    runs = Upkeep(USE_CASE).runs(Upkeep(USE_CASE).experiment())
    [found] = [run.run_id for run in runs if run.run_id not in of_versions]
    return found


def test_a_run_that_became_no_version_is_deleted_and_later_its_files_go(home):
    run_id, upkeep = of_no_version(), Upkeep(USE_CASE)
    experiment = upkeep.experiment()
    model = Registry(USE_CASE).run(run_id).data.tags["model_id"]
    maintain.run(USE_CASE, really=True, now=later(200))
    [run] = [run for run in upkeep.runs(experiment) if run.deleted]
    assert run.run_id == run_id
    assert upkeep.size(experiment, run_id) and upkeep.size(experiment, f"models/{model}")
    assert maintain.run(USE_CASE, really=True, now=later(229)).counts == {}, "it can still be restored"
    result = maintain.run(USE_CASE, really=True, now=later(231))
    assert set(result.counts) == {"deleted run", "logged model"}
    assert result.counts["deleted run"]["bytes"] > 0
    assert not upkeep.size(experiment, run_id) and not upkeep.size(experiment, f"models/{model}")
    assert outcomes()["4"] == "equal"
    assert maintain.run(USE_CASE, really=True, now=later(231)).counts == {}


def test_a_run_that_a_person_restores_stays(home):
    run_id = of_no_version()
    maintain.run(USE_CASE, really=True, now=later(200))
    Upkeep(USE_CASE).restore_run(run_id)
    assert set(maintain.run(USE_CASE, really=True, now=later(370)).counts) == {"restored run"}
    assert maintain.run(USE_CASE, really=True, now=later(549)).counts == {}, "its days count from then on"


def test_a_restored_run_that_a_person_deletes_later_is_that_persons(home):
    run_id, upkeep = of_no_version(), Upkeep(USE_CASE)
    maintain.run(USE_CASE, really=True, now=later(200))
    upkeep.restore_run(run_id)
    maintain.run(USE_CASE, really=True, now=later(207))
    MlflowClient(upkeep.address).delete_run(run_id)
    assert maintain.run(USE_CASE, really=True, now=later(4000)).counts == {}
    assert upkeep.size(upkeep.experiment(), run_id)


def test_a_run_that_becomes_a_version_in_the_same_moment_is_restored(home, monkeypatch):
    now, run_id, delete = later(200), of_no_version(), Upkeep.delete_run
    plan = survey.run(USE_CASE, now)
    runs_only = replace(plan, items=tuple(plan.of("run")))

    def raced(self, *args):
        tags = Registry(USE_CASE).run(run_id).data.tags
        Registry(USE_CASE).register(run_id, tags["model_id"], {"as_of": tags["as_of"]}, "A model.")
        delete(self, *args)

    monkeypatch.setattr(Upkeep, "delete_run", raced)
    assert maintain.carry_out(USE_CASE, runs_only, now) == [f"run {run_id} became a version meanwhile."]
    assert not any(run.deleted for run in Upkeep(USE_CASE).runs(Upkeep(USE_CASE).experiment()))


def test_folders_of_artifacts_that_belong_to_nothing_go(home):
    upkeep = Upkeep(USE_CASE)
    experiment = upkeep.experiment()
    [root] = {path.parents[2] for path in home.rglob("models/m-*/artifacts")}
    for name in ("0" * 32, "models/m-" + "0" * 32, "a colleague's", "models/a colleague's"):
        (root / name / "artifacts").mkdir(parents=True)
        (root / name / "artifacts" / "file").write_bytes(b"123")
    assert maintain.run(USE_CASE, really=False, now=later(1)).counts == {"ownerless folder": {"count": 2, "bytes": 0}}
    assert set(maintain.run(USE_CASE, really=True, now=later(1)).counts) == {"ownerless folder"}
    assert maintain.run(USE_CASE, really=True, now=later(29)).counts == {}, "of less than 30 days"
    assert upkeep.size(experiment, "0" * 32)
    result = maintain.run(USE_CASE, really=True, now=later(32))
    assert result.counts["orphan artifacts"] == {"count": 2, "bytes": 6}
    assert not upkeep.size(experiment, "0" * 32) and upkeep.ownerless(experiment) == {}
    assert upkeep.size(experiment, "a colleague's") and upkeep.size(experiment, "models/a colleague's")
    assert outcomes()["4"] == "equal"


def test_where_artifacts_are_not_in_a_folder_of_the_experiments_own_none_is_ownerless(lake_home, tracking, tmp_path):
    """Else what others keep in the same folder would belong to no run."""
    shared = tmp_path / "shared"
    (shared / ("0" * 32)).mkdir(parents=True)
    upkeep = Upkeep(USE_CASE)
    experiment = MlflowClient(upkeep.address).create_experiment("toy", artifact_location=shared.as_uri())
    assert upkeep.experiment() == experiment
    assert upkeep.artifact_folders(experiment) == {"runs": [], "models": []}


# -- files


def test_what_a_killed_writer_left_half_written_goes_once_it_is_old(home):
    ours = [home / "lake" / "toy" / "alerts" / ".creating-a.tmp", data_docs.folder("toy").path / ".writing-b"]
    young = ours[0].with_name(".creating-c.tmp")
    for path in (*ours, young):
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(b"half")
    for path in ours:
        age(path, 200)
    assert maintain.run(USE_CASE, really=True).counts == {"unfinished file": {"count": 2, "bytes": 8}}
    assert (young.exists(), [path.exists() for path in ours]) == (True, [False, False])


def test_old_pages_fits_letters_and_logs_go_and_young_ones_stay(home):
    pages = [data_docs.folder("toy") / "events" / f"2020-01-0{n}__aaaa.html" for n in (1, 2)]
    for page in pages:
        page.write(b"page")
    fits = Fits.of(USE_CASE)
    for name in ("old", "young"):
        fits.keep(name, [1])
    logs = home / "logs" / "tasks"
    for name in ("dag_id=toy__data/run_id=a:b/task_id=x/attempt=1.log", "dag_id=toy__data/run_id=c/attempt=1.log"):
        (logs / name).parent.mkdir(parents=True)
        (logs / name).write_text("log")
    other = logs / "dag_id=another__data" / "attempt=1.log"
    other.parent.mkdir()
    other.write_text("log")
    aged = (pages[0].path, fits.folder.path / "old.json", logs / "dag_id=toy__data/run_id=a:b/task_id=x/attempt=1.log")
    for path in (*aged, other):
        age(path, 200)
    result = maintain.run(USE_CASE, really=True, logs=[str(logs)])
    assert {kind: told["count"] for kind, told in result.counts.items()} == {"page": 1, "fit": 1, "task log": 1}
    assert not any(path.exists() for path in aged)
    assert not (logs / "dag_id=toy__data" / "run_id=a:b").exists(), "nor its folder"
    assert other.exists() and pages[1].exists() and fits.read("young") == [1]
    assert (logs / "dag_id=toy__data" / "run_id=c" / "attempt=1.log").exists()
    index = (data_docs.folder("toy") / "index.html").read().decode()
    assert "2020-01-02" in index and "2020-01-01" not in index


def test_a_place_that_cannot_be_listed_is_told_and_the_others_are_cared_for(home):
    logs, fits = home / "logs" / "tasks", Fits.of(USE_CASE)
    (logs / "dag_id=toy__score").mkdir(parents=True)
    (logs / "dag_id=toy__score" / "attempt=1.log").write_text("log")
    (logs / "dag_id=toy__data").symlink_to(logs / "dag_id=toy__data")
    fits.keep("old", [1])
    pages = data_docs.folder("toy")
    pages.path.parent.mkdir(parents=True, exist_ok=True)
    pages.path.symlink_to(pages.path)
    for path in (fits.folder.path / "old.json", logs / "dag_id=toy__score" / "attempt=1.log"):
        age(path, 200)
    result = maintain.run(USE_CASE, really=True, logs=[str(logs)])
    assert {kind: told["count"] for kind, told in result.counts.items()} == {"fit": 1, "task log": 1}
    assert [str(pages) in result.problems[0], "toy__data" in result.problems[1]] == [True, True]
    with pytest.raises(maintain.NotAllLookedAt, match="maintenance has done the rest"):
        maintain.require(result)


def test_an_alert_whose_text_is_gone_is_never_sent_again(home):
    from include.logic.messages import failure

    outbox = Outbox.of(USE_CASE)
    told = failure("toy", "2020-01-01", kind="data", run_id="r", task="t", tries=1, error="e", links={})
    waiting = failure("toy", "2020-01-02", kind="data", run_id="s", task="t", tries=1, error="e", links={})
    for message in (told, waiting):
        outbox.put(message, ["email"])
    letter = next(each for each in outbox.waiting() if each.message.key == told.key)
    outbox.sent(letter, "email")
    for path in outbox.folder.path.iterdir():
        age(path, 100)
    assert maintain.run(USE_CASE, really=True).counts["letter"]["count"] == 2
    assert [each.message.key for each in outbox.waiting()] == [waiting.key]
    outbox.put(told, ["email"])
    assert [each.message.key for each in outbox.waiting()] == [waiting.key]


def test_ledger_claims_and_decisions_never_go(home):
    lake = Lake.of(USE_CASE)
    for outcome in ("hold", "retrain"):
        row = {"outcome": outcome, "reason": "r", "signals": "{}", "model_version": "1"}
        rows = pa.Table.from_pylist([row], schema=schemas.DECISIONS)
        lake.replace("decisions", AS_OF, rows, inputs={}, stage="test")
    (home / "lake/toy/claims/2020-03").mkdir(parents=True)
    (home / "lake/toy/claims/2020-03/01.json").write_text(json.dumps({"day": "2020-03-01"}))
    kept = ("ledger", "claims", "decisions")
    before = {name: everything(home / "lake" / "toy" / name) for name in kept}
    maintain.run(USE_CASE, really=True, now=later(4000))
    assert {name: everything(home / "lake" / "toy" / name) for name in kept} == before


@pytest.mark.slow
def test_over_a_servers_proxy_artifacts_are_measured_and_removed(toy_lake, mlflow_server, monkeypatch, without_plots):
    """In an experiment of its own: others use the same server."""
    monkeypatch.setenv("MLFLOW_TRACKING_URI", mlflow_server)
    tidy = replace(USE_CASE, name="tidy", package=TOY.package)
    (toy_lake / "lake" / "toy").rename(toy_lake / "lake" / "tidy")
    run_id = train.run(tidy, AS_OF, parameters=FEW_ROUNDS).run_id
    upkeep = Upkeep(tidy)
    experiment, model = upkeep.experiment(), upkeep.run(run_id).data.tags["model_id"]
    for days, kinds in ((200, {"run"}), (231, {"deleted run", "logged model"}), (232, set())):
        result = maintain.run(tidy, really=True, now=later(days))
        assert set(result.counts) == kinds
    assert not upkeep.size(experiment, run_id) and not upkeep.size(experiment, f"models/{model}")
    assert upkeep.artifact_folders(experiment) == {"runs": [], "models": []}
