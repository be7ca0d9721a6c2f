"""Evaluate: judge a trained model by its declared gates, once, and keep every verdict with its run."""

from __future__ import annotations

import json
import tempfile
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np

from include.gate import AnyGate, NotWorseThanChampion, SliceGate
from include.logic import digests, gate_plots, gates, intervals, judging, metrics
from include.logic.evidence import Evidence
from include.logic.gates import MODEL, Verdict
from include.logic.slices import Slices
from include.stages import evidence
from include.storage.lake import Lake
from include.storage.ledger import Entry, Ledger
from include.storage.models import Registry, Version
from include.storage.runs import FINGERPRINT
from include.use_case import Costs, UseCase

FOLDER = "evaluation"
VERDICTS = f"{FOLDER}/verdicts.json"
METRICS = f"{FOLDER}/metrics.json"
"""Subject to metric to value on the test rows: model, baselines and the champion on the same days."""
JUDGED = "judged"
"""Tag of a run and its version: digest of the gates and the champion that it was judged by. Set as the last step."""


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


def run(use_case: UseCase, run_id: str, *, lake: Lake | None = None) -> EvaluateResult:
    """Judge the run's test days against the declared gates and the champion of the day it was trained as of.

    Verdicts, intervals, slices and drawings become artifacts, the verdicts' summary tags of the run. Judged by the
    same gates against the same champion before, it is not judged again: times, once measured, stand.
    Raises NotReady (a run that broke half-way; data that changed since), BadRequest (no such run), ArtifactMissing,
    RehearsalBroken (worth retrying).
    """
    registry = Registry(use_case)
    candidate = registry.candidate(run_id)
    entry = _champion(use_case, registry, candidate)
    champion = entry.version if entry else None
    judged_by = _judged_by(use_case, entry)
    if candidate.tags.get(JUDGED) == judged_by and (there := judgement(registry, run_id)):
        return EvaluateResult(run_id, there.gates, champion, there.verdicts, new=False)
    found = evidence.gather(use_case, candidate, entry, lake=lake)
    verdicts = gates.judge(use_case.gates, found, use_case.costs)
    judged = Judgement(judged_by, tuple(verdict.to_json() for verdict in verdicts))
    with tempfile.TemporaryDirectory(prefix="airworthy-") as folder:
        _write(Path(folder) / FOLDER, use_case, f"{use_case.name} as of {candidate.as_of}", found, verdicts, judged)
        registry.log_folder(run_id, Path(folder))
    tags = {gates.tag(verdict.gate): verdict.outcome for verdict in verdicts}
    registry.untag(run_id, [name for name in candidate.tags if name.startswith(gates.TAG) and name not in tags])
    registry.log(run_id, tags=tags | {"gates": judged.gates, "compared_with": champion or ""})
    # What could not be loaded may be mended: such a judgement is not one that stands.
    spoilt = found.rehearsal is not None and bool(found.rehearsal.error)
    registry.log(run_id, tags={JUDGED: f"{judged_by} not final" if spoilt else judged_by})
    return EvaluateResult(run_id, judged.gates, champion, judged.verdicts, new=True)


@dataclass(frozen=True)
class Judgement:
    """The verdicts of a run, and the digest of what they were judged by: one file, so that they never part."""

    judged_by: str
    verdicts: tuple[dict[str, Any], ...]

    @property
    def gates(self) -> str:
        """All of them in one word."""
        return gates.outcome([Verdict(**verdict) for verdict in self.verdicts])


def judgement(registry: Registry, run_id: str) -> Judgement | None:
    """The judgement that a run was given last; None where there is none, or where writing one was cut short."""
    tag = registry.run(run_id).data.tags.get(JUDGED, "")
    if not tag:
        return None
    kept = registry.read_json(run_id, VERDICTS)
    found = Judgement(kept["judged_by"], tuple(kept["verdicts"]))
    return found if found.judged_by == tag.partition(" ")[0] else None


def is_current(use_case: UseCase, version: Version) -> bool:
    """Whether the verdicts of a version were judged by the gates as they are declared now and the champion of now."""
    return version.tags.get(JUDGED) == _judged_by(use_case, _champion(use_case, Registry(use_case), version))


def _champion(use_case: UseCase, registry: Registry, candidate: Version) -> Entry | None:
    """The ledger's champion of the day that a candidate was trained as of, besides the candidate itself."""
    own = registry.version_of(candidate.tags[FINGERPRINT])  # of one that is judged again
    return Ledger.of(use_case).champion_besides(own.number if own else None, candidate.as_of)


def _judged_by(use_case: UseCase, champion: Entry | None) -> str:
    declared = [[str(gate), json.dumps(asdict(gate), default=sorted)] for gate in use_case.gates]
    flying = [champion.version, champion.trees, champion.fingerprint] if champion else None
    return digests.of_values({"gates": declared, "champion": flying})


def _write(
    folder: Path, use_case: UseCase, title: str, found: Evidence, verdicts: list[Verdict], judged: Judgement
) -> None:
    """The evaluation as files: tables as JSON, drawings as PNG."""
    rows, costs = found.rows, use_case.costs
    assert rows is not None
    grouped = [group for gate in use_case.gates for group in _groups(gate, found, costs)]
    tables: dict[str, Any] = {
        "verdicts": asdict(judged),
        "metrics": {subject: metrics.of(rows.labels, each, costs) for subject, each in rows.predicted.items()},
        "intervals": intervals.of(rows.days, rows.labels, rows.predicted[MODEL], costs),
        "slices": grouped,
    }
    folder.mkdir()
    for name, values in tables.items():
        (folder / f"{name}.json").write_text(json.dumps(values, indent=1))
    drawn = {"verdicts": gate_plots.verdicts(f"{title}: gates", verdicts), **_compared(use_case, title, found)}
    if grouped:
        shown = [gate_plots.Group(*(group[name] for name in gate_plots.Group._fields)) for group in grouped]
        drawn["slices"] = gate_plots.slices(f"{title}: slices of the test days", shown)
    for name, content in drawn.items():
        (folder / f"{name}.png").write_bytes(content)


def _groups(gate: AnyGate, found: Evidence, costs: Costs) -> list[dict[str, Any]]:
    """The groups of rows that a gate judges, worst first; none where it judges no groups."""
    sliced = judging.sliced(gate, found, costs) if isinstance(gate, SliceGate) else None
    if not isinstance(gate, SliceGate) or not isinstance(sliced, Slices):
        return []
    shared = {"column": f"{gate.column}: {gate.metric} than {gate.than}", "limit": gate.at_most_worse}
    judged = [asdict(group) for group in sliced.judged]
    nothing = dict.fromkeys(("value", "compared", "worse"))
    aside = [{"name": name, "rows": rows, **nothing} for name, rows in {**sliced.undefined, **sliced.small}.items()]
    return [shared | {"group": each.pop("name")} | each for each in [*judged, *aside]]


def _compared(use_case: UseCase, title: str, found: Evidence) -> dict[str, bytes]:
    """The drawing of the difference to the champion on each day, where there is one to draw."""
    for gate in use_case.gates:
        compared = (
            judging.against_champion(gate, found, use_case.costs) if isinstance(gate, NotWorseThanChampion) else 0
        )
        if isinstance(gate, NotWorseThanChampion) and isinstance(compared, judging.Comparison):
            days, place = np.unique(compared.days.astype("datetime64[D]"), return_inverse=True)
            drawn = gate_plots.champion(
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
