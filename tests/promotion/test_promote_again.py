"""promote: outdated verdicts are not used; the version is judged again by the present gates and champion."""

from dataclasses import replace

import pytest

from include.declaration.period import Period
from include.evaluation import evaluate
from include.project import open_project
from include.promotion import approve, promote, register
from include.registry.ledger import Ledger
from include.registry.mlflow_registry import Registry
from include.training import train
from include.use_case import ChampionGate, Gate
from tests import versions
from tests.conftest import AS_OF
from tests.toy_use_case import USE_CASE

pytestmark = pytest.mark.usefixtures("without_plots")
STRICT = replace(USE_CASE, gates=(Gate("log_loss", at_most=0.01),))
COMPARED = replace(USE_CASE, gates=(USE_CASE.gates[0], ChampionGate("log_loss", margin=-0.001, min_periods=5)))


def versions_on_the_ledger() -> list[str]:
    return [entry.version for entry in Ledger.of(USE_CASE).entries()]


def trained(use_case, rounds: int, days: int) -> str:
    """The version of a model trained and judged, but not promoted yet."""
    run_id = train.train_model(open_project(use_case), AS_OF + days, parameters={"rounds": rounds}).run_id
    evaluate.evaluate_run(open_project(use_case), run_id)
    return register.register_run(open_project(use_case), run_id).version


@pytest.mark.slow
def test_of_two_that_beat_the_same_champion_the_second_must_beat_the_first(toy_lake, tracking):
    weak = trained(COMPARED, 1, 0)
    assert promote.promote_version(open_project(COMPARED), weak, actor="a run").promoted
    first, second = trained(COMPARED, 60, 1), trained(COMPARED, 60, 2)
    told = [Registry(USE_CASE).version(number).tags for number in (first, second)]
    assert [(tags["gates"], tags["compared_with"]) for tags in told] == [("passed", weak)] * 2
    assert promote.promote_version(open_project(COMPARED), first, actor="a run").promoted
    found = promote.promote_version(open_project(COMPARED), second, actor="a run")
    assert (found.promoted, found.champion) == (False, first)
    assert versions_on_the_ledger() == [weak, first]
    tags = Registry(USE_CASE).version(second).tags
    assert (tags["gates"], tags["compared_with"], tags["life"]) == ("failed", first, "rejected")


def test_gates_that_were_tightened_meanwhile_are_those_that_judge(trained_toy):
    version = register.register_run(open_project(USE_CASE), trained_toy).version
    assert Registry(USE_CASE).version(version).tags["gates"] == "passed"
    found = promote.promote_version(open_project(STRICT), version, actor="a run")
    assert (found.promoted, found.champion, versions_on_the_ledger()) == (False, None, [])
    assert Registry(USE_CASE).version(version).tags["gates"] == "failed"


def test_an_approval_of_verdicts_that_hold_no_longer_must_be_given_again(trained_toy):
    version = register.register_run(open_project(USE_CASE), trained_toy).version
    approve.record_approval(open_project(USE_CASE), version, approved=True, actor="Ann", reason="three days ago")
    loosened = replace(USE_CASE, gates=USE_CASE.gates[:1])
    found = promote.promote_version(open_project(loosened), version, actor="a run", approval_required=True)
    assert "Its earlier approval was of other verdicts" in found.reason
    assert approve.approval_decision(open_project(loosened), version) is None
    approve.record_approval(open_project(loosened), version, approved=True, actor="Ann", reason="still")
    assert promote.promote_version(open_project(loosened), version, actor="a run", approval_required=True).promoted


def test_what_is_on_the_ledger_is_not_judged_again(champion, monkeypatch):
    monkeypatch.setattr(evaluate, "evaluate_run", lambda *_: pytest.fail("judged again"))
    found = promote.promote_version(open_project(STRICT), champion, actor="cleared")
    assert (found.promoted, found.new) == (True, False)


def test_a_champion_that_is_promoted_meanwhile_is_compared_with(trained_toy, monkeypatch):
    version, look = register.register_run(open_project(USE_CASE), trained_toy).version, Registry.reload
    rival = Registry(USE_CASE).version(version)
    judged = []
    is_current = evaluate.is_current

    def overtaken(registry, found):
        monkeypatch.setattr(Registry, "reload", look)
        monkeypatch.setattr(evaluate, "is_current", lambda *given: (judged.append(1), is_current(*given))[1])
        approve.record_approval(
            open_project(USE_CASE), version_of_another(rival), approved=False, actor="Ann", reason="meanwhile"
        )
        return look(registry, found)

    monkeypatch.setattr(Registry, "reload", overtaken)
    assert promote.promote_version(open_project(USE_CASE), version, actor="the slower one").promoted
    assert judged  # it looked again at what holds now
    assert [entry.action for entry in Ledger.of(USE_CASE).entries()] == ["rejection", "promotion"]


def version_of_another(rival) -> str:
    return versions.register(rival.run_id, Period("2020-03-04"), gates=None)
