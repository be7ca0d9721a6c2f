"""A rollback makes a former champion, and no other version, the champion from the named day on."""

from dataclasses import replace
from pathlib import Path

import pytest
from mlflow import MlflowClient

from include.declaration.period import Period
from include.errors import AfterLastPeriodError, NotBegunError
from include.project import open_project
from include.promotion import rollback
from include.promotion.promotion_errors import NeverChampionError, RollbackReasonMissingError, TrainedLaterError
from include.registry.ledger import Ledger, LedgerCorruptedError
from include.registry.mlflow_registry import Registry
from include.registry.model_copies import ArtifactMissingError
from include.registry.sync import ModelReplacedError
from include.registry.tags import NOT_REPRODUCIBLE
from tests.conftest import AS_OF, move, moved_into
from tests.refusals import raises
from tests.toy_use_case import USE_CASE
from tests.versions import LATER, alias, life, promoted, register, rerecord, state

pytestmark = pytest.mark.both_places(long=True)

DAY = Period("2020-03-08")


@pytest.fixture(scope="module")
def champions_home(tmp_path_factory, trained) -> Path:
    home = tmp_path_factory.mktemp("champions") / "home"
    with moved_into(trained[0], home):
        for period in (AS_OF, LATER, LATER):
            register(trained[1], period)
        promoted("1", actor="a run"), promoted("2", actor="a run")
    return home


@pytest.fixture
def champions(lake_home, champions_home, trained, monkeypatch) -> str:
    """Version 1 was champion from AS_OF on, version 2 is it from LATER on, version 3 was never; the run's id."""
    move(champions_home, lake_home, monkeypatch)
    return trained[1]


def back(
    version: str = "1", period: Period = DAY, actor: str = "Ann", reason: str = "worse"
) -> rollback.RollbackResult:
    return rollback.roll_back(open_project(USE_CASE), version, period, actor=actor, reason=reason)


def test_a_former_champion_is_champion_again_from_the_named_day(champions):
    found = back()
    assert (found.version, found.effective_from, found.newest_period, found.entry) == ("1", "2020-03-08", None, 3)
    assert (found.champion, found.new) == ("1", True)
    entry = Ledger.open(USE_CASE).champion_of(DAY)
    assert (entry.version, entry.action, entry.actor, entry.reason) == ("1", "rollback", "Ann", "worse")
    assert Ledger.open(USE_CASE).champion_of(Period("2020-03-07")).version == "2"
    assert (alias(), life("1"), life("2"), life("3")) == ("1", "champion", "archived", "challenger")
    assert Registry(USE_CASE).ledger_head() == entry.head
    assert found.reason.startswith("Version 1 is the champion from 2020-03-08 on. Periods that are scored already keep")
    assert "trigger toy__score for it with `rescore`" in found.reason


def test_a_version_without_training_data_becomes_champion_and_the_result_says_so(champions):
    Registry(USE_CASE).tag_version("1", {NOT_REPRODUCIBLE: "since 2020-03-01, because of the declared retention."})
    found = back()
    assert (found.champion, found.new) == ("1", True)
    assert found.reason.endswith(
        " Version 1 cannot be built again: it is no longer reproducible since 2020-03-01, because of the declared"
        " retention."
    )


def test_a_later_entry_still_takes_over_on_its_day_and_this_is_reported(champions):
    promoted(register(champions, DAY), actor="a run")
    found = back(period=LATER)
    assert (found.newest_period, found.champion) == ("2020-03-07", "4")
    assert found.reason.startswith(
        "Version 1 is the champion from 2020-03-05 to 2020-03-07; from 2020-03-08 on entry 3 (promotion) makes version"
        " 4 the champion. To undo that entry too, roll back from 2020-03-08 on as well."
    )


def test_the_same_rollback_again_adds_no_second_entry(champions):
    first, before = back(), state()
    assert replace(back(), new=True) == first
    assert replace(back(actor="another run of the same form"), new=True) == first
    assert not back().new
    assert state() == before


@pytest.mark.parametrize(("version", "period", "entry"), [("2", LATER, 2), ("2", DAY, 2), ("1", AS_OF, 1)])
def test_a_rollback_to_what_is_the_champion_already_writes_nothing(champions, version, period, entry):
    before = state()
    found = rollback.roll_back(
        open_project(USE_CASE), version, period, actor="Ann", reason="another look", only_if_needed=True
    )
    assert (found.new, found.needless, found.entry, found.champion) == (False, True, entry, "2")
    assert str(period) in found.reason and f"entry {entry}" in found.reason
    assert state() == before


