"""Brief: what a person must see before a model is promoted, beside the same of the champion."""

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
    """What a person is asked, or why nobody is."""

    question: str | None
    """Markdown; None where there is nothing to ask."""
    nobody: str
    """Why nobody is asked; empty where somebody is."""


def build_approval_request(project: Project, version: str) -> ApprovalRequest:
    """Write the question about a version's promotion.

    Nobody is asked of a version that did not pass its gates, that has flown already, or that was decided on before.
    """
    registry = project.registry
    candidate = registry.version(version)
    if (decided := approve.approval_decision(project, version)) is not None:
        return ApprovalRequest(None, f"Nobody is asked: version {version} was {decided}.")
    life = _life(project, registry, candidate)
    if life in sync.CHAMPION_STATES:
        return ApprovalRequest(None, f"Nobody is asked: version {version} was made champion before.")
    if life != "challenger":
        reason = blocking(candidate.verdicts) or f"Its gates are {candidate.tags.get(GATES, 'not judged')}."
        return ApprovalRequest(None, f"Nobody is asked: version {version} did not pass its gates. {reason}")
    flying = candidate.tags.get(COMPARED_WITH)
    champion = next((version for version in registry.versions() if version.number == flying), None)
    return ApprovalRequest("\n".join(_lines(project.use_case, candidate, champion)), "")


def _life(project: Project, registry: Registry, candidate: Version) -> str:
    entries = project.ledger.entries()
    return lifecycle.lifecycle_states(registry.versions(), entries, project.use_case.newest_period())[candidate.number]


def _lines(use_case: UseCase, candidate: Version, champion: Version | None) -> list[str]:
    told = f"Trained as of {candidate.as_of} on {candidate.tags[WINDOW]}"
    lines = [f"{told}: {escaped(candidate.tags.get(REASON) or 'no reason given')}.", ""]
    test = candidate.report["splits"]["test"]
    lines += [f"On its test days, {test['first']} to {test['last']}:", ""]
    flying = {CHAMPION: f"champion, version {champion.number}"} if champion is not None else {}
    names = {MODEL: f"version {candidate.number}", **flying, "logistic": "logistic", "prior": "prior"}
    lines += _metrics(candidate.judged, names)
    before = {each["gate"]: each for each in _verdicts(champion)}
    rows = [
        (escaped(each["gate"]), number(each["value"]), number(each["limit"]), each["outcome"], _then(before, each))
        for each in _verdicts(candidate)
    ]
    lines += ["", *table(("gate", "value", "limit", "verdict", "the champion's, when it was judged"), rows, (1, 2))]
    lines += ["", *(f"- {escaped(verdict['reason'])}" for verdict in _verdicts(candidate))]
    if use_case.notice:
        lines += ["", f"> {use_case.notice}"]
    return lines


def _metrics(found: Mapping[str, Mapping[str, float]], names: Mapping[str, str]) -> list[str]:
    """A table of the metrics of those subjects that were judged on these days."""
    shown = [subject for subject in names if subject in found]
    rows = [(metric, *(number(found[subject].get(metric)) for subject in shown)) for metric in METRICS]
    return table(("", *(names[subject] for subject in shown)), rows, range(1, len(shown) + 1))


def _verdicts(version: Version | None) -> list[dict[str, Any]]:
    return list(version.verdicts) if version is not None else []


def _then(before: Mapping[str, Mapping[str, Any]], verdict: Mapping[str, Any]) -> str:
    then = before.get(verdict["gate"])
    return f"{number(then['value'])}, {then['outcome']}" if then else "–"
