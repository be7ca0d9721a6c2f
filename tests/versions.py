"""Versions of the toy use case, registered directly from one trained run."""

from __future__ import annotations

import json
import tempfile
from dataclasses import asdict
from pathlib import Path
from typing import Any

from include.declaration.period import Period
from include.evaluation import evaluate
from include.evaluation.gates.result import GateResult
from include.project import open_project
from include.promotion import promote
from include.registry.ledger import Ledger
from include.registry.mlflow_registry import Registry
from include.registry.model_io import sha256
from include.registry.model_record import digest_of_files, record_evaluation, record_training
from include.registry.records import Records
from tests.conftest import AS_OF
from tests.toy_use_case import USE_CASE

WRITES = (
    "set_registered_model_tag", "set_registered_model_alias", "delete_registered_model_alias",
    "set_model_version_tag", "delete_model_version_tag", "update_model_version",
)  # fmt: skip
"""Every call that changes what MLflow's registry holds."""
LATER = Period("2020-03-05")
REASONS = {"passed": "It is good.", "failed": "It is bad.", "inconclusive": "It is not known."}


def gate_result(outcome: str, *, blocks: bool = True) -> dict[str, Any]:
    """What a gate says, as evaluate keeps it."""
    reason = REASONS.get(outcome, "For your information.")
    measured = {"kind": "metric", "metric": "log_loss", "value": 0.3, "limit": 0.4}
    blocks = blocks and outcome in ("failed", "inconclusive")
    return {"gate": f"a gate {outcome}", "outcome": outcome, "blocks": blocks, "reason": reason, **measured}


def register(
    run_id: str,
    period: Period = AS_OF,
    *,
    gates: str | None = "passed",
    gate_results: list[dict[str, Any]] | None = None,
    **tags: str,
) -> str:
    """The number of a new version with the run's model, as if it were trained as of `day` and judged so."""
    registry, records = Registry(USE_CASE), Records.open(USE_CASE.name)
    trained = records.latest("training", [run_id])[run_id]
    fingerprint = f"{trained['tags']['fingerprint']} {len(registry.versions()) + 1}"
    known = {"as_of": period.key, "fingerprint": fingerprint, "reason": "a first model"}
    made = {**trained["tags"], **known, **tags}
    made["files_digest"] = digest_of_files(trained["files"], Period(made["as_of"]), fingerprint)
    clone = registry.start_run("a copy", made)
    record_training(records, clone, made, trained["files"], trained["metrics"])
    registry.end_run(clone, failed=False)
    if gates is not None:
        judge(clone, [gate_result(gates)] if gate_results is None else gate_results)
    return registry.register(registry.candidate(clone), "A model.").number


def rerecord(number: str, **tags: str) -> None:
    """Put a version's training on record again, as if MLflow had been restored and the number given again."""
    version, records = Registry(USE_CASE).version(number), Records.open(USE_CASE.name)
    trained = records.latest("training", [version.run_id])[version.run_id]
    record_training(records, version.run_id, {**trained["tags"], **tags}, version.files, version.metrics)


def read_json(run_id: str, path: str) -> Any:
    """Return the plain values of a JSON artifact."""
    with tempfile.TemporaryDirectory() as folder:
        return json.loads(Registry(USE_CASE).artifact(run_id, path, Path(folder)).read_text())


def record_sample(run_id: str, sample: Path) -> None:
    """Put a changed sample of the serving gate on record, as if the training had written it."""
    records = Records.open(USE_CASE.name)
    trained = records.latest("training", [run_id])[run_id]
    tags = {**trained["tags"], "sample_digest": sha256(sample)}
    record_training(records, run_id, tags, trained["files"], trained["metrics"])


def judge(run_id: str, gate_results: list[dict[str, Any]], *, judged_by: str = "") -> None:
    """Put on record that a run's gates say this, by those gates and that champion that hold now."""
    registry = Registry(USE_CASE)
    candidate = registry.candidate(run_id)
    entry = evaluate._champion(open_project(USE_CASE), registry, candidate)
    record_evaluation(
        Records.open(USE_CASE.name),
        candidate,
        [GateResult(**each) for each in gate_results],
        judged_by=judged_by or evaluate._judged_by(USE_CASE, entry),
        champion=entry.version if entry else "",
        metrics={},
        final=True,
    )


def judge_now(number: str) -> None:
    """Let a version's gate results be of the gates and the champion of now."""
    version = Registry(USE_CASE).version(number)
    if version.gate_results:
        judge(version.run_id, list(version.gate_results))


def promoted(number: str, *, actor: str, **given: Any) -> promote.PromoteResult:
    """Promote a version whose gate results are of what holds now."""
    judge_now(number)
    return promote.promote_version(open_project(USE_CASE), number, actor=actor, **given)


def life(number: str) -> str | None:
    return Registry(USE_CASE).version(number).tags.get("status")


def alias() -> str | None:
    return Registry(USE_CASE).champion()


def state() -> dict[str, Any]:
    """All that a promotion, an approval or a rollback may change; without what depends on the clock."""
    registry, entries = Registry(USE_CASE), Ledger.open(USE_CASE).entries()
    clock = {"recorded_at": "", "previous": "", "mac": ""}
    return {
        "entries": [asdict(entry) | clock for entry in entries],
        "head matches": registry.ledger_head() == (entries[-1].head if entries else None),
        "alias": registry.champion(),
        "versions": {version.number: (version.copies, version.description) for version in registry.versions()},
    }
