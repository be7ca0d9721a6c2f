"""Register: make a judged run a version of the use case's model, whether it passed or not."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass

from include.errors import NotReady
from include.logic import metrics
from include.storage.models import FINGERPRINT, Registry
from include.use_case import UseCase

COPIED = (
    "as_of", "window", "trees", "commit", "lock", "processor", "reason", "verdicts", "passed",
    "features.version", "features.digest", "labels.version", "labels.digest", "report",
)  # fmt: skip
"""Tags of the run that its version carries too: what a rebuild, a reader and a promotion need."""


@dataclass(frozen=True)
class RegisterResult:
    """The version of a run; plain values."""

    version: str
    run_id: str
    passed: bool
    new: bool
    """Whether it was registered now."""


def run(use_case: UseCase, run_id: str) -> RegisterResult:
    """Register the run, unless a version with its fingerprint is there: then that one is returned, unchanged.

    Raises NotReady for a run that is not complete or was not evaluated.
    """
    registry = Registry(use_case)
    recorded = registry.run(run_id).data
    if "verdicts" not in recorded.tags:
        raise NotReady(f"{use_case.name}: run {run_id} has no verdicts yet; run evaluate for it, then register again.")
    found = registry.version_of(recorded.tags[FINGERPRINT])
    if found is not None:
        return RegisterResult(found.number, found.run_id, found.tags["passed"] == "true", new=False)
    tags = {name: recorded.tags[name] for name in COPIED if name in recorded.tags}
    tags[FINGERPRINT] = recorded.tags[FINGERPRINT]
    description = _description(use_case, recorded.tags, recorded.metrics)
    made = registry.register(run_id, recorded.tags["model_id"], tags, description)
    return RegisterResult(made.number, run_id, tags["passed"] == "true", new=True)


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
