"""Register: make a judged run a version of the use case's model, whether it passed or not, with its verdicts."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from typing import Any

import pyarrow as pa

from include.errors import NotReady
from include.logic import gates, metrics
from include.logic.card.markup import escaped
from include.logic.lives import NOT_PROMOTED
from include.monitoring import limits
from include.stages import evaluate, follow
from include.stages.follow import ModelReplaced
from include.storage import schemas
from include.storage.lake import Lake
from include.storage.models import Registry, Version
from include.storage.runs import FINGERPRINT
from include.use_case import UseCase

COPIED = (
    "as_of", "window", "trees", "code", "commit", "lock", "processor", "reason", "tuned_by", "gates", "compared_with",
    "features.version", "features.digest", "labels.version", "labels.digest", "report", "recipe",
)  # fmt: skip
"""Tags of the run that its version carries too: what a rebuild, a reader and a promotion need."""

_MARKS = {"passed": "✓", "failed": "✗ **failed**", "not judged": "? **not judged**", "reported": "·"}


class ModelGone(NotReady):
    """The files of a run's model are not there, or are not those that were trained."""

    def __init__(self, use_case: str, run_id: str, what: str) -> None:
        self.run_id = run_id
        super().__init__(
            f"{use_case}: the model of run {run_id} cannot be loaded, so it is not registered, whatever its gates say:"
            f" {what} Clear the task `train` of this run: it sees that the model is gone, and trains it again."
        )


@dataclass(frozen=True)
class RegisterResult:
    """The version of a run; plain values."""

    version: str
    run_id: str
    gates: str
    """`passed`, `failed` or `not judged`."""
    new: bool
    """Whether it was registered now."""


def run(use_case: UseCase, run_id: str) -> RegisterResult:
    """Register the run, unless a version with its fingerprint is there: that one is returned, judged as the run is.

    The verdicts go into the lake's table too. Raises NotReady for a run that is not complete or was not evaluated, and
    ModelGone, without registering anything, where the run's model cannot be loaded.
    """
    registry = Registry(use_case)
    recorded = registry.run(run_id).data
    found_of_it = evaluate.judgement(registry, run_id)
    if found_of_it is None:
        raise NotReady(
            f"{use_case.name}: run {run_id} has no verdicts yet, or writing them was cut short; run evaluate for it,"
            " then register again."
        )
    if why := registry.unloadable(registry.candidate(run_id)):
        raise ModelGone(use_case.name, run_id, why)
    judged = {
        "gates": found_of_it.gates,
        "compared_with": recorded.tags["compared_with"],
        "verdicts": json.dumps(found_of_it.verdicts),
        evaluate.JUDGED: recorded.tags[evaluate.JUDGED],
        limits.TAG: limits.to_tag(use_case, registry, registry.candidate(run_id)),
        **{gates.tag(verdict["gate"]): verdict["outcome"] for verdict in found_of_it.verdicts},
    }
    description = _description(use_case, recorded.tags, recorded.metrics, found_of_it.verdicts)
    fingerprint = recorded.tags[FINGERPRINT]
    found, made = _registered(registry, fingerprint, run_id), None
    if found is None:
        tags = {name: recorded.tags[name] for name in COPIED if name in recorded.tags} | judged
        made = registry.register(run_id, recorded.tags["model_id"], tags | {FINGERPRINT: fingerprint}, description)
        found = (
            _registered(registry, fingerprint, run_id) or made
        )  # of two registered at once, everyone takes the first
    _judge_anew(registry, found, judged, description)
    write_verdicts(use_case, found.as_of)
    try:
        follow.run(use_case)
    except ModelReplaced as lost:
        if lost.entry.trees != found.trees:
            raise
        # This version has the trees of the lost one, and `promote` restores it.
    new = made is not None and found.number == made.number
    return RegisterResult(found.number, found.run_id, judged["gates"], new)


def _registered(registry: Registry, fingerprint: str, run_id: str) -> Version | None:
    """The version with that fingerprint: that of the run itself, or the first whose model can still be loaded."""
    equal = [version for version in registry.versions() if version.tags.get(FINGERPRINT) == fingerprint]
    for version in sorted(equal, key=lambda version: version.run_id != run_id):
        if version.run_id == run_id or registry.loadable(version):
            return version
    return None


def write_verdicts(use_case: UseCase, day: date) -> None:
    """Make the table's day hold the verdicts of all versions trained as of it, as the registry has them.

    Whoever has written looks again: of two registered at once, the slower would else leave the other's out.
    """
    registry, lake = Registry(use_case), Lake.of(use_case)
    versions = _as_of(registry, day)
    while True:
        rows = [
            {"model_version": version.number, **verdict}
            for version in versions
            for verdict in json.loads(version.tags["verdicts"])
        ]
        table = pa.Table.from_pylist(rows, schema=schemas.content(use_case, "verdicts"))
        lake.replace("verdicts", day, table, inputs={}, stage="register")
        told, versions = versions, _as_of(registry, day)
        if versions == told:
            return


def _as_of(registry: Registry, day: date) -> list[Version]:
    return [version for version in registry.versions() if version.as_of == day and "verdicts" in version.tags]


def _judge_anew(registry: Registry, version: Version, judged: Mapping[str, str], description: str) -> None:
    """Let a version carry the run's verdicts where gates or champion have changed since it was registered."""
    if any(version.tags.get(name) != value for name, value in judged.items()):
        for name in version.tags:
            if name == NOT_PROMOTED or (name.startswith(gates.TAG) and name not in judged):
                registry.untag_version(version.number, name)
        registry.tag_version(version.number, judged, description)


def _description(
    use_case: UseCase, tags: Mapping[str, str], recorded: Mapping[str, float], verdicts: Sequence[Mapping[str, Any]]
) -> str:
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
    lines += ["", *(f"- {_MARKS[each['outcome']]} {each['gate']}: {escaped(each['reason'])}" for each in verdicts)]
    if use_case.notice:
        lines += ["", f"> {use_case.notice}"]
    return "\n".join(lines)
