"""Limits of a version: the declared ones, with what false-alarm rates made of them when the version was registered."""

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
from include.registry.mlflow_registry import ArtifactMissingError, Registry
from include.registry.model_record import Version


def compute_limits(use_case: UseCase, profile: ReferenceProfile) -> FalseAlarms:
    """The false-alarm rates of the version of this profile, under the use case's declaration as it is now."""
    return false_alarms.compute_false_alarms(
        profile, use_case.monitoring, use_case.retraining, use_case.training.gap_periods
    )


def recorded_limits(use_case: UseCase, version: Version) -> FalseAlarms | None:
    """The rates that were computed at registration; None where the declaration has changed, or there are none."""
    found = _read(version)
    return found if found and found.declaration == _declaration(use_case) else None


def limits_at_registration(version: Version) -> tuple[FalseAlarmRate, ...]:
    """Return the rates that were computed at registration, whatever is declared now; empty where there are none."""
    found = _read(version)
    return found.rates if found else ()


def _read(version: Version) -> FalseAlarms | None:
    try:
        return FalseAlarms.from_json(json.loads(version.tags.get(tags.FALSE_ALARMS, "")))
    except (ValueError, KeyError, TypeError):
        return None


def apply_limits(use_case: UseCase, version: Version, profile: ReferenceProfile) -> Monitoring:
    """The declared limits as numbers: from the rates of the registration, or computed where these do not hold now."""
    if rates := recorded_limits(use_case, version):
        return rates.applied(use_case.monitoring)
    gap_periods = use_case.training.gap_periods
    return false_alarms.resolve_limits(profile, use_case.monitoring, use_case.retraining, gap_periods)


def limit_rows(use_case: UseCase, version: Version) -> list[MetricRow]:
    """`false_alarms_per_year` of each limit, as computed at registration; `days` are the version's own days."""
    if not (rates := recorded_limits(use_case, version)):
        state = (
            f"Version {version.number} has no false-alarm rates for the limits as they are declared now; train a new"
            " version, or register this one's run again."
        )
        return [missing_row(FALSE_ALARMS, MODEL, state)]
    return [
        MetricRow(FALSE_ALARMS, rate.label, rate.per_year, days=max(rate.days, 1), state=rate.state)
        for rate in rates.rates
    ]


def to_tag(use_case: UseCase, registry: Registry, version: Version) -> str:
    """The value of the tag for a version or a run that is about to be one."""
    try:
        profile = ReferenceProfile.from_json(registry.load_companion(version, NAME))
    except (ArtifactMissingError, ProfileUnreadableError) as error:
        return f"There are no false-alarm rates: {error}"
    return json.dumps(compute_limits(use_case, profile).to_json())


def _declaration(use_case: UseCase) -> str:
    return false_alarms.declaration_of(use_case.monitoring, use_case.retraining, use_case.training.gap_periods)
