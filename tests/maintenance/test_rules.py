"""What the declared retention allows to remove: equal state and time give an equal answer."""

from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta

import pytest

from include.declaration.period import Period
from include.declaration.retention import Retention
from include.lake.stored_files import StoredFile, TableFile
from include.maintenance import mlflow_rules, rules
from include.maintenance.mlflow_rules import StoredRun
from include.maintenance.rules import CleanupItem, CleanupPlan, VersionNeeds
from tests.refusals import invalid

NOW = datetime(2026, 1, 1, tzinfo=UTC)
DAY = Period("2020-01-01")


def ago(periods: float) -> datetime:
    return NOW - timedelta(days=periods)


@dataclass(frozen=True)
class Version:
    number: str

    @property
    def tags(self) -> dict[str, str]:
        return {"trees": f"t{self.number}", "fingerprint": f"f{self.number}", "files_digest": "files"}


@dataclass(frozen=True)
class Entry:
    number: int
    version: str
    effective_from: Period = DAY
    action: str = "promotion"
    actor: str = "a test"
    reason: str = ""
    files_digest: str = "files"
    judged: str = ""
    trees: str = field(init=False)
    fingerprint: str = field(init=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "trees", f"t{self.version}")
        object.__setattr__(self, "fingerprint", f"f{self.version}")


def kept(entries: list[Entry], named: list[float], policy: Retention, trained: dict[str, float]) -> dict[str, bool]:
    """Version to whether it stays; `named` and `trained` are days ago."""
    versions = [Version(number) for number in trained]
    at = {number: ago(periods) for number, periods in trained.items()}
    named_at = {entry.number: ago(periods) for entry, periods in zip(entries, named, strict=True)}
    return {
        k.name: k.stays
        for k in rules.kept_versions(versions, at, entries, named_at, policy, NOW, Period.from_date(NOW.date()))
    }


# -- versions


def test_every_champion_there_was_the_newest_others_and_the_young_stay():
    old = {"1": 900, "2": 800, "3": 700, "4": 600, "5": 10}
    entries = [Entry(1, "1", Period("2020-01-01")), Entry(2, "4", Period("2020-02-01"))]
    assert kept(entries, [900, 600], Retention(newest_versions=1), old) == {
        "1": True, "2": False, "3": True, "4": True, "5": True,
    }  # fmt: skip


def test_a_champion_counts_until_the_next_one_was_named_and_the_current_one_always():
    old = {"1": 900, "2": 800, "3": 800, "4": 800}
    entries = [Entry(n, str(n), Period(f"2020-{n:02}-01")) for n in (1, 2, 3)]
    policy = Retention(champion_days=100, newest_versions=1)
    assert kept(entries, [900, 800, 50], policy, old) == {"1": False, "2": True, "3": True, "4": True}
    assert kept(entries, [900, 800, 700], policy, old) == {"1": False, "2": False, "3": True, "4": True}


def test_a_rejected_version_is_no_champion():
    entries = [Entry(1, "1", action="rejection")]
    assert kept(entries, [900], Retention(newest_versions=1), {"1": 900, "2": 900}) == {"1": False, "2": True}


def test_an_entry_about_another_model_of_that_number_keeps_nothing():
    stranger = Entry(1, "1")
    object.__setattr__(stranger, "trees", "others")
    assert kept([stranger], [900], Retention(newest_versions=1), {"1": 900, "2": 900})["1"] is False


def test_a_version_whose_training_no_one_remembers_stays():
    kept = rules.kept_versions(
        [Version("1"), Version("2")], {"2": ago(900)}, [], {}, Retention(), NOW, Period.from_date(NOW.date())
    )
    assert kept[0].stays


# -- files of tables


def part(
    path: str, added: int, removed: int | None = None, periods: float | None = None, period: Period = DAY
) -> TableFile:
    return TableFile(
        path, period, f"digest of {path[0]}", 10, added, removed, None if periods is None else ago(periods)
    )


def test_a_replaced_file_goes_after_its_days_unless_a_needed_version_holds_it():
    parts = [part("a", 0, 2, periods=31), part("b", 1, 2, periods=29), part("c", 2), part("d", 1, 4, periods=31)]
    assert [p.path for p in rules.superseded_files(parts, {3}, Retention(), NOW)] == ["a"]
    assert [p.path for p in rules.superseded_files(parts, (), Retention(), NOW)] == ["a", "d"]
    assert [p.path for p in rules.superseded_files(parts, {1}, Retention(), NOW)] == []


def test_a_file_that_was_removed_and_is_back_stays():
    parts = [part("a", 0, 1, periods=99), part("a", 2)]
    assert rules.superseded_files(parts, (), Retention(), NOW) == []


def test_a_file_of_no_commit_goes_when_no_writer_can_still_be_at_it():
    files = [StoredFile("known", 1, ago(99)), StoredFile("left", 1, ago(31)), StoredFile("being written", 1, ago(0.1))]
    assert [f.name for f in rules.orphaned_files(files, {"known"}, Retention(), NOW)] == ["left"]


NEEDS = VersionNeeds("features", 0, DAY, DAY)


def test_a_version_is_lost_with_a_file_of_its_days():
    parts = [part("a", 0, 1, periods=99), part("b", 1)]
    assert rules.versions_losing_data(NEEDS, parts, {"b"}) == [DAY]
    assert rules.versions_losing_data(NEEDS, parts, {"a", "b"}) == []


