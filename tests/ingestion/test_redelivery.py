"""Files delivered again after their day has landed: what is kept, reported, and accepted on request."""

from __future__ import annotations

import itertools
import logging
from dataclasses import replace
from pathlib import Path

import pytest

from include.declaration.landing import DeliveryTooLargeError
from include.errors import FeedRefusedError
from include.features import build
from include.ingestion import ingest, ingest_files, validate
from include.ingestion.bucket import Bucket
from include.ingestion.ingest_files import DeliveryLostError
from include.lake.lake import Lake
from include.lake.table_commit import PartitionConflictError
from include.notifications import notify
from include.notifications.queue import NotificationQueue
from include.project import open_project
from tests.landing_bucket import DAY, as_csv, deliver, landing_toy
from tests.toy_use_case import source

pytestmark = pytest.mark.slow

KEY = f"events/{DAY}/events.csv"
SHORT = as_csv(source.events(DAY).slice(0, 150))


@pytest.fixture
def use_case(landing):
    """The toy, with DAY landed and published."""
    deliver(landing)
    use_case = landing_toy(landing.name)
    ingest.ingest_period(open_project(use_case), DAY), validate.validate_period(open_project(use_case), DAY)
    return use_case


def content(use_case, period=DAY) -> dict[str, str]:
    view = Lake.open(use_case).as_of(period)
    return {table: view.digest(table, DAY) for table in ("raw/events", "checked/events", "deliveries/events")}


def change(landing) -> None:
    landing.put(KEY, SHORT)


def add(landing) -> None:
    landing.put(f"events/{DAY}/more.csv", SHORT)


def remove(landing) -> None:
    landing.remove(KEY)


every_change = pytest.mark.parametrize(("how", "what"), [(change, "changed"), (add, "added"), (remove, "removed")])


@every_change
def test_a_rerun_of_a_published_day_keeps_what_has_landed_and_says_so(use_case, landing, caplog, how, what):
    before = content(use_case)
    how(landing)
    with caplog.at_level(logging.WARNING):
        commits = ingest.ingest_period(open_project(use_case), DAY)
        validate.validate_period(open_project(use_case), DAY)
    assert content(use_case) == before
    assert (commits["events"].partition.rows, commits["events"].changed) == (200, False)
    (said,) = [record.getMessage() for record in caplog.records if "events" in record.getMessage()]
    assert f"({what})" in said
    assert "take_changed" in said


def test_a_published_day_that_lost_only_its_mark_is_landed_again_as_it_was(landing):
    use_case = landing_toy(landing.name, events={"ready": "_SUCCESS"})
    deliver(landing)
    landing.put(f"events/{DAY}/_SUCCESS", b"")
    ingest.ingest_period(open_project(use_case), DAY), validate.validate_period(open_project(use_case), DAY)
    before = content(use_case)
    landing.remove(f"events/{DAY}/_SUCCESS")
    assert not ingest.ingest_period(open_project(use_case), DAY)["events"].changed
    assert content(use_case) == before


def flood(use_case, landing, most: int = 5):
    """Put more objects under the day's prefix than the feed accepts; return a use case that accepts them."""
    for n in range(most + 1):
        landing.put(f"events/{DAY}/flood-{n}", b"")
    events = use_case.feed("events")
    small = replace(events, source=replace(events.landing, max_files=most))
    return replace(use_case, feeds=(small, use_case.feed("outcomes")))


def test_a_published_day_that_is_flooded_with_objects_keeps_what_has_landed_and_says_so(use_case, landing, caplog):
    before, flooded = content(use_case), flood(use_case, landing)
    with caplog.at_level(logging.WARNING):
        ingest.ingest_period(open_project(flooded), DAY)
    assert content(use_case) == before
    assert f"events/{DAY}/, where there are more than 5 objects (added)" in caplog.text
    (found,) = [each for each in ingest_files.noticed_redelivery(open_project(flooded), DAY) if each.feed == "events"]
    assert "more than 5 objects" in str(found), "and the days after it are not stopped"
    with pytest.raises(DeliveryTooLargeError):
        ingest.land_feed(open_project(flooded), flooded.feed("events"), DAY, take_changed=True)


