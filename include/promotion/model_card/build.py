"""Build the model card of a version, and store it with the run."""

from __future__ import annotations

import hashlib
import json
import tempfile
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from mlflow.entities import RunData

from include.declaration.gates import MODEL
from include.declaration.use_case import UseCase
from include.evaluation import evaluate
from include.evaluation.gates.result import GateResult
from include.lake.record_store import UNREADABLE
from include.model import metrics
from include.model.tasks import task_model
from include.monitoring import limits
from include.printable import printable_logger
from include.project import Project
from include.promotion import model_card
from include.promotion.model_card import ModelCardContent, SliceSummary, SplitSummary
from include.promotion.model_card.content import FOLDER, MARKDOWN, PAGE
from include.registry import tags as defined
from include.registry.mlflow_registry import Registry
from include.registry.model_record import Version, record_card
from include.registry.version_summary import VersionSummary, summarise_version
from include.training.recipe import TrainingSpec, TrainingSpecError

IMPORTANCE = "importance.json"
LINEAGE = {
    defined.FINGERPRINT: "fingerprint of the training",
    defined.TREES: "trees, SHA-256",
    defined.CODE: "code, digest",
    defined.COMMIT: "code, commit",
    defined.LOCK: "lock file, digest",
    defined.PROCESSOR: "processor",
    defined.FEATURES_VERSION: "features, Delta version",
    defined.FEATURES_DIGEST: "features, digest",
    defined.LABELS_VERSION: "labels, Delta version",
    defined.LABELS_DIGEST: "labels, digest",
}
"""Tag of a version to its name on the card."""

log = printable_logger(__name__)


@dataclass(frozen=True)
class CardResult:
    """Where a version's card is; plain values."""

    version: str
    run_id: str
    place: str
    """Address of the page in MLflow, or `runs:/<run>/<path>` for a store without a server."""
    new: bool
    """Whether this call has written it; an equal card is not written again."""


def build_model_card(project: Project, version: str) -> CardResult:
    """Write the version's card into its run if it changed, and tag the version.

    The digest of its page is recorded.

    The card names what an older run has not stored. It does not depend on the clock or on the current champion.

    Raises:
        InvalidRequestError: there is no such version.
        NotReadyError: its run is not complete.
        MlflowUnreachableError: MLflow does not answer.
    """
    registry = project.registry
    found = registry.version(version)
    recorded = registry.get_run(found.run_id)
    with tempfile.TemporaryDirectory(prefix="airworthy-") as folder:
        kept = _fetched(registry, found.run_id, Path(folder))
        try:
            markdown = model_card.card_markdown(_facts(project, found, recorded.data, kept))
        except UNREADABLE as error:
            log.warning("The artifacts of run %s cannot be read and are left out of the card: %s.", found.run_id, error)
            markdown = model_card.card_markdown(_facts(project, found, recorded.data, _Kept(Path(folder) / "nothing")))
        page = model_card.card_html(markdown, kept.plots())
        new = _write(registry, found.run_id, {MARKDOWN: markdown, PAGE: page}, kept)
    record_card(project.records, found.run_id, hashlib.sha256(page.encode()).hexdigest())
    place = _place(registry.address, recorded.info.experiment_id, found.run_id)
    if summarise_version(found, ()).card != place:
        registry.tag_version(version, {defined.MODEL_CARD: place})
    return CardResult(version, found.run_id, place, new)


def _place(address: str, experiment: str, run_id: str) -> str:
    if not address.startswith(("http://", "https://")):
        return f"runs:/{run_id}/{PAGE}"
    return f"{address.rstrip('/')}/#/experiments/{experiment}/runs/{run_id}/artifacts/{PAGE}"


def _fetched(registry: Registry, run_id: str, folder: Path) -> _Kept:
    """Download the artifacts of a run that the card shows."""
    for path in (evaluate.FOLDER, "plots", FOLDER, IMPORTANCE):
        try:
            registry.artifact(run_id, path, folder)
        except FileNotFoundError:
            continue
    return _Kept(folder)


class _Kept:
    """Artifacts of a run; missing ones are empty.

    Every client of MLflow can change them.
    """

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def text(self, path: str) -> str | None:
        file = self._folder / path
        return file.read_text(encoding="utf-8") if file.is_file() else None

    def values(self, path: str) -> Any:
        """Return the values of a JSON artifact; None if there is none."""
        text = self.text(path)
        return None if text is None else json.loads(text)

    def plots(self) -> dict[str, bytes]:
        """Return the PNG images by artifact path."""
        images = sorted(path for place in (evaluate.FOLDER, "plots") for path in (self._folder / place).glob("*.png"))
        return {path.relative_to(self._folder).as_posix(): path.read_bytes() for path in images}


