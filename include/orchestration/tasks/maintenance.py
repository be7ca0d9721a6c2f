"""Tasks of <use case>__maintenance."""

from __future__ import annotations

from dataclasses import asdict
from datetime import timedelta

from airflow.sdk import get_current_context, task
from airflow.sdk.configuration import conf

from include.declaration.actor import run_actor
from include.declaration.registry import load_use_case
from include.orchestration.dag_factory import INPUT_OUTPUT, add_asset_metadata, fail_without_retry
from include.printable import printable_logger
from include.project import open_project

log = printable_logger(__name__)


@task(**{**INPUT_OUTPUT, "execution_timeout": timedelta(hours=6)})
def maintain(use_case: str) -> dict[str, object]:
    """Remove what the declared retention no longer keeps, or say what would go.

    A run that a person started removes where the form says so; one of the schedule where the use case declares it.
    """
    from include.maintenance import apply

    with fail_without_retry():
        declared, context = load_use_case(use_case), get_current_context()
    automatic = declared.retention.automatic
    scheduled = context["dag_run"].run_type == "scheduled"
    apply_changes = automatic if scheduled else context["params"]["apply_changes"] is True
    with fail_without_retry():
        result = apply.maintain(open_project(declared), apply_changes=apply_changes, logs=logs())
        log.info(
            "%s.",
            "Done" if apply_changes else "A dry run: nothing was changed. Trigger it with `apply_changes` to do it",
        )
        log.info("%s", SCHEDULED if automatic else BY_HAND)
        log.info("Started by %s.", actor := run_actor(context))
        lines = {f"{n}": line for n, line in enumerate(result.lines, 1)}
        add_asset_metadata(declared, "maintenance", dry_run=not apply_changes, actor=actor, **lines)
        return asdict(apply.require_plan(result))


SCHEDULED = (
    "The retention is declared automatic: unless this DAG is paused, its schedule removes what is listed on Sundays at"
    " 04:00. Triggering it by the form unpauses it, unless *Unpause on trigger* is off."
)
BY_HAND = "This DAG has no schedule (retention.automatic is False): nothing is removed unless a person asks for it."


def logs() -> list[str]:
    """Where Airflow keeps the logs of its tasks: a folder, and where it is told to, a place on S3 too."""
    places = [conf.get("logging", "base_log_folder", fallback="")]
    if conf.getboolean("logging", "remote_logging", fallback=False):
        places.append(conf.get("logging", "remote_base_log_folder", fallback=""))
    return [place for place in places if place and ("://" not in place or place.startswith("s3://"))]
