"""Tasks of <use case>__train."""

from __future__ import annotations

from dataclasses import asdict
from datetime import timedelta
from typing import Any

from airflow.sdk import get_current_context, task
from airflow.sdk.exceptions import AirflowSkipException

from include import settings
from include.declaration.actor import run_actor
from include.declaration.use_case_discovery import load_use_case
from include.orchestration import callbacks
from include.orchestration import params as orchestration_params
from include.orchestration.dag_factory import TASK_ARGS, add_asset_metadata, fail_without_retry, period_of
from include.printable import printable_logger
from include.project import open_project

log = printable_logger(__name__)


@task(**TASK_ARGS)
def prepare(use_case: str) -> dict[str, object]:
    """Build the missing features of the training window, outside the training pool."""
    from include.features import build

    with fail_without_retry():
        declared, context = load_use_case(use_case), get_current_context()
        first, last, built = build.ensure_window(
            open_project(declared), period_of(context), context["params"].get("window_periods")
        )
    return {"first": first.key, "last": last.key, "built": built}


@task(**{**TASK_ARGS, "execution_timeout": timedelta(hours=6)}, pool=settings.TRAINING_POOL)
def tune(use_case: str) -> dict[str, object]:
    """Search LightGBM parameters on the validation days.

    Returns the chosen ones and their MLflow run. Skipped unless the form sets `tune_trials`.
    """
    context = get_current_context()
    params = context["params"]
    if not params.get("tune_trials"):
        raise AirflowSkipException("No tuning: the form's tune_trials is empty. The declared parameters are used.")
    from include.training import tune

    with fail_without_retry():
        result = tune.tune_parameters(
            open_project(load_use_case(use_case)),
            period_of(context),
            trials=params["tune_trials"],
            minutes=params.get("tune_minutes") or tune.MINUTES,
            window_periods=params.get("window_periods"),
            parameters=params.get("parameters"),
        )
    log.info("%s", result.summary)
    return asdict(result)


@task(
    **{**TASK_ARGS, "execution_timeout": timedelta(hours=6)},
    pool=settings.TRAINING_POOL,
    trigger_rule="none_failed",  # without tuning, that task is skipped
)
def train(use_case: str, tuned: dict[str, Any] | None = None) -> str:
    """Train as of the run's day, with parameters that `tune` chose, if any.

    Returns the MLflow run.
    """
    from include.monitoring import durations
    from include.training import train

    with fail_without_retry():
        declared, context = load_use_case(use_case), get_current_context()
        params, run_type = context["params"], str.__str__(context["dag_run"].run_type)  # an enumeration of strings
        chosen = tuned["parameters"] if tuned else {}  # parameters set in the form were not searched
        with durations.Stopwatch() as clock:
            result = train.train_model(
                open_project(declared),
                period_of(context),
                window_periods=params.get("window_periods"),
                parameters=chosen | (params.get("parameters") or {}),
                tuned_by=tuned["run_id"] if tuned else "",
                reason=params.get("reason") or f"a run of type {run_type}",
            )
        for words in result.stale:
            log.warning(
                "The model was trained on stale periods. %s. `airworthy plan %s` lists them and shows how to rebuild"
                " them.",
                *(words, use_case),
            )
        if not result.reused:
            durations.record_duration(open_project(declared), "train", period_of(context), clock, result.rows, None)
    return result.run_id


@task(**{**TASK_ARGS, "multiple_outputs": True})
def evaluate(use_case: str, mlflow_run: str) -> dict[str, object]:
    """Judge the model by its gates.

    Returns every verdict with its value, limit and reason.
    """
    from include.evaluation import evaluate

    with fail_without_retry():
        result = evaluate.evaluate_run(open_project(load_use_case(use_case)), mlflow_run)
    for gate_result in result.gate_results:
        log.info("%-10s %s: %s", gate_result["outcome"], gate_result["gate"], gate_result["reason"])
    return asdict(result)


@task(**TASK_ARGS)
def register(use_case: str, mlflow_run: str) -> str:
    """Register the model as a version, passed or not, and write its card.

    A version need not have passed its gates.
    """
    from include.promotion import register
    from include.promotion.model_card import build

    with fail_without_retry():
        version = register.register_run(open_project(load_use_case(use_case)), mlflow_run).version
        build.build_model_card(open_project(load_use_case(use_case)), version)
    return version


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
    from include.promotion import promote
    from include.promotion.model_card import build

    with fail_without_retry():
        declared, context = load_use_case(use_case), get_current_context()
        promotion = promote.promote_version(
            open_project(declared),
            version,
            actor=run_actor(context),
            approval_required=_by_a_person(),
        )
    callbacks.notify_promoted(
        open_project(declared), promotion
    )  # now: the promotion is final, even if this task fails later
    log.info("%s", promotion.reason)
    with fail_without_retry():
        build.build_model_card(open_project(declared), version)
    if not promotion.promoted:
        context["ti"].xcom_push("return_value", asdict(promotion))  # a skipped task has no result of its own
        raise AirflowSkipException(f"Version {version} is not promoted: {promotion.reason}")
    page = {f"mlflow_{name}": address for name, address in notify.version_page(declared, version).items()}
    add_asset_metadata(declared, "model", version=version, promoted=True, reason=promotion.reason, **page)
    return asdict(promotion)
