"""Wait for a day's files in a landing bucket.

It is imported only for a feed that has one.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from typing import Any

from airflow.providers.amazon.aws.sensors.s3 import S3KeySensor
from airflow.triggers.base import BaseTrigger, TriggerEvent

from include.declaration.data_declaration import DataDeclaration
from include.declaration.feeds import Feed
from include.declaration.landing import DeliveryMissingError, LandingBucket
from include.declaration.period import Period
from include.declaration.use_case_discovery import load_declaration
from include.errors import AirworthyError
from include.orchestration import dag_factory
from include.orchestration.airflow_connections import CONNECTIONS, open_data_project
from include.orchestration.failures import fail_task
from include.printable import printable_logger

log = printable_logger(__name__)


def is_delivered(landing: LandingBucket, period: Period, *, new_client: bool = True) -> bool:
    """Return whether the day's files are in the bucket now.

    Also true if there are more objects than the declaration accepts: `ingest` then refuses them. `new_client` reads the
    Connection's keys again, for a process that outlives them.

    Raises:
        BucketError: the bucket cannot be read.
    """
    from include.ingestion.bucket import Bucket, TooManyObjectsError

    bucket = Bucket(landing.bucket, landing.conn_id, CONNECTIONS, new_client=new_client)
    try:
        listed = bucket.list(landing.prefix_of(period), landing.max_files)
    except TooManyObjectsError as error:
        log.warning("%s", error)
        return True
    return landing.is_delivered([stored.key for stored in listed], period)


class DeliveryTrigger(BaseTrigger):
    """Fire when a day's files are in the bucket, or the wait is over.

    The event is `{"there": …, "reason": …}`. The wait is over at `until` (ISO, UTC), or at a permanent error of the
    bucket. Airflow's S3KeyTrigger ends at the first 503, and needs aiobotocore, which pins an old boto3.
    """

    def __init__(self, use_case: str, feed: str, period: str, until: str, every_seconds: float) -> None:
        super().__init__()  # type: ignore[no-untyped-call]
        self.use_case, self.feed, self.period, self.until = use_case, feed, period, until
        self.every_seconds = every_seconds

    def serialize(self) -> tuple[str, dict[str, Any]]:
        arguments = {"use_case": self.use_case, "feed": self.feed, "period": self.period, "until": self.until}
        return f"{__name__}.{type(self).__name__}", arguments | {"every_seconds": self.every_seconds}

    async def run(self) -> AsyncIterator[TriggerEvent]:
        landing = load_declaration(self.use_case).feed(self.feed).landing
        assert landing is not None, self.feed
        period, until, there, reason = Period(self.period), datetime.fromisoformat(self.until), False, ""
        while True:
            try:
                # In a thread: the triggerer's event loop serves every waiting task.
                there, reason = await asyncio.to_thread(is_delivered, landing, period), ""
            except Exception as error:
                log.warning("Looking for the files of %s %s failed: %s", self.feed, self.period, error)
                reason = str(error)
                if isinstance(error, AirworthyError) and not error.retryable:
                    break
            if there or datetime.now(UTC) >= until:
                break
            await asyncio.sleep(self.every_seconds)
        yield TriggerEvent({"there": there, "reason": reason})  # type: ignore[no-untyped-call]


class DeliverySensor(S3KeySensor):
    """Wait, without a worker slot, for the files of the run's day; fail at the limit.

    The limit counts from the day's decision time, so for a past day missing files fail at once. Without a triggerer
    the sensor releases its slot between two checks (reschedule mode).
    """

    def __init__(self, *, use_case: DataDeclaration, feed: Feed, **kwargs: Any) -> None:
        landing = feed.landing
        assert landing is not None, feed.name
        deferrable = kwargs.pop("deferrable", None)
        super().__init__(
            bucket_name=landing.bucket,
            bucket_key=f"{landing.prefix}*",
            wildcard_match=True,
            aws_conn_id=landing.conn_id,
            deferrable=dag_factory.default_deferrable() if deferrable is None else deferrable,
            mode="reschedule",
            poke_interval=landing.every.total_seconds(),
            timeout=2 * landing.wait.total_seconds(),
            **kwargs,
        )
        self.use_case, self.feed, self.landing = use_case, feed, landing
        self.limit, self.every_seconds = landing.wait, landing.every.total_seconds()

    def poke(self, context: Any) -> bool:
        """Check once; fail at the limit.

        A day that keeps its ingested files does not wait.
        """
        from include.ingestion import ingest_files
        from include.ingestion.bucket import BucketError

        with dag_factory.fail_without_retry():
            period = dag_factory.period_of(context, self.use_case)
            self.use_case.require(period)
        if period in self.feed.missing_periods:
            return True
        self.bucket_key = f"{self.landing.prefix_of(period)}*"
        late = datetime.now(UTC) >= self._until(period)
        with dag_factory.fail_without_retry():
            try:
                # Not the provider's check, which lists any number of objects.
                there = is_delivered(self.landing, period, new_client=False)
            except BucketError as error:
                if late or not error.retryable:
                    raise
                log.warning("Looking for the files of %s %s failed: %s", self.feed.name, period, error)
                return False
            if there or (
                not context["params"].get("take_changed")
                and ingest_files.keeps_files(open_data_project(self.use_case), self.feed, period)
            ):
                return True
        if late:
            self._fail_at_limit(period)
        return False

    def execute(self, context: Any) -> None:
        if not self.deferrable:
            super().execute(context)
        elif not self.poke(context):
            period = dag_factory.period_of(context, self.use_case)
            until = self._until(period)
            self.log.info("No files of %s for %s yet; waiting until %s.", self.feed.name, period, until)
            trigger = DeliveryTrigger(
                self.use_case.name, self.feed.name, period.key, until.isoformat(), self.every_seconds
            )
            self.defer(trigger=trigger, method_name="execute_complete")

    def execute_complete(self, context: Any, event: dict[str, Any]) -> None:
        """Continue, or fail with the name of the missing files."""
        if not event["there"]:
            self._fail_at_limit(dag_factory.period_of(context, self.use_case), event["reason"])

    def _fail_at_limit(self, period: Period, reason: str = "") -> None:
        late = DeliveryMissingError(
            self.use_case.name, self.feed.name, self.landing, period, f" {self.limit} after its midnight"
        )
        fail_task(late, f"{late} The last check failed: {reason}" if reason else "")

    def _until(self, period: Period) -> datetime:
        return self.use_case.decision_time(period) + self.limit


def delivery_sensors(use_case: DataDeclaration) -> list[DeliverySensor]:
    """Return a sensor `wait_for_<feed>` for each feed with a landing bucket."""
    arguments = {name: value for name, value in dag_factory.RETRY_ARGS.items() if name != "execution_timeout"}
    return [
        DeliverySensor(
            task_id=f"wait_for_{feed.name}",
            use_case=use_case,
            feed=feed,
            execution_timeout=feed.landing.wait + timedelta(hours=1),
            **arguments,
        )
        for feed in use_case.feeds
        if feed.landing
    ]
