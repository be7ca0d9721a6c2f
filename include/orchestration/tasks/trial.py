"""Tasks of <use case>__trial."""

from __future__ import annotations

from dataclasses import asdict

from airflow.sdk import get_current_context, task
from airflow.sdk.exceptions import AirflowSkipException

from include.declaration.actor import run_actor
from include.declaration.period import Period
from include.declaration.use_case import UseCase
from include.declaration.use_case_discovery import load_use_case
from include.orchestration import callbacks, task_links
from include.orchestration import params as orchestration_params
from include.orchestration.airflow_connections import open_project
from include.orchestration.dag_factory import TASK_ARGS, add_asset_metadata, fail_without_retry
from include.printable import printable_logger

log = printable_logger(__name__)


@task(**TASK_ARGS)
def change_trial(use_case: str) -> dict[str, object]:
    """Start or end the trial of the form's version; skipped if the form promotes it."""
    from include.promotion import trial

    params = get_current_context()["params"]
    action = params["action"]
    if action == "promote":
        raise AirflowSkipException("The form asks to promote the version: the tasks from `judge` on do that.")
    with fail_without_retry():
        declared, context = load_use_case(use_case), get_current_context()
        result = trial.change_trial(
            open_project(declared),
            action,
            params["version"].strip(),
            _effective_from(declared) if params["effective_from"] else None,
            actor=run_actor(context),
            reason=params["reason"],
            percent=params["share"],
            newest=_effective_from(declared),
        )
    log.info("%s", result.reason)
    task_links.set_version_links(use_case, result.version)
    return asdict(result)


def _effective_from(use_case: UseCase) -> Period:
    """Return the form's period.

    Without one, it is the newest that had begun when the run was triggered.
    """
    context = get_current_context()
    key = context["params"]["effective_from"]
    return use_case.calendar.parse(key, use_case.name) if key else use_case.newest_period(context["dag_run"].run_after)


@task(**TASK_ARGS)
def judge(use_case: str) -> str:
    """Judge the form's version by its gates and what its trial shows; return it.

    Skipped, with the reasons, if it may not be promoted or the form does not ask for it.
    """
    from include.promotion import judge_trial

    params = get_current_context()["params"]
    if params["action"] != "promote":
        raise AirflowSkipException("The form does not ask to promote the version.")
    with fail_without_retry():
        declared = load_use_case(use_case)
        version = params["version"].strip()
        task_links.set_version_links(use_case, version)
        result = judge_trial.judge_trial(open_project(declared), version, _effective_from(declared))
    if result.gates != "passed":
        raise AirflowSkipException(f"Version {version} is not promoted: {result.reason or 'its gates did not pass.'}")
    log.info("Version %s passed its gates, as of %s.", version, result.effective_from)
    return str(version)


@task(trigger_rule="none_failed", **TASK_ARGS)
def promote(use_case: str, version: str | None) -> dict[str, object]:
    """Make the judged version the champion, or skip with the reason."""
    from include.notifications import notify
    from include.promotion import promote as promotion

    if version is None:
        raise AirflowSkipException("No version was judged, or it did not pass: the task `judge` has the reason.")
    context = get_current_context()
    with fail_without_retry():
        declared = load_use_case(use_case)
        project = open_project(declared)
        task_links.set_version_links(use_case, version)
        result = promotion.promote_version(
            project,
            version,
            actor=run_actor(context),
            reason=context["params"]["reason"].strip(),
            approval_required=context["params"]["promotion"] == orchestration_params.BY_A_PERSON,
            after_trial=_effective_from(declared),
        )
        callbacks.notify_promoted(project, result)
    log.info("%s", result.reason)
    if not result.promoted:
        raise AirflowSkipException(f"Version {version} is not promoted: {result.reason}")
    page = {f"mlflow_{name}": address for name, address in notify.version_page(declared, version).items()}
    add_asset_metadata(declared, "model", version=version, promoted=True, reason=result.reason, **page)
    return asdict(result)
