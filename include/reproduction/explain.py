"""Explain one stored prediction: contributions, label and lineage.

The contributions are computed on demand, by LightGBM from the version's stored trees and the features that were scored
(model/contributions.py), whatever evaluated the trees when the period was scored.
"""

from __future__ import annotations

import itertools
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import pyarrow as pa

from include.declaration.column_types import missing_features
from include.declaration.period import Period
from include.declaration.use_case import UseCase
from include.errors import AirworthyError, InvalidRequestError, shorten_names
from include.features.labels import encoded_labels
from include.lake.history import TableVersionMissingError
from include.lake.lake import Lake
from include.lake.snapshot import AsOfSnapshot
from include.model.contributions import Contributions, NoContributionsError, compute_contributions
from include.model.model import Model
from include.model.tasks import task_model
from include.monitoring import reference_profile
from include.monitoring.drift import Bins
from include.monitoring.reference_profile import ProfileUnreadableError, ReferenceProfile
from include.project import Project
from include.registry import sync
from include.registry.model_copies import ArtifactMissingError
from include.reproduction.lineage import Lineage, prediction_row, trace_lineage, typed_keys


class UnexplainableError(InvalidRequestError):
    """A prediction cannot be explained: features are missing, or its trees linear."""

    def __init__(self, use_case: str, period: Period, why: str, remedy: str) -> None:
        self.use_case, self.period, self.why, self.remedy = use_case, period, why, remedy
        super().__init__(f"{use_case}: the prediction of {period} cannot be explained: {why}. {remedy}")


@dataclass(frozen=True)
class Spread:
    """Hold how train rows are distributed over bins, and where a value lies."""

    names: tuple[str, ...]
    shares: tuple[float, ...]
    place: int
    """The bin of the value."""


@dataclass(frozen=True)
class FeatureEffect:
    """Hold a feature of a row with its contributions."""

    name: str
    value: Any
    contributions: tuple[float, ...]
    """One for each output."""
    spread: Spread | None = None
    """None if the version has no profile."""


@dataclass(frozen=True)
class Explanation:
    """Hold why a row has its prediction."""

    lineage: Lineage
    scale: str
    """What the contributions add up to, in words."""
    outputs: tuple[str, ...]
    """The classes, or one empty name."""
    chosen: int
    """The output that the features are ordered by: that of the predicted class."""
    base: tuple[float, ...]
    """The score without any feature, for each output."""
    raw: tuple[float, ...]
    """The raw score of each output: the base and all contributions."""
    effects: tuple[FeatureEffect, ...]
    """Every feature, the largest contribution to the chosen output first."""
    label: str
    """Empty while it is not known."""
    label_due: Period
    """The period by whose beginning labels are complete."""
    notes: tuple[str, ...]
    """What does not agree, such as features that changed since they were scored."""


def explain_prediction(project: Project, period: Period, keys: Mapping[str, str]) -> Explanation:
    """Explain the prediction of `period` with these keys; write nothing.

    Keys are given as text.

    Raises:
        InvalidRequestError: as `trace_lineage` does.
        UnexplainableError: the row's features are missing or lack what the version reads, or its trees are linear.
        NotReadyError: the day has no predictions.
        ArtifactMissingError: the version's model is missing.
    """
    lineage = trace_lineage(project, period, keys)
    use_case, lake = project.use_case, project.lake
    wanted = typed_keys(use_case, keys)
    stored = prediction_row(use_case, lake, period, wanted)
    version = sync.version_of(project.registry, project.ledger, lineage.model_version)
    model = project.registry.load(version)
    row, notes = _features(use_case, lake, lineage, wanted, model)
    try:
        found = compute_contributions(model, row)
    except NoContributionsError as error:
        remedy = "Contributions exist for constant leaves only: train a version without linear_tree."
        raise UnexplainableError(use_case.name, period, str(error).rstrip("."), remedy) from error
    if not _agrees(use_case, model, row, stored):
        notes.append("The features in the lake do not give the stored prediction: they changed since it was made.")
    try:
        values = project.registry.load_companion(version, reference_profile.NAME)
        profile: ReferenceProfile | None = ReferenceProfile.from_json(values)
    except (ArtifactMissingError, ProfileUnreadableError):
        profile = None
    chosen = int(np.argmax(found.raw_scores[0]))
    return Explanation(
        lineage=lineage,
        scale=use_case.task.score_scale,
        outputs=use_case.task.outputs,
        chosen=chosen,
        base=tuple(found.base[0].tolist()),
        raw=tuple(found.raw_scores[0].tolist()),
        effects=_effects(found, row, chosen, profile),
        label=_label(use_case, lake, period, wanted),
        label_due=period + use_case.label.label_delay_periods,
        notes=tuple(notes),
    )


