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
from include.orchestration import callbacks, task_links
from include.orchestration import params as orchestration_params
from include.orchestration.airflow_connections import open_project
from include.orchestration.dag_factory import TASK_ARGS, add_asset_metadata, fail_without_retry, pipeline_run
from include.printable import printable_logger
from include.project import Project

log = printable_logger(__name__)
_GATES = {"passed": "passed", "failed": "failed", "inconclusive": "are inconclusive"}
_STARTED = {"manual": "started by hand", "scheduled": "on schedule", "backfill": "a backfill"}
"""Type of a run to the reason of its training, if the form names none."""


@task(**TASK_ARGS)
def prepare(use_case: str) -> dict[str, object]:
    """Build the missing features of the training window, outside the training pool."""
    from include.pipelines import train

    with fail_without_retry():
        result = train.prepare(pipeline_run(use_case))
    log.info(
        "The features from %s to %s are there; %s built now.",
        *(result.first, result.last, f"{result.built:,} {'is' if result.built == 1 else 'are'}"),
    )
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
        run = pipeline_run(use_case)
        result = train.tune(run)
    assert result is not None, "the form sets tune_trials"
    task_links.set_run_link(run.project, result.run_id)
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
        run = pipeline_run(use_case, reason=reason, tuned=tuned)
        result = train.train(run)
    log.info(
        "%s as of %s on %s rows: MLflow run %s.",
        *("An equal training was complete" if result.reused else "Trained", run.period, f"{result.rows:,}"),
        result.run_id,
    )
    task_links.set_run_link(run.project, result.run_id)
    return result.run_id


@task(**{**TASK_ARGS, "multiple_outputs": True})
def evaluate(use_case: str, mlflow_run: str) -> dict[str, object]:
    """Judge the model by its gates.

    Return every gate result with its value, limit and reason.
    """
    from include.pipelines import train

    with fail_without_retry():
        run = pipeline_run(use_case, mlflow_run=mlflow_run)
        result = train.evaluate(run)
    task_links.set_run_link(run.project, result.run_id)
    return asdict(result)


@task(**TASK_ARGS)
def register(use_case: str, mlflow_run: str) -> str:
    """Register the model as a version, and write its card.

    It is registered whether it passed its gates or not.
    """
    from include.pipelines import train

    with fail_without_retry():
        result = train.register(pipeline_run(use_case, mlflow_run=mlflow_run))
    log.info(
        "%s version %s; its gates %s.",
        *("Registered" if result.new else "The run is already", result.version, _GATES[result.gates]),
    )
    task_links.set_version_links(use_case, result.version)
    return result.version


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
        project = open_project(load_use_case(use_case))
        request = approval_request.build_approval_request(project, version, _links(project, version))
    if request.not_asked:
        log.warning("%s", request.not_asked)
    return request.question


def _links(project: Project, version: str) -> dict[str, str]:
    """Return the addresses of pages on which a person can judge a version."""
    context, name = get_current_context(), project.use_case.name
    run_id = project.registry.version(version).run_id
    links = {
        "Model card": task_links.card_address(name, version),
        "MLflow: version": task_links.version_address(name, version),
        "MLflow: run and plots": task_links.run_address(project, run_id),
        "Monitoring": task_links.page_address(name),
        "This run": task_links.dag_run_address(context["ti"].dag_id, context["dag_run"].run_id),
    }
    return {text: address for text, address in links.items() if address}


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
        task_links.set_version_links(use_case, version)
        promotion = train.promote(run)
    if not promotion.promoted:
        context["ti"].xcom_push("return_value", asdict(promotion))  # a skipped task has no result of its own
        raise AirflowSkipException(f"Version {version} is not promoted: {promotion.reason}")
    declared = run.project.use_case
    page = {f"mlflow_{name}": address for name, address in notify.version_page(declared, version).items()}
    add_asset_metadata(declared, "model", version=version, promoted=True, reason=promotion.reason, **page)
    return asdict(promotion)
