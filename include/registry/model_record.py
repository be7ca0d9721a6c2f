"""Read and write the signed records of a model, and build its version from them."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from include.declaration.period import Period
from include.evaluation import gates
from include.evaluation.gates.result import GateResult, overall_outcome
from include.lake import content_digest
from include.lake.record_store import RecordCorruptedError
from include.registry import tags as defined
from include.registry.records import Records
from include.registry.tags import gate_tag

IN_TRIAL, EVIDENCE = "@", "#"
"""In the tag `judged`, before the period of the judgement of a trial, and before the digest of what it showed."""


@dataclass(frozen=True)
class Version:
    """A registered version: its ids in MLflow, and its signed records' values."""

    number: str
    run_id: str
    model_id: str
    tags: Mapping[str, str]
    """Tags that decide come from the records, the others from MLflow."""
    description: str
    files: Mapping[str, str]
    """SHA-256 of each of the model's files, by path."""
    metrics: Mapping[str, float]
    """Of every split and subject, measured in training."""
    judged: Mapping[str, Mapping[str, float]]
    """Metrics on the test rows by subject, as used by the gates; empty if it was not evaluated."""
    copies: Mapping[str, str]
    """All tags as MLflow has them."""

    @property
    def as_of(self) -> Period:
        """Return the as-of day of its training.

        Features of that day and later were not used.
        """
        return Period(self.tags[defined.AS_OF])

    @property
    def trees(self) -> str:
        """Return the digest of its trees."""
        return self.tags[defined.TREES]

    @property
    def files_digest(self) -> str:
        """Return the digest of every byte of its files, its as-of day and the declaration."""
        return self.tags[defined.FILES_DIGEST]

    @property
    def fingerprint(self) -> str:
        """Return the digest of all inputs of its training."""
        return self.tags[defined.FINGERPRINT]

    @property
    def gate_results(self) -> tuple[dict[str, Any], ...]:
        """Return the results of its gates; none if it was not evaluated."""
        return tuple(json.loads(self.tags.get(defined.GATE_RESULTS, "[]")))

    @property
    def judged_by(self) -> str:
        """Return what identifies the gates and champion that judged it.

        A trial is left out; it is empty if the version was not judged.
        """
        return self.tags.get(defined.JUDGED, "").partition(IN_TRIAL)[0]

    @property
    def judged_in(self) -> Period | None:
        """Return the period of the judgement of its trial.

        None if it was judged by its test periods alone.
        """
        key = self.tags.get(defined.JUDGED, "").partition(IN_TRIAL)[2].partition(EVIDENCE)[0]
        return Period(key) if key else None

    @property
    def report(self) -> dict[str, Any]:
        """Return the training's report: `splits`, unlabelled rows, missing days."""
        return dict(json.loads(self.tags[defined.REPORT]))


@dataclass(frozen=True)
class ModelRecord:
    """The signed records of the model of one run."""

    training: Mapping[str, Any]
    evaluation: Mapping[str, Any]
    limits: str

    def version(self, number: str, run_id: str, copies: Mapping[str, str], description: str) -> Version:
        """Return a version with this record's values; MLflow's never decide."""
        rest = {name: value for name, value in copies.items() if not defined.decides(name)}
        return Version(
            number=number,
            run_id=run_id,
            model_id=self._trained()[defined.MODEL_ID],
            tags=rest | self.tags(),
            description=description,
            files=self.training["files"],
            metrics=self.training["metrics"],
            judged=self.evaluation.get("metrics", {}),
            copies=copies,
        )

    def tags(self) -> dict[str, str]:
        """Return all tags that decide, with their values."""
        limits = {defined.FALSE_ALARMS: self.limits} if self.limits else {}
        return self._trained() | self._judgement() | limits

    def _trained(self) -> dict[str, str]:
        # Records of lake format 1 store one key with MLflow's prefix.
        return {name.removeprefix(defined.PREFIX): value for name, value in self.training["tags"].items()}

    def _judgement(self) -> dict[str, str]:
        # An evaluation is valid only for the files that were evaluated.
        if self.evaluation.get("files_digest") != self._trained()[defined.FILES_DIGEST]:
            return {}
        gate_results = [GateResult.from_json(gate_result) for gate_result in self.evaluation["gate_results"]]
        judged_by = self.evaluation["judged_by"]
        return {
            defined.GATES: overall_outcome(gate_results),
            defined.COMPARED_WITH: self.evaluation["champion"],
            defined.GATE_RESULTS: json.dumps([gate_result.to_json() for gate_result in gate_results]),
            defined.JUDGED: judged_by if self.evaluation["final"] else f"{judged_by} not final",
            **{gate_tag(gate_result.gate): gate_result.outcome for gate_result in gate_results},
        }


