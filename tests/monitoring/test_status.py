"""Today's status in one line: the most serious problem, reason and action; unmeasured is never reported as ok."""

from dataclasses import replace

import pytest

from include.declaration.period import Period
from include.monitoring.breach_runs import BreachRun
from include.monitoring.definitions import REMEDIATION
from include.monitoring.metric_table import MetricValue
from include.monitoring.status import StatusInputs, bytes_text, in_words, overall_status

D = Period("2020-05-01")


def measure(metric: str, subject: str, value: float | None, **more: object) -> MetricValue:
    whole = dict.fromkeys(("lower", "upper", "limit", "breached", "model_version"))
    rest = {"measured_period": D, "periods": 1, "missing_reason": ""}
    return MetricValue(**whole | rest | {"period": D, "metric": metric, "subject": subject, "value": value} | more)


CALM = (
    measure("weighted_drift", "features", 0.05, limit=0.1, breached=False),
    measure("prediction_drift", "prediction", 0.05, limit=0.1, breached=False),
)
LIMITED = [("degradation/log_loss", "model")]
WORSE = measure("degradation/log_loss", "model", 0.03, lower=0.025, limit=0.02, breached=True, periods=14)
DRIFT = measure("weighted_drift", "features", 0.3, limit=0.1, breached=True)
SEEN = StatusInputs("toy", D, today=D, stale_periods=1, rows=CALM, champion="3")


def test_all_that_was_judged_and_holds_is_ok():
    found = overall_status(SEEN)
    assert (found.name, found.action) == ("ok", "Nothing to do.")
    assert "2 limits were judged" in found.reason


@pytest.mark.parametrize(
    ("changed", "name", "says"),
    [
        ({"problems": ["The table metrics is damaged."], "champion": None}, "damaged", "is damaged"),
        ({"champion": None, "rows": ()}, "no model", "No version is champion"),
        ({"rows": ()}, "not measured", "was not measured"),
        ({"today": D + 2, "rows": (DRIFT,)}, "stale", "2 days ago"),
        ({"training": "Features drift.", "training_since": D, "rows": (DRIFT,)}, "retraining", "Features drift."),
        ({"rows": (*CALM, WORSE)}, "degraded", "0.03 worse than in the test periods, lower bound 0.025 (limit 0.02)"),
    ],
)
def test_the_most_serious_thing_is_the_state(changed, name, says):
    found = overall_status(replace(SEEN, **changed))
    assert found.name == name and says in found.reason and found.action


COSTLY = measure("step_cpu_seconds", "score", 12.3, limit=3.0, breached=True)


def test_a_step_that_costs_more_than_usual_is_a_breach_with_a_remedy_of_its_own():
    found = overall_status(
        replace(SEEN, costs=(COSTLY, measure("step_seconds", "score", 1.0, limit=3.0, breached=False)))
    )
    assert (found.name, found.action) == ("watched", REMEDIATION["cost"])
    assert found.reason == "The step score took 12.3 s of processor time (limit 3 s)."


def test_a_costly_step_comes_after_the_model_and_its_data():
    found = overall_status(replace(SEEN, rows=(*CALM[:1], DRIFT, WORSE), costs=(COSTLY,)))
    assert found.reason.endswith("The step score took 12.3 s of processor time (limit 3 s).")
    assert found.action != REMEDIATION["cost"]


def test_costs_do_not_make_an_unmeasured_day_a_measured_one():
    assert overall_status(replace(SEEN, rows=(), costs=(COSTLY,))).name == "not measured"


def test_memory_is_said_in_units_of_bytes():
    row = measure("step_peak_memory", "train", 2.5e9, limit=9.1e8, breached=True)
    assert in_words(row) == "The step train used up to 2.5 GB of memory (limit 910 MB)."
    assert [bytes_text(count) for count in (7, 999.4e3, 999.6e3, 3e12, 5e15)] == [
        "7 B", "999 kB", "1 MB", "3 TB", "5e+03 TB"
    ]  # fmt: skip


