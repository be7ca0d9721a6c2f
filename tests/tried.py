"""A champion and a challenger of the toy use case, for tests of trials."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from include.declaration.period import Period, period_range
from include.lake.lake import Lake
from include.project import Project, open_project
from include.promotion import register, trial
from include.promotion.trial import TrialResult
from include.scoring import score, shadow
from include.training import train
from include.use_case import ShadowGate
from tests import versions
from tests.conftest import AS_OF, draw_nothing, moved_into
from tests.toy_use_case import USE_CASE

FIRST, LAST = AS_OF + 1, AS_OF + 9
"""The periods of the trial that the lake has; the labels of those up to `JUDGED` are complete as of `LAST`."""
JUDGED = LAST - USE_CASE.label.label_delay_periods
GATED = replace(USE_CASE, gates=(*USE_CASE.gates, ShadowGate(periods=5, margin=1.0)))
"""The use case with a gate that judges a trial, which almost any model passes."""


def make_challenger(gates: str = "passed") -> str:
    """Register a version with other trees than the champion's, judged so; return its number."""
    run_id = train.train_model(open_project(USE_CASE), AS_OF, parameters={"num_boost_round": 12}).run_id
    versions.judge(run_id, [versions.gate_result(gates)])
    return register.register_run(open_project(USE_CASE), run_id).version


def made_home(tmp_path_factory: pytest.TempPathFactory, champion_home: Path, last: Period = LAST) -> Path:
    """A home with champion 1 and challenger 2, and the periods of the trial scored by the champion."""
    home = tmp_path_factory.mktemp("challenger") / "home"
    with moved_into(champion_home, home) as patch:
        draw_nothing(patch)
        assert make_challenger() == "2"
        for period in period_range(AS_OF, last):
            score.score_period(open_project(USE_CASE), period)
    return home


def started(project: Project | None = None, first: Period = FIRST, **given: Any) -> TrialResult:
    """Start the trial of version 2."""
    asked = {"actor": "Ann", "reason": "It looks better."} | given
    return trial.start_trial(project or open_project(USE_CASE), asked.pop("version", "2"), first, **asked)


def ended(end: Period = LAST, **given: Any) -> TrialResult:
    """End the trial of version 2."""
    asked = {"actor": "Ann", "reason": "Enough was seen."} | given
    return trial.end_trial(open_project(USE_CASE), asked.pop("version", "2"), end, **asked)


def shadow_all(first: Period = FIRST, last: Period = LAST) -> None:
    """Score the periods of the trial with the version that is tried."""
    for period in period_range(first, last):
        assert shadow.score_shadow(open_project(USE_CASE), period) is not None


def shadow_rows(period: Period) -> list[dict[str, Any]]:
    """The shadow's predictions of a period."""
    return (
        Lake.open(USE_CASE).as_of(period).read("shadow_predictions", since=period, order_by=USE_CASE.keys).to_pylist()
    )
