"""`airworthy trial`: start, end, or promote from the trial of a version."""

from __future__ import annotations

from rich.console import Console

from include.cli.escaping import print_line
from include.declaration.actor import account_actor
from include.declaration.period import Period
from include.declaration.use_case_discovery import load_use_case
from include.project import Project, open_project


def change_trial(
    console: Console, name: str, action: str, version: str, effective_from: Period | None, reason: str, share: float
) -> None:
    """Do what the form of `<use case>__trial` does, and print what follows from it.

    Without `effective_from`, it is the newest period, or, of a split, the first that is not scored.

    Raises:
        InvalidRequestError: there is no such use case or version, or the trial may not be changed so.
        LedgerCorruptedError: the ledger is damaged.
        MlflowUnreachableError: MLflow does not answer.
    """
    from include.promotion import trial

    project = open_project(load_use_case(name))
    period = effective_from or project.use_case.newest_period()
    if action == "promote":
        print_line(console, _promote(project, version, period, reason))
        return
    result = trial.change_trial(
        project,
        action,
        version,
        effective_from,
        actor=account_actor(),
        reason=reason,
        percent=share,
        newest=period,
    )
    print_line(console, result.reason if result.new else f"{result.reason} The ledger had this entry already.")


def _promote(project: Project, version: str, period: Period, reason: str) -> str:
    """Judge and promote the version; return what became of it."""
    from include.promotion import judge_trial
    from include.promotion import promote as promotion

    name = project.use_case.name
    judged = judge_trial.judge_trial(project, version, period)
    if judged.gates != "passed":
        return f"Version {version} is not promoted: {judged.reason or 'its gates did not pass.'}"
    required = project.use_case.approval.required
    result = promotion.promote_version(
        project, version, actor=account_actor(), reason=reason.strip(), approval_required=required, after_trial=period
    )
    if result.promoted:
        return f"Version {version} is the champion from {result.effective_from} on: {result.reason}"
    asks = f" Trigger {name}__trial in Airflow, which asks a person." if required else ""
    return f"Version {version} is not promoted: {result.reason}{asks}"
