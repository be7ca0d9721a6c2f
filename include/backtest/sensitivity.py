"""Vary a declared policy by one value at a time, to see the effect of each. Pure."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import replace

from include.declaration.monitoring import Monitoring, PerformanceLimit, Retraining
from include.monitoring.definitions import DEFAULT_SIGNALS

Declared = tuple[Monitoring, Retraining]

_RETRAINING: Mapping[str, tuple[float, ...]] = {
    "breaches": (1, 2, 3, 5),
    "cool_down_periods": (7, 14, 28),
    "per_month": (1, 2),
    "backoff_factor": (1.0, 2.0),
}
_MONITORING: Mapping[str, tuple[float, ...]] = {
    "window_periods": (7, 14, 28),
    "max_age_periods": (30, 45, 60, 90),
}
_LIMITS: Mapping[str, tuple[float, ...]] = {
    "max_degradation": (0.0, 0.02, 0.05),
    "false_alarms_per_year": (0.5, 1.0, 2.0, 4.0),
}
"""Fields of performance limits; each is varied if a limit declares it."""


def policy_variations(monitoring: Monitoring, retraining: Retraining) -> dict[str, Declared]:
    """Return the description of each change to the changed policy.

    Changes that are invalid, or equal to the declared policy, are left out.
    """
    variations: dict[str, Declared] = {}
    for name, on_monitoring, values in _changes(monitoring, retraining):
        try:
            changed = (
                (replace(monitoring, **values), retraining)  # type: ignore[arg-type]
                if on_monitoring
                else (monitoring, replace(retraining, **values))  # type: ignore[arg-type]
            )
        except ValueError:  # invalid, such as more breaches than days
            continue
        if changed != (monitoring, retraining):
            variations[name] = changed
    return variations


def _changes(monitoring: Monitoring, retraining: Retraining) -> Iterator[tuple[str, bool, dict[str, object]]]:
    """Yield each change with its description and the values that depend on it.

    The flag says whether it changes the monitoring.
    """
    for signal in retraining.signals:
        yield f"without {signal}", False, {"signals": tuple(kept for kept in retraining.signals if kept != signal)}
    for signal in DEFAULT_SIGNALS:
        if signal not in retraining.signals:
            yield f"with {signal}", False, {"signals": (*retraining.signals, signal)}
    for name, values in _RETRAINING.items():
        for value in values:
            longest = max(retraining.max_cool_down_periods, int(value))
            follow = {"max_cool_down_periods": longest} if name == "cool_down_periods" else {}
            yield f"{name} {value:g}", False, {name: value, **follow}
    for name, values in _MONITORING.items():
        for value in values:
            follow = {"min_periods": min(monitoring.min_periods, int(value))} if name == "window_periods" else {}
            yield f"{name} {value:g}", True, {name: value, **follow}
    for name, values in _LIMITS.items():
        declared = any(getattr(limit, name) is not None for limit in monitoring.performance)
        for value in values if declared else ():
            yield f"{name} {value:g}", True, {"performance": _replace_limits(monitoring, name, value)}


def _replace_limits(monitoring: Monitoring, name: str, value: float) -> tuple[PerformanceLimit, ...]:
    """Return the performance limits with that value in those that declare the field."""
    return tuple(
        replace(limit, **{name: value})  # type: ignore[arg-type]
        if getattr(limit, name) is not None
        else limit
        for limit in monitoring.performance
    )
