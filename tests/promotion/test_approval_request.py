"""The approval request: its text, and the versions without one."""

import re
from dataclasses import replace

import pytest

from include.evaluation import evaluate
from include.model.metrics import METRICS
from include.project import open_project
from include.promotion import approval_request, approve, promote, register
from include.use_case import Gate, UnusedFeaturesGate
from tests.toy_use_case import USE_CASE
from tests.versions import read_json, rerecord
from tests.web import measured


def cells(text: str, first: str) -> list[str]:
    """The cells of the table's row that begins so."""
    row = next(line for line in text.splitlines() if line.startswith(f"| {first} |"))
    return [cell.strip() for cell in row.strip("|").split("|")]


def test_metrics_and_gate_results_are_next_to_those_of_the_champion(trained_toy, another):
    promote.promote_version(
        open_project(USE_CASE), register.register_run(open_project(USE_CASE), trained_toy).version, actor="a test"
    )
    evaluate.evaluate_run(open_project(USE_CASE), run_id := another(USE_CASE))
    version = register.register_run(open_project(USE_CASE), run_id).version
    text = approval_request.build_approval_request(open_project(USE_CASE), version).question
    assert text is not None
    assert cells(text, "") == ["", "version 2", "champion, version 1", "logistic", "prior"]
    measured = read_json(run_id, f"{evaluate.FOLDER}/metrics.json")
    shown = [f"{measured[subject]['log_loss']:.4g}" for subject in ("model", "champion", "logistic", "prior")]
    title = METRICS["log_loss"].titled(USE_CASE.task)
    assert cells(text, title) == [title, *shown]
    (passed,) = (line for line in text.splitlines() if line.startswith("**Passed:**"))
    found = re.search(r"log_loss better than prior \(([^,]+), limit ([^;]+); champion ([^,]+), passed\)", passed)
    assert found is not None and (found[1], found[2]) == (shown[0], shown[3]) and found[3] != found[1]
    assert USE_CASE.notice in text


def test_the_question_begins_with_what_changes_by_how_much_and_from_when(trained_toy, another):
    project = open_project(USE_CASE)
    promote.promote_version(project, register.register_run(project, trained_toy).version, actor="a test")
    evaluate.evaluate_run(project, run_id := another(USE_CASE))
    version = project.registry.version(register.register_run(project, run_id).version)
    text = approval_request.build_approval_request(project, version.number).question
    assert text is not None
    what, how_much, when = text.split("\n\n")[0].splitlines()
    assert f"version 2 replaces version 1, champion since {project.registry.version('1').as_of}" in what
    judged = read_json(run_id, f"{evaluate.FOLDER}/metrics.json")
    model, champion = judged["model"]["log_loss"], judged["champion"]["log_loss"]
    direction = "worse" if model > champion else "better"
    assert f"{model:.4g} nats against {champion:.4g} nats of version 1 (lower is better)" in how_much or (
        f"{model:.4g} against {champion:.4g} of version 1 (lower is better)" in how_much
    )
    assert f": {abs(model - champion) / champion:.1%} {direction};" in how_much
    assert f"from {version.as_of} on" in when


def test_the_first_model_has_nothing_to_be_compared_with(trained_toy):
    project = open_project(USE_CASE)
    text = approval_request.build_approval_request(
        project, register.register_run(project, trained_toy).version
    ).question
    assert text is not None
    assert "becomes the first champion" in text.splitlines()[0]
    assert "no champion to compare it with" in text.splitlines()[1]


@pytest.mark.parametrize(
    ("difference", "base", "higher_is_better", "words"),
    [
        (-0.05, 0.5, False, "10.0% better"),
        (0.05, 0.5, False, "10.0% worse"),
        (0.05, -0.5, True, "10.0% better"),
        (0.25, 0.0, True, "0.25 better"),
        (0.0, 0.5, True, "the same"),
    ],
)
def test_a_change_is_better_or_worse_by_the_direction_of_its_metric(difference, base, higher_is_better, words):
    assert approval_request._change(difference, base, higher_is_better) == words


