"""Tasks of <use case>__train."""

from __future__ import annotations

from dataclasses import asdict
from datetime import timedelta
from functools import partial
from typing import Any

from airflow.sdk import get_current_context, task
from airflow.sdk.exceptions import AirflowSkipException

from include import settings
from include.declaration.actor import run_actor
from include.declaration.use_case_discovery import load_use_case
from include.orchestration import callbacks
from include.orchestration import params as orchestration_params
from include.orchestration.airflow_connections import open_project
from include.orchestration.dag_factory import TASK_ARGS, add_asset_metadata, fail_without_retry, pipeline_run
from include.printable import printable_logger

log = printable_logger(__name__)
_STARTED = {"manual": "started by hand", "scheduled": "on schedule", "backfill": "a backfill"}
"""Type of a run to the reason of its training, if the form names none."""


@task(**TASK_ARGS)
def prepare(use_case: str) -> dict[str, object]:
    """Build the missing features of the training window, outside the training pool."""
    from include.pipelines import train

    with fail_without_retry():
        result = train.prepare(pipeline_run(use_case))
    return {"first": result.first.key, "last": result.last.key, "built": result.built}


@task(**{**TASK_ARGS, "execution_timeout": timedelta(hours=6)}, pool=settings.TRAINING_POOL)
def tune(use_case: str) -> dict[str, object]:
    """Search LightGBM parameters on the validation days.

    Returns the chosen ones and their MLflow run. Skipped unless the form sets `tune_trials`.
    """
    if not get_current_context()["params"].get("tune_trials"):
        raise AirflowSkipException("No tuning: the form's tune_trials is empty. The declared parameters are used.")
    from include.pipelines import train

    with fail_without_retry():
        result = train.tune(pipeline_run(use_case))
    assert result is not None, "the form sets tune_trials"
    return asdict(result)


@task(
    **{**TASK_ARGS, "execution_timeout": timedelta(hours=6)},
    pool=settings.TRAINING_POOL,
    trigger_rule="none_failed",  # without tuning, that task is skipped
)
def train(use_case: str, tuned: dict[str, Any] | None = None) -> str:
    """Train as of the run's day, with the parameters that `tune` chose, if any.

    Return the MLflow run.
    """
    from include.pipelines import train

    run_type = str.__str__(get_current_context()["dag_run"].run_type)  # an enumeration of strings
    reason = _STARTED.get(run_type, f"a run of type {run_type}")
    with fail_without_retry():
        return train.train(pipeline_run(use_case, reason=reason, tuned=tuned)).run_id


@task(**{**TASK_ARGS, "multiple_outputs": True})
def evaluate(use_case: str, mlflow_run: str) -> dict[str, object]:
    """Judge the model by its gates.

    Return every gate result with its value, limit and reason.
    """
    from include.pipelines import train

    with fail_without_retry():
        return asdict(train.evaluate(pipeline_run(use_case, mlflow_run=mlflow_run)))


@task(**TASK_ARGS)
def register(use_case: str, mlflow_run: str) -> str:
    """Register the model as a version, and write its card.

    It is registered whether it passed its gates or not.
    """
    from include.pipelines import train

    with fail_without_retry():
        return train.register(pipeline_run(use_case, mlflow_run=mlflow_run)).version


@task.short_circuit(ignore_downstream_trigger_rules=False, **TASK_ARGS)
def request_approval(use_case: str, version: str) -> str | None:
    """Return the approval request's text; None if none is needed.

    None skips the request.
    """
    from include.promotion import approval_request

    if not _by_a_person():
        log.info("No approval is needed: the form or the use case leaves the promotion to the gates.")
        return None
    with fail_without_retry():
        request = approval_request.build_approval_request(open_project(load_use_case(use_case)), version)
    if request.not_asked:
        log.warning("%s", request.not_asked)
    return request.question


def _by_a_person() -> bool:
    """Return whether the run's form requires a person's approval.

    The use case sets the form's default.
    """
    return bool(get_current_context()["params"]["promotion"] == orchestration_params.BY_A_PERSON)


@task(trigger_rule="none_failed", **TASK_ARGS)
def promote(use_case: str, version: str) -> dict[str, object]:
    """Make a version that passed the champion from its as-of day, or skip.

    It skips with the reason. A skipped task raises no event of the asset `model`, but still returns its result.
    """
    from include.notifications import notify
    from include.pipelines import train

    context = get_current_context()
    with fail_without_retry():
        run = pipeline_run(use_case, actor=run_actor(context), version=version)
        run.announce = partial(callbacks.notify_promoted, run.project)
        promotion = train.promote(run)
    if not promotion.promoted:
        context["ti"].xcom_push("return_value", asdict(promotion))  # a skipped task has no result of its own
        raise AirflowSkipException(f"Version {version} is not promoted: {promotion.reason}")
    declared = run.project.use_case
    page = {f"mlflow_{name}": address for name, address in notify.version_page(declared, version).items()}
    add_asset_metadata(declared, "model", version=version, promoted=True, reason=promotion.reason, **page)
    return asdict(promotion)
