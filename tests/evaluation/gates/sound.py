"""Readable inputs of a good model, and the gates that it passes."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pyarrow as pa

from include.declaration.period import Period
from include.declaration.task import Task
from include.evaluation.gates.base import BaseGate
from include.evaluation.gates.result import GateResult
from include.evaluation.inputs import (
    ChampionInputs,
    CorruptionResult,
    GateInputs,
    RebuiltPeriod,
    ServingCheckResult,
    TestRows,
    TrialInputs,
)
from include.evaluation.judging import judge_gates
from include.use_case import (
    Binary,
    ChampionGate,
    DecisionCosts,
    Gate,
    LeakageGate,
    RobustnessGate,
    SchemaGate,
    ServingGate,
    ShadowGate,
    SliceGate,
    UnusedFeaturesGate,
)

TASK = Binary(costs=DecisionCosts(false_negative=3, false_positive=1, unit="points"))
DAYS, PER_DAY = 20, 40
FEATURES = {"size": "float64", "kind": "category"}
METRICS = {
    "model": {"log_loss": 0.50, "auc": 0.70},
    "prior": {"log_loss": 0.60, "auc": 0.50},
    "logistic": {"log_loss": 0.50, "auc": 0.71},
}


def labelled(better: float = 0.0, model: dict[str, float] | None = None) -> TestRows:
    """Labels, every second one 1. The champion gives what happened 0.6, give or take a little by day, and the
    model `better` more; in the groups of `model` it gives what it says there."""
    periods = np.arange(DAYS).repeat(PER_DAY)
    labels = np.tile([0.0, 1.0], DAYS * PER_DAY // 2)
    group = np.tile(np.array(["a", "a", "b", "b", "b", "b", "b", "b", "b", "b"], dtype="U4"), DAYS * PER_DAY // 10)
    group[0:2] = "rare"
    wave = 0.05 * np.sin(periods)
    sure = {"champion": 0.6 + wave, "model": 0.6 + better - wave, "prior": np.full(len(periods), 0.5)}
    for name, value in (model or {}).items():
        sure["model"] = np.where(group == name, value, sure["model"])
    predicted = {subject: np.where(labels > 0, value, 1 - value) for subject, value in sure.items()}
    return TestRows(np.datetime64("2020-03-01") + periods, labels, predicted, pa.table({"group": group}))


SOUND = GateInputs(
    metrics=METRICS,
    periods=DAYS,
    features=FEATURES,
    declared=FEATURES,
    gains={"size": 10.0, "kind": 2.0},
    champion=ChampionInputs("3", seen=(Period("2020-01-01"),), features=FEATURES),
    rows=labelled(better=0.1),
    serving_check=ServingCheckResult(rows=500, differing=0, microseconds_per_row=4.0, megabytes=1.5),
    corruptions=(CorruptionResult("size", "nulled", 0.02), CorruptionResult("kind", "a new category", 0.05)),
    rebuilt_periods=tuple(RebuiltPeriod(Period(f"2020-03-{day:02}"), rows=9) for day in range(1, 7)),
    trial=TrialInputs("3", labelled(better=0.1)),
)
ALL = (
    Gate("log_loss", better_than="prior"),
    ChampionGate(),
    SliceGate("group", "brier", max_degradation=0.05, min_rows=50),
    RobustnessGate(at_most=0.1),
    ServingGate(at_most_microseconds=50, at_most_megabytes=10),
    SchemaGate(),
    LeakageGate(),
    UnusedFeaturesGate(at_most=0),
    ShadowGate(),
)
"""One gate of each kind."""


def judge_one(gate: BaseGate, inputs: GateInputs, task: Task = TASK) -> GateResult:
    """The one result of a gate."""
    [result] = judge_gates([gate], inputs, task)
    return result


def without_champion() -> GateInputs:
    """The sound model where there is no champion yet."""
    return replace(SOUND, champion=ChampionInputs(None))
