"""Compare a day with the reference profile of the version that scored it."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from include.declaration.column_types import missing_features
from include.declaration.monitoring import Monitoring
from include.model.arrays import Numbers
from include.monitoring import drift
from include.monitoring.drift import Bins, Counts
from include.monitoring.metric_row import MetricRow, missing_row, row_with_limit
from include.monitoring.reference_profile import ReferenceProfile

FEATURES, PREDICTION = "features", "prediction"
"""Subjects of the metrics over all features, and over the predictions."""


def drift_bins(profile: ReferenceProfile, declared: Mapping[str, str]) -> dict[str, Bins]:
    """Return the bins of the features that are still declared with the model's type."""
    gone = missing_features(profile.types, declared)
    return {name: bins for name, bins in profile.bins.items() if name not in gone}


def feature_drift(
    profile: ReferenceProfile, counts: Mapping[str, Counts], declared: Mapping[str, str], monitoring: Monitoring
) -> list[MetricRow]:
    """Measure nulls, unseen categories, PSI and importance per feature.

    Also the weighted drift. `counts` are the day's rows per bin of the profile (`drift.count_bins`), `declared` the
    features that the use case declares now. A feature that is new, missing or of another type becomes a row without a
    value.
    """
    gone, new = _gone(profile, counts, declared), sorted(set(declared) - set(profile.features))
    rows = [missing_row("psi", name, missing_reason) for name, missing_reason in gone.items()]
    rows += [missing_row("psi", name, f"The version does not read {name}, so it has no reference.") for name in new]
    rows += [MetricRow("importance", name, share) for name, share in profile.importance.items()]
    psis: dict[str, float] = {}
    chances: dict[str, float] = {}
    for name in profile.features:
        if name not in gone:
            chances[name] = drift.psi_null_quantile(profile.features[name].counts, counts[name])
            of_feature = _feature_metrics(profile, name, counts[name], chances[name], monitoring)
            psis.update((row.subject, row.value) for row in of_feature if row.metric == "psi" and row.value is not None)
            rows += of_feature
    return [*rows, _weighted(profile, psis, chances, gone, monitoring)]


def prediction_drift(profile: ReferenceProfile, counts: Counts, monitoring: Monitoring) -> MetricRow:
    """Measure the PSI of a day's predictions.

    `counts` are the day's rows per bin of `profile.predictions`. The limit is at least the PSI that this number of rows
    shows by chance.
    """
    chance = drift.psi_null_quantile(profile.predictions.counts, counts)
    usual = usual_limit("prediction_drift", profile.usual.prediction_drift, monitoring)
    limit = max(usual, chance if math.isfinite(chance) else 0.0)
    value = drift.psi(profile.predictions.counts, counts)
    return row_with_limit("prediction_drift", PREDICTION, value, limit, "The period has no predictions to compare.")


def _feature_metrics(
    profile: ReferenceProfile, name: str, counts: Counts, chance: float, monitoring: Monitoring
) -> list[MetricRow]:
    spread, rows = profile.features[name], int(counts.sum())
    if not rows:
        return [missing_row(metric, name, "The period has no rows.") for metric in ("null_share", "psi")]
    limit = max(monitoring.feature_psi, chance, usual_limit("psi", profile.usual.psi[name], monitoring))
    metric_rows = [
        _null_share(profile, name, float(counts[-2]) / rows, monitoring),
        row_with_limit("psi", name, drift.psi(spread.counts, counts), limit),
    ]
    if spread.bins.values is not None:
        metric_rows.append(row_with_limit("unseen_share", name, float(counts[-1]) / rows, monitoring.max_unseen_share))
    return metric_rows


def _null_share(profile: ReferenceProfile, name: str, value: float, monitoring: Monitoring) -> MetricRow:
    """Measure the share of nulls of a feature.

    Its limit is above the largest share of the training and of its single periods. A feature that was null in whole
    periods of the validation or test has no limit: its share says nothing.
    """
    usual = (profile.features[name].null_share, *profile.usual.null_share.get(name, ()))
    limit = max(usual) + monitoring.max_null_increase
    return row_with_limit("null_share", name, value, limit) if limit < 1 else MetricRow("null_share", name, value)


def _weighted(
    profile: ReferenceProfile,
    psis: Mapping[str, float],
    chances: Mapping[str, float],
    gone: Mapping[str, str],
    monitoring: Monitoring,
) -> MetricRow:
    """Measure the weighted drift; without a value if an important feature is missing.

    The limit is at least what this number of rows shows by chance, with the same weights.
    """
    lost = [missing_reason for name, missing_reason in gone.items() if profile.importance.get(name, 0.0) > 0]
    limit = usual_limit("weighted_drift", profile.usual.weighted_drift, monitoring)
    if lost:
        return missing_row("weighted_drift", FEATURES, " ".join(lost), limit)
    value = drift.weighted_drift(profile.importance, psis)
    limit = max(limit, drift.weighted_drift(profile.importance, {name: chances[name] for name in psis}) or 0.0)
    return row_with_limit("weighted_drift", FEATURES, value, limit, "No feature of the period has rows to compare.")


def _gone(profile: ReferenceProfile, counts: Mapping[str, Counts], declared: Mapping[str, str]) -> dict[str, str]:
    """Return the features that cannot be compared, each with the reason."""
    return {
        name: _missing_reason(name, profile.types[name], declared) for name in profile.features if name not in counts
    }


def _missing_reason(name: str, learned: str, declared: Mapping[str, str]) -> str:
    if (now := declared.get(name, learned)) != learned:
        return f"The version reads {name} as {learned}, which is declared as {now} now; train a new version."
    return f"The version reads {name}, which the period's features do not have; train a version without it."


def usual_limit(metric: str, usual: Sequence[float] | Numbers, monitoring: Monitoring) -> Any:
    """Return the limit from single validation and test days, on the last axis."""
    return drift_factor(metric, monitoring) * np.quantile(usual, monitoring.drift_quantile, axis=-1)


def drift_factor(metric: str, monitoring: Monitoring) -> float:
    """Return the factor from the usual quantile to the limit of a drift metric."""
    own = monitoring.prediction_drift_factor if metric == "prediction_drift" else None
    return own or monitoring.drift_factor
