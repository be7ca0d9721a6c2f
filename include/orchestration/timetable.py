"""Schedule partitioned DAGs: exactly one run per period."""

from __future__ import annotations

import calendar
from collections.abc import Iterable
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any

from airflow.exceptions import InvalidPartitionKeyError
from airflow.sdk.timezone import coerce_datetime
from airflow.timetables.base import DagRunInfo
from airflow.timetables.trigger import CronPartitionTimetable

from include.declaration import clock
from include.declaration.period import Period, period_range
from include.errors import InvalidRequestError
from include.orchestration import backfill_bounds

if TYPE_CHECKING:
    from pendulum import DateTime

KEY_FORMAT = "%Y-%m-%d"
"""A run's partition key is its day in ISO 8601."""
DAYS_OF_WEEK = 7


class PeriodTimetable(CronPartitionTimetable):
    """Schedule a run per day or week, at its first instant in the time zone.

    The zone is the use case's. Airflow's `CronPartitionTimetable` reads a backfill's bounds as wall-clock digits,
    although its form sends instants, and drops the day before one whose midnight does not exist. This class counts
    calendar days and converts a day to an instant last. The plugin registers the class, so that Airflow can store it.
    """

    def __init__(
        self,
        *,
        timezone: Any,
        weekday: int | None = None,
        run_immediately: bool | timedelta = False,
    ) -> None:
        """
        Args:
            timezone: name of the time zone in which days begin.
            weekday: the day of the week of a weekly period, Monday being 1 and Sunday 7; None for daily periods.
            run_immediately: as of `CronTriggerTimetable`.
        """
        cron_day = "*" if weekday is None else str(weekday % DAYS_OF_WEEK)
        super().__init__(
            f"0 0 * * {cron_day}", timezone=timezone, run_immediately=run_immediately, key_format=KEY_FORMAT
        )
        self._weekday = weekday
        every = "day" if weekday is None else calendar.day_name[weekday - 1]
        self.description = f"At the start of each {every} in {self._timezone}"

    @property
    def summary(self) -> str:
        """Return the schedule as the list of DAGs shows it."""
        every = "daily" if self._weekday is None else f"{calendar.day_name[self._weekday - 1]}s"
        return f"{every} 00:00 {self._timezone}"

    @classmethod
    def deserialize(cls, data: dict[str, Any]) -> PeriodTimetable:
        from airflow._shared.timezones.timezone import parse_timezone
        from airflow.serialization.decoders import decode_run_immediately

        return cls(
            timezone=parse_timezone(data["timezone"]),
            weekday=data["weekday"],
            run_immediately=decode_run_immediately(data["run_immediately"]),
        )

    def serialize(self) -> dict[str, Any]:
        from airflow.serialization.encoders import encode_run_immediately, encode_timezone

        return {
            "timezone": encode_timezone(self._timezone),
            "weekday": self._weekday,
            "run_immediately": encode_run_immediately(self._run_immediately),
        }

    def iter_partition_dagrun_infos(self, *, earliest: datetime, latest: datetime) -> Iterable[DagRunInfo]:
        """Yield the period of each chosen day that has begun; both bounds mean whole days.

        `backfill_bounds` finds the days.

        Raises:
            InvalidBackfillDateRange: the bounds are further apart than one backfill may be; Airflow answers 422.
        """
        earliest, latest = backfill_bounds.bounded_backfill(earliest, latest, clock.now())
        first, last = backfill_bounds.chosen_periods(earliest, latest, self._timezone)
        for period in period_range(first, last):
            start = self._start(period)
            if start is not None and start <= clock.now():
                yield DagRunInfo(
                    run_after=start, data_interval=None, partition_date=start, partition_key=self._format_key(start)
                )

    def localize_partition_datetime(self, dt: datetime) -> DateTime:
        """Return the start of the chosen day, or the end for an end bound.

        The end is the last millisecond of the day.
        """
        dt = backfill_bounds.within_calendar(dt)
        period = backfill_bounds.chosen_period(dt, self._timezone)
        if backfill_bounds.ends_a_day(dt):
            return self._begin(period + 1).subtract(microseconds=1000)
        return self._begin(period)

    def _decode_partition_date(self, partition_key: str) -> datetime:
        try:
            period = Period(partition_key)
        except InvalidRequestError as error:
            raise InvalidPartitionKeyError(f"{partition_key[:40]!r} is not a day. Write it as YYYY-MM-DD.") from error
        if not backfill_bounds.FIRST_DAY.date() <= period.start_date <= backfill_bounds.LAST_DAY.date():
            raise InvalidPartitionKeyError(f"{period} is outside the calendar of runs. Choose a day that has begun.")
        return self._begin(period)

    def _get_next(self, current: DateTime) -> DateTime:
        return self._nearest(current, step=1, inclusive=False)

    def _get_prev(self, current: DateTime) -> DateTime:
        return self._nearest(current, step=-1, inclusive=False)

    def _align_to_next(self, current: DateTime) -> DateTime:
        return self._nearest(current, step=1, inclusive=True)

    def _align_to_prev(self, current: DateTime) -> DateTime:
        return self._nearest(current, step=-1, inclusive=True)

    def _nearest(self, current: DateTime, *, step: int, inclusive: bool) -> DateTime:
        """Return the start of the nearest period after or before an instant.

        A step of 1 is after, and -1 before.
        """
        period = clock.period_at(current, self._timezone)
        while True:
            start = self._start(period)
            if start is not None and ((start - current) * step > timedelta() or (inclusive and start == current)):
                return start
            period += step

    def _start(self, period: Period) -> DateTime | None:
        """Return the start of a period, or None if the schedule leaves it out."""
        if self._weekday is not None and period.start_date.isoweekday() != self._weekday:
            return None
        start = clock.start_of_period(period, self._timezone)
        return None if start is None else coerce_datetime(start)

    def _begin(self, period: Period) -> DateTime:
        """Return the first instant of a period, of any weekday.

        If the zone skipped it, this is that of the next period.
        """
        start = clock.start_of_period(period, self._timezone)
        return self._begin(period + 1) if start is None else coerce_datetime(start)