def test_a_cleared_rollback_does_not_undo_what_came_after_it(champions):
    back(period=DAY)
    promoted(register(champions, DAY), actor="a run")
    before, found = state(), back(period=DAY)
    assert (found.new, found.champion, found.newest_period) == (False, "4", "2020-03-07")
    assert (
        "the later entry 4 (promotion) makes version 4 the champion of 2020-03-08; nothing was changed" in found.reason
    )
    assert state() == before


def test_another_decision_to_the_same_version_after_something_newer_is_an_entry_of_its_own(champions):
    back(actor="run 1")
    promoted(register(champions, DAY), actor="a run")
    assert back(actor="run 2").new
    assert (alias(), len(Ledger.open(USE_CASE).entries())) == ("1", 5)


def test_a_rollback_can_be_rolled_back(champions):
    back("1"), back("2")
    assert (alias(), life("1"), life("2")) == ("2", "archived", "champion")


@pytest.mark.parametrize(("version", "exists"), [("3", True), ("77", False)])
def test_a_version_that_was_never_champion_is_refused_with_the_list_of_champions(champions, version, exists):
    before = state()
    with raises(NeverChampionError, version, "2020-03-01", "2020-03-05", version=version, exists=exists) as refused:
        back(version)
    assert [(entry.version, entry.number) for entry in refused.value.champions] == [("1", 1), ("2", 2)]
    assert state() == before


def test_without_any_champion_the_error_says_so(trained_toy):
    register(trained_toy)
    with raises(NeverChampionError, champions=()):
        back()


def test_a_deleted_version_is_refused_and_not_offered(champions):
    MlflowClient(Registry(USE_CASE).address).delete_model_version(USE_CASE.name, "1")
    with pytest.raises(ModelReplacedError) as refused:
        back("1")
    assert (refused.value.entry.number, refused.value.entry.version, refused.value.found, refused.value.others) == (
        1,
        "1",
        None,
        ("2",),
    )
    with raises(NeverChampionError, version="3") as never:
        back("3")
    assert [entry.version for entry in never.value.champions] == ["2"]


def test_another_model_under_the_number_of_a_champion_is_not_gone_back_to(champions):
    rerecord("1", trees="others")
    with pytest.raises(ModelReplacedError) as refused:
        back("1")
    assert (refused.value.entry.number, refused.value.entry.version) == (1, "1") and refused.value.found is not None
    assert (alias(), len(Ledger.open(USE_CASE).entries())) == ("2", 2)


def test_a_day_that_the_version_has_seen_is_refused(champions):
    before = state()
    with raises(TrainedLaterError, version="2", as_of=Period("2020-03-05"), period=Period("2020-03-04")):
        back("2", Period("2020-03-04"))
    assert state() == before
    assert back("2", LATER).version == "2"


@pytest.mark.parametrize("reason", ["", "  "])
def test_a_rollback_without_a_reason_is_refused(champions, reason):
    with pytest.raises(RollbackReasonMissingError):
        back(reason=reason)
    assert alias() == "2"


def test_a_model_that_cannot_be_loaded_is_not_gone_back_to(champions, lake_home):
    Registry(USE_CASE).load(Registry(USE_CASE).version("1"))  # a whole copy lies here: it does not count
    before = state()
    for path in (path for path in lake_home.rglob("model.lgb") if "mlruns" in path.parts):
        path.unlink()
    with pytest.raises(ArtifactMissingError) as refused:
        back()
    assert (refused.value.use_case, refused.value.version) == ("toy", "1")
    assert state() == before


def test_nothing_is_rolled_back_on_a_damaged_ledger(champions):
    (Ledger.open(USE_CASE).folder / "000002.json").remove()
    with pytest.raises(LedgerCorruptedError) as refused:
        back()
    assert refused.value.place.name == "000002.json"
    assert (alias(), len(Ledger.open(USE_CASE).entries())) == ("2", 1)


@pytest.mark.parametrize("period", [Period("2206-03-05"), USE_CASE.newest_period() + 2])
def test_a_day_that_has_not_begun_is_refused_and_changes_nothing(champions, period):
    before = state()
    with pytest.raises(NotBegunError) as refused:
        back(period=period)
    assert (refused.value.period, refused.value.today) == (period, USE_CASE.today())
    assert state() == before


def test_the_newest_day_can_be_rolled_back_from(champions):
    assert back(period=USE_CASE.newest_period()).champion == "1"


def test_a_day_after_the_end_of_the_use_case_is_refused(champions):
    ended = replace(USE_CASE, last_period=Period("2020-03-10"))
    with raises(AfterLastPeriodError, last=Period("2020-03-10"), period=Period("2020-03-11")):
        rollback.roll_back(open_project(ended), "1", Period("2020-03-11"), actor="Ann", reason="worse")
