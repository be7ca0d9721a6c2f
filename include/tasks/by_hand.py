"""Tasks of what only a person starts: <use case>__rollback and <use case>__reproduce."""

from __future__ import annotations

import logging
from dataclasses import asdict
from datetime import date, timedelta

from airflow.sdk import get_current_context, task

from include import alerts, settings
from include.dag import INPUT_OUTPUT, note, told
from include.use_cases import load

log = logging.getLogger(__name__)


@task(**INPUT_OUTPUT)
def roll_back(use_case: str) -> dict[str, object]:
    """Make a version that was champion before the champion again, as the form says; how long it flies."""
    from include.stages import rollback

    with told():
        declared, context = load(use_case), get_current_context()
        params, person = context["params"], context["dag_run"].triggering_user_name
        result = rollback.run(
            declared,
            params["version"].strip(),
            date.fromisoformat(params["effective_from"]),
            who=f"{person} (airflow:{context['run_id']})" if person else f"airflow:{context['run_id']}",
            reason=params["reason"],
        )
    log.info(result.reason)
    note(declared, "model", version=result.version, rolled_back=True, why=result.reason)
    alerts.rolled_back(declared, result)
    return asdict(result)


@task(**{**INPUT_OUTPUT, "execution_timeout": timedelta(hours=6)}, pool=settings.TRAINING_POOL)
def reproduce(use_case: str) -> dict[str, object]:
    """Build the form's version again from its registry entry; fails, with the report, unless the trees are equal."""
    from include.stages import reproduce

    with told():
        found = reproduce.require(load(use_case), get_current_context()["params"]["version"])
    log.info(found.report())
    return asdict(found)
