"""The score card: 28 tests, each with an outcome that follows from stored evidence."""

from __future__ import annotations

import re
from dataclasses import replace

import pytest

from include.monitoring.durations import StepCost
from include.monitoring.metric_table import MetricValue
from include.monitoring.slowdown import CostFigure
from include.score_card import score
from include.score_card.definitions import GROUPS, POINTS, TESTS, ScoreCard, Verdict
from include.score_card.evidence import Evidence
from include.use_case import Period
from tests.toy_use_case import USE_CASE

DAY = Period("2020-03-01")


def gate(kind: str, outcome: str = "passed", **more: object) -> dict[str, object]:
    found = {"gate": f"the gate {kind}", "kind": kind, "outcome": outcome, "value": 0.0, "limit": None}
    return found | {"blocks": outcome == "failed", "reason": f"It {outcome}."} | more


class Entry:
    """An entry of the ledger, as far as the tests of the score card read it."""

    number, version, actor, action, recorded_at = 1, "1", "Ada", "promotion", "2020-03-01T00:00:00+00:00"
    makes_champion = True

    def __init__(self, *gate_results: dict[str, object], **changed: object) -> None:
        self.gate_results = gate_results
        self.__dict__.update(changed)


class Version:
    """A version of the registry, as far as the tests of the score card read it."""

    number = "1"

    def __init__(self, *gate_results: dict[str, object], metrics: dict[str, float] | None = None, **tags: str) -> None:
        self.gate_results, self.tags, self.metrics = gate_results, tags, metrics or {}


def evidence(**changed: object) -> Evidence:
    found = Evidence(USE_CASE, DAY, {"events": 2, "outcomes": 1}, {"events": DAY, "outcomes": DAY}, DAY)
    return replace(found, **changed)


def judged(name: str, **changed: object) -> Verdict:
    return score.JUDGES[name](evidence(**changed))


def value(metric: str, subject: str = "model", number: float = 0.5, **changed: object) -> MetricValue:
    return MetricValue(DAY, metric, subject, number, None, None, None, None, "1", DAY, 1, "")._replace(**changed)


def test_there_are_seven_tests_in_each_of_four_groups_and_each_is_judged():
    assert [sum(test.group == group for test in TESTS) for group in GROUPS] == [7, 7, 7, 7]
    assert [test.id for test in TESTS] == list(score.JUDGES)


def test_the_score_is_the_smallest_of_the_groups():
    outcomes = {test.id: Verdict("passed", "") for test in TESTS}
    card = ScoreCard("toy", "2020-03-01", "1", outcomes)
    assert card.score == 7
    worse = replace(card, verdicts=outcomes | {"o1": Verdict("manual", ""), "o2": Verdict("not met", "")})
    assert (worse.points("monitoring"), worse.score) == (5.5, 5.5)


def test_without_any_evidence_nothing_is_passed_but_what_the_declaration_shows():
    nothing = Evidence(USE_CASE, DAY, {"events": 0}, {"events": None}, None)
    card = score.judge_evidence(nothing)
    assert [name for name, verdict in card.verdicts.items() if POINTS[verdict.outcome]] == []
    assert card.score == 0
    assert [name for name, verdict in card.verdicts.items() if not verdict.evidence or not verdict.remedy] == []


def test_a_feed_without_expectations_is_named():
    assert judged("d1").outcome == "passed"
    assert "outcomes" in judged("d1", suites={"events": 1, "outcomes": 0}).evidence


@pytest.mark.parametrize(("unused", "outcome"), [(0, "passed"), (2, "not met")])
def test_features_without_gain_do_not_benefit(unused, outcome):
    results = gate("unused_features", "informational", value=unused)
    assert judged("d2", version=Version(results)).outcome == outcome


def features(**changed: object) -> list[dict[str, object]]:
    row = {"feature": "size", "owner": "tests", "description": "", "importance": 0.5, "cpu_seconds": 0.1}
    return [row | changed]


def test_a_feature_without_importance_costs_too_much():
    assert judged("d3", features=features()).outcome == "passed"
    assert judged("d3", features=features(importance=0)).outcome == "not met"
    assert judged("d3", features=features(cpu_seconds=None)).outcome == "not met"


def test_a_step_that_takes_more_than_usual_costs_too_much():
    figure = CostFigure("step_cpu_seconds", 9.0, limit=1.0, breached=True)
    slow = StepCost("build_features", DAY, None, True, 1, None, 0, (figure,))  # type: ignore[arg-type]
    assert "more than usual" in judged("d3", features=features(), costs=[slow]).evidence


def test_every_feature_needs_a_description_and_the_leakage_gate():
    passed = Version(gate("leakage"))
    assert "without a description: size" in judged("d4", features=features(), version=passed).evidence
    assert judged("d4", features=features(description="x"), version=passed).outcome == "passed"
    assert (
        judged("d4", features=features(description="x"), version=Version(gate("leakage", "failed"))).outcome
        == "not met"
    )


