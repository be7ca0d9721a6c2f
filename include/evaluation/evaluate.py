"""Judge a trained model by its declared gates, and keep the results.

This happens once; every result is kept with the run.
"""

from __future__ import annotations

import json
import tempfile
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from include.declaration.gates import MODEL
from include.declaration.use_case import UseCase
from include.evaluation import collect_inputs, judging, plots
from include.evaluation.gates.result import GateResult, overall_outcome
from include.evaluation.inputs import GateInputs
from include.lake import content_digest
from include.model import intervals, metrics
from include.project import Project
from include.registry.ledger_entry import LedgerEntry
from include.registry.mlflow_registry import Registry
from include.registry.model_record import Version, record_evaluation
from include.registry.tags import COMPARED_WITH, FINGERPRINT, GATE, GATES, JUDGED, decides

FOLDER = "evaluation"
SHOWN = (GATES, COMPARED_WITH, JUDGED)
"""Tags of an evaluated run, in addition to those of the gates."""


@dataclass(frozen=True)
class EvaluateResult:
    """Hold the results of all gates for a run; plain values."""

    run_id: str
    gates: str
    """`passed`, `failed` or `inconclusive`."""
    champion: str | None
    """The version that it was compared with."""
    gate_results: tuple[dict[str, Any], ...]
    new: bool
    """Whether it was judged now; otherwise an earlier, equal evaluation is returned."""


def evaluate_run(project: Project, run_id: str) -> EvaluateResult:
    """Judge the run by its declared gates and the champion of its as-of day.

    Results, intervals, slices and plots become artifacts of the run, the summary of the results its tags. A run that
    was judged by the same gates against the same champion is not judged again, so measured times do not change.

    Raises:
        NotReadyError: the run did not finish, or its data have changed since.
        InvalidRequestError: there is no such run.
        ArtifactMissingError: the candidate or the champion cannot be loaded.
        ServingCheckError: the serving check failed; worth a retry.
    """
    use_case = project.use_case
    registry = project.registry
    candidate = registry.candidate(run_id)
    entry = _champion(project, registry, candidate)
    champion = entry.version if entry else None
    judged_by = _judged_by(use_case, entry)
    if candidate.judged_by == judged_by:  # also with the judgement of a trial
        _copy(registry, candidate)  # the process that judged it may have been killed before copying
        return EvaluateResult(run_id, candidate.tags[GATES], champion, candidate.gate_results, new=False)
    found = collect_inputs.collect_gate_inputs(project, candidate, entry)
    gate_results = judging.judge_gates(use_case.gates, found, use_case.task)
    assert found.rows is not None
    measured = {
        subject: metrics.compute_metrics(found.rows.labels, each, use_case.task)
        for subject, each in found.rows.predicted.items()
    }
    plain = tuple(gate_result.to_json() for gate_result in gate_results)
    # Files that could not be loaded may be restored, so such an evaluation is not final.
    spoilt = found.serving_check is not None and bool(found.serving_check.error)
    with tempfile.TemporaryDirectory(prefix="airworthy-") as folder:
        title = f"{use_case.name} as of {candidate.as_of}"
        _write(Path(folder) / FOLDER, use_case, title, found, gate_results, measured)
        registry.log_folder(run_id, Path(folder))
    record_evaluation(
        project.records,
        candidate,
        gate_results,
        judged_by=judged_by,
        champion=champion or "",
        metrics=measured,
        final=not spoilt,
    )
    _copy(registry, candidate)
    return EvaluateResult(run_id, overall_outcome(gate_results), champion, plain, new=True)


def _copy(registry: Registry, before: Version) -> None:
    """Copy the recorded tags of the evaluation to MLflow's run."""
    tags = {name: value for name, value in registry.candidate(before.run_id).tags.items() if decides(name)}
    stale = [name for name in before.copies if name.startswith(GATE) and name not in tags]
    if stale:
        registry.untag(before.run_id, stale)
    shown = {name: tags[name] for name in (*SHOWN, *_gates(tags)) if name in tags}
    if missing := {name: value for name, value in shown.items() if before.copies.get(name) != value}:
        registry.log(before.run_id, tags=missing)


def _gates(tags: Mapping[str, str]) -> list[str]:
    return [name for name in tags if name.startswith(GATE)]


def is_current(project: Project, version: Version) -> bool:
    """Return whether current gates and champion judged a version."""
    return version.judged_by == _judged_by(project.use_case, _champion(project, project.registry, version))


def _champion(project: Project, registry: Registry, candidate: Version) -> LedgerEntry | None:
    """Return the ledger's champion of the as-of day, except the candidate itself."""
    own = registry.version_of(candidate.tags[FINGERPRINT])  # if a version is judged again
    return project.ledger.champion_apart_from(own.number if own else None, candidate.as_of)


def _judged_by(use_case: UseCase, champion: LedgerEntry | None) -> str:
    declared = [[str(gate), json.dumps(asdict(gate), default=sorted)] for gate in use_case.gates]
    compared = [champion.version, champion.trees, champion.fingerprint] if champion else None
    return content_digest.digest_values({"gates": declared, "champion": compared})


def _write(
    folder: Path,
    use_case: UseCase,
    title: str,
    found: GateInputs,
    gate_results: list[GateResult],
    measured: Mapping[str, Mapping[str, float]],
) -> None:
    """Write the evaluation as files: tables as JSON, plots as PNG."""
    rows, task = found.rows, use_case.task
    assert rows is not None
    grouped = [group for gate in use_case.gates for group in gate.groups(found, task)]
    tables: dict[str, Any] = {
        "gate_results": [gate_result.to_json() for gate_result in gate_results],
        "metrics": measured,
        "intervals": intervals.metric_intervals(rows.periods, rows.labels, rows.predicted[MODEL], task),
        "slices": grouped,
    }
    folder.mkdir()
    for name, values in tables.items():
        (folder / f"{name}.json").write_text(json.dumps(values, indent=1))
    drawn = {
        "gate_results": plots.plot_gate_results(f"{title}: gates", gate_results),
        **_drawn_by_gates(use_case, title, found),
    }
    if grouped:
        shown = [plots.PlotGroup(*(group[name] for name in plots.PlotGroup._fields)) for group in grouped]
        drawn["slices"] = plots.plot_slices(f"{title}: slices of the test periods", shown)
    for name, content in drawn.items():
        (folder / f"{name}.png").write_bytes(content)


def _drawn_by_gates(use_case: UseCase, title: str, inputs: GateInputs) -> dict[str, bytes]:
    """Return the gates' plots by kind, for the first gate of each kind with a plot."""
    drawn: dict[str, bytes] = {}
    for gate in use_case.gates:
        content = gate.plot(title, inputs, use_case.task) if gate.kind not in drawn else None
        if content is not None:
            drawn[gate.kind] = content
    return drawn