def test_a_version_is_not_lost_if_the_same_content_exists_today_or_the_day_is_not_its():
    joined = [part("a1", 0, 1, periods=99), part("a2", 0, 1, periods=99), part("a", 1)]
    assert rules.versions_losing_data(NEEDS, joined, {"a"}) == []
    assert rules.versions_losing_data(NEEDS, joined, set()) == [DAY], "a file of today is lost as well"
    other = [part("a", 0, 1, periods=99, period=DAY + 1), part("b", 1, period=DAY + 1)]
    assert rules.versions_losing_data(NEEDS, other, {"b"}) == []


# -- runs


def run(run_id: str, periods: float, **given) -> StoredRun:
    fields = {"tags": {}, "complete": True, "deleted": False, **given}
    return StoredRun(run_id, run_id, ago(periods), **fields)


def names(runs: list[StoredRun]) -> list[str]:
    return [each.run_id for each in runs]


def test_old_runs_without_a_version_go_and_the_young_and_the_kept_stay():
    runs = [run("old", 181), run("young", 179), run("kept", 999), run("gone", 999, deleted=True)]
    assert names(mlflow_rules.runs_to_delete(runs, {"kept"}, Retention(), NOW)) == ["old"]


def test_the_study_that_chose_for_a_version_stays_with_its_trials():
    runs = [
        run("model", 999, tags={"tuned_by": "study"}),
        run("study", 999),
        run("trial", 999, parent="study"),
        run("other study", 999),
        run("other trial", 999, parent="other study"),
    ]
    stay = mlflow_rules.protected_runs(runs, {"model"}, ())
    assert names(mlflow_rules.runs_to_delete(runs, stay, Retention(), NOW)) == ["other study", "other trial"]


def test_a_run_whose_trees_the_ledger_names_stays_though_its_version_was_deleted():
    assert mlflow_rules.protected_runs([run("a", 9, tags={"trees": "t"}), run("b", 9)], (), {"t"}) == {"a"}


def test_artifacts_go_some_days_after_maintenance_deleted_the_run_and_never_of_one_that_a_person_deleted():
    runs = [
        run("ours", 999, deleted=True, deleted_on=ago(31)),
        run("ours, lately", 999, deleted=True, deleted_on=ago(29)),
        run("a person's", 999, deleted=True),
        run("restored", 999, deleted_on=ago(31)),
    ]
    assert names(mlflow_rules.runs_to_purge(runs, (), Retention(), NOW)) == ["ours"]
    assert names(mlflow_rules.runs_to_delete(runs, (), Retention(), NOW)) == []


def test_a_run_that_was_restored_counts_again_unless_it_goes_again_or_is_about_to_be_deleted():
    runs = [
        run("back", 999, deleted_on=ago(40)),
        run("going again", 999, deleted_on=ago(400)),
        run("just now", 999, deleted_on=ago(0.5)),
        run("still deleted", 999, deleted=True, deleted_on=ago(40)),
        run("never deleted", 999),
    ]
    going = mlflow_rules.runs_to_delete(runs, {"never deleted"}, Retention(), NOW)
    assert names(going) == ["going again"]
    assert names(mlflow_rules.restored_runs(runs, going, NOW)) == ["back"]
    assert names(mlflow_rules.runs_to_delete([run("seen back", 999, restored_on=ago(179))], (), Retention(), NOW)) == []
    assert names(mlflow_rules.runs_to_delete([run("long back", 999, restored_on=ago(181))], (), Retention(), NOW))


def test_only_folders_that_are_called_like_a_run_or_a_model_can_be_ownerless():
    mine, none = "0" * 32, "a" * 32
    others = ["data", "traces", "A" * 32, "a" * 31, "a" * 33, f"m-{none}"]
    assert mlflow_rules.orphan_folders([mine, none, *others], [run(mine, 1)]) == [none]
    models, others = [f"m-{name}" for name in ("0" * 32, "1" * 32, "2" * 32, none)], [none, "m-1", "models"]
    runs = [run("r", 1, tags={"model_id": models[0]})]
    assert mlflow_rules.orphan_models([*models, *others], {models[1]: "r"}, runs, {models[2]}) == [f"m-{none}"]


# -- the plan and the policy


def test_a_plan_is_reported_by_kind_with_counts_and_bytes():
    items = (CleanupItem("page", "a", 1500), CleanupItem("page", "b", 500), CleanupItem("version", "2"))
    assert CleanupPlan("toy", items, problems=("a table.",)).table() == [
        "      1         0 B  versions that can no longer be built again",
        "      2      2.0 kB  Data Docs",
        "not read: a table.",
    ]
    assert CleanupPlan("toy", ()).table() == ["Nothing is to be done."]


@pytest.mark.parametrize(
    "given",
    [
        {"superseded_days": 1},
        {"run_days": 29},
        {"champion_days": 20},
        {"newest_versions": 0},
        {"deleted_run_days": 0},
        {"log_days": 0},
        {"cost_days": 0},
        {"compiled_days": 0},
        {"notification_days": 7},
    ],
)
def test_a_policy_that_contradicts_itself_is_refused_with_what_to_write(given):
    with invalid(*given):
        Retention(**given)


def test_the_policy_says_in_words_what_it_keeps():
    assert "every version that was ever champion" in Retention().rules()[1]
    assert "named champion within 60 days" in Retention(champion_days=60).rules()[1]
