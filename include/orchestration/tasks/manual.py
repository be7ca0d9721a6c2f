"""Tasks of the manual DAGs.

They are <use case>__rollback, <use case>__reproduce and <use case>__quarantine.
"""

from __future__ import annotations

from dataclasses import asdict, fields
from datetime import timedelta
from typing import Any

from airflow.sdk import get_current_context, task
from airflow.sdk.exceptions import AirflowSkipException

from include import settings
from include.declaration.actor import run_actor
from include.declaration.use_case_discovery import load_declaration, load_use_case
from include.orchestration import callbacks, task_links
from include.orchestration.airflow_connections import open_data_project, open_project
from include.orchestration.dag_factory import TASK_ARGS, add_asset_metadata, fail_without_retry
from include.printable import printable_logger

log = printable_logger(__name__)


@task(**TASK_ARGS)
def roll_back(use_case: str) -> dict[str, object]:
    """Make a former champion the champion again, as set in the form.

    Returns the ledger's outcome.
    """
    from include.promotion import rollback

    with fail_without_retry():
        declared, context = load_use_case(use_case), get_current_context()
        params = context["params"]
        result = rollback.roll_back(
            open_project(declared),
            params["version"].strip(),
            declared.calendar.parse(params["effective_from"], use_case),
            actor=run_actor(context),
            reason=params["reason"],
            only_if_needed=True,
        )
    log.info("%s", result.reason)
    task_links.set_version_links(use_case, result.version)
    if result.needless:
        raise AirflowSkipException(result.reason)
    add_asset_metadata(declared, "model", version=result.version, rolled_back=True, reason=result.reason)
    callbacks.notify_rolled_back(open_project(declared), result)
    return asdict(result)


@task(**TASK_ARGS)
def resubmit(use_case: str) -> dict[str, object]:
    """Resubmit quarantined rows as set in the form.

    Returns the day on which they become known.
    """
    from include.ingestion import resubmit

    with fail_without_retry():
        context = get_current_context()
        params: dict[str, Any] = dict(context["params"])
        declared = load_declaration(use_case)
        params |= {
            period: declared.calendar.parse(params[period], use_case) if params[period] else None
            for period in ("quarantined_on", "known_on")
        }
        asked = {
            field.name: params[field.name] for field in fields(resubmit.ResubmissionRequest) if field.name != "actor"
        }
        result = resubmit.resubmit_rows(
            open_data_project(declared), resubmit.ResubmissionRequest(**asked, actor=run_actor(context))
        )
    log.info("%s", result.summary)
    task_links.set_links(validation=task_links.validation_address(use_case, result.feed, result.known_on))
    return asdict(result)


@task(**{**TASK_ARGS, "execution_timeout": timedelta(hours=6)}, pool=settings.TRAINING_POOL)
def reproduce(use_case: str) -> dict[str, object]:
    """Rebuild the form's version from its registry entry.

    Fails with the report if the trees differ.
    """
    from include.reproduction import reproduce

    with fail_without_retry():
        task_links.set_version_links(use_case, get_current_context()["params"]["version"])
        result = reproduce.require_reproducible(
            open_project(load_use_case(use_case)), get_current_context()["params"]["version"]
        )
    log.info(result.report())
    return asdict(result)
