"""Write the request to approve a model's promotion."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from include.declaration.gates import CHAMPION, MODEL
from include.declaration.use_case import UseCase
from include.project import Project
from include.promotion import approve
from include.promotion.model_card.escaping import escaped, number, table
from include.registry import lifecycle, sync
from include.registry.version_summary import VersionSummary, summarise_version

METRICS = ("log_loss", "auc", "brier", "ece", "expected_cost")


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
    life = lifecycle.lifecycle_states(versions, entries, project.use_case.newest_period())[version]
    summary = summarise_version(candidate, entries, life)
    if life in sync.CHAMPION_STATES:
        return ApprovalRequest(None, f"No approval is requested: version {version} was made champion before.")
    if life != "challenger":
        reason = summary.blocking or f"Its gates are {summary.gates or 'not judged'}."
        return ApprovalRequest(None, f"No approval is requested: version {version} did not pass its gates. {reason}")
    champion = next((other for other in versions if other.number == summary.compared_with), None)
    compared = summarise_version(champion, entries) if champion is not None else None
    return ApprovalRequest("\n".join(_lines(project.use_case, summary, compared)), "")


def _lines(use_case: UseCase, candidate: VersionSummary, champion: VersionSummary | None) -> list[str]:
    lines = [f"{candidate.trained}: {escaped(candidate.training_reason or 'no reason given')}.", ""]
    test = candidate.splits["test"]
    lines += [f"On its test days, {test['first']} to {test['last']}:", ""]
    champion_name = {CHAMPION: f"champion, version {champion.number}"} if champion is not None else {}
    names = {MODEL: f"version {candidate.number}", **champion_name, "logistic": "logistic", "prior": "prior"}
    lines += _metrics(candidate.judged, names)
    champion_verdicts = {verdict["gate"]: verdict for verdict in (champion.verdicts if champion else ())}
    rows = [
        (
            escaped(verdict["gate"]),
            number(verdict["value"]),
            number(verdict["limit"]),
            verdict["outcome"],
            _champion_result(champion_verdicts, verdict),
        )
        for verdict in candidate.verdicts
    ]
    lines += ["", *table(("gate", "value", "limit", "verdict", "champion's, when evaluated"), rows, (1, 2))]
    lines += ["", *(f"- {escaped(verdict['reason'])}" for verdict in candidate.verdicts)]
    if use_case.notice:
        lines += ["", f"> {use_case.notice}"]
    return lines


def _metrics(values: Mapping[str, Mapping[str, float]], names: Mapping[str, str]) -> list[str]:
    """Return a table of the metrics of the subjects that have values."""
    shown = [subject for subject in names if subject in values]
    rows = [(metric, *(number(values[subject].get(metric)) for subject in shown)) for metric in METRICS]
    return table(("", *(names[subject] for subject in shown)), rows, range(1, len(shown) + 1))


def _champion_result(verdicts: Mapping[str, Mapping[str, Any]], verdict: Mapping[str, Any]) -> str:
    same_gate = verdicts.get(verdict["gate"])
    return f"{number(same_gate['value'])}, {same_gate['outcome']}" if same_gate else "–"
