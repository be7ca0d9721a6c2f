"""What people read about a version, promoted or rejected, is in the words and units of its task."""

from __future__ import annotations

import json
import re
from dataclasses import replace

import pytest

from include.evaluation import evaluate
from include.evaluation.gates.result import GateResult
from include.model.metrics import METRICS
from include.monitoring import reference_profile
from include.notifications import notify
from include.project import Project, open_project
from include.promotion import approval_request, promote, register
from include.promotion.model_card import build
from include.promotion.promote import PromoteResult
from include.training import train
from include.use_case import Gate
from tests.conftest import draw_nothing
from tests.tasks.test_life import artifact
from tests.toys import Toy, each_task

pytestmark = [each_task, pytest.mark.slow]
OF_OTHER_TASKS = {
    "binary": {"class", "classes", "quantile", "interval", "visits"},
    "regression": {"probability", "probabilities", "positive", "positives", "class", "classes"},
    "multiclass": {"quantile", "interval", "visits", "positive", "positives"},
}
"""Task to words that have no meaning for it."""


@pytest.fixture
def rejected(toy: Toy, champion: str, monkeypatch: pytest.MonkeyPatch) -> tuple[Project, PromoteResult]:
    """A second version of few trees that no gate on the main metric lets pass, next to a champion."""
    draw_nothing(monkeypatch)
    main = toy.use_case.task.main_metric
    project = open_project(replace(toy.use_case, gates=(Gate(main, at_most=1e-6), *toy.use_case.gates[1:])))
    run_id = train.train_model(project, toy.as_of + 1, parameters={"num_boost_round": 3}, reason="weekly").run_id
    evaluate.evaluate_run(project, run_id)
    version = register.register_run(project, run_id).version
    return project, promote.promote_version(project, version, actor="ada")


def words(text: str) -> set[str]:
    return set(re.findall(r"[a-z]+", text.lower()))


def with_unit(result: GateResult, toy: Toy) -> str:
    """The unit that the reason of a gate must name; empty if its metric has none."""
    metric = METRICS.get(result.metric or "")
    judged = result.value is not None and result.outcome in ("passed", "failed")
    return metric.unit_of(toy.use_case.task) if metric is not None and judged else ""


def test_a_rejection_gives_each_reason_in_the_unit_of_its_metric(toy, rejected):
    project, result = rejected
    message = notify.promotion_alert(project, result, {})
    assert (message.event, message.details["version"]) == ("rejection", "2")
    results = [GateResult.from_json(values) for values in project.registry.version("2").gate_results]
    blocking = [each for each in results if each.outcome == "failed" and each.blocks]
    assert blocking and all(each.reason in message.text for each in blocking)
    for each in results:
        assert with_unit(each, toy) in each.reason, each
    assert not OF_OTHER_TASKS[toy.use_case.task.kind] & words(message.text)


def test_a_reason_that_compares_with_the_champion_names_the_unit_of_each_amount(toy, rejected):
    project, _ = rejected
    results = [GateResult.from_json(values) for values in project.registry.version("2").gate_results]
    for each in (each for each in results if each.kind == "champion" and each.value is not None):
        unit = with_unit(each, toy)
        amounts = re.findall(r"[0-9.]+ (?:(\w+) )?(?:higher|lower)", each.reason)
        assert amounts and set(amounts) == {unit}, each.reason


def test_a_promotion_names_each_gate_with_its_reason(toy, champion):
    project = open_project(toy.use_case)
    entry = project.ledger.entries()[0]
    message = notify.promotion_alert(project, promote.promote_version(project, champion, actor="a test"), {})
    assert (message.event, message.details["entry"]) == ("promotion", entry.number)
    results = [GateResult.from_json(values) for values in entry.gate_results]
    assert all(each.reason in message.text and with_unit(each, toy) in each.reason for each in results)
    assert not OF_OTHER_TASKS[toy.use_case.task.kind] & words(message.text) - {"interval", "quantile"}


def test_the_question_lists_every_metric_with_unit_and_direction_the_main_one_first(toy, trained_toy):
    project, task = open_project(toy.use_case), toy.use_case.task
    version = register.register_run(project, trained_toy).version
    question = approval_request.build_approval_request(project, version).question
    assert question is not None
    rows = [line.split(" | ")[0].removeprefix("| ") for line in question.splitlines() if "is better)" in line]
    main_first = dict.fromkeys((task.main_metric, *task.metrics))
    assert rows == [METRICS[name].titled(task) for name in main_first]


def test_the_card_says_how_the_predictions_compare_with_the_labels_in_their_unit(toy, champion):
    project = open_project(toy.use_case)
    build.build_model_card(project, champion)
    card = artifact(project, champion, "model_card/model_card.md")
    level = [line for line in card.splitlines() if line.startswith("On average the model predicts")]
    assert all(line.count(toy.use_case.task.label_unit) == 2 for line in level if toy.use_case.task.label_unit)
    assert "{" not in card and "None" not in card and "nan" not in words(card)
    for heading, body in re.findall(r"^## (.+)$((?:\n(?!## ).*)*)", card, re.MULTILINE):
        assert body.strip(), f"the section {heading} is empty"


def test_the_reference_profile_names_predictions_and_no_probability(toy, champion):
    project = open_project(toy.use_case)
    profile = project.registry.load_companion(project.registry.version(champion), reference_profile.NAME)
    assert "predictions" in profile and "probability" not in json.dumps(list(profile))