def test_an_earlier_day_that_is_looked_at_on_purpose_is_not_stale():
    assert overall_status(replace(SEEN, today=None)).name == "ok"
    assert overall_status(replace(SEEN, today=D + 1)).name == "ok"


@pytest.mark.parametrize(
    "silent",
    [
        measure(
            "missing_predictions",
            "predictions",
            None,
            missing_reason="2020-05-01 has no predictions. Run toy__score for it.",
        ),
        measure("psi", "size", None, missing_reason="2020-05-01 has no predictions. Run toy__score for it."),
    ],
)
def test_what_could_not_be_measured_is_never_ok(silent):
    found = overall_status(replace(SEEN, rows=(*CALM, silent)))
    assert found.name == "unclear"
    assert found.reason == "2020-05-01 has no predictions. Run toy__score for it."


def test_what_the_line_says_is_not_said_again_below_it():
    missing_reason = "2020-05-01 has no predictions"
    silent = (
        measure("missing_predictions", "predictions", None, missing_reason=f"{missing_reason}: run toy__score."),
        measure("auc", "model", None, missing_reason=missing_reason),
    )
    assert overall_status(replace(SEEN, rows=silent)).notes == ()


def test_a_day_on_which_nothing_was_judged_is_not_ok():
    assert overall_status(replace(SEEN, rows=(measure("rows", "features", 9),))).name == "unclear"


def test_a_breach_is_reported_even_where_something_else_could_not_be_measured():
    silent = measure("psi", "size", None, missing_reason="No profile.")
    assert overall_status(replace(SEEN, rows=(silent, DRIFT))).name == "watched"


def test_what_asks_for_action_is_red_and_drift_alone_is_watched():
    nulls = measure("null_share", "size", 0.9, limit=0.1, breached=True)
    assert overall_status(replace(SEEN, rows=(*CALM[1:], DRIFT))).name == "watched"
    found = overall_status(replace(SEEN, rows=(DRIFT, nulls)))
    assert found.name == "degraded" and found.reason.startswith("90% of size are null")


def test_a_breach_that_lasts_says_how_long():
    run = BreachRun(DRIFT, D - 6, 7)
    found = overall_status(replace(SEEN, rows=(*CALM[1:], DRIFT), running={("weighted_drift", "features"): run}))
    assert found.reason.endswith("; 7 days running, since 2020-04-25.")


def test_a_day_without_champion_and_values_says_nothing_about_values():
    assert overall_status(replace(SEEN, champion=None, rows=())).notes == ()


def test_a_feature_that_drifts_alone_is_noted_and_degrades_nothing():
    found = overall_status(replace(SEEN, rows=(*CALM, measure("psi", "size", 0.9, limit=0.2, breached=True))))
    assert found.name == "ok" and found.notes == ("1 feature differs from the training periods: size.",)


def test_labels_that_have_not_come_are_said_next_to_the_state():
    waiting = measure("degradation/log_loss", "model", None, missing_reason="3 days have labels; it takes 7")
    found = overall_status(replace(SEEN, rows=(*CALM, waiting)))
    assert found.name == "ok" and found.notes == ("3 days have labels; it takes 7.",)


def test_performance_is_reported_first_and_many_breaches_are_counted():
    many = [measure("null_share", f"f{n}", 0.5, limit=0.1, breached=True) for n in range(4)]
    found = overall_status(replace(SEEN, rows=(*many, WORSE)))
    assert found.reason.startswith("In 14 days log loss") and found.reason.endswith("And 2 more.")


def test_broken_data_sends_a_person_to_the_data_first():
    broken = measure("volume_change", "events", -0.9, limit=0.5, breached=True)
    assert "toy__data" in overall_status(replace(SEEN, rows=(broken,))).action
    assert "decision" in overall_status(replace(SEEN, rows=(broken, WORSE))).action


