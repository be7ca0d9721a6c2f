"""The list of gates: every kind is found by its module and can be declared and recorded, and no other."""

import importlib
import pkgutil
from dataclasses import dataclass, fields, replace
from typing import ClassVar, get_args

import pytest

from include import use_case
from include.declaration.problems import DeclarationError
from include.evaluation import gates
from include.evaluation.gates import GATE_KINDS, GATES, require_gates, require_listed_kinds
from include.evaluation.gates.base import BaseGate, GateLimits, Input
from include.evaluation.inputs import GateInputs
from include.evaluation.judging import judge_gates
from tests.evaluation.gates.sound import ALL, SOUND, TASK
from tests.refusals import raises
from tests.toy_use_case import USE_CASE

MODULES = [module.name for module in pkgutil.iter_modules(gates.__path__) if module.name not in ("base", "result")]


@dataclass(frozen=True)
class LuckGate(BaseGate):
    """A gate that is not listed."""

    kind: ClassVar[str] = "luck"
    needs: ClassVar[frozenset[Input]] = frozenset()

    def __str__(self):
        return "is lucky"

    def judge(self, inputs, task):
        return [self.result("passed", "It is lucky.")]


@pytest.mark.parametrize("module", MODULES)
def test_a_module_defines_one_listed_kind_of_its_name(module):
    found = vars(importlib.import_module(f"{gates.__name__}.{module}")).values()
    kinds = {each for each in found if isinstance(each, type) and issubclass(each, BaseGate) and each is not BaseGate}
    assert kinds == {GATE_KINDS[module]}
    assert GATE_KINDS[module].__module__ == f"{gates.__name__}.{module}"


def test_every_listed_kind_has_a_module():
    assert sorted(GATE_KINDS) == sorted(MODULES)
    assert len(GATES) == len(MODULES)


@pytest.mark.parametrize("gate", GATES)
def test_a_use_case_can_import_every_kind(gate):
    assert getattr(use_case, gate.__name__) is gate
    assert gate.__name__ in use_case.__all__


def test_a_declared_gate_that_is_not_listed_is_refused():
    with raises(DeclarationError, "LuckGate", "include/evaluation/gates/__init__.py"):
        replace(USE_CASE, gates=(LuckGate(),))


def test_a_kind_of_result_that_no_module_defines_is_refused():
    require_listed_kinds([gate.kind for gate in GATES])
    with pytest.raises(ValueError, match=r"\['luck'\]"):
        require_listed_kinds(["metric", "luck"])


def test_gates_that_ask_for_the_same_are_refused():
    twice = [use_case.LeakageGate(), use_case.LeakageGate(periods=7)]
    with pytest.raises(ValueError, match=r"\['nothing sees the future'\]"):
        require_gates(twice, GateLimits([], test_periods=7, rebuildable_periods=6, task=TASK))


def test_every_input_that_a_gate_can_need_is_one_of_the_inputs():
    assert {*get_args(Input), "periods", "unit"} == {field.name for field in fields(GateInputs)}


def test_there_is_a_sound_gate_of_each_kind():
    assert {type(gate) for gate in ALL} == set(GATES)


@pytest.mark.parametrize("gate", ALL)
def test_a_gate_is_judged_by_no_other_inputs_than_it_needs(gate):
    needed = {name: getattr(SOUND, name) for name in gate.needs}
    alone = GateInputs(**{"metrics": {}, "periods": SOUND.periods, **needed})
    assert judge_gates([gate], alone, TASK) == judge_gates([gate], SOUND, TASK)


@pytest.mark.parametrize("gate", ALL)
def test_a_gate_without_what_it_needs_is_inconclusive(gate):
    outcomes = {result.outcome for result in judge_gates([gate], GateInputs(metrics={}, periods=SOUND.periods), TASK)}
    assert outcomes == {"inconclusive"}
