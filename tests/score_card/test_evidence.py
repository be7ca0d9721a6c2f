"""The evidence of a use case that was trained and promoted, and of one with nothing."""

from __future__ import annotations

import json
from dataclasses import replace

import pytest
from typer.testing import CliRunner

from include.cli import main
from include.project import Project, open_project
from include.score_card import evidence, score, staleness
from tests.toy_use_case import USE_CASE

pytestmark = pytest.mark.slow


@pytest.fixture
def project(champion: str) -> Project:
    """The toy whose version 1 is champion."""
    return open_project(USE_CASE)


def test_a_trained_and_promoted_use_case_has_evidence_from_all_stores(project):
    found = evidence.collect_evidence(project)
    assert found.suites.keys() == {"events", "outcomes"} and all(found.suites.values())
    assert found.validated == {"events": None, "outcomes": None}  # this home begins with its features
    assert found.version is not None and found.version.number == "1" and found.entry is not None
    assert [row["feature"] for row in found.features] == list(USE_CASE.features)
    assert {row["owner"] for row in found.features} == {"tests"}
    card = score.judge_evidence(found)
    assert (card.verdicts["m5"].outcome, card.verdicts["i4"].outcome) == ("passed", "passed")
    assert "Never validated: events, outcomes" in card.verdicts["d1"].evidence
    assert card.verdicts["d5"].outcome == "not met" and card.version == "1"


def test_a_changed_feature_is_a_change_since_the_training(project):
    same = evidence.collect_evidence(project).dependency_changes
    assert not [change for change in same if "feature" in change]
    features = {name: kind for name, kind in USE_CASE.features.items() if name != "urgent"} | {"hour": "int64"}
    changed = evidence.collect_evidence(project.declared_as(replace(USE_CASE, features=features))).dependency_changes
    assert "The feature urgent was bool in the champion's training and is not declared any more now." in changed
    assert "The feature hour was int32 in the champion's training and is int64 now." in changed


def test_nothing_is_written(project):
    def files():
        return {path: path.stat().st_mtime_ns for path in project.root.path.rglob("*") if path.is_file()}

    before = files()
    score.score_use_case(project)
    assert files() == before


def test_a_use_case_without_anything_scores_nothing(lake_home, tracking):
    card = score.score_use_case(open_project(USE_CASE))
    assert card.score == 0 and card.version == ""


def test_the_kept_backtest_is_read_back_and_a_damaged_one_is_not(project):
    assert staleness.read_staleness(project) is None
    file = (project.root / staleness.FILE).path
    file.parent.mkdir()
    kept = {"metric": "log_loss", "policies": {"never": {"log_loss": 0.5}}}
    file.write_text(json.dumps(kept))
    assert staleness.read_staleness(project) == kept
    for damaged in ("", "[]", "{}", '{"metric": "x", "policies": {"never": {}}}'):
        file.write_text(damaged)
        assert staleness.read_staleness(project) is None


def test_the_command_prints_text_and_json(project, configure):
    configure(use_case_packages="tests.use_cases")
    text = CliRunner().invoke(main.app, ["score-card", "toy"], catch_exceptions=False)
    assert text.exit_code == 0 and "ML Test Score of toy: 0 of 7" in text.output
    assert "A simpler model is not better" in text.output
    found = CliRunner().invoke(main.app, ["score-card", "toy", "--json"], catch_exceptions=False)
    assert len(json.loads(found.output)["tests"]) == 28


def test_a_range_without_a_backtest_is_refused(project, configure):
    configure(use_case_packages="tests.use_cases")
    done = CliRunner().invoke(main.app, ["score-card", "toy", "--from", "2020-02-01"])
    assert done.exit_code != 0 and "--staleness" in str(done.exception)
