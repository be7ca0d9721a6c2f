"""Write the request to approve a model's promotion."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from include.declaration.gates import CHAMPION, MODEL
from include.declaration.period import Period
from include.declaration.use_case import UseCase
from include.grammar import counted
from include.model.metrics import METRICS
from include.model.tasks import task_model
from include.project import Project
from include.promotion import approve
from include.promotion.markdown import render_markdown
from include.registry import lifecycle, sync
from include.registry.ledger_entry import LedgerEntry
from include.registry.version_summary import VersionSummary, summarise_version


@dataclass(frozen=True)
class ApprovalRequest:
    """The question to a person, or the reason why no approval is requested."""

    question: str | None
    """Markdown; None if no approval is requested."""
    not_asked: str
    """Why no approval is requested; empty if one is."""


def build_approval_request(project: Project, version: str, links: Mapping[str, str] | None = None) -> ApprovalRequest:
    """Write the question about a version's promotion, with links by their name.

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
    first = candidate.judged_in or candidate.as_of
    others = (lifecycle.champion_of(first, entries), _next_champion(first, entries))
    return ApprovalRequest(_question(project.use_case, summary, compared, first, others, links or {}), "")


def _next_champion(period: Period, entries: Sequence[LedgerEntry]) -> LedgerEntry | None:
    """Return the entry that makes the next champion after `period`; None without one."""
    later = [entry.effective_from for entry in entries if entry.makes_champion and entry.effective_from > period]
    return lifecycle.champion_of(min(later), entries) if later else None


def _difference(use_case: UseCase, candidate: VersionSummary, champion: VersionSummary | None) -> str:
    """Return in words how far the main metric is from that of the champion."""
    metric = METRICS[use_case.task.main_metric]
    value = candidate.judged.get(MODEL, {}).get(metric.name)
    if value is None:
        return "its main metric was not measured;"
    shown = metric.value_text(value, use_case.task, 4)
    other = candidate.judged.get(CHAMPION, {}).get(metric.name) if champion is not None else None
    if other is None or champion is None:
        return f"{metric.label} {shown} ({metric.better} is better), with no champion to compare it with;"
    against = (
        f"{metric.label} {shown} against {metric.value_text(other, use_case.task, 4)} of version {champion.number}"
    )
    return f"{against} ({metric.better} is better): {_change(value - other, other, metric.higher_is_better)};"


def _change(difference: float, base: float, higher_is_better: bool) -> str:
    if difference == 0:
        return "the same"
    size = f"{abs(difference / base):.1%}" if base else f"{abs(difference):.4g}"
    return f"{size} {'better' if (difference > 0) == higher_is_better else 'worse'}"


def _gates(candidate: VersionSummary) -> str:
    """Return in words how many gates had each outcome."""
    outcomes = Counter(gate_result["outcome"] for gate_result in candidate.gate_results)
    if outcomes.keys() <= {"passed"}:
        return f"{counted(outcomes['passed'], 'gate')} passed."
    counts = ", ".join(f"{number} {outcome}" for outcome, number in outcomes.most_common())
    return f"{counted(outcomes.total(), 'gate')}: {counts}."


def _main_first(use_case: UseCase) -> tuple[str, ...]:
    """Return the task's metrics, the main one first."""
    task = use_case.task
    return tuple(dict.fromkeys((task.main_metric, *task.metrics)))


def _question(
    use_case: UseCase,
    candidate: VersionSummary,
    champion: VersionSummary | None,
    first: Period,
    others: tuple[LedgerEntry | None, LedgerEntry | None],
    links: Mapping[str, str],
) -> str:
    """Return the text of `approval_request.md.j2`.

    `champion` is the version that the gates compared with. `first` is the period from which it would be champion: the
    as-of day of its training, or the period of the judgement of its trial. `others` are the champion of that period,
    and the next.
    """
    champion_name = {CHAMPION: f"champion, version {champion.number}"} if champion is not None else {}
    names = {
        MODEL: f"version {candidate.number}",
        **champion_name,
        **{name: name for name in reversed(use_case.task.baselines)},
    }
    return render_markdown(
        "approval_request.md.j2",
        version=candidate,
        first=first,
        replaced=others[0],
        followed=others[1],
        passed=[gate_result for gate_result in candidate.gate_results if gate_result["outcome"] == "passed"],
        difference=_difference(use_case, candidate, champion),
        gates=_gates(candidate),
        unit=use_case.calendar.unit.name,
        links=links,
        test=candidate.splits["test"],
        metrics={name: METRICS[name].titled(use_case.task) for name in _main_first(use_case)},
        level=task_model(use_case.task).describe_level(candidate.test.get(MODEL, {})),
        subjects={subject: name for subject, name in names.items() if subject in candidate.judged},
        champion_gate_results={
            gate_result["gate"]: gate_result for gate_result in (champion.gate_results if champion is not None else ())
        },
        notice=use_case.notice,
    )
