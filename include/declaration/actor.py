"""Name who acts, in one wording: a user that is logged in, an account of the machine, or what starts runs of itself.

What a person may choose freely, such as the id of a run, is quoted and never read as a name. Imports nothing heavy, as
use_case.py.
"""

from __future__ import annotations

import os
import pwd
from collections.abc import Mapping
from typing import Any

from include.declaration.form_limits import NAME_LENGTH
from include.errors import shorten
from include.printable import escape_line

NOBODY = "nobody, in time"
"""Who rejects where a question stays unanswered."""
_UNNAMED = "a user whom Airflow does not name"
_USER_LENGTH = 100
"""Characters of a user's name that are kept."""


def run_actor(context: Mapping[str, Any]) -> str:
    """Return who started the run of a task's context, and the run's id in quotes.

    Airflow writes the user's name and the type of the run itself, from the login; a person who triggers a run chooses
    its id. Cleared by others, a run keeps the name of the user who started it.
    """
    run = context["dag_run"]
    kind = str.__str__(run.run_type)  # an enumeration of strings
    return f"{_starter(kind, run.triggering_user_name)} (run {_quoted(context['run_id'])})"


def answer_actor(user: Mapping[str, Any] | None) -> str:
    """Return who answered a question, as Airflow names the user that was logged in; `NOBODY` where nobody did."""
    return NOBODY if user is None else _user(user.get("name"))


def account_actor() -> str:
    """Return the account of the operating system that runs this process, whatever the environment calls it."""
    try:
        name = pwd.getpwuid(os.getuid()).pw_name
    except KeyError:  # an account without a name, as in a container
        name = str(os.getuid())
    return f"account {_user(name)} of this machine (command line)"


def _starter(kind: str, user: str | None) -> str:
    """Return in words who or what started a run of this type."""
    if kind == "scheduled":
        return "the scheduler"
    if kind.startswith("asset"):
        return "an update of an asset"
    if kind == "operator_triggered":  # Airflow hands on the user who started the run that triggered it
        return f"another DAG, started by {_user(user)}" if user else "another DAG, started by the scheduler"
    if kind.startswith("backfill"):
        return f"a backfill by {_user(user)}"
    return _user(user)


def _user(name: object) -> str:
    return escape_line(shorten(str(name), _USER_LENGTH)) if name else _UNNAMED


def _quoted(name: object) -> str:
    return repr(shorten(str(name), NAME_LENGTH))
