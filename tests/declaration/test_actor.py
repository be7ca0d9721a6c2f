"""The recorded actor is the login only; values that a user can choose are quoted."""

from __future__ import annotations

import json
import subprocess
import sys
from types import SimpleNamespace
from typing import Any

import pytest
from airflow.sdk.api.datamodels._generated import DagRunType

from include.declaration.actor import UNANSWERED, account_actor, answer_actor, run_actor
from include.settings import REPOSITORY

pytestmark = pytest.mark.security

CHOSEN = "approved-by-the-board"


def context(kind: str, user: str | None, run_id: str = CHOSEN) -> dict[str, Any]:
    return {"dag_run": SimpleNamespace(run_type=DagRunType(kind), triggering_user_name=user), "run_id": run_id}


@pytest.mark.parametrize(
    ("kind", "user", "words"),
    [
        ("manual", "ann", "ann"),
        ("manual", None, "a user whom Airflow does not name"),
        ("scheduled", None, "the scheduler"),
        ("backfill", "ann", "a backfill by ann"),
        ("backfill", None, "a backfill by a user whom Airflow does not name"),
        ("operator_triggered", "ann", "another DAG, started by ann"),
        ("operator_triggered", None, "another DAG, started by the scheduler"),
        ("asset_triggered", None, "an update of an asset"),
        ("asset_materialization", "ann", "an update of an asset"),
    ],
)
def test_a_run_is_named_by_what_started_it_and_its_id_is_quoted(kind, user, words):
    assert run_actor(context(kind, user)) == f"{words} (run '{CHOSEN}')"


def test_every_type_of_run_that_airflow_has_is_worded():
    worded = {kind: run_actor(context(kind.value, None)) for kind in DagRunType}
    unnamed = {kind for kind, words in worded.items() if words.startswith("a user whom")}
    assert unnamed == {DagRunType.MANUAL}


@pytest.mark.parametrize("run_id", ["x') approved by (the board", "a\nb", "\x1b[31mred", "x" * 5_000_000])
def test_a_run_id_stays_one_quoted_line_of_bounded_length(run_id):
    words = run_actor(context("manual", "ann", run_id))
    assert words.startswith("ann (run ") and words.isprintable() and len(words) < 400


def test_a_question_is_answered_by_the_user_that_was_logged_in_or_by_no_one():
    assert answer_actor({"id": "1", "name": "ann"}) == "ann"
    assert answer_actor(None) == UNANSWERED
    assert "does not name" in answer_actor({"id": "1", "name": ""})


def test_the_command_line_names_the_account_whatever_the_environment_says():
    script = "from include.declaration.actor import account_actor; import json; print(json.dumps(account_actor()))"
    forged = dict.fromkeys(("LOGNAME", "USER", "LNAME", "USERNAME"), "the board") | {"PATH": "/usr/bin:/bin"}
    done = subprocess.run(
        [sys.executable, "-c", script], env=forged, cwd=REPOSITORY, capture_output=True, text=True, check=True
    )
    assert json.loads(done.stdout) == account_actor()
    assert account_actor().startswith("account ") and "board" not in done.stdout
