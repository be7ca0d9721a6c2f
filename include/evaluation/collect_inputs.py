"""Collect the inputs that the declared gates need about a trained model."""

from __future__ import annotations

from collections.abc import Sequence

import pyarrow as pa

from include.declaration.column_types import missing_features
from include.declaration.gates import CHAMPION
from include.declaration.period import Period, period_range
from include.declaration.use_case import UseCase
from include.evaluation.checks import corruption, serving_check
from include.evaluation.checks.leakage_check import rebuild_periods
from include.evaluation.checks.sampling import SplitPeriods, sample_periods
from include.evaluation.evaluation_errors import DataChangedError
from include.evaluation.gates.base import Input
from include.evaluation.inputs import ChampionInputs, GateInputs, RebuiltPeriod, TestRows
from include.features.labels import encoded_labels
from include.grammar import sentence
from include.lake.snapshot import AsOfSnapshot
from include.model import metrics
from include.model.model import Model
from include.project import Project
from include.registry import sync, tags
from include.registry.ledger_entry import LedgerEntry
from include.registry.model_record import Version
from include.scoring import score
from include.threads import threads_for
from include.training import dataset


def collect_gate_inputs(project: Project, candidate: Version, entry: LedgerEntry | None) -> GateInputs:
    """Collect the inputs of the use case's gates for a trained candidate.

    The candidate has no number yet. `entry` is the ledger's champion of the day that the candidate was trained as of.

    Raises:
        NotReadyError: the lake no longer holds the data that it was trained on.
        ArtifactMissingError: the candidate or the champion cannot be loaded.
        ModelReplacedError: the champion's number now belongs to another model.
        MlflowUnreachableError: MLflow does not answer.
    """
    return _Collector(project, candidate, entry).collect()


class _Collector:
    """Read a candidate, its rows and its champion once each."""

    def __init__(self, project: Project, candidate: Version, entry: LedgerEntry | None) -> None:
        self.project, self.use_case, self.candidate = project, project.use_case, candidate
        self.registry = project.registry
        self.view = project.lake.as_of(candidate.as_of)
        self.test = candidate.report["splits"]["test"]
        self.model = self.registry.load(candidate)
        entries = project.ledger.entries()
        self.entry, self.champion = entry, self._champion_version(entry, entries) if entry else None

    def _champion_version(self, entry: LedgerEntry, entries: Sequence[LedgerEntry]) -> Version | None:
        """Return the champion's version, or None.

        None: it is missing, and the candidate has the same trees.
        """
        try:
            version = sync.model_of(self.use_case, entry, self.registry.versions(), entries)
        except sync.ModelReplacedError:
            if entry.trees != self.candidate.trees:
                raise
            return None
        same_trees = entry.trees == self.candidate.trees and version.model_id != self.candidate.model_id
        return None if same_trees and self.registry.unloadable(version) else version

    def collect(self) -> GateInputs:
        _require_unchanged_data(self.use_case, self.candidate, self.view)
        rows = self._labelled()
        champion, champion_model = self._champion_inputs()
        predicted = self.model.predict_all(rows, threads_for(rows.num_rows))
        if champion_model is not None and not champion.why_not:
            predicted[CHAMPION] = champion_model.predict(rows, threads_for(rows.num_rows))
        return GateInputs(
            metrics=metrics.split_metrics(self.candidate.metrics, "test"),
            periods=int(self.test["periods"]),
            unit=self.use_case.calendar.unit,
            features=self.model.encoding.features,
            declared=self.use_case.features,
            gains=self.model.gains,
            champion=champion,
            rows=TestRows(
                periods=rows["period"].to_numpy(),
                labels=encoded_labels(self.use_case, rows[self.use_case.label.name]),
                predicted=predicted,
                columns=rows.select(self._grouping_columns()),
            ),
            serving_check=serving_check.check_serving(self.project, self.candidate.run_id)
            if self._is_needed("serving_check")
            else None,
            corruptions=corruption.corrupt_features(self.model, rows, self.use_case.task)
            if self._is_needed("corruptions")
            else None,
            rebuilt_periods=self._rebuilt_periods() if self._is_needed("rebuilt_periods") else None,
        )

    def _is_needed(self, name: Input) -> bool:
        return any(name in gate.needs for gate in self.use_case.gates)

    def _grouping_columns(self) -> list[str]:
        return sorted({column for gate in self.use_case.gates for column in gate.grouping_columns})

    def _labelled(self) -> pa.Table:
        first, last = (Period(self.test[end]) for end in ("first", "last"))
        keys = [column for column in self._grouping_columns() if column not in self.use_case.features]
        return dataset.labelled_rows(self.use_case, self.view, first, last, columns=keys)

    def _champion_inputs(self) -> tuple[ChampionInputs, Model | None]:
        """Return the inputs about the champion, and its model as stored now."""
        if self.entry is None:
            return ChampionInputs(None), None
        if self.champion is None or self.champion.model_id == self.candidate.model_id:
            return ChampionInputs(self.entry.version, same=True, features=self.model.encoding.features), self.model
        model, number = self.registry.reload(self.champion), self.champion.number
        reads = model.encoding.features
        lost = missing_features(reads, self.use_case.features)
        reason = f"It reads {lost}, which the use case no longer declares with this type." if lost else ""
        if not reason and (why := score.task_misfit(self.use_case, self.registry, self.champion)):
            reason = sentence(why)
        return ChampionInputs(number, seen=_seen_periods(self.champion), features=reads, why_not=reason), model

    def _rebuilt_periods(self) -> tuple[RebuiltPeriod, ...]:
        count = max(gate.periods_to_rebuild for gate in self.use_case.gates)
        split = SplitPeriods(*(self._periods_of(name) for name in ("train", "validation", "test")))
        periods = sample_periods(split, count, self.use_case.training.seed, self.candidate.as_of)
        return rebuild_periods(self.project, periods, self.candidate.as_of)

    def _periods_of(self, split: str) -> list[Period]:
        """Return the days of a split that have rows of features.

        Others cannot show a leak.
        """
        bounds = self.candidate.report["splits"][split]
        first, last = (Period(bounds[end]) for end in ("first", "last"))
        return [period for period, partition in self.view.partitions("features", first, last).items() if partition.rows]


def _seen_periods(champion: Version) -> tuple[Period, ...]:
    """Return the days from a champion's first train day to its last validation day.

    Its test days are not included: it was only judged on them.
    """
    cut = champion.report["splits"]
    return tuple(period_range(Period(cut["train"]["first"]), Period(cut["validation"]["last"])))


def _require_unchanged_data(use_case: UseCase, candidate: Version, view: AsOfSnapshot) -> None:
    """Check that the lake still holds exactly the data of the candidate's window.

    Raises:
        DataChangedError: it does not.
    """
    first, last = (Period(period) for period in candidate.tags[tags.WINDOW].split(".."))
    now = {
        tags.FEATURES_DIGEST: view.digest_of_periods("features", first, last),
        tags.LABELS_DIGEST: view.digest_of_periods("labels", use_case.labels_since(first), view.period),
    }
    changed = [name.partition(".")[0] for name, digest in now.items() if candidate.tags[name] != digest]
    if changed:
        window = candidate.tags[tags.WINDOW]
        raise DataChangedError(use_case.name, candidate.run_id, candidate.as_of, changed, window)