@pytest.mark.parametrize(
    ("row", "words"),
    [
        (measure("staleness", "model", 61, limit=60), "The model is 61 days old (limit 60)."),
        (measure("staleness", "labels", 9, limit=3), "The labels are 9 days late (limit 3)."),
        (measure("volume_change", "events", -0.5, limit=0.4), "Rows of events changed by -50% (limit 0.4)."),
        (measure("something_new", "x", None), "something new of x: unknown."),
    ],
)
def test_a_measure_is_a_sentence(row, words):
    assert in_words(row) == words


FAR = measure(
    "degradation/log_loss",
    "model",
    0.106,
    limit=0.02,
    lower=0.03,
    missing_reason="Only 1 day with labels; 7 are needed to judge.",
)


def test_a_model_that_is_far_worse_on_too_few_days_is_not_waved_through():
    found = overall_status(replace(SEEN, rows=(*CALM, FAR)))
    assert found.action == (
        "Performance is not judged yet: In 1 day log loss is 0.106 worse than in the test periods, lower bound 0.03"
        " (limit 0.02)."
        " Only 1 day with labels; 7 are needed to judge."
    )
    assert found.notes == ()


def test_a_value_without_a_limit_is_noted_whatever_else_is_broken():
    found = overall_status(replace(SEEN, rows=(DRIFT, CALM[1], FAR)))
    assert found.name == "watched" and any("Only 1 day with labels" in note for note in found.notes)


def test_a_performance_limit_without_a_row_is_not_taken_for_kept():
    assert (
        "The value of degradation/log_loss of model is missing"
        in overall_status(replace(SEEN, performance=LIMITED)).action
    )
    assert overall_status(replace(SEEN, performance=LIMITED, rows=(*CALM, WORSE))).name == "degraded"


def test_a_breach_of_performance_leaves_nothing_to_do():
    held = measure("degradation/log_loss", "model", -0.01, limit=0.02, breached=False, periods=14)
    assert overall_status(replace(SEEN, rows=(*CALM, held), performance=LIMITED)).action == "Nothing to do."


@pytest.mark.parametrize("left", [CALM[:1], CALM[1:]])
def test_without_a_figure_of_drift_nothing_is_ok(left):
    found = overall_status(replace(SEEN, rows=left))
    assert found.name == "unclear" and "is missing; the run's log may give the reason" in found.reason


def test_a_feed_that_was_refused_is_never_ok_and_is_named():
    refused = measure("published", "events", None, missing_reason="Nothing of the day is published")
    found = overall_status(replace(SEEN, rows=(*CALM, refused)))
    assert (found.name, found.reason) == ("unclear", "events: Nothing of the day is published.")


def test_what_could_not_be_measured_is_named_next_to_a_breach_and_next_to_a_training():
    rows = (DRIFT, measure("prediction_drift", "prediction", None, missing_reason="No profile."))
    assert "No profile." in overall_status(replace(SEEN, rows=rows)).notes
    noted = overall_status(replace(SEEN, rows=rows, training="Features drift.")).notes
    assert "No profile." in noted and any(note.startswith("Features drift: weighted") for note in noted)


def test_a_model_that_does_better_is_not_said_to_be_worse_by_less_than_nothing():
    better = measure("degradation/auc", "model", -0.02, lower=-0.03, limit=0.01, breached=False, periods=9)
    assert in_words(better) == "In 9 days AUC is 0.02 better than in the test periods, lower bound -0.03 (limit 0.01)."


def test_what_is_compared_with_a_baseline_names_it_and_the_bound_that_is_judged():
    lead = measure("skill_loss/log_loss", "prior", 0.03, lower=0.012, limit=0.0, breached=True, periods=14)
    said = "In 14 days the lead in log loss over the prior is 0.03 smaller than in the test periods, lower bound 0.012"
    assert in_words(lead) == f"{said} (limit 0)."
    behind = measure("worse_than_baseline/log_loss", "logistic", 0.41, lower=0.3, limit=0.0, breached=True, periods=14)
    assert in_words(behind) == "In 14 days log loss is 0.41 worse than the logistic, lower bound 0.3 (limit 0)."
    assert overall_status(replace(SEEN, rows=(*CALM, behind))).name == "degraded"
