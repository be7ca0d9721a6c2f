"""Files that are delivered again after their day has landed: what stands, who is told, and who may take them."""

from __future__ import annotations

import itertools
import logging
from datetime import timedelta

import pytest

from include.stages import collect, ingest, tell, validate
from include.storage.lake import Lake
from include.storage.outbox import Outbox
from tests.sources.conftest import DAY, as_csv, deliver, landing_toy
from tests.toy_use_case import source

KEY = f"events/{DAY}/events.csv"
SHORT = as_csv(source.events(DAY).slice(0, 150))


@pytest.fixture
def use_case(landing):
    """The toy, with DAY landed and published."""
    deliver(landing)
    use_case = landing_toy(landing.name)
    ingest.run(use_case, DAY), validate.run(use_case, DAY)
    return use_case


def content(use_case, day=DAY) -> dict[str, str]:
    view = Lake.of(use_case).as_of(day)
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
        commits = ingest.run(use_case, DAY)
        validate.run(use_case, DAY)
    assert content(use_case) == before
    assert (commits["events"].partition.rows, commits["events"].changed) == (200, False)
    (said,) = [record.getMessage() for record in caplog.records if "events" in record.getMessage()]
    assert f"({what})" in said
    assert "take_changed" in said


@every_change
def test_the_ingest_of_a_later_day_notices_and_changes_nothing(use_case, landing, how, what):
    later, before = DAY + timedelta(days=3), content(use_case)
    deliver(landing, later)
    assert collect.noticed(use_case, later) == []
    how(landing)
    ingest.run(use_case, later)
    (found,) = collect.noticed(use_case, later)
    assert (found.feed, found.day, list(found.files.values())) == ("events", DAY, [what])
    assert content(use_case, later) == before


def test_a_day_that_is_longer_ago_than_is_watched_is_not_looked_at(use_case, landing):
    change(landing)
    last = DAY + timedelta(days=use_case.feed("events").landing.watch_days)
    assert len(collect.noticed(use_case, last)) == 1
    assert collect.noticed(use_case, last + timedelta(days=1)) == []


@pytest.mark.both_places
def test_a_person_may_take_the_files_as_they_are_now(use_case, landing):
    change(landing)
    assert ingest.run(use_case, DAY, take_changed=True)["events"].partition.rows == 150
    validate.run(use_case, DAY)
    assert Lake.of(use_case).as_of(DAY).partitions("checked/events")[DAY].rows == 150
    assert collect.noticed(use_case, DAY) == []
    before = content(use_case)
    assert not ingest.run(use_case, DAY, take_changed=True)["events"].changed
    assert content(use_case) == before


def test_a_day_of_which_nothing_is_published_takes_its_corrected_files_without_a_word(landing):
    use_case = landing_toy(landing.name)
    landing.put(KEY, SHORT)
    ingest.land(use_case, use_case.feed("events"), DAY)
    landing.put(KEY, as_csv(source.events(DAY)))
    assert ingest.land(use_case, use_case.feed("events"), DAY).partition.rows == 200
    assert collect.noticed(use_case, DAY) == []


def test_a_day_that_was_landed_from_a_function_before_keeps_its_rows(use_case, landing):
    lake = Lake.of(use_case)
    none = lake.as_of(DAY).read("deliveries/events").slice(0, 0).drop(["day"])
    lake.replace("deliveries/events", DAY, none, inputs={}, stage="test")
    before = content(use_case)
    change(landing)
    ingest.run(use_case, DAY)
    assert content(use_case) == before


def test_whoever_is_killed_between_rows_and_their_record_is_made_up_for(landing, monkeypatch):
    """Rows first: what is left is at worst a warning too many, never other rows without one."""
    deliver(landing)
    use_case, replace = landing_toy(landing.name), Lake.replace
    count = itertools.count()

    def killed(lake, table, *arguments, **more):
        if table == "deliveries/events" and next(count) == 0:
            raise KeyboardInterrupt
        return replace(lake, table, *arguments, **more)

    monkeypatch.setattr(Lake, "replace", killed)
    with pytest.raises(KeyboardInterrupt):
        ingest.run(use_case, DAY)
    view = Lake.of(use_case).as_of(DAY)
    assert (view.read("raw/events").num_rows, view.read("deliveries/events").num_rows) == (200, 0)
    ingest.run(use_case, DAY), validate.run(use_case, DAY)
    assert Lake.of(use_case).as_of(DAY).read("deliveries/events").num_rows == 1
    assert collect.noticed(use_case, DAY) == []


def test_people_are_told_once_of_each_change(use_case, landing):
    sent = []
    for again in range(3):
        landing.put(KEY, SHORT if again < 2 else b"another")
        for found in collect.noticed(use_case, DAY):
            tell.run(use_case, tell.redelivery(use_case, found, {}), {"webhook": sent.append})
    assert len(sent) == 2
    assert sent[0].subject == f"[airworthy] toy {DAY}: files of events were delivered again"
    assert f"{KEY}: changed" in sent[0].text
    assert "toy__data for the day with take_changed" in sent[0].text
    assert len(Outbox.of(use_case).beginning("redelivery-events")) == 2
