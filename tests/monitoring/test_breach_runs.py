"""Breaches of one limit on consecutive days are one; only some ask for action."""

import pytest

from include.declaration.period import Period
from include.monitoring import breach_runs
from include.monitoring.metric_table import MetricValue

D = Period("2020-05-01")


def breach(day: int, metric: str = "null_share", subject: str = "size") -> MetricValue:
    whole = dict.fromkeys(("lower", "upper", "model_version"))
    rest = {"value": 1.0, "limit": 0.5, "breached": True, "measured_period": D, "periods": 1, "missing_reason": ""}
    return MetricValue(**whole | rest | {"period": D + day, "metric": metric, "subject": subject})


def runs_of(*breaches: MetricValue, measured: range = range(10)) -> list[tuple[int, int, int]]:
    found = breach_runs.join_breaches(breaches, [D + day for day in measured])
    return [(run.first - D, run.newest.period - D, run.length) for run in found]


def test_consecutive_days_are_one_run_the_newest_first():
    assert runs_of(*map(breach, (1, 2, 3, 6))) == [(6, 6, 1), (1, 3, 3)]
    assert runs_of(*map(breach, (3, 1, 2))) == [(1, 3, 3)]


def test_a_day_that_was_not_measured_does_not_end_a_run():
    found = breach_runs.join_breaches([breach(1), breach(4)], [D, D + 1, D + 4])
    assert [(run.length, run.words) for run in found] == [(2, "2 days running, since 2020-05-02")]


def test_other_limits_are_other_runs():
    assert runs_of(breach(1), breach(2, subject="kind"), breach(3, metric="unseen_share")) == [
        (3, 3, 1), (2, 2, 1), (1, 1, 1),
    ]  # fmt: skip


def test_several_rows_of_one_day_count_once():
    assert runs_of(breach(1), breach(1), breach(2)) == [(1, 2, 2)]


def test_one_day_has_no_words():
    (run,) = breach_runs.join_breaches([breach(1)], [D + 1])
    assert run.words == "" and breach_runs.running_on([run], D) == {}
    assert breach_runs.running_on([run], D + 1) == {("null_share", "size"): run}


@pytest.mark.parametrize(
    ("metric", "watched"),
    [("weighted_drift", True), ("step_seconds", True), ("null_share", False), ("staleness", False),
     ("degradation/log_loss", False), ("unscored_rows", False), ("removed_long_ago", False)],
)  # fmt: skip
def test_drift_and_cost_are_watched_and_the_rest_asks_for_action(metric, watched):
    assert breach_runs.is_watched(breach(0, metric=metric)) == watched
