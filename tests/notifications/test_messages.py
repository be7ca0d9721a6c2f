"""Messages escape foreign texts, in the mail, its subject and the webhook."""

import json

from include.notifications import messages

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


def test_a_breach_says_the_value_its_limit_its_interval_and_its_days():
    new = [
        breach_row("temp", lower=0.28, upper=0.34, periods=14, measured_period="2013-04-18"),
        breach_row("wind", limit=None),
    ]
    text = messages.breach_message("toy", "2013-04-18", new, 3, {}).text
    assert text.splitlines()[:5] == [
        "2 limits were breached on 2013-04-18 and not on the previous measured day:",
        "psi of temp: 0.31, limit 0.2 (0.28 to 0.34; 14 days until 2013-04-18)",
        "psi of wind: 0.31",
        "",
        "3 limits are still breached.",
    ]


def test_of_many_breaches_the_first_are_listed_and_the_others_counted():
    message = messages.breach_message("toy", "2013-04-18", [breach_row(f"f{each}") for each in range(14)], 0, {})
    assert message.text.count("psi of") == messages.SHOWN and "\nand 2 more\n\nWhat to do:" in message.text
    assert message.subject.endswith(": over the limit: psi of f0, psi of f1 and 12 more")


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
