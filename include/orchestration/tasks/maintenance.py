"""Tasks of <use case>__maintenance."""

from __future__ import annotations

from dataclasses import asdict
from datetime import timedelta

from airflow.sdk import get_current_context, task
from airflow.sdk.configuration import conf

from include.declaration.actor import run_actor
from include.declaration.use_case_discovery import load_declaration
from include.orchestration.airflow_connections import open_data_project
from include.orchestration.dag_factory import TASK_ARGS, add_asset_metadata, fail_without_retry
from include.printable import printable_logger

log = printable_logger(__name__)


@task(**{**TASK_ARGS, "execution_timeout": timedelta(hours=6)})
def maintain(use_case: str) -> dict[str, object]:
    """Remove what exceeds the declared retention, or list it in a dry run.

    A manual run removes if the form's `apply_changes` is set; a scheduled run if the retention is automatic.
    """
    from include.maintenance import apply

    with fail_without_retry():
        declared, context = load_declaration(use_case), get_current_context()
    automatic = declared.retention.automatic
    scheduled = context["dag_run"].run_type == "scheduled"
    apply_changes = automatic if scheduled else context["params"]["apply_changes"] is True
    with fail_without_retry():
        result = apply.maintain(open_data_project(declared), apply_changes=apply_changes, logs=logs())
        log.info(
            "%s.",
            "Done" if apply_changes else "Dry run: nothing was changed. Trigger it with *Apply* on to remove",
        )
        log.info("%s", SCHEDULED if automatic else BY_HAND)
        log.info("Started by %s.", actor := run_actor(context))
        lines = {f"{n}": line for n, line in enumerate(result.lines, 1)}
        add_asset_metadata(declared, "maintenance", dry_run=not apply_changes, actor=actor, **lines)
        return asdict(apply.require_plan(result))


SCHEDULED = (
    "The retention is automatic: unless this DAG is paused, its scheduled runs remove what is listed, on Sundays at"
    " 04:00. Triggering it by the form unpauses it, unless *Unpause on trigger* is off."
)
BY_HAND = "This DAG has no schedule (retention.automatic is False): only manual runs with *Apply* on remove."


def logs() -> list[str]:
    """Return where Airflow keeps task logs.

    It is a folder, and with remote logging also a prefix on S3.
    """
    places = [conf.get("logging", "base_log_folder", fallback="")]
    if conf.getboolean("logging", "remote_logging", fallback=False):
        places.append(conf.get("logging", "remote_base_log_folder", fallback=""))
    return [place for place in places if place and ("://" not in place or place.startswith("s3://"))]
