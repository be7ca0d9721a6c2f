"""Describe an action's actor: a user, a machine's account, or a trigger.

Text that a user can choose, such as a run's id, is quoted and never used as a name. Imports nothing heavy.
"""

from __future__ import annotations

import os
import pwd
from collections.abc import Mapping
from typing import Any

from include.declaration.form_limits import NAME_LENGTH
from include.errors import shorten
from include.printable import escape_line

UNANSWERED = "no user (no answer in time)"
"""Actor of the rejection when an approval request is not answered in time."""
_UNNAMED = "a user whom Airflow does not name"
_USER_LENGTH = 100
"""Characters of a user's name that are stored."""


def run_actor(context: Mapping[str, Any]) -> str:
    """Return the actor that started a task's run, and the run's id in quotes.

    Airflow sets the user's name (from the login) and the run type; a user who triggers a run can choose its id. A
    run that another user clears keeps the name of the user who started it.
    """
    run = context["dag_run"]
    kind = str.__str__(run.run_type)  # an enumeration of strings
    return f"{_starter(kind, run.triggering_user_name)} (run {_quoted(context['run_id'])})"


def answer_actor(user: Mapping[str, Any] | None) -> str:
    """Return the user who answered an approval request; `UNANSWERED` for None.

    The user is named as Airflow names the login.
    """
    return UNANSWERED if user is None else _user(user.get("name"))


def account_actor() -> str:
    """Return the operating system account of this process.

    Environment variables are not read.
    """
    try:
        name = pwd.getpwuid(os.getuid()).pw_name
    except KeyError:  # an account without a name, as in a container
        name = str(os.getuid())
    return f"account {_user(name)} of this machine (command line)"


def _starter(kind: str, user: str | None) -> str:
    """Describe the user or trigger that started a run of this type."""
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
