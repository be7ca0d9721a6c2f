"""Measure by a backtest what an old model costs, and keep the result in the lake."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from typing import Any

from include.declaration.clock import now
from include.declaration.period import Period
from include.lake.lake_format import mark_format
from include.lake.object_store import StoragePath
from include.project import Project

FILE = "score_card/staleness.json"
NEVER, DECLARED = "never", "declared"


def measure_staleness(
    project: Project, first: Period, last: Period, tell: Callable[[str], None] = lambda _: None
) -> dict[str, Any]:
    """Replay the periods with a model that is never replaced; keep the losses.

    The declared policy and others are replayed with it.

    Raises:
        InvalidRequestError: no model can be trained as of `first`, or the range has no period.
    """
    from include.backtest import run

    result = run.run_backtest(project, first, last, tell=tell)
    outcomes = {outcome.policy: outcome for outcome in result.outcomes}
    found = {
        "first": first.key,
        "last": last.key,
        "metric": result.main_metric,
        "recorded_at": now().isoformat(timespec="seconds"),
        "policies": {name: dict(outcomes[name].metrics) for name in outcomes},
    }
    mark_format(project.root)
    _file(project).write(json.dumps(found, indent=1).encode())
    return found


def read_staleness(project: Project) -> Mapping[str, Any] | None:
    """Return the kept result; None if there is none, or it cannot be read."""
    try:
        found = json.loads(_file(project).read())
        loss_of(found, NEVER)
    except (OSError, ValueError, KeyError, TypeError, AttributeError):
        return None
    return dict(found)


def loss_of(found: Mapping[str, Any], policy: str) -> float:
    """Return the main metric of a policy over all replayed periods."""
    return float(found["policies"][policy][found["metric"]])


def _file(project: Project) -> StoragePath:
    return project.root / FILE
