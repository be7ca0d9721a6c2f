"""A day compared with the reference profile of the version that scored it."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence

import numpy as np

from include.logic import drift
from include.logic.drift import Counts
from include.logic.figures import Figure, above, missing
from include.logic.profile import Profile
from include.monitoring import Monitoring

FEATURES, PREDICTION = "features", "prediction"
"""Subjects of the figures that stand for all features, and for the predicted probabilities."""


def of_features(
    profile: Profile, counts: Mapping[str, Counts], declared: Mapping[str, str], monitoring: Monitoring
) -> list[Figure]:
    """Nulls, unseen categories, PSI, distance and importance of every feature, and the weighted drift of all.

    `counts` are the day's rows per bin of the profile (`drift.count`), `declared` the features of the use case now:
    one that the version does not know, or that is no longer there, becomes a figure whose state says so.
    """
    gone, new = _gone(profile, counts), sorted(set(declared) - set(profile.features))
    found = [missing("psi", name, _not_there(name)) for name in gone]
    found += [missing("psi", name, f"The version does not read {name}, so it has no reference.") for name in new]
    found += [Figure("importance", name, share) for name, share in profile.importance.items()]
    psis: dict[str, float] = {}
    for name in profile.features:
        if name not in gone:
            figures = _of_feature(profile, name, counts[name], monitoring)
            psis.update(
                (each.subject, each.value) for each in figures if each.metric == "psi" and each.value is not None
            )
            found += figures
    return [*found, _weighted(profile, psis, gone, monitoring)]


def of_predictions(profile: Profile, counts: Counts, monitoring: Monitoring) -> Figure:
    """The PSI of a day's predicted probabilities, from its rows per bin of `profile.probability`."""
    limit = _limit(profile.usual.prediction_drift, monitoring)
    value = drift.psi(profile.probability.counts, counts)
    return above("prediction_drift", PREDICTION, value, limit, "The day has no predictions to compare.")


def _of_feature(profile: Profile, name: str, counts: Counts, monitoring: Monitoring) -> list[Figure]:
    spread, rows = profile.features[name], int(counts.sum())
    if not rows:
        return [missing(metric, name, "The day has no rows.") for metric in ("null_share", "psi")]
    chance = drift.by_chance(spread.counts, counts)
    limit = max(monitoring.feature_psi, chance, _limit(profile.usual.psi[name], monitoring))
    found = [
        above("null_share", name, float(counts[-2]) / rows, spread.null_share + monitoring.more_nulls),
        above("psi", name, drift.psi(spread.counts, counts), limit),
        Figure("jensen_shannon", name, drift.jensen_shannon(spread.counts, counts)),
    ]
    if spread.bins.values is not None:
        found.append(above("unseen_share", name, float(counts[-1]) / rows, monitoring.unseen))
    return found


def _weighted(profile: Profile, psis: Mapping[str, float], gone: Collection[str], monitoring: Monitoring) -> Figure:
    """Not judged where a feature that the model looks at is gone: what is left cannot vouch for it."""
    lost = [name for name in gone if profile.importance.get(name, 0.0) > 0]
    limit = _limit(profile.usual.weighted_drift, monitoring)
    if lost:
        return missing("weighted_drift", FEATURES, " ".join(map(_not_there, lost)), limit)
    value = drift.weighted(profile.importance, psis)
    return above("weighted_drift", FEATURES, value, limit, "No feature of the day has rows to compare.")


def _gone(profile: Profile, counts: Mapping[str, Counts]) -> list[str]:
    return [name for name in profile.features if name not in counts]


def _not_there(name: str) -> str:
    return f"The version reads {name}, which the day's features do not have; train a version without it."


def _limit(usual: Sequence[float], monitoring: Monitoring) -> float:
    """From where on a day is beyond what single validation and test days showed."""
    return monitoring.drift_times * float(np.quantile(usual, monitoring.drift_quantile))
