"""promote: the ledger decides, the alias follows, and nothing happens by accident."""

from dataclasses import replace
from datetime import date

import pytest

from include.errors import BadRequest
from include.stages import evaluate, promote, register, train
from include.storage.ledger import Ledger
from include.storage.models import Registry
from include.use_case import Gate, UseCase
from tests.conftest import AS_OF
from tests.toy_use_case import USE_CASE

pytestmark = pytest.mark.usefixtures("without_plots")
STRICT = replace(USE_CASE, gates=(Gate("auc", at_least=0.99),))
LATER = date(2020, 3, 5)


def version_as_of(day: date, use_case: UseCase = USE_CASE) -> str:
    run_id = train.run(use_case, day, parameters={"rounds": 12}).run_id
    evaluate.run(use_case, run_id)
    return register.run(use_case, run_id).version


def alias() -> str | None:
    return Registry(USE_CASE).champion()


def test_a_version_that_passed_is_champion_from_the_day_of_its_training(trained_toy):
    version = register.run(USE_CASE, trained_toy).version
    found = promote.run(USE_CASE, version, who="train 7")
    assert (found.promoted, found.effective_from, found.champion, found.new) == (True, "2020-03-01", version, True)
    entry = Ledger.of(USE_CASE).champion_of(AS_OF)
    assert (entry.version, entry.who, entry.reason, entry.action) == (version, "train 7", "a first model", "promotion")
    assert [verdict["passed"] for verdict in entry.verdicts] == [True, True]
    assert alias() == version


def test_promoting_again_changes_nothing(trained_toy):
    version = register.run(USE_CASE, trained_toy).version
    first, again = promote.run(USE_CASE, version, who="one"), promote.run(USE_CASE, version, who="two")
    assert replace(again, new=True) == first
    assert not again.new
    assert [entry.who for entry in Ledger.of(USE_CASE).entries()] == ["one"]


def test_a_version_that_did_not_pass_moves_nothing_and_says_why(trained_toy):
    champion = register.run(USE_CASE, trained_toy).version
    promote.run(USE_CASE, champion, who="a test")
    rejected = version_as_of(LATER, STRICT)
    found = promote.run(STRICT, rejected, who="a test")
    assert (found.promoted, found.champion, found.entry) == (False, champion, None)
    assert found.reason.startswith("Test auc 0.") and "is not >= 0.99" in found.reason
    assert alias() == champion
    assert len(Ledger.of(USE_CASE).entries()) == 1
    kept = Registry(USE_CASE).version(rejected)
    assert kept.tags["not_promoted"] == found.reason
    assert kept.description.endswith(f"**Not promoted**: {found.reason}")


def test_a_rejection_told_again_is_told_once(trained_toy):
    evaluate.run(STRICT, trained_toy)
    version = register.run(STRICT, trained_toy).version
    first = promote.run(STRICT, version, who="a test")
    text = Registry(USE_CASE).version(version).description
    assert promote.run(STRICT, version, who="a test") == first
    assert Registry(USE_CASE).version(version).description == text
    assert alias() is None


def test_a_backfilled_training_of_an_earlier_day_leaves_the_alias_with_the_later(trained_toy):
    later = version_as_of(LATER)
    promote.run(USE_CASE, later, who="a test")
    earlier = register.run(USE_CASE, trained_toy).version
    found = promote.run(USE_CASE, earlier, who="a backfill")
    assert (found.promoted, found.effective_from, found.champion) == (True, "2020-03-01", later)
    assert alias() == later
    assert Ledger.of(USE_CASE).champion_of(date(2020, 3, 4)).version == earlier
    assert Ledger.of(USE_CASE).champion_of(LATER).version == later


def test_killed_between_ledger_and_alias_the_next_run_repairs_the_alias(trained_toy, monkeypatch):
    version = register.run(USE_CASE, trained_toy).version
    with monkeypatch.context() as killed:
        killed.setattr(Registry, "set_champion", lambda *_: (_ for _ in ()).throw(KeyboardInterrupt))
        with pytest.raises(KeyboardInterrupt):
            promote.run(USE_CASE, version, who="a test")
    assert alias() is None
    assert promote.run(USE_CASE, version, who="a test").champion == version
    assert alias() == version
    assert len(Ledger.of(USE_CASE).entries()) == 1


def test_a_rerun_after_a_rollback_does_not_undo_it(trained_toy):
    first = register.run(USE_CASE, trained_toy).version
    promote.run(USE_CASE, first, who="a test")
    second = version_as_of(LATER)
    promote.run(USE_CASE, second, who="a test")
    ledger = Ledger.of(USE_CASE)
    ledger.append(first, LATER, action="rollback", who="a person", reason="worse")
    found = promote.run(USE_CASE, second, who="cleared")
    assert found.champion == alias() == first
    assert found.reason == (
        "All 2 gates are passed; promoted from 2020-03-05 on by ledger entry 2, but the later entry 3"
        " (rollback by a person: worse) makes version 1 the champion of that day."
    )


def test_a_champion_is_told_since_when_and_by_which_entry(trained_toy):
    found = promote.run(USE_CASE, register.run(USE_CASE, trained_toy).version, who="a test")
    assert found.reason == "All 2 gates are passed; champion from 2020-03-01 on by ledger entry 1."


def test_a_promotion_overtaken_by_another_leaves_the_alias_with_the_newer_one(trained_toy, monkeypatch):
    first, second = register.run(USE_CASE, trained_toy).version, version_as_of(LATER)
    move = Registry.set_champion

    def slow(registry, number):
        monkeypatch.setattr(Registry, "set_champion", move)
        promote.run(USE_CASE, second, who="the faster one")
        registry.set_champion(number)  # too late: the other's alias is lost

    monkeypatch.setattr(Registry, "set_champion", slow)
    assert promote.run(USE_CASE, first, who="the slower one").champion == second
    assert alias() == second


def test_a_rejection_repairs_an_alias_that_does_not_follow_the_ledger(trained_toy):
    champion = register.run(USE_CASE, trained_toy).version
    promote.run(USE_CASE, champion, who="a test")
    rejected = version_as_of(LATER, STRICT)
    Registry(USE_CASE).set_champion(rejected)
    assert promote.run(STRICT, rejected, who="a test").champion == champion
    assert alias() == champion


def test_a_rejected_version_is_promoted_once_looser_gates_pass_it(trained_toy):
    evaluate.run(STRICT, trained_toy)
    version = register.run(STRICT, trained_toy).version
    assert not promote.run(STRICT, version, who="a test").promoted
    evaluate.run(USE_CASE, trained_toy)
    assert register.run(USE_CASE, trained_toy).version == version
    assert promote.run(USE_CASE, version, who="a test").promoted
    kept = Registry(USE_CASE).version(version)
    assert "not_promoted" not in kept.tags and "Not promoted" not in kept.description


def test_an_unknown_version_is_refused(tracking):
    with pytest.raises(BadRequest, match="there is no version '4'"):
        promote.run(USE_CASE, "4", who="a test")
