"""Every kind of gate judges a trained model of every task, and blocks it where the limit is out of reach."""

from __future__ import annotations

from dataclasses import replace

import pytest

from include.evaluation import evaluate
from include.evaluation.gates import GATES
from include.evaluation.gates.base import BaseGate
from include.model.metrics import METRICS
from include.project import open_project
from include.use_case import (
    ChampionGate,
    Gate,
    LeakageGate,
    RobustnessGate,
    SchemaGate,
    ServingGate,
    SliceGate,
    UnusedFeaturesGate,
)
from tests.toys import Toy, each_task

pytestmark = [each_task, pytest.mark.slow, pytest.mark.usefixtures("without_plots")]
LEAKAGE = LeakageGate(if_inconclusive="pass")
"""Rebuilt periods need the source's feeds in the lake, which a filled lake does not have."""


def column(toy: Toy) -> str:
    """A category among the features."""
    return next(name for name, kind in toy.use_case.features.items() if kind == "category")


def reachable(toy: Toy) -> list[BaseGate]:
    task, kind = toy.use_case.task, column(toy)
    return [
        *(Gate(task.main_metric, better_than=baseline) for baseline in task.baselines[:1]),
        ChampionGate(min_periods=5),
        SliceGate(kind, task.main_metric, max_degradation=50.0, min_rows=20),
        RobustnessGate(at_most=min(task.largest_change, 1e6)),
        ServingGate(at_most_microseconds=100_000, at_most_megabytes=50),
        SchemaGate(),
        UnusedFeaturesGate(at_most=len(toy.use_case.features)),
    ]


def out_of_reach(toy: Toy) -> list[BaseGate]:
    task, kind = toy.use_case.task, column(toy)
    main = METRICS[task.main_metric]
    return [
        Gate(task.main_metric, at_most=main.lower_bound),
        SliceGate(kind, task.main_metric, max_degradation=-1.0, reference=task.baselines[1], min_rows=20),
        RobustnessGate(at_most=1e-9),
    ]


def judged(toy: Toy, run_id: str, gates: list[BaseGate]) -> list[dict[str, object]]:
    project = open_project(replace(toy.use_case, gates=tuple(gates)))
    return [dict(each) for each in evaluate.evaluate_run(project, run_id).gate_results]


def test_gates_within_reach_are_passed_and_say_why_in_words_of_the_task(toy: Toy, trained_toy):
    gates = reachable(toy)
    found = judged(toy, trained_toy, gates)
    assert {each["outcome"] for each in found} == {"passed"}, found
    assert {each["kind"] for each in found} | {LEAKAGE.kind} == {gate.kind for gate in GATES}
    said = " ".join(str(each["reason"]) for each in found)
    assert METRICS[toy.use_case.task.main_metric].label in said
    if not any("probability" in name for name in toy.use_case.task.prediction_columns):
        assert "probability" not in said
    if toy.use_case.task.label_unit:
        robust = next(str(each["reason"]) for each in found if each["kind"] == "robustness")
        assert f" {toy.use_case.task.label_unit} on average" in robust


def test_gates_out_of_reach_block(toy: Toy, trained_toy):
    found = judged(toy, trained_toy, out_of_reach(toy))
    failed = [each for each in found if each["outcome"] == "failed"]
    assert {each["kind"] for each in failed} == {"metric", "slice", "robustness"}
    assert all(each["blocks"] for each in failed)
