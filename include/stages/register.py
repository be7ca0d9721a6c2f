"""Register: make a judged run a version of the use case's model, whether it passed or not."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass

from include.errors import NotReady
from include.logic import metrics
from include.storage.models import Registry, Version
from include.storage.runs import FINGERPRINT
from include.use_case import UseCase

COPIED = (
    "as_of", "window", "trees", "code", "commit", "lock", "processor", "reason", "verdicts", "passed",
    "features.version", "features.digest", "labels.version", "labels.digest", "report",
)  # fmt: skip
"""Tags of the run that its version carries too: what a rebuild, a reader and a promotion need."""

JUDGED = ("passed", "verdicts")
NOT_PROMOTED = "not_promoted"
"""Tag of a version that was refused as champion: why."""


@dataclass(frozen=True)
class RegisterResult:
    """The version of a run; plain values."""

    version: str
    run_id: str
    passed: bool
    new: bool
    """Whether it was registered now."""


def run(use_case: UseCase, run_id: str) -> RegisterResult:
    """Register the run, unless a version with its fingerprint is there: that one is returned, judged as the run is.

    Raises NotReady for a run that is not complete or was not evaluated.
    """
    registry = Registry(use_case)
    recorded = registry.run(run_id).data
    if "verdicts" not in recorded.tags:
        raise NotReady(f"{use_case.name}: run {run_id} has no verdicts yet; run evaluate for it, then register again.")
    fingerprint, passed = recorded.tags[FINGERPRINT], recorded.tags["passed"] == "true"
    description = _description(use_case, recorded.tags, recorded.metrics)
    found, made = registry.version_of(fingerprint), None
    if found is None:
        tags = {name: recorded.tags[name] for name in COPIED if name in recorded.tags}
        made = registry.register(run_id, recorded.tags["model_id"], tags | {FINGERPRINT: fingerprint}, description)
        found = registry.version_of(fingerprint) or made  # of two registered at once, everyone takes the first
    _judge_anew(registry, found, recorded.tags, description)
    return RegisterResult(found.number, found.run_id, passed, new=made is not None and found.number == made.number)


def _judge_anew(registry: Registry, version: Version, tags: Mapping[str, str], description: str) -> None:
    """Let a version carry the run's verdicts where the gates have changed since it was registered."""
    newest = {name: tags[name] for name in JUDGED}
    if any(version.tags.get(name) != value for name, value in newest.items()):
        registry.untag_version(version.number, NOT_PROMOTED)
        registry.tag_version(version.number, newest, description)


def _description(use_case: UseCase, tags: Mapping[str, str], recorded: Mapping[str, float]) -> str:
    """Markdown for the registry's page: key numbers and verdicts, and what a person must know."""
    found = metrics.of_split(recorded, "test")
    test = json.loads(tags["report"])["splits"]["test"]
    lines = [
        f"Trained as of {tags['as_of']} on {tags['window']}; tested on {test['first']} to {test['last']}.",
        "",
        "| test days | log loss | AUC | expected cost |",
        "|---|---|---|---|",
    ]
    for subject in ("model", "logistic", "prior"):
        values = found.get(subject, {})
        cells = (f"{values[m]:.4f}" if m in values else "–" for m in ("log_loss", "auc", "expected_cost"))
        lines.append(f"| {subject} | {' | '.join(cells)} |")
    verdicts = json.loads(tags["verdicts"])
    lines += ["", *(f"- {'passed' if each['passed'] else '**not passed**'}: {each['reason']}" for each in verdicts)]
    if use_case.notice:
        lines += ["", f"> {use_case.notice}"]
    return "\n".join(lines)
