"""Register an evaluated run as a version of the use case's model."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import Any

import pyarrow as pa

from include.declaration.gates import MODEL
from include.declaration.period import Period
from include.declaration.use_case import UseCase
from include.errors import NotReadyError
from include.evaluation import evaluate
from include.lake import schemas
from include.model import metrics
from include.monitoring import limits
from include.project import Project
from include.promotion.markdown import render_markdown
from include.promotion.promotion_errors import NotEvaluatedError
from include.registry import sync
from include.registry.mlflow_registry import Registry
from include.registry.model_record import Version, record_limits
from include.registry.sync import ModelReplacedError
from include.registry.tags import (
    FINGERPRINT,
    GATE_RESULTS,
    GATES,
    JUDGED,
    NOT_PROMOTED,
    copies_to_version,
    decides,
    find_tag,
)
from include.registry.version_summary import summarise_version

RECORD = "record.json"
"""Artifact of a version's run with all recorded tags, for people."""


class ModelMissingError(NotReadyError):
    """The files of a run's model are missing, or are not those that were trained."""

    def __init__(self, use_case: str, run_id: str, what: str) -> None:
        self.run_id = run_id
        super().__init__(
            f"{use_case}: the model of run {run_id} cannot be loaded, so it is not registered: {what.rstrip('.')}."
            " Clear the task `train` of this run, which then trains the model again."
        )


@dataclass(frozen=True)
class RegisterResult:
    """The version of a run; plain values."""

    version: str
    run_id: str
    gates: str
    """`passed`, `failed` or `inconclusive`."""
    new: bool
    """Whether this call has registered it."""


def register_run(project: Project, run_id: str) -> RegisterResult:
    """Register the run, or evaluate the version that has its fingerprint.

    The gate results are also written to the lake's table.

    Raises:
        NotReadyError: the run is not complete, or was not evaluated.
        ModelMissingError: the run's model cannot be loaded; nothing is registered.
    """
    use_case = project.use_case
    registry = project.registry
    candidate = registry.candidate(run_id)
    if JUDGED not in candidate.tags:
        raise NotEvaluatedError(use_case.name, run_id)
    if reason := registry.unloadable(candidate):
        raise ModelMissingError(use_case.name, run_id, reason)
    found, made = _registered(registry, candidate.fingerprint, run_id), None
    if found is None:
        record_limits(project.records, run_id, limits.to_tag(use_case, registry, candidate))
        candidate = registry.candidate(run_id)
        made = registry.register(candidate, _description(use_case, candidate))
        # If two processes registered it at the same time, both use the first version.
        found = _registered(registry, candidate.fingerprint, run_id) or made
    if found.run_id != run_id:
        evaluate.evaluate_run(project, found.run_id)
    record_limits(project.records, found.run_id, limits.to_tag(use_case, registry, found))
    found = registry.version(found.number)
    _copy(registry, found, _description(use_case, found), is_new=made is not None)
    write_gate_results(project, found.as_of)
    try:
        sync.sync_registry(project.registry, project.ledger)
    except ModelReplacedError as lost:
        if lost.entry.trees != found.trees:
            raise
        # This version has the trees of the lost champion, which `promote` restores.
    new = made is not None and found.number == made.number
    return RegisterResult(found.number, found.run_id, found.tags[GATES], new)


def _registered(registry: Registry, fingerprint: str, run_id: str) -> Version | None:
    """Return the run's own version, or the first loadable equal one."""
    equal = [version for version in registry.versions() if version.tags.get(FINGERPRINT) == fingerprint]
    for version in sorted(equal, key=lambda version: version.run_id != run_id):
        if version.run_id == run_id or registry.loadable(version):
            return version
    return None


def write_gate_results(project: Project, period: Period) -> None:
    """Write the gate results of all versions as of `period` to the lake's table.

    Repeats until the versions stay the same, so that no concurrently registered version is left out.
    """
    registry, lake = project.registry, project.lake
    versions = _as_of(registry, period)
    while True:
        rows = [
            {"model_version": version.number, **gate_result}
            for version in versions
            for gate_result in version.gate_results
        ]
        table = pa.Table.from_pylist(rows, schema=schemas.content_schema(project.use_case, "gate_results"))
        lake.replace("gate_results", period, table, inputs={}, stage="register")
        written, versions = versions, _as_of(registry, period)
        if versions == written:
            return


def _as_of(registry: Registry, period: Period) -> list[Version]:
    return [version for version in registry.versions() if version.as_of == period and GATE_RESULTS in version.tags]


def _copy(registry: Registry, version: Version, description: str, *, is_new: bool) -> None:
    """Describe a version and its run in MLflow from the record if they differ.

    The run gets all recorded tags as an artifact; only a few are tags of the version.
    """
    shown = copies_to_version(version.tags)
    changed = {name: value for name, value in shown.items() if version.copies.get(name) != value}
    described = version.description.partition(sync.HEADING)[0] == description
    if described and not changed and not is_new:
        return
    recorded = {name: version.tags[name] for name in sorted(version.tags) if decides(name)}
    registry.log_json(version.run_id, RECORD, {name: _plain(name, value) for name, value in recorded.items()})
    registry.describe_run(version.run_id, f"**Version {version.number}.** {description}")
    registry.untag_version(version.number, NOT_PROMOTED)
    registry.tag_version(version.number, changed, description)


def _plain(name: str, value: str) -> Any:
    """Return the values of a recorded tag: those of its JSON, or its text."""
    tag = find_tag(name)
    return json.loads(value) if tag is not None and tag.form == "json" and value else value


def _description(use_case: UseCase, version: Version) -> str:
    """Return the text of `version_description.md.j2`."""
    summary = summarise_version(version, ())
    return render_markdown(
        "version_description.md.j2",
        version=summary,
        task=use_case.task,
        unit=use_case.calendar.unit.name,
        passed=sum(gate_result["outcome"] == "passed" for gate_result in summary.gate_results),
        test=summary.splits["test"],
        metrics=[metrics.METRICS[name] for name in use_case.task.headline],
        measured={subject: summary.test.get(subject, {}) for subject in (MODEL, *reversed(use_case.task.baselines))},
        notice=use_case.notice,
    ).rstrip()