def test_the_question_links_to_pages_and_to_nothing_else(trained_toy):
    version = register.register_run(open_project(USE_CASE), trained_toy).version
    links = {"Model card": "http://127.0.0.1:8080/airworthy/card/toy/1", "evil": "javascript:alert(1)"}
    text = approval_request.build_approval_request(open_project(USE_CASE), version, links).question
    assert text is not None
    assert "[Model card](<http://127.0.0.1:8080/airworthy/card/toy/1>) · evil" in text
    assert "javascript" not in text


def test_without_a_champion_the_model_is_next_to_its_baselines(trained_toy):
    text = approval_request.build_approval_request(
        open_project(USE_CASE), register.register_run(open_project(USE_CASE), trained_toy).version
    ).question
    assert text is not None
    assert cells(text, "") == ["", "version 1", "logistic", "prior"]


def test_no_approval_is_requested_for_a_model_that_did_not_pass(trained_toy):
    strict = replace(USE_CASE, gates=(Gate("auc", at_least=0.99),))
    evaluate.evaluate_run(open_project(strict), trained_toy)
    found = approval_request.build_approval_request(
        open_project(strict), register.register_run(open_project(strict), trained_toy).version
    )
    assert found.question is None
    assert found.not_asked.startswith("No approval is requested: version 1 did not pass its gates. In 7 test days")


def test_no_approval_is_requested_for_a_champion_or_a_decided_version(trained_toy):
    version = register.register_run(open_project(USE_CASE), trained_toy).version
    approve.record_approval(open_project(USE_CASE), version, approved=True, actor="Ann", reason="fine")
    assert (
        approval_request.build_approval_request(open_project(USE_CASE), version).not_asked
        == "No approval is requested: version 1 was approved by Ann: fine."
    )
    promote.promote_version(open_project(USE_CASE), version, actor="a test", approval_required=True)
    assert approval_request.build_approval_request(open_project(USE_CASE), version).question is None


def test_what_a_person_typed_is_text_and_no_markup(trained_toy):
    rerecord(register.register_run(open_project(USE_CASE), trained_toy).version, reason="<b>| look |</b>")
    text = approval_request.build_approval_request(open_project(USE_CASE), "1").question
    assert text is not None
    assert "<b>" not in text and "| look |" not in text


def test_a_version_that_is_trained_as_of_an_earlier_period_is_champion_until_the_next_one(trained_toy, another):
    project = open_project(USE_CASE)
    first = project.registry.version(register.register_run(project, trained_toy).version)
    entry = promote.promote_version(project, first.number, actor="a test")
    evaluate.evaluate_run(project, run_id := another(USE_CASE))
    second = project.registry.version(register.register_run(project, run_id).version)
    assert first.as_of < second.as_of
    measured.promote(USE_CASE, "7", second.as_of + 9)
    text = approval_request.build_approval_request(project, second.number).question
    assert text is not None and entry is not None
    when = text.split("\n\n")[0].splitlines()[2]
    assert f"from {second.as_of} to {second.as_of + 8}; version 7 is the champion from {second.as_of + 9} on" in when
    assert "replaces version 1" in text.splitlines()[0]


def test_gates_that_did_not_pass_are_named_with_their_reason_and_counted(trained_toy):
    project = open_project(replace(USE_CASE, gates=(*USE_CASE.gates, UnusedFeaturesGate())))
    evaluate.evaluate_run(project, trained_toy)
    version = project.registry.version(register.register_run(project, trained_toy).version)
    (other,) = (result for result in version.gate_results if result["outcome"] != "passed")
    text = approval_request.build_approval_request(project, version.number).question
    assert text is not None
    every = len(version.gate_results)
    assert f"{every} gates: {every - 1} passed, 1 informational." in text.splitlines()[1]
    assert f"- **{other['gate']}**: informational (" in text and other["reason"] in text
    assert "), " in next(line for line in text.splitlines() if line.startswith("**Passed:**"))
