"""Results of a simulation: over all days, by month, and cumulative."""

from __future__ import annotations

import json
import math

import numpy as np
import pytest

from include.backtest import plot, simulator
from include.backtest import result as backtest_result
from include.backtest.result import PolicyOutcome, RealisedCosts
from include.backtest.simulator import Alarm, SimulatedTraining, Simulation
from include.declaration.period import Period
from include.use_case import Binary, DecisionCosts

SHOWN = ("log_loss", "auc")
TASK = Binary(costs=DecisionCosts(false_negative=3, false_positive=1, unit="points"))  # warns from 0.25 on
DAYS = [Period("2020-01-20") + n for n in range(40)]


def trained(number: int, result: str) -> SimulatedTraining:
    return SimulatedTraining(DAYS[number], DAYS[0], result, "because", "it is so")  # type: ignore[arg-type]


def outcome(trainings: dict[SimulatedTraining, Alarm] | None = None, without: tuple[int, ...] = ()) -> PolicyOutcome:
    """Two rows a day, one of them positive; 0.5 is said in January, and the truth by 0.9 from February on."""
    labels = np.array([1.0, 0.0])
    sure = {period: np.array([0.9, 0.1]) if period.start_date.month == 2 else np.array([0.5, 0.5]) for period in DAYS}
    found = {
        period: (labels[: 0 if n in without else 2], sure[period][: 0 if n in without else 2])
        for n, period in enumerate(DAYS)
    }
    trainings = trainings or {}
    walked = Simulation(dict.fromkeys(DAYS, DAYS[0]), tuple(trainings), alarms=7)
    return backtest_result.summarise_policies(
        simulator.never_retrain(), walked, RealisedCosts.from_days(found), trainings, TASK
    )


def test_metrics_are_pooled_over_rows_and_by_month():
    found = outcome()
    january, february = math.log(2), -math.log(0.9)
    assert found.months["2020-01"]["log_loss"] == pytest.approx(january, abs=1e-6)
    assert found.months["2020-02"]["log_loss"] == pytest.approx(february, abs=1e-6)
    assert found.metrics["log_loss"] == pytest.approx((12 * january + 28 * february) / 40, abs=1e-6)
    assert (found.months["2020-01"]["auc"], found.months["2020-02"]["auc"]) == (0.5, 1.0)
    assert found.worst_month == "2020-01"
    assert found.cost == 12, "in January each day warns once in vain"
    assert found.alarm_periods == 7


def test_along_the_way_each_point_is_of_the_28_scored_days_that_end_there():
    found = outcome()
    assert min(found.rolling) == DAYS[27].key
    assert max(found.rolling) == DAYS[34].key
    last = (5 * math.log(2) + 23 * -math.log(0.9)) / 28
    assert found.rolling[DAYS[34].key]["log_loss"] == pytest.approx(last, abs=1e-6)


def test_days_without_a_label_are_left_out():
    found = outcome(without=(0, 39))
    assert min(found.rolling) == DAYS[28].key
    assert max(found.rolling) == DAYS[35].key


def test_false_alarms_are_counted_apart_for_promoted_models_and_others():
    found = outcome(
        {
            trained(1, "promoted"): Alarm(28, 0.01),
            trained(2, "promoted"): Alarm(28, -0.01),
            trained(3, "rejected"): Alarm(28, 0.0),
            trained(4, "rejected"): Alarm(28, 0.02),
            trained(5, "rejected"): Alarm(3, None),
        }
    )
    assert (found.counted("promoted"), found.counted("rejected")) == (2, 3)
    assert (found.false_alarms(promoted=True), found.false_alarms(promoted=False)) == (1, 1)
    assert [each["false_alarm"] for each in found.trainings].count(None) == 1  # so late that too few days followed


def test_an_outcome_is_plain_values():
    stored = json.loads(json.dumps(outcome({trained(1, "promoted"): Alarm(28, 0.01)}).to_json()))
    assert stored["trainings"][0] == {
        "period": "2020-01-21", "replaced": "2020-01-20", "result": "promoted", "reason": "because",
        "gate_result": "it is so", "following_days": 28, "gain": 0.01, "false_alarm": False,
    }  # fmt: skip


def test_policies_are_drawn_and_equal_ones_are_drawn_equally():
    policies = [outcome(), outcome({trained(1, "promoted"): Alarm(28, -0.01), trained(9, "rejected"): Alarm(2, None)})]
    drawn = plot.plot_backtest("toy", policies, SHOWN)
    assert drawn.startswith(b"\x89PNG")
    assert drawn == plot.plot_backtest("toy", policies, SHOWN)
    assert drawn != plot.plot_backtest("toy", policies[:1], SHOWN)
