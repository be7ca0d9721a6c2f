"""Collect about a trained model what its declared gates need, and nothing more."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date

import pyarrow as pa

from include.declaration.column_types import missing_features
from include.declaration.gates import CHAMPION
from include.declaration.use_case import UseCase
from include.errors import NotReadyError
from include.evaluation.checks import corruption, serving_check
from include.evaluation.checks.leakage_check import rebuild_periods
from include.evaluation.checks.sampling import SplitDays, sample_periods
from include.evaluation.gates.base import Input
from include.evaluation.inputs import ChampionInputs, GateInputs, RebuiltPeriod, TestRows
from include.lake.lake import Lake
from include.lake.partitions import days_from
from include.lake.snapshot import AsOfSnapshot
from include.model import metrics
from include.model.model import Model
from include.project import Project, open_project
from include.registry import sync, tags
from include.registry.ledger import LedgerEntry
from include.registry.model_record import Version
from include.threads import threads_for
from include.training import dataset


def collect_gate_inputs(
    project: Project, candidate: Version, entry: LedgerEntry | None, *, lake: Lake | None = None
) -> GateInputs:
    """What the gates of the use case need to know of a candidate that was trained but has no number yet.

    `entry` is the ledger's champion of the day it was trained as of. Raises NotReadyError where the lake no longer
    holds what it was trained on, ArtifactMissingError for a candidate or champion that cannot be loaded,
    ModelReplacedError for a number that means another model now, MlflowUnreachableError.
    """
    return _Gathering(project, candidate, entry, lake or project.lake).evidence()


class _Gathering:
    """One candidate, its rows and its champion, each read once."""

    def __init__(self, project: Project, candidate: Version, entry: LedgerEntry | None, lake: Lake) -> None:
        self.use_case, self.candidate, self.lake = project.use_case, candidate, lake
        self.registry = project.registry
        self.view = lake.as_of(candidate.as_of)
        self.test = candidate.report["splits"]["test"]
        self.model = self.registry.load(candidate)
        entries = project.ledger.entries()
        self.entry, self.flying = entry, self._standing(entry, entries) if entry else None

    def _standing(self, entry: LedgerEntry, entries: Sequence[LedgerEntry]) -> Version | None:
        """Return the champion's version; None where that is gone and the candidate has its trees."""
        try:
            standing = sync.model_of(self.use_case, entry, self.registry.versions(), entries)
        except sync.ModelReplacedError:
            if entry.trees != self.candidate.trees:
                raise
            return None
        again = entry.trees == self.candidate.trees and standing.model_id != self.candidate.model_id
        return None if again and self.registry.unloadable(standing) else standing

    def evidence(self) -> GateInputs:
        _still_the_same(self.use_case, self.candidate, self.view)
        rows = self._labelled()
        champion, flying = self._champion()
        predicted = self.model.predict_all(rows, threads_for(rows.num_rows))
        if flying is not None and not champion.why_not:
            predicted[CHAMPION] = flying.predict(rows, threads_for(rows.num_rows))
        return GateInputs(
            metrics=metrics.split_metrics(self.candidate.metrics, "test"),
            days=int(self.test["days"]),
            features=self.model.encoding.features,
            declared=self.use_case.features,
            gains=self.model.gains,
            champion=champion,
            rows=TestRows(
                days=rows["day"].to_numpy(),
                labels=rows[self.use_case.label.name].to_numpy().astype("float64"),
                predicted=predicted,
                columns=rows.select(self._grouping_columns()),
            ),
            serving_check=serving_check.check_serving(open_project(self.use_case), self.candidate.run_id)
            if self._is_needed("serving_check")
            else None,
            corruptions=corruption.corrupt_features(self.model, rows) if self._is_needed("corruptions") else None,
            rebuilt_periods=self._rebuilt_periods() if self._is_needed("rebuilt_periods") else None,
        )

    def _is_needed(self, name: Input) -> bool:
        return any(name in gate.needs for gate in self.use_case.gates)

    def _grouping_columns(self) -> list[str]:
        return sorted({column for gate in self.use_case.gates for column in gate.grouping_columns})

    def _labelled(self) -> pa.Table:
        first, last = (date.fromisoformat(self.test[end]) for end in ("first", "last"))
        keys = [column for column in self._grouping_columns() if column not in self.use_case.features]
        return dataset.labelled_rows(self.use_case, self.view, first, last, columns=keys)

    def _champion(self) -> tuple[ChampionInputs, Model | None]:
        """What is known of the champion, and its model as the registry has it now."""
        if self.entry is None:
            return ChampionInputs(None), None
        if self.flying is None or self.flying.model_id == self.candidate.model_id:
            return ChampionInputs(self.entry.version, same=True, features=self.model.encoding.features), self.model
        flying = self.registry.reload(self.flying)
        reads = flying.encoding.features
        lost = missing_features(reads, self.use_case.features)
        why_not = f"It reads {lost}, which the use case no longer declares so." if lost else ""
        return ChampionInputs(self.flying.number, seen=_seen(self.flying), features=reads, why_not=why_not), flying

    def _rebuilt_periods(self) -> tuple[RebuiltPeriod, ...]:
        count = max(gate.periods_to_rebuild for gate in self.use_case.gates)
        days = SplitDays(*(self._days_of(name) for name in ("train", "validation", "test")))
        periods = sample_periods(days, count, self.use_case.training.seed, self.candidate.as_of)
        return rebuild_periods(open_project(self.use_case), periods, self.candidate.as_of, lake=self.lake)

    def _days_of(self, split: str) -> list[date]:
        """Return the days of a split that have rows of features: others would prove nothing."""
        bounds = self.candidate.report["splits"][split]
        first, last = (date.fromisoformat(bounds[end]) for end in ("first", "last"))
        return [day for day, there in self.view.partitions("features", first, last).items() if there.rows]


def _seen(champion: Version) -> tuple[date, ...]:
    """The days that a champion was trained or stopped on, and between; on its own test days it was only judged."""
    cut = champion.report["splits"]
    return tuple(days_from(date.fromisoformat(cut["train"]["first"]), date.fromisoformat(cut["validation"]["last"])))


def _still_the_same(use_case: UseCase, candidate: Version, view: AsOfSnapshot) -> None:
    """NotReadyError unless the lake holds, of the window, exactly what the candidate was trained on."""
    first, last = (date.fromisoformat(day) for day in candidate.tags[tags.WINDOW].split(".."))
    now = {
        tags.FEATURES_DIGEST: view.digest_of_periods("features", first, last),
        tags.LABELS_DIGEST: view.digest_of_periods("labels", first, view.day),
    }
    other = [name.partition(".")[0] for name, digest in now.items() if candidate.tags[name] != digest]
    if other:
        raise NotReadyError(
            f"{use_case.name}: {' and '.join(other)} of {candidate.tags[tags.WINDOW]} have changed since run"
            f" {candidate.run_id} was trained as of {candidate.as_of}, so it cannot be judged on them. Nothing was"
            f" promoted. Train again: trigger {use_case.name}__train for {candidate.as_of}."
        )