def test_privacy_needs_a_declaration_of_every_feed():
    assert "events, outcomes" in judged("d5").evidence
    stated = replace(USE_CASE, feeds=tuple(replace(feed, personal=()) for feed in USE_CASE.feeds))
    assert judged("d5", use_case=stated).outcome == "passed"
    personal = replace(USE_CASE, feeds=tuple(replace(feed, personal=("id",)) for feed in USE_CASE.feeds))
    assert "Personal: id" in judged("d5", use_case=personal).evidence


@pytest.mark.parametrize(("commit", "outcome"), [("abc", "manual"), ("abc+12", "not met"), ("unknown", "not met")])
def test_the_commit_of_the_champion_is_what_was_reviewed(commit, outcome):
    assert judged("m1", version=Version(commit=commit)).outcome == outcome


def test_offline_and_realised_cost_are_compared():
    version = Version(metrics={"test/expected_cost.model": 0.5, "test/log_loss.model": 0.3})
    rows = [value("window/expected_cost", number=0.6), value("window/log_loss", number=0.4)]
    found = judged("m2", version=version, measured=rows)
    assert "0.5 on the test days, 0.6 realised" in found.evidence and found.outcome != "not met"
    broken = value("degradation/log_loss", number=1.0, breached=True)
    assert judged("m2", version=version, measured=[*rows, broken]).outcome == "not met"
    assert judged("m2", version=version).outcome == "not met"


def test_a_window_of_another_version_is_not_compared():
    version = Version(metrics={"test/log_loss.model": 0.3})
    rows = [value("window/log_loss", model_version="7")]
    assert judged("m2", version=version, measured=rows).outcome == "not met"


def test_a_study_is_tuning_by_hand():
    assert judged("m3", version=Version(tuned_by="study 7")).outcome == "manual"


def test_a_kept_backtest_shows_the_impact_of_staleness():
    policies = {"never": {"log_loss": 0.7}, "declared": {"log_loss": 0.6}}
    kept = {
        "first": "2020-02-01",
        "last": "2020-03-01",
        "metric": "log_loss",
        "recorded_at": "2020-03-02",
        "policies": policies,
    }
    found = judged("m4", staleness=kept)
    assert found.outcome == "manual" and "0.7 with a model that is never replaced, 0.6" in found.evidence


def test_a_simpler_model_is_the_linear_one_not_the_mean():
    version = Version(gate("metric"))
    assert judged("m5", version=version).outcome == "passed"
    only_prior = replace(USE_CASE, gates=USE_CASE.gates[:1])
    assert judged("m5", use_case=only_prior, version=version).outcome == "not met"


@pytest.mark.parametrize(("name", "kind"), [("m6", "slice"), ("i2", "schema"), ("i6", "serving"), ("o3", "serving")])
def test_gates_of_the_champion_are_evidence(name, kind):
    assert judged(name, version=Version(gate(kind))).outcome == "passed"
    assert judged(name, version=Version(gate(kind, "inconclusive"))).outcome == "not met"
    assert judged(name, version=Version()).outcome == "not met"


def test_a_version_that_was_rebuilt_is_reproducible():
    assert judged("i1", reproduced="equal").outcome == "manual"
    assert judged("i1", reproduced="different").outcome == "not met"


def test_a_promotion_without_gate_results_was_not_validated():
    assert judged("i4", entry=Entry(gate("metric"))).outcome == "passed"
    assert judged("i4", entry=Entry()).outcome == "not met"
    assert judged("i4", entry=Entry(gate("metric", "failed"))).outcome == "not met"


def test_a_rollback_that_was_done_is_more_than_one_that_could_be():
    first, second = Entry(), Entry(version="2")
    assert judged("i7", entries=[first]).outcome == "not met"
    assert judged("i7", entries=[first, second]).outcome == "manual"
    assert judged("i7", entries=[first, Entry(action="rollback")]).outcome == "passed"


def test_changed_dependencies_are_reported():
    version = Version()
    assert "Nothing changed" in judged("o1", version=version).evidence
    assert "another lock" in judged("o1", version=version, dependency_changes=["another lock"]).evidence


def test_breaches_of_the_newest_period_count():
    fine, broken = value("null_share", "size"), value("volume_change", "events", breached=True)
    assert judged("o2", measured=[fine]).outcome == "passed"
    assert judged("o2", measured=[fine, broken]).outcome == "not met"
    later = fine._replace(period=DAY + 1)
    assert judged("o2", measured=[broken, later]).outcome == "passed"


def test_the_age_of_the_champion_needs_a_limit():
    assert judged("o4", measured=[value("staleness", number=5)]).outcome == "not met"
    assert judged("o4", measured=[value("staleness", number=5, limit=60.0)]).outcome == "passed"
    assert judged("o4", measured=[value("staleness", number=70, limit=60.0, breached=True)]).outcome == "not met"


def test_quality_is_that_of_labelled_predictions():
    assert judged("o7").outcome == "not met"
    assert judged("o7", measured=[value("window/log_loss")]).outcome == "passed"
    broken = value("degradation/log_loss", breached=True)
    assert judged("o7", measured=[value("window/log_loss"), broken]).outcome == "not met"


def test_the_json_has_every_test_with_its_command():
    found = score.judge_evidence(evidence()).to_json()
    assert len(found["tests"]) == 28 and found["points"].keys() == set(GROUPS)
    assert not [test for test in found["tests"] if re.search(r"[{}]", test["where"])]
