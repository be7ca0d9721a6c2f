"""Evaluate: judge a trained model by its declared gates, once, and keep every verdict with its run."""

from __future__ import annotations

import json
import tempfile
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np

from include.declaration.gates import MODEL, AnyGate, ChampionGate, SliceGate
from include.declaration.use_case import DecisionCosts, UseCase
from include.evaluation import collect_inputs, judge, judging, plots
from include.evaluation.inputs import GateInputs
from include.lake import content_digest
from include.lake.lake import Lake
from include.model import intervals, metrics
from include.model.slices import SliceMetrics
from include.registry import gate_result
from include.registry.gate_result import GateResult
from include.registry.ledger import Ledger, LedgerEntry
from include.registry.mlflow_registry import Registry
from include.registry.model_record import Version, record_evaluation
from include.registry.records import Records
from include.registry.tags import COMPARED_WITH, FINGERPRINT, GATE, GATES, JUDGED, decides

FOLDER = "evaluation"
SHOWN = (GATES, COMPARED_WITH, JUDGED)
"""Tags of an evaluated run, besides those of the gates."""


@dataclass(frozen=True)
class EvaluateResult:
    """Every gate's verdict on a run; plain values."""

    run_id: str
    gates: str
    """`passed`, `failed` or `not judged`."""
    champion: str | None
    """The version that it was compared with."""
    verdicts: tuple[dict[str, Any], ...]
    new: bool
    """Whether it was judged now; what an equal judgement said before stands."""


def evaluate_run(use_case: UseCase, run_id: str, *, lake: Lake | None = None) -> EvaluateResult:
    """Judge the run's test days against the declared gates and the champion of the day it was trained as of.

    Verdicts, intervals, slices and drawings become artifacts, the verdicts' summary tags of the run. Judged by the same
    gates against the same champion before, it is not judged again: times, once measured, stand. Raises NotReadyError (a
    run that broke half-way; data that changed since), InvalidRequestError (no such run), ArtifactMissingError,
    ServingCheckError (worth retrying).
    """
    registry = Registry(use_case)
    candidate = registry.candidate(run_id)
    entry = _champion(use_case, registry, candidate)
    champion = entry.version if entry else None
    judged_by = _judged_by(use_case, entry)
    if candidate.tags.get(JUDGED) == judged_by:
        _copy(registry, candidate)  # who judged it may have been killed before that
        return EvaluateResult(run_id, candidate.tags[GATES], champion, candidate.verdicts, new=False)
    found = collect_inputs.collect_gate_inputs(use_case, candidate, entry, lake=lake)
    verdicts = judge.judge_gates(use_case.gates, found, use_case.costs)
    assert found.rows is not None
    measured = {
        subject: metrics.compute_metrics(found.rows.labels, each, use_case.costs)
        for subject, each in found.rows.predicted.items()
    }
    plain = tuple(verdict.to_json() for verdict in verdicts)
    # What could not be loaded may be mended: such a judgement is not one that stays.
    spoilt = found.rehearsal is not None and bool(found.rehearsal.error)
    with tempfile.TemporaryDirectory(prefix="airworthy-") as folder:
        title = f"{use_case.name} as of {candidate.as_of}"
        _write(Path(folder) / FOLDER, use_case, title, found, verdicts, measured)
        registry.log_folder(run_id, Path(folder))
    record_evaluation(
        Records.of(use_case.name),
        candidate,
        verdicts,
        judged_by=judged_by,
        champion=champion or "",
        metrics=measured,
        final=not spoilt,
    )
    _copy(registry, candidate)
    return EvaluateResult(run_id, gate_result.overall_outcome(verdicts), champion, plain, new=True)


def _copy(registry: Registry, before: Version) -> None:
    """Let MLflow's run show what is on record of its evaluation."""
    tags = {name: value for name, value in registry.candidate(before.run_id).tags.items() if decides(name)}
    stale = [name for name in before.copies if name.startswith(GATE) and name not in tags]
    if stale:
        registry.untag(before.run_id, stale)
    shown = {name: tags[name] for name in (*SHOWN, *_gates(tags)) if name in tags}
    if missing := {name: value for name, value in shown.items() if before.copies.get(name) != value}:
        registry.log(before.run_id, tags=missing)