def read_model_record(records: Records, run_ids: Sequence[str]) -> dict[str, ModelRecord | str]:
    """Return the record of the model of each run, or why there is none."""
    wanted = list(dict.fromkeys(run_ids))
    training = records.latest("training", wanted)
    known = list(training)
    evaluation, limits = records.latest("evaluation", known), records.latest("limits", known)
    found: dict[str, ModelRecord | str] = {}
    for run_id in wanted:
        trained, judged, limited = (each.get(run_id, {}) for each in (training, evaluation, limits))
        flawed = [part for part in (trained, judged, limited) if isinstance(part, RecordCorruptedError)]
        if flawed:
            found[run_id] = f"its record is not genuine: {flawed[0].found} ({flawed[0].place})"
        elif not trained:
            found[run_id] = "there is no record of its training"
        else:
            assert isinstance(trained, Mapping) and isinstance(judged, Mapping) and isinstance(limited, Mapping)
            found[run_id] = ModelRecord(trained, judged, limited.get("false_alarms", ""))
    return found


def digest_of_files(files: Mapping[str, str], as_of: Period, declaration: str) -> str:
    """Return the digest of the files that may be loaded, as in the ledger.

    `files` is the SHA-256 of every file by path, `declaration` the digest of the use case's declaration.
    """
    return content_digest.digest_values({"files": dict(files), "as_of": as_of.key, "declaration": declaration})


def record_training(
    records: Records,
    run_id: str,
    tags: Mapping[str, str],
    files: Mapping[str, str],
    metrics: Mapping[str, float],
) -> None:
    """Record the result of a training, before its run is marked complete."""
    records.append("training", run_id, {"tags": dict(tags), "files": dict(files), "metrics": dict(metrics)})


def record_evaluation(
    records: Records,
    candidate: Version,
    gate_results: Sequence[GateResult],
    *,
    judged_by: str,
    champion: str,
    metrics: Mapping[str, Mapping[str, float]],
    final: bool,
) -> None:
    """Record a model's gate results, what they are by, and if they are final.

    Raises:
        ValueError: a result is of an undefined kind of gate.
    """
    gates.require_listed_kinds([gate_result.kind for gate_result in gate_results])
    records.append(
        "evaluation",
        candidate.run_id,
        {
            "files_digest": candidate.files_digest,
            "judged_by": judged_by,
            "champion": champion,
            "final": final,
            "gate_results": [gate_result.to_json() for gate_result in gate_results],
            "metrics": {subject: dict(values) for subject, values in metrics.items()},
        },
    )


def record_limits(records: Records, run_id: str, false_alarms: str) -> None:
    """Record the false-alarm rates of the limits, as computed at registration."""
    records.append("limits", run_id, {"false_alarms": false_alarms})


def record_card(records: Records, run_id: str, page: str) -> None:
    """Record the SHA-256 of the page of a model's card, after it was written."""
    records.append("card", run_id, {"page": page})


def recorded_card(records: Records, run_id: str) -> str | None:
    """Return the recorded SHA-256 of the page of a model's card, or None.

    Raises:
        RecordCorruptedError: the record is not genuine.
    """
    found = records.latest("card", [run_id]).get(run_id)
    if isinstance(found, RecordCorruptedError):
        raise found
    return None if found is None else str(found["page"])
