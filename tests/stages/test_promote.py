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
    assert promote.run(USE_CASE, second, who="cleared").champion == first
    assert alias() == first


def test_an_unknown_version_is_refused(tracking):
    with pytest.raises(BadRequest, match="there is no version '4'"):
        promote.run(USE_CASE, "4", who="a test")
