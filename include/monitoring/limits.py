"""Derive a version's limits from the declared limits and alarm rates."""

from __future__ import annotations

import json

from include.declaration.gates import MODEL
from include.declaration.monitoring import Monitoring
from include.declaration.use_case import UseCase
from include.monitoring import false_alarms
from include.monitoring.definitions import FALSE_ALARMS
from include.monitoring.false_alarms import FalseAlarmRate, FalseAlarms
from include.monitoring.metric_row import MetricRow, missing_row
from include.monitoring.reference_profile import NAME, ProfileUnreadableError, ReferenceProfile
from include.registry import tags
from include.registry.mlflow_registry import Registry
from include.registry.model_copies import ArtifactMissingError
from include.registry.model_record import Version


def compute_limits(use_case: UseCase, profile: ReferenceProfile) -> FalseAlarms:
    """Compute a version's false-alarm rates for the limits as declared now."""
    return false_alarms.compute_false_alarms(
        profile, use_case.monitoring, use_case.retraining, use_case.training.gap_periods
    )


def recorded_limits(use_case: UseCase, version: Version) -> FalseAlarms | None:
    """Return the rates of the registration, or None.

    None: they are missing, or the declaration changed.
    """
    recorded = _read(version)
    return recorded if recorded and recorded.declaration == _declaration(use_case) else None


def limits_at_registration(version: Version) -> tuple[FalseAlarmRate, ...]:
    """Return the registration's rates, whatever is declared now.

    Empty if there are none.
    """
    recorded = _read(version)
    return recorded.rates if recorded else ()


def _read(version: Version) -> FalseAlarms | None:
    try:
        return FalseAlarms.from_json(json.loads(version.tags.get(tags.FALSE_ALARMS, "")))
    except (ValueError, KeyError, TypeError):
        return None


def apply_limits(use_case: UseCase, version: Version, profile: ReferenceProfile) -> Monitoring:
    """Replace declared rates by limits of the registration, or computed ones.

    They are computed if those are outdated.
    """
    if rates := recorded_limits(use_case, version):
        return rates.applied(use_case.monitoring)
    gap_periods = use_case.training.gap_periods
    return false_alarms.resolve_limits(profile, use_case.monitoring, use_case.retraining, gap_periods)


def limit_rows(use_case: UseCase, version: Version) -> list[MetricRow]:
    """Return `false_alarms_per_year` of each limit.

    `days` counts the version's own days.
    """
    if not (rates := recorded_limits(use_case, version)):
        missing_reason = (
            f"Version {version.number} has no false-alarm rates for the limits declared now; train a new version, or"
            " register its run again."
        )
        return [missing_row(FALSE_ALARMS, MODEL, missing_reason)]
    return [
        MetricRow(
            FALSE_ALARMS, rate.label, rate.per_year, periods=max(rate.periods, 1), missing_reason=rate.missing_reason
        )
        for rate in rates.rates
    ]


def to_tag(use_case: UseCase, registry: Registry, version: Version) -> str:
    """Return the value of the tag for a version, or for a run to be registered."""
    try:
        profile = ReferenceProfile.from_json(registry.load_companion(version, NAME))
    except (ArtifactMissingError, ProfileUnreadableError) as error:
        return f"There are no false-alarm rates: {error}"
    return json.dumps(compute_limits(use_case, profile).to_json())


def _declaration(use_case: UseCase) -> str:
    return false_alarms.declaration_of(use_case.monitoring, use_case.retraining, use_case.training.gap_periods)