def _features(
    use_case: UseCase, lake: Lake, lineage: Lineage, wanted: Mapping[str, Any], model: Model
) -> tuple[pa.Table, list[str]]:
    """Return the row of features as it was scored, or as it is now, with notes."""
    period, names, notes = lineage.period, [*model.encoding.features], list[str]()
    if lost := missing_features(model.encoding.features, use_case.features):
        why = f"features {shorten_names(lost)} are not declared any more with this type"
        raise UnexplainableError(
            use_case.name, period, why, "Check out the code that scored it, and repeat the command."
        )
    content = lineage.features
    version = content.version if content is not None and not content.still else None
    try:
        row = _one(lake.at_versions(period, {"features": version}), period, wanted)
    except (AirworthyError, OSError):
        if version is None:
            raise
        row = None  # maintenance removed the files of that version
    if row is None and version is not None:
        notes.append("The features changed since they were scored, and those of then were removed.")
        row = _one(lake.at_versions(period, {"features": None}), period, wanted)
    rebuild = f"Run {use_case.name}__data for {period} again, then {use_case.name}__score."
    if row is None:
        raise UnexplainableError(use_case.name, period, "its row of features is not in the lake", rebuild)
    if absent := [name for name in names if name not in row.column_names]:
        raise UnexplainableError(use_case.name, period, f"its features lack {shorten_names(absent)}", rebuild)
    return row.select(names), notes


def _one(view: AsOfSnapshot, period: Period, wanted: Mapping[str, Any]) -> pa.Table | None:
    rows = view.table("features", period, period)
    found = rows.filter([rows[name] == value for name, value in wanted.items()]).limit(1).to_pyarrow()
    return found if found.num_rows else None


def _agrees(use_case: UseCase, model: Model, row: pa.Table, stored: Mapping[str, Any]) -> bool:
    """Return whether the row's prediction is the stored one."""
    names = task_model(use_case).number_columns
    return bool(np.array_equal(np.atleast_1d(model.predict(row)[0]), np.array([stored[name] for name in names])))


def _effects(
    found: Contributions, row: pa.Table, chosen: int, profile: ReferenceProfile | None
) -> tuple[FeatureEffect, ...]:
    effects = []
    for place, name in enumerate(found.features):
        spread = _spread(profile, name, row[name]) if profile is not None and name in profile.features else None
        effects.append(FeatureEffect(name, row[name][0].as_py(), tuple(found.values[0, :, place].tolist()), spread))
    return tuple(sorted(effects, key=lambda effect: (-abs(effect.contributions[chosen]), effect.name)))


def _spread(profile: ReferenceProfile, name: str, column: pa.ChunkedArray) -> Spread:
    histogram = profile.features[name]
    total = max(int(histogram.counts.sum()), 1)
    place = int(np.argmax(histogram.bins.count(column)))
    return Spread(_bin_names(histogram.bins), tuple((histogram.counts / total).tolist()), place)


def _bin_names(bins: Bins) -> tuple[str, ...]:
    if bins.values is not None:
        return (*bins.values, "null", "never seen in training")
    edges = [f"{edge:.4g}" for edge in bins.edges or ()]
    if not edges:
        return ("any number", "null", "–")
    between = [f"{low} to below {high}" for low, high in itertools.pairwise(edges)]
    return (f"below {edges[0]}", *between, f"from {edges[-1]}", "null", "–")


def _label(use_case: UseCase, lake: Lake, period: Period, wanted: Mapping[str, Any]) -> str:
    """Return the row's label as text; empty if it is not known.

    It is the label as known when those of the period were complete.
    """
    until = period + use_case.label.label_delay_periods
    try:
        labels = lake.at_versions(until, {"labels": None}).table("labels", period, until)
    except TableVersionMissingError:
        return ""
    own = [labels[name] == value for name, value in wanted.items() if name in labels.columns]
    own.append(labels[use_case.label_period] == period.start)
    name = use_case.label.name
    newest = labels.filter(own).order_by(labels["period"].desc()).limit(1).select(name).to_pyarrow()
    if not newest.num_rows or newest[name][0].as_py() is None:
        return ""
    return task_model(use_case).label_text(float(encoded_labels(use_case, newest[name])[0]))
