"""Generate customers with a known probability of churn, and the time at which each row became known.

`visited`, `registered` and `reported` return the events, each with the time at which it became known. The functions of
the feeds deliver the rows that became known after the decision time of the day before, up to that of the day.
"""

from __future__ import annotations

from datetime import UTC, datetime, time
from zoneinfo import ZoneInfo

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from include.use_case import Period
from tests.customers_use_case import CORRECTED_AFTER_DAYS, MATURES_AFTER_DAYS, SUNDAY, USE_CASE, WEDNESDAY

CUSTOMERS = 400
FIRST_ID = 2**53
"""From here on, two neighbours are one and the same float64."""
CHANNELS = np.array(["Ünïted", "café", "متجر"])
PLACES = np.array(["Ünïted Städte", "Aswān", "القاهرة", "Gîza"])
CAIRO = ZoneInfo(USE_CASE.time_zone)
INSTANT = pa.timestamp("us", "UTC")
HOUR, LATEST_DAYS = 3600, 3
"""A visit is reported after this many days at the latest."""

_rng = np.random.default_rng(7)
IDS = FIRST_ID + np.arange(CUSTOMERS)
_NOWHERE = _rng.random(CUSTOMERS) < 0.05
_PLACE, _AGE = _rng.integers(0, len(PLACES), CUSTOMERS), _rng.integers(18, 90, CUSTOMERS)
_BASIC = _rng.random(CUSTOMERS) < 0.4
_JOINED = np.where(_rng.random(CUSTOMERS) < 0.8, 0, _rng.integers(1, 80, CUSTOMERS))
_LEFT = np.where(_rng.random(CUSTOMERS) < 0.8, 10_000, _rng.integers(5, 60, CUSTOMERS))
_BACK = np.where(_rng.random(CUSTOMERS) < 0.5, 20_000, _LEFT + 9)
_UPGRADED = np.where(_rng.random(CUSTOMERS) < 0.9, 10_000, _rng.integers(5, 80, CUSTOMERS))
"""Days since the first, for each customer: when they joined, left, came back, and left the basic plan."""


def visits(period: Period) -> pa.Table:
    """The visits that became known during the day before, late ones included."""
    happened = [visited(period - back) for back in range(LATEST_DAYS, 0, -1)]
    return _known(period, pa.concat_tables(happened))


def customers(period: Period) -> pa.Table:
    """All customers as they are when `period` begins."""
    return _known(period, registered(period)).drop_columns(["known_at"])


def outcomes(period: Period) -> pa.Table:
    """Who of the rows of three days ago was lost, and what was corrected of earlier days."""
    periods = [period - back for back in range(CORRECTED_AFTER_DAYS + 1, MATURES_AFTER_DAYS - 1, -1)]
    return _known(period, pa.concat_tables([reported(about) for about in periods]))


def begins(period: Period) -> datetime:
    """The decision time of a day: its first instant in Cairo. A midnight that does not exist is that instant too."""
    return datetime.combine(period.start_date, time(), CAIRO).astimezone(UTC)


def _known(period: Period, rows: pa.Table) -> pa.Table:
    """The rows that became known from the decision time of the day before, exclusive, to that of `period`."""
    since = pc.greater(rows["known_at"], pa.scalar(begins(period - 1), INSTANT))
    until = pc.less_equal(rows["known_at"], pa.scalar(begins(period), INSTANT))
    return rows.filter(pc.and_(since, until))