def _gates(tags: Mapping[str, str]) -> list[str]:
    return [name for name in tags if name.startswith(GATE)]


def is_current(use_case: UseCase, version: Version) -> bool:
    """Whether the verdicts of a version were judged by the gates as they are declared now and the champion of now."""
    return version.tags.get(JUDGED) == _judged_by(use_case, _champion(use_case, Registry(use_case), version))


def _champion(use_case: UseCase, registry: Registry, candidate: Version) -> LedgerEntry | None:
    """The ledger's champion of the day that a candidate was trained as of, besides the candidate itself."""
    own = registry.version_of(candidate.tags[FINGERPRINT])  # of one that is judged again
    return Ledger.of(use_case).champion_besides(own.number if own else None, candidate.as_of)


def _judged_by(use_case: UseCase, champion: LedgerEntry | None) -> str:
    declared = [[str(gate), json.dumps(asdict(gate), default=sorted)] for gate in use_case.gates]
    flying = [champion.version, champion.trees, champion.fingerprint] if champion else None
    return content_digest.digest_values({"gates": declared, "champion": flying})


def _write(
    folder: Path,
    use_case: UseCase,
    title: str,
    found: GateInputs,
    verdicts: list[GateResult],
    measured: Mapping[str, Mapping[str, float]],
) -> None:
    """The evaluation as files: tables as JSON, drawings as PNG."""
    rows, costs = found.rows, use_case.costs
    assert rows is not None
    grouped = [group for gate in use_case.gates for group in _groups(gate, found, costs)]
    tables: dict[str, Any] = {
        "verdicts": [verdict.to_json() for verdict in verdicts],
        "metrics": measured,
        "intervals": intervals.metric_intervals(rows.days, rows.labels, rows.predicted[MODEL], costs),
        "slices": grouped,
    }
    folder.mkdir()
    for name, values in tables.items():
        (folder / f"{name}.json").write_text(json.dumps(values, indent=1))
    drawn = {"verdicts": plots.plot_gate_results(f"{title}: gates", verdicts), **_compared(use_case, title, found)}
    if grouped:
        shown = [plots.PlotGroup(*(group[name] for name in plots.PlotGroup._fields)) for group in grouped]
        drawn["slices"] = plots.plot_slices(f"{title}: slices of the test days", shown)
    for name, content in drawn.items():
        (folder / f"{name}.png").write_bytes(content)


def _groups(gate: AnyGate, found: GateInputs, costs: DecisionCosts) -> list[dict[str, Any]]:
    """The groups of rows that a gate judges, worst first; none where it judges no groups."""
    sliced = judging.slice_comparisons(gate, found, costs) if isinstance(gate, SliceGate) else None
    if not isinstance(gate, SliceGate) or not isinstance(sliced, SliceMetrics):
        return []
    shared = {"column": f"{gate.column}: {gate.metric} than {gate.than}", "limit": gate.at_most_worse}
    judged = [asdict(group) for group in sliced.judged]
    nothing = dict.fromkeys(("value", "compared", "worse"))
    aside = [{"name": name, "rows": rows, **nothing} for name, rows in {**sliced.undefined, **sliced.small}.items()]
    return [shared | {"group": each.pop("name")} | each for each in [*judged, *aside]]


def _compared(use_case: UseCase, title: str, found: GateInputs) -> dict[str, bytes]:
    """The drawing of the difference to the champion on each day, where there is one to draw."""
    for gate in use_case.gates:
        compared = judging.compare_with_champion(gate, found, use_case.costs) if isinstance(gate, ChampionGate) else 0
        if isinstance(gate, ChampionGate) and isinstance(compared, judging.Comparison):
            days, place = np.unique(compared.days.astype("datetime64[D]"), return_inverse=True)
            drawn = plots.plot_champion(
                f"{title}: against version {found.champion.version if found.champion else ''}",
                days.tolist(),
                np.bincount(place, weights=compared.differences) / np.bincount(place),
                mean=compared.difference.mean,
                interval=(compared.difference.lower, compared.difference.upper),
                margin=gate.margin,
                metric=gate.metric,
            )
            return {"champion": drawn}
    return {}
