"""A message to people shows what others have written as it is: in the mail, in its subject and in the webhook."""

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
