"""maintain, killed, run twice or in parallel: the same result, and nothing unplanned is removed."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor

import pytest

from include.lake import inventory
from include.lake.lake import Lake
from include.maintenance import apply
from include.maintenance import plan as maintenance_plan
from include.project import open_project
from include.registry.mlflow_registry import Registry
from include.registry.tags import NOT_REPRODUCIBLE
from include.reproduction import reproduce
from tests.maintained import USE_CASE, later, make_champion, outcomes, register_one

pytestmark = [pytest.mark.slow, pytest.mark.both_places(long=True)]


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
            f"{step}: lost before it was told"
        )
    apply.maintain(open_project(USE_CASE), apply_changes=True, now=now)
    assert outcomes() == {"1": "equal", "2": "not rebuilt", "3": "equal", "4": "equal"}
    assert apply.maintain(open_project(USE_CASE), apply_changes=True, now=now).counts == {}


def test_killed_amid_the_files_the_next_one_removes_the_rest(home, monkeypatch):
    now, remove, done = later(), inventory.remove_files, []

    def one(place, names, **options):
        remove(place, names[:1], **options)
        done.extend(names[:1])
        raise KeyboardInterrupt

    monkeypatch.setattr(inventory, "remove_files", one)
    with pytest.raises(KeyboardInterrupt):
        apply.maintain(open_project(USE_CASE), apply_changes=True, now=now)
    monkeypatch.setattr(inventory, "remove_files", remove)
    planned = maintenance_plan.build_cleanup_plan(open_project(USE_CASE), now)
    assert done and done[0] not in [item.name for item in planned.items]
    apply.maintain(open_project(USE_CASE), apply_changes=True, now=now)
    assert outcomes()["1"] == "equal"


def test_a_plan_carried_out_twice_is_no_error(home):
    now = later()
    plan = maintenance_plan.build_cleanup_plan(open_project(USE_CASE), now)
    for _ in range(2):
        apply.apply_plan(open_project(USE_CASE), plan, now)
    assert outcomes()["1"] == "equal"


def test_a_version_registered_since_the_plan_was_made_stops_it_before_a_file_goes(home):
    now = later()
    plan = maintenance_plan.build_cleanup_plan(open_project(USE_CASE), now)
    register_one()
    with pytest.raises(apply.PlanStaleError, match="run it again"):
        apply.apply_plan(open_project(USE_CASE), plan, now)
    folder, planned = Lake.open(USE_CASE).root / "features", plan.items_of("superseded file")
    assert planned
    assert [item.name for item in planned if not (folder / item.name).exists()] == []


def test_an_entry_on_the_ledger_since_the_plan_was_made_stops_it(home):
    now = later()
    plan = maintenance_plan.build_cleanup_plan(open_project(USE_CASE), now)
    make_champion("4")
    with pytest.raises(apply.PlanStaleError, match="new entry"):
        apply.apply_plan(open_project(USE_CASE), plan, now)


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


def test_only_what_the_plan_names_is_removed(home):
    now = later()
    plan = maintenance_plan.build_cleanup_plan(open_project(USE_CASE), now)
    orphan = Lake.open(USE_CASE).root / "features/part-0.parquet"
    orphan.write(b"x")
    apply.apply_plan(open_project(USE_CASE), plan, now)
    assert orphan.exists()
