"""Write the request to approve a model's promotion."""

from __future__ import annotations

from dataclasses import dataclass

from include.declaration.gates import CHAMPION, MODEL
from include.declaration.use_case import UseCase
from include.model.metrics import METRICS
from include.model.tasks import task_model
from include.project import Project
from include.promotion import approve
from include.promotion.markdown import render_markdown
from include.registry import lifecycle, sync
from include.registry.version_summary import VersionSummary, summarise_version


@dataclass(frozen=True)
class ApprovalRequest:
    """The question to a person, or the reason why no approval is requested."""

    question: str | None
    """Markdown; None if no approval is requested."""
    not_asked: str
    """Why no approval is requested; empty if one is."""


def build_approval_request(project: Project, version: str) -> ApprovalRequest:
    """Write the question about a version's promotion.

    No approval is requested for a version that did not pass its gates, is or was champion, or was decided on before.

    Raises:
        InvalidRequestError: there is no such version.
        LedgerCorruptedError: the ledger is damaged.
    """
    registry = project.registry
    candidate = registry.version(version)
    if (decided := approve.approval_decision(project, version)) is not None:
        return ApprovalRequest(None, f"No approval is requested: version {version} was {decided}.")
    versions, entries = registry.versions(), project.ledger.entries()
    status = lifecycle.lifecycle_states(versions, entries, project.use_case.newest_period())[version]
    summary = summarise_version(candidate, entries, status)
    if status in sync.CHAMPION_STATES:
        return ApprovalRequest(None, f"No approval is requested: version {version} was made champion before.")
    if status != "challenger":
        reason = summary.blocking or f"Its gates are {summary.gates or 'not judged'}."
        return ApprovalRequest(None, f"No approval is requested: version {version} did not pass its gates. {reason}")
    champion = next((other for other in versions if other.number == summary.compared_with), None)
    compared = summarise_version(champion, entries) if champion is not None else None
    return ApprovalRequest(_question(project.use_case, summary, compared), "")


def _main_first(use_case: UseCase) -> tuple[str, ...]:
    """Return the task's metrics, the main one first."""
    task = use_case.task
    return tuple(dict.fromkeys((task.main_metric, *task.metrics)))


def _question(use_case: UseCase, candidate: VersionSummary, champion: VersionSummary | None) -> str:
    """Return the text of `approval_request.md.j2`."""
    champion_name = {CHAMPION: f"champion, version {champion.number}"} if champion is not None else {}
    names = {
        MODEL: f"version {candidate.number}",
        **champion_name,
        **{name: name for name in reversed(use_case.task.baselines)},
    }
    return render_markdown(
        "approval_request.md.j2",
        version=candidate,
        test=candidate.splits["test"],
        metrics={name: METRICS[name].titled(use_case.task) for name in _main_first(use_case)},
        level=task_model(use_case.task).describe_level(candidate.test.get(MODEL, {})),
        subjects={subject: name for subject, name in names.items() if subject in candidate.judged},
        champion_gate_results={
            gate_result["gate"]: gate_result for gate_result in (champion.gate_results if champion is not None else ())
        },
        notice=use_case.notice,
    )
