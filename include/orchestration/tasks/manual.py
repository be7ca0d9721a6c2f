"""Tasks of what only a person starts: <use case>__rollback, <use case>__reproduce and <use case>__quarantine."""

from __future__ import annotations

from dataclasses import asdict, fields
from datetime import timedelta
from typing import Any

from airflow.sdk import get_current_context, task

from include import settings
from include.declaration.actor import run_actor
from include.declaration.registry import load
from include.orchestration import callbacks
from include.orchestration.dag_factory import INPUT_OUTPUT, as_day, note, told
from include.printable import printable_logger

log = printable_logger(__name__)


@task(**INPUT_OUTPUT)
def roll_back(use_case: str) -> dict[str, object]:
    """Make a version that was champion before the champion again, as the form says; how long it flies."""
    from include.promotion import rollback

    with told():
        declared, context = load(use_case), get_current_context()
        params = context["params"]
        result = rollback.run(
            declared,
            params["version"].strip(),
            as_day(params["effective_from"]),
            who=run_actor(context),
            reason=params["reason"],
        )
    log.info("%s", result.reason)
    note(declared, "model", version=result.version, rolled_back=True, why=result.reason)
    callbacks.rolled_back(declared, result)
    return asdict(result)


@task(**INPUT_OUTPUT)
def send_back(use_case: str) -> dict[str, object]:
    """Send quarantined rows back as the form says; on which day they become known."""
    from include.ingestion import resubmit

    with told():
        context = get_current_context()
        params: dict[str, Any] = dict(context["params"])
        params |= {day: as_day(params[day]) if params[day] else None for day in ("quarantined_on", "known_on")}
        asked = {
            field.name: params[field.name] for field in fields(resubmit.ResubmissionRequest) if field.name != "who"
        }
        result = resubmit.run(load(use_case), resubmit.ResubmissionRequest(**asked, who=run_actor(context)))
    log.info("%s", result.told)
    return asdict(result)


@task(**{**INPUT_OUTPUT, "execution_timeout": timedelta(hours=6)}, pool=settings.TRAINING_POOL)
def reproduce(use_case: str) -> dict[str, object]:
    """Build the form's version again from its registry entry; fails, with the report, unless the trees are equal."""
    from include.reproduction import reproduce

    with told():
        found = reproduce.require(load(use_case), get_current_context()["params"]["version"])
    log.info(found.report())
    return asdict(found)
