"""Gates judged on evidence that can be read: each kind is passed by a sound model and caught by a planted violation."""

from dataclasses import replace
from datetime import date

import numpy as np
import pyarrow as pa
import pytest

from include.declaration.gates import (
    MODEL,
    ChampionGate,
    Gate,
    LeakageGate,
    RobustnessGate,
    SchemaGate,
    ServingGate,
    SliceGate,
    UnusedFeaturesGate,
)
from include.evaluation.inputs import (
    ChampionInputs,
    CorruptionResult,
    GateInputs,
    RebuiltPeriod,
    ServingCheckResult,
    TestRows,
)
from include.evaluation.judge import judge_gates
from include.model import metrics
from include.registry import gate_result
from include.use_case import DecisionCosts

COSTS = DecisionCosts(missed=3, false_warning=1, unit="points")
DAYS, PER_DAY = 20, 40
FEATURES = {"size": "float64", "kind": "category"}
METRICS = {
    "model": {"log_loss": 0.50, "auc": 0.70},
    "prior": {"log_loss": 0.60, "auc": 0.50},
    "logistic": {"log_loss": 0.50, "auc": 0.71},
}


def labelled(better: float = 0.0, model: dict[str, float] | None = None) -> TestRows:
    """Labels of which every second is 1. The champion gives what happened 0.6, give or take a little by day, and the
    model `better` more; in the groups of `model` it gives what it says there."""
    days = np.arange(DAYS).repeat(PER_DAY)
    labels = np.tile([0.0, 1.0], DAYS * PER_DAY // 2)
    group = np.tile(np.array(["a", "a", "b", "b", "b", "b", "b", "b", "b", "b"]), DAYS * PER_DAY // 10)
    group[0:2] = "rare"
    wave = 0.05 * np.sin(days)
    sure = {"champion": 0.6 + wave, "model": 0.6 + better - wave, "prior": np.full(len(days), 0.5)}
    for name, value in (model or {}).items():
        sure["model"] = np.where(group == name, value, sure["model"])
    predicted = {subject: np.where(labels > 0, value, 1 - value) for subject, value in sure.items()}
    return TestRows(np.datetime64("2020-03-01") + days, labels, predicted, pa.table({"group": group}))


SOUND = GateInputs(
    metrics=METRICS,
    days=DAYS,
    features=FEATURES,
    declared=FEATURES,
    gains={"size": 10.0, "kind": 2.0},
    champion=ChampionInputs("3", seen=(date(2020, 1, 1),), features=FEATURES),
    rows=labelled(better=0.1),
    rehearsal=ServingCheckResult(rows=500, differing=0, microseconds_per_row=4.0, megabytes=1.5),
    perturbed=(CorruptionResult("size", "nulled", 0.02), CorruptionResult("kind", "a new category", 0.05)),
    rebuilt=tuple(RebuiltPeriod(date(2020, 3, day), rows=9) for day in range(1, 7)),
)
ALL = (
    Gate("log_loss", better_than="prior"),
    ChampionGate(),
    SliceGate("group", "brier", at_most_worse=0.05, min_rows=50),
    RobustnessGate(at_most=0.1),
    ServingGate(at_most_microseconds=50, at_most_megabytes=10),
    SchemaGate(),
    LeakageGate(),
    UnusedFeaturesGate(at_most=0),
)


def one(gate, evidence):
    [verdict] = judge_gates([gate], evidence, COSTS)
    return verdict


def without_champion(**change):
    return replace(SOUND, champion=ChampionInputs(None, **change))


def test_a_sound_model_passes_every_gate_in_their_order():
    verdicts = judge_gates(ALL, SOUND, COSTS)
    assert {verdict.outcome for verdict in verdicts} == {"passed"}
    assert not any(verdict.blocks for verdict in verdicts)
    kinds = [verdict.kind for verdict in verdicts]
    assert kinds[:4] == ["metric", "champion", "slice", "robustness"]
    assert kinds[4:] == ["serving"] * 3 + ["schema", "leakage", "feature value"]
    assert verdicts[0].gate == str(ALL[0])
    assert gate_result.overall_outcome(verdicts) == "passed"


@pytest.mark.parametrize(
    ("planted", "gate", "kind", "said"),
    [
        (replace(SOUND, metrics=METRICS | {"model": {"log_loss": 0.61}}), 0, "metric", "0.61, but it must be below"),
        (replace(SOUND, rows=labelled(better=-0.1)), 1, "champion", r"higher than version 3's"),
        (replace(SOUND, rows=labelled(better=0.2, model={"a": 0.4})), 2, "slice", "group a with"),
        (replace(SOUND, perturbed=(CorruptionResult("size", "far above", 0.4),)), 3, "robustness", "size far above"),
        (replace(SOUND, rehearsal=ServingCheckResult(500, 2, 4.0, 1.5)), 4, "serving", "2 differ"),
        (replace(SOUND, rehearsal=ServingCheckResult(500, 0, 90.0, 1.5)), 4, "serving", "90 microseconds"),
        (replace(SOUND, rehearsal=ServingCheckResult(500, 0, 4.0, 99.0)), 4, "serving", "99 megabytes"),
        (replace(SOUND, declared={"size": "float64"}), 5, "schema", "reads kind"),
        (
            replace(SOUND, rebuilt=(RebuiltPeriod(date(2020, 3, 1), rows=9, leaking=("size",)),)),
            6,
            "leakage",
            "2020-03-01 size",
        ),
        (replace(SOUND, gains={"size": 1.0}), 7, "feature value", "1 of 2 features brought no gain: kind"),
    ],
)
def test_a_planted_violation_is_caught_by_its_gate_alone_and_blocks(planted, gate, kind, said):
    verdicts = judge_gates(ALL, planted, COSTS)
    failed = [verdict for verdict in verdicts if verdict.outcome == "failed"]
    assert [verdict.kind for verdict in failed] == [kind]
    assert failed[0].blocks
    assert str(ALL[gate]) in failed[0].gate
    assert said in failed[0].reason
    assert gate_result.overall_outcome(verdicts) == "failed"


def test_what_was_not_found_out_is_not_judged_and_blocks():
    verdicts = judge_gates(ALL, GateInputs(metrics={}, days=DAYS), COSTS)
    assert {verdict.outcome for verdict in verdicts} == {"not judged"}
    assert all(verdict.blocks for verdict in verdicts)
    assert gate_result.overall_outcome(verdicts) == "not judged"


def test_too_few_days_with_labels_are_not_judged_and_block_unless_the_gate_says_otherwise():
    few = replace(SOUND, days=5)
    verdict = one(Gate("auc", at_least=0.9, min_days=7), few)
    assert (verdict.outcome, verdict.blocks) == ("not judged", True)
    assert verdict.reason == "There are labels of 5 test days; this gate needs 7."
    passing = one(Gate("auc", at_least=0.9, min_days=7, unjudged="passes"), few)
    assert (passing.outcome, passing.blocks) == ("not judged", False)
    assert gate_result.overall_outcome([passing]) == "passed"


def test_average_precision_on_test_days_of_one_class_is_not_judged():
    labels = np.ones(len(SOUND.rows.labels))
    measured = {MODEL: metrics.compute_metrics(labels, SOUND.rows.predicted[MODEL], COSTS)}
    verdict = one(Gate("average_precision", at_least=0.9), replace(SOUND, metrics=measured))
    assert (verdict.outcome, verdict.blocks) == ("not judged", True)


def test_a_failure_outweighs_what_was_not_judged():
    verdicts = judge_gates([Gate("auc", at_least=0.9), Gate("brier", at_most=0.2)], SOUND, COSTS)
    assert [verdict.outcome for verdict in verdicts] == ["failed", "not judged"]
    assert gate_result.overall_outcome(verdicts) == "failed"


def test_without_a_declared_gate_nothing_is_promoted():
    [verdict] = judge_gates([], SOUND, COSTS)
    assert (verdict.gate, verdict.outcome, verdict.blocks) == ("a gate is declared", "failed", True)
    assert gate_result.overall_outcome([]) == "failed"


@pytest.mark.parametrize(
    ("gate", "outcome"),
    [
        (Gate("auc", at_least=0.70), "passed"),
        (Gate("auc", at_least=0.71), "failed"),
        (Gate("log_loss", at_most=0.50), "passed"),
        (Gate("log_loss", at_most=0.49), "failed"),
        (Gate("auc", better_than="prior"), "passed"),
        (Gate("auc", better_than="logistic"), "failed"),
        (Gate("log_loss", better_than="logistic"), "failed"),
    ],
)
def test_a_limit_itself_is_within_the_limit_but_a_baseline_must_be_beaten(gate, outcome):
    assert one(gate, SOUND).outcome == outcome


@pytest.mark.parametrize("measured", [{}, {"model": {"auc": float("nan")}}, {"model": {"auc": float("inf")}}])
def test_a_metric_that_is_missing_or_not_finite_is_not_judged(measured):
    verdict = one(Gate("auc", at_least=0.5), replace(SOUND, metrics=measured))
    assert (verdict.outcome, verdict.value) == ("not judged", None)
    assert verdict.reason == "Of the model there is no AUC on the test days."


def test_a_missing_baseline_is_named():
    verdict = one(Gate("auc", better_than="prior"), replace(SOUND, metrics={"model": {"auc": 0.9}}))
    assert verdict.reason == "Of the prior baseline there is no AUC on the test days."


def test_the_comparison_with_the_champion_says_difference_bound_and_days():
    verdict = one(ChampionGate(), SOUND)
    assert verdict.value < 0 and verdict.limit == 0
    assert verdict.reason.startswith("On 20 days log loss is 0.1")
    assert "lower than version 3's; with 95% confidence at least 0." in verdict.reason
    worse = one(ChampionGate(), replace(SOUND, rows=labelled(better=-0.1)))
    assert "with 95% confidence it may be up to 0." in worse.reason
    assert worse.reason.endswith("It must be lower beyond doubt.")


def test_as_good_as_the_champion_is_not_better_but_is_within_a_margin():
    equal = labelled()
    equal = replace(equal, predicted=equal.predicted | {"model": equal.predicted["champion"]})
    evidence = replace(SOUND, rows=equal)
    assert one(ChampionGate(), evidence).outcome == "failed"
    verdict = one(ChampionGate(margin=0.01), evidence)
    assert (verdict.outcome, verdict.value, verdict.limit) == ("passed", 0, 0.01)
    assert "At most 0.01 higher is allowed." in verdict.reason


def test_a_negative_margin_asks_for_so_much_gain():
    asked = one(ChampionGate(margin=-0.05), SOUND)
    too_much = one(ChampionGate(margin=-0.5), SOUND)
    assert (asked.outcome, too_much.outcome) == ("passed", "failed")


@pytest.mark.parametrize("gate", [ChampionGate(), SliceGate("group", "brier", 0.05, than="champion")])
def test_where_no_model_flies_yet_there_is_none_to_be_worse_than(gate):
    verdict = one(gate, without_champion())
    assert verdict.outcome == "passed"
    assert "No model flies on that day yet" in verdict.reason


@pytest.mark.parametrize("gate", [ChampionGate(), SliceGate("group", "brier", 0.05, than="champion")])
def test_the_champion_is_not_worse_than_itself(gate):
    assert one(gate, replace(SOUND, champion=ChampionInputs("3", same=True), rows=labelled(-0.1))).outcome == "passed"


@pytest.mark.parametrize("gate", [ChampionGate(), SliceGate("group", "brier", 0.05, than="champion")])
def test_a_champion_that_cannot_score_is_not_compared_and_says_why(gate):
    verdict = one(gate, replace(SOUND, champion=ChampionInputs("3", why_not="it reads a lost column")))
    assert (verdict.outcome, verdict.blocks) == ("not judged", True)
    assert verdict.reason.endswith("cannot score the test rows: it reads a lost column.")


def seen(days):
    return tuple(date(2020, 3, 1 + day) for day in range(days))


def test_days_that_the_champion_has_seen_are_not_compared():
    flattered = labelled(better=0.1)
    early = flattered.days < np.datetime64("2020-03-05")
    sure = np.where(flattered.labels > 0, 0.999, 0.001)
    champion = np.where(early, sure, flattered.predicted["champion"])
    rows = replace(flattered, predicted=flattered.predicted | {"champion": champion})
    evidence = replace(SOUND, rows=rows, champion=ChampionInputs("3", seen=seen(4)))
    verdict = one(ChampionGate(), evidence)
    assert verdict.outcome == "passed"
    assert verdict.reason.startswith("On 16 days")
    assert one(SliceGate("group", "brier", 0.0, than="champion", min_rows=50), evidence).outcome == "passed"


def test_too_few_days_that_the_champion_has_not_seen_are_not_judged():
    verdict = one(ChampionGate(), replace(SOUND, champion=ChampionInputs("3", seen=seen(17))))
    assert (verdict.outcome, verdict.blocks) == ("not judged", True)
    assert verdict.reason == (
        "Of 20 test days 3 are left to compare on, and this gate needs 14: version 3 has seen the other 17."
    )


def test_probabilities_that_are_no_numbers_are_not_judged():
    rows = SOUND.rows
    broken = replace(rows, predicted=rows.predicted | {"model": np.full(DAYS * PER_DAY, np.nan)})
    for gate in (ChampionGate(), SliceGate("group", "ece", 0.05)):
        assert one(gate, replace(SOUND, rows=broken)).outcome == "not judged"


def test_the_worst_group_with_enough_rows_decides():
    gate = SliceGate("group", "brier", at_most_worse=0.05, min_rows=50)
    verdict = one(gate, replace(SOUND, rows=labelled(model={"a": 0.4, "rare": 0.0})))
    assert verdict.outcome == "failed"
    assert "Worst of 2 groups is group a with 158 rows: Brier score 0.36, " in verdict.reason
    assert verdict.reason.endswith("at most 0.05 worse is allowed. 1 group had fewer than 50 rows.")


def test_a_slice_may_be_compared_with_a_baseline():
    worse_than_prior = replace(SOUND, rows=labelled(model={"a": 0.4}))
    gate = SliceGate("group", "brier", at_most_worse=0.0, than="prior", min_rows=50)
    verdict = one(gate, worse_than_prior)
    assert (verdict.outcome, verdict.value) == ("failed", pytest.approx(0.36 - 0.25))
    assert one(gate, SOUND).outcome == "passed"


def test_a_slice_without_enough_rows_in_any_group_is_not_judged():
    verdict = one(SliceGate("group", "brier", 0.05, min_rows=10_000), SOUND)
    assert (verdict.outcome, verdict.blocks) == ("not judged", True)
    assert verdict.reason == "No group by group could be judged. 3 groups had fewer than 10,000 rows."


def test_a_slice_by_a_column_that_the_rows_lack_is_not_judged():
    assert one(SliceGate("nowhere", "brier", 0.05), SOUND).reason == "The test rows have no column nowhere."


def test_a_verdict_is_plain_json():
    assert one(ALL[0], SOUND).to_json() == {
        "gate": "log_loss better than prior",
        "kind": "metric",
        "metric": "log_loss",
        "value": 0.5,
        "limit": 0.6,
        "outcome": "passed",
        "blocks": False,
        "reason": "On 20 test days log loss is 0.5; it must be below the prior baseline's 0.6.",
    }
