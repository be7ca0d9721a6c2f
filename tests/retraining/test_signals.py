"""The signals of a day are found among the rows of its metrics."""

import pytest

from include.declaration.period import Period
from include.retraining import signals

DAY = Period("2020-03-15")


def row(
    metric: str, subject: str, breached: bool | None, limit: float | None = 1.0, missing_reason: str | None = None
) -> dict:
    return {
        "metric": metric, "subject": subject, "value": 2.0, "lower": 1.5, "limit": limit, "breached": breached,
        "model_version": "3", "missing_reason": missing_reason, "measured_period": (DAY - 8).start_date,
    }  # fmt: skip


def test_every_signal_is_found_among_the_rows():
    rows = [
        row("weighted_drift", "features", True),
        row("prediction_drift", "prediction", False),
        row("staleness", "model", None, missing_reason="no champion"),
        row("staleness", "labels", True),
        row("psi", "temp", True),
        row("degradation/log_loss", "model", True),
        row("worse_than_baseline/log_loss", "prior", False),
    ]
    found = signals.signals_of(DAY, rows)
    assert found.version == "3"
    assert {name: each.breached for name, each in found.signals.items()} == {
        "weighted_drift": True,
        "prediction_drift": False,
        "model_age": None,
        "performance": True,
        "worse_than_baseline": False,
        "estimated_performance": None,
    }
    assert found.signals["model_age"].missing_reason == "no champion"
    assert found.signals["performance"].measured_period == DAY - 8


@pytest.mark.parametrize(
    ("rows", "breached"),
    [
        ([("log_loss", True), ("auc", False)], True),
        ([("log_loss", True), ("auc", None)], True),
        ([("log_loss", False), ("auc", False)], False),
        ([("log_loss", False), ("auc", None)], None),
        ([], None),
    ],
)
def test_performance_broke_where_any_metric_did_and_is_quiet_where_all_were_judged(rows, breached):
    rows_found = [row(f"degradation/{metric}", "model", each, missing_reason="too few days") for metric, each in rows]
    assert signals.signals_of(DAY, rows_found).signals["performance"].breached is breached


def test_a_model_worse_than_a_baseline_triggers_though_it_is_as_good_as_on_its_test_days():
    rows = [row("degradation/log_loss", "model", False), row("worse_than_baseline/log_loss", "logistic", True)]
    found = signals.signals_of(DAY, rows).signals
    assert (found["performance"].breached, found["worse_than_baseline"].breached) == (False, True)


def test_how_much_worse_a_metric_without_a_limit_is_says_nothing():
    for missing_reason in (None, "auc is not defined in the window."):
        rows = [
            row("degradation/auc", "model", None, limit=None, missing_reason=missing_reason),
            row("degradation/log_loss", "model", False),
        ]
        assert signals.signals_of(DAY, rows).signals["performance"].breached is False


def test_a_day_without_predictions_has_no_version_and_says_why():
    rows = [
        {**row("missing_predictions", "predictions", None, None, "there are no predictions"), "model_version": None}
    ]
    found = signals.signals_of(DAY, rows)
    assert (found.version, found.missing_reason) == (None, "there are no predictions")
    assert all(each.breached is None for each in found.signals.values())
