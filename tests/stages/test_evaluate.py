"""evaluate: verdicts from what a run measured on its test days."""

import json
from dataclasses import replace
from pathlib import Path

import pytest
from mlflow import MlflowClient

from include import settings
from include.errors import NotReady
from include.stages import evaluate
from include.storage.models import Registry
from include.use_case import Gate
from tests.toy_use_case import USE_CASE


def run_of(run_id: str):
    return MlflowClient(settings.current().mlflow).get_run(run_id).data


def test_a_model_that_beats_both_baselines_passes(trained_toy):
    found = evaluate.run(USE_CASE, trained_toy)
    assert found.passed
    assert [verdict["gate"] for verdict in found.verdicts] == ["log_loss < prior", "log_loss < logistic"]


def test_one_gate_not_passed_is_enough_to_fail(trained_toy):
    strict = replace(USE_CASE, gates=(*USE_CASE.gates, Gate("auc", at_least=0.99)))
    found = evaluate.run(strict, trained_toy)
    assert not found.passed
    assert [verdict["passed"] for verdict in found.verdicts] == [True, True, False]
    assert run_of(trained_toy).tags["passed"] == "false"


def test_verdicts_are_kept_with_the_run_and_judge_the_test_days(trained_toy, tmp_path):
    evaluate.run(USE_CASE, trained_toy)
    run = run_of(trained_toy)
    path = MlflowClient(settings.current().mlflow).download_artifacts(trained_toy, "verdicts.json", str(tmp_path))
    kept = json.loads(Path(path).read_text())
    assert kept == json.loads(run.tags["verdicts"])
    assert kept[0]["value"] == run.metrics["test/log_loss.model"]
    assert kept[0]["limit"] == run.metrics["test/log_loss.prior"]


def test_judging_again_changes_nothing(trained_toy, monkeypatch):
    first = evaluate.run(USE_CASE, trained_toy)
    monkeypatch.setattr(Registry, "log", lambda *_, **__: pytest.fail("written again"))
    monkeypatch.setattr(Registry, "log_json", lambda *_, **__: pytest.fail("written again"))
    assert evaluate.run(USE_CASE, trained_toy) == first


def test_a_run_that_broke_half_way_is_not_judged(tracking):
    run_id = Registry(USE_CASE).start_run("broken", {})
    with pytest.raises(NotReady, match=r"not complete, so it is no model. Train again: trigger toy__train"):
        evaluate.run(USE_CASE, run_id)
