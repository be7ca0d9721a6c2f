"""Today's state in one line: the most serious thing, why, and what to do; nothing unmeasured is taken for good."""

from dataclasses import replace
from datetime import date, timedelta

import pytest

from include.logic.measures import Measure
from include.logic.status import Seen, in_words, judge

D = date(2020, 5, 1)


def measure(metric: str, subject: str, value: float | None, **more: object) -> Measure:
    whole = dict.fromkeys(("lower", "upper", "limit", "breached", "model_version"))
    rest = {"about": D, "days": 1, "state": ""}
    return Measure(**whole | rest | {"day": D, "metric": metric, "subject": subject, "value": value} | more)


CALM = measure("weighted_drift", "features", 0.05, limit=0.1, breached=False)
WORSE = measure("worse/log_loss", "model", 0.03, lower=0.025, limit=0.02, breached=True, days=14)
DRIFT = measure("weighted_drift", "features", 0.3, limit=0.1, breached=True)
SEEN = Seen("toy", D, today=D, stale_days=1, rows=(CALM,), champion="3")


def test_all_that_was_judged_and_holds_is_ok():
    found = judge(SEEN)
    assert (found.name, found.do) == ("ok", "Nothing to do.")
    assert "1 limits that were judged" in found.why


@pytest.mark.parametrize(
    ("changed", "name", "says"),
    [
        ({"problems": ["The table metrics is damaged."], "champion": None}, "damaged", "is damaged"),
        ({"champion": None, "rows": ()}, "no model", "No version is champion"),
        ({"rows": ()}, "not measured", "was not measured"),
        ({"today": D + timedelta(days=2), "rows": (DRIFT,)}, "stale", "2 days ago"),
        ({"training": "Features drift.", "training_since": D, "rows": (DRIFT,)}, "retraining", "Features drift."),
        ({"rows": (CALM, WORSE)}, "degraded", "0.03 worse than promised, surely by 0.025 (limit 0.02)"),
    ],
)
def test_the_most_serious_thing_is_the_state(changed, name, says):
    found = judge(replace(SEEN, **changed))
    assert found.name == name and says in found.why and found.do


def test_an_earlier_day_that_is_looked_at_on_purpose_is_not_stale():
    assert judge(replace(SEEN, today=None)).name == "ok"
    assert judge(replace(SEEN, today=D + timedelta(days=1))).name == "ok"


@pytest.mark.parametrize(
    "silent",
    [
        measure("state", "predictions", None, state="2020-05-01 has no predictions. Run toy__score for it."),
        measure("psi", "size", None, state="2020-05-01 has no predictions. Run toy__score for it."),
    ],
)
def test_what_could_not_be_measured_is_never_ok(silent):
    found = judge(replace(SEEN, rows=(CALM, silent)))
    assert found.name == "unclear"
    assert found.why == "2020-05-01 has no predictions. Run toy__score for it."


def test_what_the_line_says_is_not_said_again_below_it():
    state = "2020-05-01 has no predictions"
    silent = (measure("state", "predictions", None, state=f"{state}: run toy__score."), measure("auc", "model", None,
              state=state))  # fmt: skip
    assert judge(replace(SEEN, rows=silent)).notes == ()


def test_a_day_on_which_nothing_was_judged_is_not_ok():
    assert judge(replace(SEEN, rows=(measure("rows", "features", 9),))).name == "unclear"


def test_a_breach_is_told_even_where_something_else_could_not_be_measured():
    silent = measure("psi", "size", None, state="No profile.")
    assert judge(replace(SEEN, rows=(silent, DRIFT))).name == "degraded"


def test_a_feature_that_drifts_alone_is_noted_and_degrades_nothing():
    found = judge(replace(SEEN, rows=(CALM, measure("psi", "size", 0.9, limit=0.2, breached=True))))
    assert found.name == "ok" and found.notes == ("1 feature differs from the training days: size.",)


def test_labels_that_have_not_come_are_said_beside_the_state():
    waiting = measure("worse/log_loss", "model", None, state="3 days have labels; it takes 7")
    found = judge(replace(SEEN, rows=(CALM, waiting)))
    assert found.name == "ok" and found.notes == ("3 days have labels; it takes 7.",)


def test_performance_is_told_first_and_many_breaches_are_counted():
    many = [measure("null_share", f"f{n}", 0.5, limit=0.1, breached=True) for n in range(4)]
    found = judge(replace(SEEN, rows=(*many, WORSE)))
    assert found.why.startswith("On 14 days log loss") and found.why.endswith("And 2 more.")


def test_broken_data_sends_a_person_to_the_data_first():
    broken = measure("volume_change", "events", -0.9, limit=0.5, breached=True)
    assert "toy__data" in judge(replace(SEEN, rows=(broken,))).do
    assert "decision" in judge(replace(SEEN, rows=(broken, WORSE))).do


@pytest.mark.parametrize(
    ("row", "words"),
    [
        (measure("staleness", "model", 61, limit=60), "The model is 61 days old (limit 60)."),
        (measure("staleness", "labels", 9, limit=3), "The labels are 9 days old (limit 3)."),
        (measure("volume_change", "events", -0.5, limit=0.4), "Rows of events changed by -50% (limit 0.4)."),
        (measure("something_new", "x", None), "something new of x: unknown."),
    ],
)
def test_a_measure_is_a_sentence(row, words):
    assert in_words(row) == words