def meanwhile(monkeypatch, does) -> None:
    """Another process does that while this one, which has listed the files, fetches the first of them."""
    fetch, busy = Bucket.fetch, []

    def slow(*arguments):
        if not busy:
            busy.append(True)
            does()
        return fetch(*arguments)

    monkeypatch.setattr(Bucket, "fetch", slow)


def test_of_two_who_land_a_day_the_one_who_saw_fewer_files_writes_nothing_and_tries_again(landing, monkeypatch):
    use_case, rows = landing_toy(landing.name), source.events(DAY)
    deliver(landing)
    landing.put(KEY, as_csv(rows.slice(0, 50)))

    def other() -> None:
        landing.put(f"events/{DAY}/more.csv", as_csv(rows.slice(50)))
        ingest.ingest_period(open_project(use_case), DAY)

    meanwhile(monkeypatch, other)
    with pytest.raises(PartitionConflictError) as moved:
        ingest.ingest_period(open_project(use_case), DAY)
    assert (moved.value.table, moved.value.period) == ("raw/events", DAY)
    assert moved.value.retryable
    view = Lake.open(use_case).as_of(DAY)
    assert (view.read("raw/events").num_rows, view.read("deliveries/events").num_rows) == (200, 2)
    assert not ingest.ingest_period(open_project(use_case), DAY)["events"].changed


def test_a_day_that_is_published_while_its_changed_files_are_read_keeps_what_was_published(landing, monkeypatch):
    use_case = landing_toy(landing.name)
    deliver(landing)
    ingest.ingest_period(open_project(use_case), DAY)
    change(landing)
    meanwhile(monkeypatch, lambda: validate.validate_period(open_project(use_case), DAY))
    with pytest.raises(PartitionConflictError):
        ingest.ingest_period(open_project(use_case), DAY)
    assert ingest.ingest_period(open_project(use_case), DAY)["events"].partition.rows == 200


@every_change
def test_the_ingest_of_a_later_day_notices_and_changes_nothing(use_case, landing, how, what):
    later, before = DAY + 3, content(use_case)
    deliver(landing, later)
    assert ingest_files.noticed_redelivery(open_project(use_case), later) == []
    how(landing)
    ingest.ingest_period(open_project(use_case), later)
    (found,) = ingest_files.noticed_redelivery(open_project(use_case), later)
    assert (found.feed, found.period, list(found.files.values())) == ("events", DAY, [what])
    assert content(use_case, later) == before


def test_a_day_that_is_longer_ago_than_is_watched_is_not_looked_at(use_case, landing):
    change(landing)
    last = DAY + use_case.feed("events").landing.watch_periods
    assert len(ingest_files.noticed_redelivery(open_project(use_case), last)) == 1
    assert ingest_files.noticed_redelivery(open_project(use_case), last + 1) == []


@pytest.mark.both_places
def test_a_person_may_take_the_files_as_they_are_now(use_case, landing):
    change(landing)
    assert ingest.ingest_period(open_project(use_case), DAY, take_changed=True)["events"].partition.rows == 150
    validate.validate_period(open_project(use_case), DAY)
    assert Lake.open(use_case).as_of(DAY).partitions("checked/events")[DAY].rows == 150
    assert ingest_files.noticed_redelivery(open_project(use_case), DAY) == []
    before = content(use_case)
    assert not ingest.ingest_period(open_project(use_case), DAY, take_changed=True)["events"].changed
    assert content(use_case) == before


def test_an_unpublished_day_takes_its_corrected_files_without_a_report(landing):
    use_case = landing_toy(landing.name)
    landing.put(KEY, SHORT)
    ingest.land_feed(open_project(use_case), use_case.feed("events"), DAY)
    landing.put(KEY, as_csv(source.events(DAY)))
    assert ingest.land_feed(open_project(use_case), use_case.feed("events"), DAY).partition.rows == 200
    assert ingest_files.noticed_redelivery(open_project(use_case), DAY) == []


@pytest.mark.parametrize("later", [0, 1])
def test_a_day_that_was_built_from_before_it_was_withdrawn_keeps_what_has_landed(use_case, landing, monkeypatch, later):
    """Of itself, or of a day that looks back on it."""
    use_case = replace(use_case, look_back_periods=later)
    deliver(landing, DAY + later)
    build.build_features(open_project(use_case), DAY + later)
    remove_partition(use_case, monkeypatch)
    before = content(use_case)
    change(landing)
    assert not ingest.land_feed(open_project(use_case), use_case.feed("events"), DAY).changed
    assert content(use_case) == before
    assert (
        ingest.land_feed(open_project(use_case), use_case.feed("events"), DAY, take_changed=True).partition.rows == 150
    )


