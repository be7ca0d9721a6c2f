"""Neighbours of a declared policy: the same with one thing changed, to see how much hangs on each. Pure."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import replace

from include.declaration.monitoring import Monitoring, PerformanceLimit, Retraining
from include.monitoring.definitions import SIGNALS

Declared = tuple[Monitoring, Retraining]

_RETRAINING: Mapping[str, tuple[float, ...]] = {
    "breaches": (1, 2, 3, 5),
    "cool_down_periods": (7, 14, 28),
    "per_month": (1, 2),
    "backoff_factor": (1.0, 2.0),
}
_MONITORING: Mapping[str, tuple[float, ...]] = {
    "window_periods": (7, 14, 28),
    "max_age_days": (30, 45, 60, 90),
}
_LIMITS: Mapping[str, tuple[float, ...]] = {
    "max_degradation": (0.0, 0.02, 0.05),
    "false_alarms_per_year": (0.5, 1.0, 2.0, 4.0),
}
"""Of performance: each is varied where it is what is declared."""


def policy_variations(monitoring: Monitoring, retraining: Retraining) -> dict[str, Declared]:
    """What is changed, in words, to the changed policy; without values that make no policy, or the declared one."""
    found: dict[str, Declared] = {}
    for name, on_monitoring, values in _changes(monitoring, retraining):
        try:
            changed = (
                (replace(monitoring, **values), retraining)  # type: ignore[arg-type]
                if on_monitoring
                else (monitoring, replace(retraining, **values))  # type: ignore[arg-type]
            )
        except ValueError:  # no policy: such as more breaches than days
            continue
        if changed != (monitoring, retraining):
            found[name] = changed
    return found


def _changes(monitoring: Monitoring, retraining: Retraining) -> Iterator[tuple[str, bool, dict[str, object]]]:
    """What is changed, in words; whether it is of the monitoring; and the values, with those that must follow."""
    for signal in retraining.signals:
        yield f"without {signal}", False, {"signals": tuple(each for each in retraining.signals if each != signal)}
    for signal in SIGNALS:
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
            yield f"{name} {value:g}", True, {"performance": _with(monitoring, name, value)}


def _with(monitoring: Monitoring, name: str, value: float) -> tuple[PerformanceLimit, ...]:
    """The limits of performance, with that value where they declare one of that name."""
    return tuple(
        replace(limit, **{name: value})  # type: ignore[arg-type]
        if getattr(limit, name) is not None
        else limit
        for limit in monitoring.performance
    )
