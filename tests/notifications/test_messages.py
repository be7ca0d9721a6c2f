"""Messages escape foreign texts, in the mail, its subject and the webhook."""

import json

import pytest

from include.declaration.task import Task
from include.model.metrics import METRICS
from include.monitoring.definitions import DEGRADATION, SKILL_LOSS, WORSE_THAN_BASELINE, find_metric
from include.notifications import messages
from include.use_case import OrderCosts, Regression
from tests.toys import TASKS

HOSTILE = "x\x1b[31m\u202e\u2066\rBcc: all@example.com"


def test_no_text_of_a_message_turns_its_direction_or_adds_a_header():
    message = messages.rollback_message(
        "toy", "2020-03-05", version="1", entry=2, actor=HOSTILE, reason=f"{HOSTILE}\nsecond", effect=HOSTILE, links={}
    )
    written = json.dumps(message.payload(), ensure_ascii=False) + message.subject + message.html() + message.text
    assert {each for each in written if not each.isprintable()} <= {"\n"}
    assert r"x\x1b[31m\u202e\u2066\rBcc" in message.text and "\nsecond" in message.text
    assert message.payload()["details"]["actor"] == r"x\x1b[31m\u202e\u2066\rBcc: all@example.com"


def test_a_subject_is_one_printable_line():
    message = messages.failure_message(
        "toy", None, kind="data", run_id=HOSTILE, task=f"a\n{HOSTILE}", tries=1, error=HOSTILE, links={}
    )
    assert message.subject.isprintable() and message.key.isprintable()


def breach_row(subject: str, **values: object) -> dict[str, object]:
    return {"metric": "psi", "subject": subject, "value": 0.31, "limit": 0.2, **values}


def test_a_breach_is_a_sentence_with_its_limit_and_the_newest_of_its_days():
    new = [
        breach_row("temp", lower=0.28, upper=0.34, periods=14, measured_period="2013-04-18"),
        breach_row("wind", limit=None),
    ]
    text = messages.breach_message("toy", "2013-04-18", new, 3, {}).text
    assert text.splitlines()[:5] == [
        "2 limits were breached on 2013-04-18 and not on the previous measured day:",
        "temp drifts: PSI 0.31 (limit 0.2). The newest of these days is 2013-04-18.",
        "wind drifts: PSI 0.31.",
        "",
        "3 limits are still breached.",
    ]


def test_of_many_breaches_the_first_are_listed_and_the_others_counted():
    message = messages.breach_message("toy", "2013-04-18", [breach_row(f"f{each}") for each in range(14)], 0, {})
    assert message.text.count("drifts: PSI") == messages.SHOWN and "\nand 2 more\n\nWhat to do:" in message.text
    assert message.subject.endswith(": over the limit: PSI of f0, PSI of f1 and 12 more")


def test_a_text_from_outside_is_never_a_template_and_never_markup_in_the_mail():
    hostile = "<b>{{ 6 * 7 }}</b> {% if x %}"
    message = messages.rejection_message("toy", None, version="7", reason=hostile, links={hostile: '"><script>'})
    assert hostile in message.text
    assert "<b>" not in message.html() and "<script>" not in message.html() and "{{ 6 * 7 }}" in message.html()


def test_a_promotion_without_gates_leaves_no_empty_paragraph():
    message = messages.promotion_message(
        "toy", "2020-01-05", version="1", entry=1, actor="ada", reason="It is better.", gates=(), links={}
    )
    assert message.text.split("\n\n")[1:] == [
        "It is better.",
        "What to do: nothing, if this was meant. To undo it, trigger toy__rollback.",
    ]


def every_breach(task: Task) -> list[dict[str, object]]:
    """A breach of every limit that the task can have."""
    simple = task.baselines[0]
    compared = {"value": 0.31, "lower": 0.22, "upper": 0.4, "limit": 0.0, "periods": 14}
    compared |= {"measured_period": "2013-04-18"}
    rows = [
        {"metric": f"{first}{metric}", "subject": subject, **compared}
        for metric in task.metrics
        for first, subject in ((DEGRADATION, "model"), (SKILL_LOSS, simple), (WORSE_THAN_BASELINE, simple))
    ]
    subjects = {"volume_change": "events", "null_share": "size", "unseen_share": "kind", "psi": "size"}
    subjects |= {"weighted_drift": "features", "prediction_drift": "prediction", "unscored_rows": "predictions"}
    subjects |= {"staleness": "model", "crossed_share": "prediction"}
    others = {metric: subject for metric, subject in subjects.items() if find_metric(metric)}
    return rows + [{"metric": name, "subject": each, "value": 0.5, "limit": 0.2} for name, each in others.items()]


@pytest.mark.parametrize("toy", TASKS, ids=[each.name for each in TASKS])
def test_every_breach_of_every_task_is_a_sentence_in_its_own_words_and_units(toy):
    task = toy.use_case.task
    probabilities = any("probability" in column for column in task.prediction_columns)
    for row in every_breach(task):
        message = messages.breach_message(toy.name, "2013-04-18", [row], 0, {}, task)
        sentence, metric = message.text.splitlines()[1], str(row["metric"]).rpartition("/")[2]
        said = f"{message.subject.removeprefix(f'[airworthy] {toy.name}')} {sentence}"
        assert sentence.endswith(".") and "None" not in said and "{" not in said
        assert str(row["metric"]) not in said or row["metric"] == "staleness", "the raw name of a metric"
        if metric in METRICS:
            assert METRICS[metric].label in sentence and METRICS[metric].label in message.subject
            assert "The newest of these days is 2013-04-18." in sentence
            unit = METRICS[metric].unit_of(task)
            assert f"is 0.31 {unit} ".replace("  ", " ") in sentence
        assert probabilities or not {"probability", "log loss", "positive"} & set(sentence.split())


def test_errors_in_the_unit_of_the_label_and_costs_say_their_unit():
    task = Regression(unit="minutes", costs=OrderCosts(under=3, over=1, unit="EUR"))
    words = [("degradation/mae", "0.31 minutes worse"), ("degradation/order_cost", "0.31 EUR worse")]
    for metric, said in [*words, ("degradation/mse", "0.31 worse")]:
        row = {"metric": metric, "subject": "model", "value": 0.31, "limit": 0.1, "periods": 14}
        text = messages.breach_message("toy", "2013-04-18", [row | {"measured_period": "x"}], 0, {}, task).text
        assert said in text