def _write(registry: Registry, run_id: str, files: Mapping[str, str], kept: _Kept) -> bool:
    if all(kept.text(path) == content for path, content in files.items()):
        return False
    with tempfile.TemporaryDirectory(prefix="airworthy-") as folder:
        for path, content in files.items():
            (Path(folder) / path).parent.mkdir(exist_ok=True)
            (Path(folder) / path).write_text(content, encoding="utf-8")
        registry.log_folder(run_id, Path(folder))
    return True


def _facts(project: Project, version: Version, recorded: RunData, kept: _Kept) -> ModelCardContent:
    """Return the card's content from registry, run and the run's artifacts."""
    slices, intervals = (kept.values(f"{evaluate.FOLDER}/{name}.json") for name in ("slices", "intervals"))
    gains = kept.values(IMPORTANCE)
    recorded_content = _recorded_content(project, version, recorded)
    return replace(
        recorded_content,
        test={**recorded_content.test, **version.judged},
        intervals=None if intervals is None else {name: (float(a), float(b)) for name, (a, b) in intervals.items()},
        slices=None if slices is None else tuple(SliceSummary(**values) for values in slices),
        gate_results=tuple(GateResult.from_json(gate_result) for gate_result in version.gate_results) or None,
        gains=None if gains is None else {name: float(gain) for name, gain in gains.items()},
        plots=tuple(kept.plots()),
    )


def _recorded_content(project: Project, version: Version, recorded: RunData) -> ModelCardContent:
    """Return the content that registry and run hold, without the run's artifacts."""
    declared = project.use_case
    use_case, caveats = _as_trained(declared, version)
    summary = summarise_version(version, project.ledger.entries())
    tags, report = version.tags, version.report
    return ModelCardContent(
        use_case=declared.name,
        version=summary.number,
        as_of=summary.as_of.key,
        objective=declared.objective,
        owner=declared.owner,
        label=use_case.label.name,
        label_meaning=use_case.label.meaning,
        label_delay_periods=use_case.label.label_delay_periods,
        task=use_case.task,
        window=summary.window,
        splits=_splits(report, version.metrics, task_model(use_case).level),
        test=summary.test,
        validation=metrics.split_metrics(version.metrics, "validation"),
        lineage={"MLflow run": version.run_id, **{words: tags[tag] for tag, words in LINEAGE.items() if tag in tags}},
        out_of_scope=declared.out_of_scope,
        reason=summary.training_reason,
        notice=tags.get(defined.NOTICE, declared.notice),
        links=declared.links,
        unlabelled_rows=report["unlabelled_rows"],
        missing_periods=report["missing_periods"],
        period_name=use_case.calendar.unit.name,
        null_features=report.get("null_features", {}),
        stale=report.get("stale", ()),
        mixed_history=report.get("mixed_history", ()),
        gates=summary.gates,
        champion=summary.compared_with,
        false_alarms=limits.limits_at_registration(version),
        decisions=_decisions(summary),
        features=use_case.features,
        parameters=recorded.params,
        tuned_by=tags.get(defined.TUNED_BY, ""),
        caveats=caveats,
    )


def _as_trained(declared: UseCase, version: Version) -> tuple[UseCase, tuple[str, ...]]:
    """Return the use case as declared for this training, and warnings."""
    try:
        return TrainingSpec.from_tag(version.tags.get(defined.RECIPE, "")).as_declared_then(declared), ()
    except TrainingSpecError:
        warning = "Its recipe is missing or cannot be read: label, costs and types of features are those declared now."
        return declared, (warning,)


def _splits(report: Mapping[str, Any], recorded: Mapping[str, float], level: str) -> dict[str, SplitSummary]:
    """Return each split; `level` is the summary that is the level of its labels."""
    splits = {}
    for name, cut in report["splits"].items():
        values = metrics.split_metrics(recorded, name).get(MODEL, {})
        rows = int(values["rows"]) if "rows" in values else None
        splits[name] = SplitSummary(cut["first"], cut["last"], int(cut["periods"]), rows, values.get(level))
    return splits


def _decisions(summary: VersionSummary) -> tuple[str, ...]:
    """Return a sentence for each decision on the version."""
    sentences = [
        f"It was {summary.approval}." if summary.approval else "",
        *(
            f"Champion from {entry.effective_from} on: {entry.action} by {entry.actor}. {entry.reason}"
            for entry in summary.promotions
        ),
        f"Not promoted: {summary.not_promoted}" if summary.not_promoted else "",
        f"Rebuilt from the registry alone: {summary.reproduced}." if summary.reproduced else "",
    ]
    return tuple(sentence for sentence in sentences if sentence)
