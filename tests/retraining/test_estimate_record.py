"""An estimate is used for retraining only after its intervals have held."""

from datetime import date, timedelta

import pytest

from include.declaration.monitoring import Retraining
from include.declaration.period import DAY, Period
from include.monitoring.definitions import ESTIMATED_PERFORMANCE
from include.retraining import policy, signals
from include.retraining.estimate_record import EstimateRecord, record_of
from include.retraining.policy import CurrentChampion
from include.retraining.signals import MeasuredPeriod, SignalValue

TODAY = Period("2020-03-10")


def errors(*values: float | None) -> list[dict]:
    """Rows of consecutive days whose estimate promised an error from -1 to 1."""
    days = (date(2020, 1, 1) + timedelta(number) for number in range(len(values)))
    return [{"measured_period": d, "value": v, "lower": -1.0, "upper": 1.0} for d, v in zip(days, values, strict=True)]


def decided(record: EstimateRecord):
    """The decision of a day on which the estimate, and nothing else, broke its limit for days."""
    broken = {ESTIMATED_PERFORMANCE: SignalValue(True, 0.2, 0.0, "estimated_degradation/log_loss", lower=0.1)}
    measured = [MeasuredPeriod(TODAY - number, "1", broken) for number in range(5)]
    declared = Retraining(signals=(ESTIMATED_PERFORMANCE,))
    return policy.decide_by_policy(declared, TODAY, measured, [], CurrentChampion("1", TODAY - 30), record=record)


def test_the_record_counts_values_within_both_bounds():
    assert record_of(errors(0, 1, -1, 1.01, -2)) == EstimateRecord(3, 5)


def test_only_the_newest_sixty_labelled_periods_count_in_any_order_of_rows():
    rows = errors(*[9.0] * 40, *[0.0] * 57, 9.0, 9.0, 9.0)
    assert record_of(reversed(rows)) == EstimateRecord(57, 60)


def test_periods_without_a_value_are_not_labelled_periods():
    assert record_of(errors(None, 0, None)) == EstimateRecord(1, 1)


@pytest.mark.parametrize(
    ("held", "periods", "usable"), [(54, 60, True), (53, 60, False), (59, 59, False), (0, 0, False), (60, 60, True)]
)
def test_an_estimate_is_usable_from_ninety_percent_of_sixty_on(held, periods, usable):
    record = EstimateRecord(held, periods)
    assert record.usable is usable and (record.missing_reason(DAY) == "") is usable
    assert decided(record).retrain is usable


def test_a_decision_says_why_the_estimate_does_not_count_yet():
    decision = decided(EstimateRecord(12, 14))
    assert "12 of 14 labelled days" in decision.reason and "90%" in decision.reason
    assert decision.signals[0].breached is None and decision.signals[0].breaches == 0


def test_no_policy_uses_the_estimate_unless_it_says_so():
    assert ESTIMATED_PERFORMANCE not in Retraining().signals


def test_the_signal_is_read_from_the_row_with_the_limit():
    row = {
        "metric": "estimated_degradation/log_loss", "subject": "model", "value": 0.2, "lower": 0.1, "upper": 0.3,
        "limit": 0.0, "breached": True, "model_version": "1", "measured_period": TODAY.start, "missing_reason": "",
    }  # fmt: skip
    found = signals.signals_of(TODAY, [row, row | {"metric": "estimated/log_loss", "limit": None, "breached": None}])
    assert found.version == "1"
    signal = found.signals[ESTIMATED_PERFORMANCE]
    assert (signal.breached, signal.lower, signal.limit) == (True, 0.1, 0.0)