def visited(period: Period) -> pa.Table:
    """The visits that happened on `period`, one of ten reported on the next day that the shop is open."""
    rng = np.random.default_rng([1, period.start_date.toordinal()])
    number = rng.poisson(np.where(_idle(period), 0.06, 0.6)) * _exists(period)
    actor = np.repeat(np.arange(CUSTOMERS), number)
    rows = len(actor)
    at = int(begins(period).timestamp()) + 9 * HOUR + rng.integers(0, 12 * HOUR, rows)
    late = (rng.random(rows) < 0.1) * (2 if _next(period).start_date.weekday() == SUNDAY else 1) * 24 * HOUR
    identity = period.start_date.toordinal() * 10_000 + FIRST_ID + np.arange(rows)
    return pa.table(
        {
            "visit_id": pa.array(identity, pa.int64()),
            "customer_id": pa.array(IDS[actor], pa.int64()),
            "visited_on": pa.array([period.start_date] * rows, pa.date32()),
            "channel": pa.array(CHANNELS[rng.integers(0, 3, rows)], pa.string()),
            "amount": pa.array(rng.integers(100, 9_999, rows) / 100, mask=rng.random(rows) < 0.05),
            "items": pa.array(rng.integers(1, 20, rows).astype(np.int32), mask=rng.random(rows) < 0.1),
            "voucher": pa.array(identity, pa.int64(), mask=rng.random(rows) < 0.7),
            "paid by card": pa.array(rng.random(rows) < 0.5),
            "known_at": pa.array((at + late) * 1_000_000, INSTANT),
        }
    )


def registered(period: Period) -> pa.Table:
    """The customers of `period`, as they are known when it begins; none where the shop is shut."""
    there = np.flatnonzero(_exists(period))
    return pa.table(
        {
            "customer_id": pa.array(IDS[there], pa.int64()),
            "since": pa.array([USE_CASE.first_period.start_date] * len(there), pa.date32()),
            "plan name": pa.array(np.where(_basic(period), "basic plan", "größter")[there], pa.string()),
            "place": pa.array(PLACES[_PLACE[there]], pa.string(), mask=_NOWHERE[there]),
            "âge": pa.array(_AGE[there].astype(np.int8)),
            "known_at": pa.array([begins(period)] * len(there), INSTANT),
        }
    )


def reported(period: Period) -> pa.Table:
    """What became known of the rows of `period`: first after three days, then for a few of them something else.

    One of six losses is found out later, and one of a hundred outcomes is taken back.
    """
    rng = np.random.default_rng([3, period.start_date.toordinal()])
    lost = rng.random(CUSTOMERS) < np.where(_idle(period) & _basic(period), 0.28, 0.006)
    found_late, taken_back = lost & (rng.random(CUSTOMERS) < 1 / 6), rng.random(CUSTOMERS) < 0.01
    there = np.flatnonzero(_exists(period))
    changed = np.flatnonzero(_exists(period) & (found_late | taken_back))
    first, corrected = period + MATURES_AFTER_DAYS, period + CORRECTED_AFTER_DAYS
    if corrected.start_date.weekday() == WEDNESDAY:
        corrected = _next(corrected)
    actor, is_first = np.concatenate([there, changed]), np.arange(len(there) + len(changed)) < len(there)
    return pa.table(
        {
            "customer_id": pa.array(IDS[actor], pa.int64()),
            "scored_on": pa.array([period.start_date] * len(actor), pa.date32()),
            "lost": pa.array(
                (lost[actor] & ~(is_first & found_late[actor])).astype(np.int8), mask=~is_first & taken_back[actor]
            ),
            "known_at": pa.array(np.where(is_first, begins(first), begins(corrected)), INSTANT),
        }
    )


def _exists(period: Period) -> npt.NDArray[np.bool_]:
    """Which customers the shop has on a day; none where it is shut, or not open yet."""
    number = period - USE_CASE.first_period
    if number < 0 or period.start_date.weekday() == SUNDAY:
        return np.zeros(CUSTOMERS, dtype=bool)
    return (number >= _JOINED) & ((number < _LEFT) | (number >= _BACK))


def _basic(period: Period) -> npt.NDArray[np.bool_]:
    """Which customers have the basic plan on a day."""
    return _BASIC & (period - USE_CASE.first_period < _UPGRADED)


def _idle(period: Period) -> npt.NDArray[np.bool_]:
    """Which customers hardly come these ten days."""
    return np.random.default_rng([2, period.start_date.toordinal() // 10]).random(CUSTOMERS) < 0.25


def _next(period: Period) -> Period:
    return period + 1
