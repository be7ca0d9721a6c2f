"""Schedule partitioned DAGs: exactly one run per period."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import datetime, time, timedelta
from typing import TYPE_CHECKING, Any

from airflow.exceptions import InvalidPartitionKeyError
from airflow.sdk.timezone import coerce_datetime
from airflow.timetables.base import DagRunInfo, TimeRestriction
from airflow.timetables.trigger import CronPartitionTimetable

from include.declaration import clock
from include.declaration.calendars import Calendar, Daily, Hourly, Weekly, describe_start
from include.declaration.period import DAY, HOUR, Period, Unit, period_range
from include.errors import InvalidRequestError
from include.orchestration import backfill_bounds, requested_run

if TYPE_CHECKING:
    from airflow.timetables.base import DataInterval
    from airflow.utils.types import DagRunType
    from pendulum import DateTime

DAILY_CRON, HOURLY_CRON = "0 0 * * *", "0 * * * *"
"""What Airflow's own class is given; this class overrides all that it would do with it."""
KINDS: Mapping[str, type[Calendar]] = {"daily": Daily, "hourly": Hourly, "weekly": Weekly}


class PeriodTimetable(CronPartitionTimetable):
    """Schedule a run per period of a calendar, at its decision time in the time zone.

    The zone is the use case's. Airflow's `CronPartitionTimetable` reads a backfill's bounds as wall-clock digits,
    although its form sends instants, and drops the day before one whose midnight does not exist. This class counts
    periods and converts a period to an instant last. The plugin registers the class, so that Airflow can store it.
    """

    def __init__(
        self,
        calendar: Calendar | None = None,
        *,
        timezone: Any,
        schedule: Calendar | None = None,
        by_hand: bool = False,
        last: Period | None = None,
        run_immediately: bool | timedelta = False,
    ) -> None:
        """
        Args:
            calendar: what periods are; None: days from midnight.
            timezone: name of the time zone of the decision times.
            schedule: a calendar at whose starts runs are due; None: every period has a run.
            by_hand: nothing is scheduled; backfills and runs by hand have any period.
            last: the last period that a run by hand without a period may have; None: there is none.
            run_immediately: as of `CronTriggerTimetable`.
        """
        self._calendar, self._schedule, self._by_hand = calendar or Daily(), schedule, by_hand
        self._last = last
        cron = HOURLY_CRON if self._unit is HOUR else DAILY_CRON
        super().__init__(cron, timezone=timezone, run_immediately=run_immediately, key_format=self._unit.form)
        shown = schedule or self._calendar
        self.description = f"At the start of each {describe_start(shown)} in {self._timezone}"
        if by_hand:
            self.description = f"Never by itself; runs by hand are for a {self._unit.name}"

    @property
    def _unit(self) -> Unit:
        return self._calendar.unit

    @property
    def summary(self) -> str:
        """Return the schedule as the list of DAGs shows it."""
        if self._by_hand:
            return "by hand"
        shown = self._schedule or self._calendar
        if not isinstance(shown, Daily | Weekly):
            return f"{shown.adjective} UTC"
        every = f"{shown.on.capitalize()}s" if isinstance(shown, Weekly) else shown.adjective
        return f"{every} {shown.at:%H:%M} {self._timezone}"

    @classmethod
    def deserialize(cls, data: dict[str, Any]) -> PeriodTimetable:
        from airflow._shared.timezones.timezone import parse_timezone
        from airflow.serialization.decoders import decode_run_immediately

        return cls(
            _calendar_of(data["calendar"]),
            timezone=parse_timezone(data["timezone"]),
            schedule=_calendar_of(data["schedule"]) if data["schedule"] else None,
            by_hand=data["by_hand"],
            last=Period(data["last"]) if data.get("last") else None,
            run_immediately=decode_run_immediately(data["run_immediately"]),
        )

    def serialize(self) -> dict[str, Any]:
        from airflow.serialization.encoders import encode_run_immediately, encode_timezone

        return {
            "calendar": _plain_values(self._calendar),
            "timezone": encode_timezone(self._timezone),
            "schedule": _plain_values(self._schedule) if self._schedule else None,
            "by_hand": self._by_hand,
            "last": self._last.key if self._last else None,
            "run_immediately": encode_run_immediately(self._run_immediately),
        }

    def run_period(self, key: object, run_after: datetime) -> Period | None:
        """Return the period of a run: that of its key or form, else the newest.

        The newest had begun when the run was triggered. It is None if the key is none of the calendar.
        """
        if not key:
            newest = self._calendar.period_at(run_after, self._timezone)
            return newest if self._last is None else min(newest, self._last)
        try:
            return self._calendar.parse(str(key))
        except InvalidRequestError:
            return None

    def generate_run_id(
        self, *, run_type: DagRunType, run_after: DateTime, data_interval: DataInterval | None, **extra: Any
    ) -> str:
        """Return the id of a run; that of a run by hand has the period of its form too.

        The form is known while the API server answers the request that triggers the run.
        """
        asked = requested_run.REQUESTED.get()
        if asked is not None and not extra.get("partition_key"):
            period = self.run_period(asked, run_after)
            extra["partition_key"] = period.key if period else None
        return super().generate_run_id(run_type=run_type, run_after=run_after, data_interval=data_interval, **extra)

    def next_dagrun_info_v2(
        self, *, last_dagrun_info: DagRunInfo | None, restriction: TimeRestriction
    ) -> DagRunInfo | None:
        """Return the next scheduled run; none if runs are made by hand only."""
        if self._by_hand:
            return None
        return super().next_dagrun_info_v2(last_dagrun_info=last_dagrun_info, restriction=restriction)

    def iter_partition_dagrun_infos(self, *, earliest: datetime, latest: datetime) -> Iterable[DagRunInfo]:
        """Yield each chosen period that has begun.

        Bounds of days and weeks mean whole days; `backfill_bounds` finds the periods.

        Raises:
            InvalidBackfillDateRange: the bounds are further apart than one backfill may be; Airflow answers 422.
        """
        earliest, latest = backfill_bounds.bounded_backfill(earliest, latest, clock.now(), self._unit)
        for period in self._chosen(earliest, latest):
            start = self._start(period)
            if start is not None and start <= clock.now():
                yield DagRunInfo(run_after=start, data_interval=None, partition_date=start, partition_key=period.key)

    def _chosen(self, earliest: datetime, latest: datetime) -> list[Period]:
        """Return the periods that a user chose by two bounds."""
        if self._unit is HOUR:
            return period_range(*backfill_bounds.chosen_hours(earliest, latest))
        days = period_range(*backfill_bounds.chosen_periods(earliest, latest, self._timezone))
        if self._unit is DAY:
            return days
        weeks = (Period.from_start(day.start, self._unit) for day in days)
        return [week for week in weeks if self._calendar.contains(week)]

    def localize_partition_datetime(self, dt: datetime) -> DateTime:
        """Return the start of the chosen day, or the end for an end bound.

        For hours it is the instant itself. The end is the last millisecond of the day.
        """
        dt = backfill_bounds.within_calendar(dt)
        if self._unit is HOUR:
            return coerce_datetime(dt)
        day = backfill_bounds.chosen_period(dt, self._timezone)
        if backfill_bounds.ends_a_day(dt):
            return self._midnight(day + 1).subtract(microseconds=1000)
        return self._midnight(day)

    def _get_partition_info(self, run_date: DateTime) -> tuple[DateTime, str]:
        return run_date, self._format_key(run_date)

    def _format_key(self, partition_date: DateTime) -> str:
        return self._calendar.period_at(partition_date, self._timezone).key

    def _decode_partition_date(self, partition_key: str) -> datetime:
        try:
            period = self._calendar.parse(partition_key)
        except InvalidRequestError as error:
            raise InvalidPartitionKeyError(str(error)) from error
        if not backfill_bounds.FIRST_DAY.date() <= period.start_date <= backfill_bounds.LAST_DAY.date():
            raise InvalidPartitionKeyError(
                f"{period} is outside the calendar of runs. Choose a {self._unit.name} that has begun."
            )
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
        period = self._calendar.period_at(current, self._timezone)
        while True:
            start = self._start(period)
            if start is not None and ((start - current) * step > timedelta() or (inclusive and start == current)):
                return start
            period += step

    def _start(self, period: Period) -> DateTime | None:
        """Return the start of a period, or None if the schedule leaves it out."""
        if self._schedule is not None and not self._calendar.is_due(self._schedule, period, self._timezone):
            return None
        start = self._calendar.decision_time_if_any(period, self._timezone)
        return None if start is None else coerce_datetime(start)

    def _begin(self, period: Period) -> DateTime:
        """Return the start of a period that need not be due.

        If the zone skipped it, that is the start of the next one.
        """
        return coerce_datetime(self._calendar.decision_time(period, self._timezone))

    def _midnight(self, day: Period) -> DateTime:
        return coerce_datetime(backfill_bounds.DAYS.decision_time(day, self._timezone))


def _plain_values(calendar: Calendar) -> dict[str, str]:
    at = {"at": calendar.at.isoformat("minutes")} if isinstance(calendar, Daily | Weekly) else {}
    on = {"on": calendar.on} if isinstance(calendar, Weekly) else {}
    return {"kind": calendar.adjective, **on, **at}


def _calendar_of(values: Mapping[str, str]) -> Calendar:
    given: dict[str, Any] = {name: value for name, value in values.items() if name != "kind"}
    if "at" in given:
        given["at"] = time.fromisoformat(given["at"])
    return KINDS[values["kind"]](**given)
