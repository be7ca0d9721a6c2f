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
from include.registry.lifecycle import blocking
from include.registry.mlflow_registry import Registry
from include.registry.model_record import Version
from include.registry.tags import COMPARED_WITH, GATES, REASON, WINDOW

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
    status = _version_status(project, registry, candidate)
    if status in sync.CHAMPION_STATES:
        return ApprovalRequest(None, f"No approval is requested: version {version} was made champion before.")
    if status != "challenger":
        reason = blocking(candidate.verdicts) or f"Its gates are {candidate.tags.get(GATES, 'not judged')}."
        return ApprovalRequest(None, f"No approval is requested: version {version} did not pass its gates. {reason}")
    compared_with = candidate.tags.get(COMPARED_WITH)
    champion = next((version for version in registry.versions() if version.number == compared_with), None)
    return ApprovalRequest("\n".join(_lines(project.use_case, candidate, champion)), "")


def _version_status(project: Project, registry: Registry, candidate: Version) -> str:
    entries = project.ledger.entries()
    return lifecycle.lifecycle_states(registry.versions(), entries, project.use_case.newest_period())[candidate.number]


def _lines(use_case: UseCase, candidate: Version, champion: Version | None) -> list[str]:
    training = f"Trained as of {candidate.as_of} on {candidate.tags[WINDOW]}"
    lines = [f"{training}: {escaped(candidate.tags.get(REASON) or 'no reason given')}.", ""]
    test = candidate.report["splits"]["test"]
    lines += [f"On its test days, {test['first']} to {test['last']}:", ""]
    champion_name = {CHAMPION: f"champion, version {champion.number}"} if champion is not None else {}
    names = {MODEL: f"version {candidate.number}", **champion_name, "logistic": "logistic", "prior": "prior"}
    lines += _metrics(candidate.judged, names)
    champion_verdicts = {verdict["gate"]: verdict for verdict in _verdicts(champion)}
    rows = [
        (
            escaped(verdict["gate"]),
            number(verdict["value"]),
            number(verdict["limit"]),
            verdict["outcome"],
            _champion_result(champion_verdicts, verdict),
        )
        for verdict in _verdicts(candidate)
    ]
    lines += ["", *table(("gate", "value", "limit", "verdict", "champion's, when evaluated"), rows, (1, 2))]
    lines += ["", *(f"- {escaped(verdict['reason'])}" for verdict in _verdicts(candidate))]
    if use_case.notice:
        lines += ["", f"> {use_case.notice}"]
    return lines


def _metrics(values: Mapping[str, Mapping[str, float]], names: Mapping[str, str]) -> list[str]:
    """Return a table of the metrics of the subjects that have values."""
    shown = [subject for subject in names if subject in values]
    rows = [(metric, *(number(values[subject].get(metric)) for subject in shown)) for metric in METRICS]
    return table(("", *(names[subject] for subject in shown)), rows, range(1, len(shown) + 1))


def _verdicts(version: Version | None) -> list[dict[str, Any]]:
    return list(version.verdicts) if version is not None else []


def _champion_result(verdicts: Mapping[str, Mapping[str, Any]], verdict: Mapping[str, Any]) -> str:
    same_gate = verdicts.get(verdict["gate"])
    return f"{number(same_gate['value'])}, {same_gate['outcome']}" if same_gate else "–"