def test_a_day_that_was_withdrawn_before_anything_was_built_from_it_takes_its_files(use_case, landing, monkeypatch):
    remove_partition(use_case, monkeypatch)
    change(landing)
    assert ingest.land_feed(open_project(use_case), use_case.feed("events"), DAY).partition.rows == 150


def remove_partition(use_case, monkeypatch) -> None:
    """Run the published day again under a suite that refuses it."""

    def refused(*_: object, **__: object) -> None:
        raise FeedRefusedError("toy", "events", DAY, ["stricter"])

    with monkeypatch.context() as patch:
        patch.setattr(validate, "_check", refused)
        with pytest.raises(FeedRefusedError):
            validate.check_feed(open_project(use_case), use_case.feed("events"), DAY)
    assert not Lake.open(use_case).as_of(DAY).partitions("checked/events", DAY, DAY)


@every_change
def test_a_damaged_day_whose_files_are_others_by_now_is_to_be_restored(use_case, landing, how, what):
    how(landing)
    ((_, path),) = Lake.open(use_case).as_of(DAY).files("raw/events", DAY, DAY)
    Path(path).write_bytes(Path(path).read_bytes()[:-100])
    with pytest.raises(DeliveryLostError) as refused:
        ingest.ingest_period(open_project(use_case), DAY)
    assert (refused.value.table, refused.value.period) == ("raw/events", DAY)


def test_a_damaged_day_whose_files_are_the_same_is_landed_again(use_case, landing):
    before = content(use_case)
    ((_, path),) = Lake.open(use_case).as_of(DAY).files("raw/events", DAY, DAY)
    Path(path).write_bytes(Path(path).read_bytes()[:-100])
    assert ingest.ingest_period(open_project(use_case), DAY)["events"].changed
    assert content(use_case) == before
    assert Lake.open(use_case).as_of(DAY).read("raw/events", DAY, DAY).num_rows == 200


@pytest.mark.parametrize("how", [change, remove])
def test_a_day_that_was_landed_from_a_function_before_keeps_its_rows(use_case, landing, how):
    lake = Lake.open(use_case)
    lake.remove_partition("deliveries/events", DAY, stage="test")
    before = content(use_case)
    how(landing)
    ingest.ingest_period(open_project(use_case), DAY)
    assert content(use_case) == before


def test_a_kill_between_rows_and_their_record_is_repaired(landing, monkeypatch):
    """Rows first: what is left is at worst a warning too many, never other rows without one."""
    deliver(landing)
    use_case, replaced = landing_toy(landing.name), Lake.replace
    count = itertools.count()

    def killed(lake, table, *arguments, **more):
        if table == "deliveries/events" and next(count) == 0:
            raise KeyboardInterrupt
        return replaced(lake, table, *arguments, **more)

    monkeypatch.setattr(Lake, "replace", killed)
    with pytest.raises(KeyboardInterrupt):
        ingest.ingest_period(open_project(use_case), DAY)
    view = Lake.open(use_case).as_of(DAY)
    assert (view.read("raw/events").num_rows, view.read("deliveries/events").num_rows) == (200, 0)
    ingest.ingest_period(open_project(use_case), DAY), validate.validate_period(open_project(use_case), DAY)
    assert Lake.open(use_case).as_of(DAY).read("deliveries/events").num_rows == 1
    assert ingest_files.noticed_redelivery(open_project(use_case), DAY) == []


def test_each_change_is_reported_once(use_case, landing):
    sent = []
    for again in range(3):
        landing.put(KEY, SHORT if again < 2 else b"another")
        for found in ingest_files.noticed_redelivery(open_project(use_case), DAY):
            notify.deliver_queued(
                open_project(use_case), notify.redelivery_alert(use_case, found, {}), {"webhook": sent.append}
            )
    assert len(sent) == 2
    assert sent[0].subject == f"[airworthy] toy {DAY}: files of events were delivered again"
    assert f"{KEY}: changed" in sent[0].text
    assert "toy__data" in sent[0].text and "take_changed" in sent[0].text
    assert len(NotificationQueue.open(open_project(use_case)).with_prefix("redelivery-events")) == 2
