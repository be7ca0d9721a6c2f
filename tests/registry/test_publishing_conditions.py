"""What decides whether a period is published ends the skipping of its step when it changes."""

from __future__ import annotations

from dataclasses import replace
from importlib import metadata

import pytest

from include.errors import FeedRefusedError
from include.ingestion import ingest, validate
from include.project import open_project
from include.registry import publishing_conditions as conditions
from include.registry.publishing_conditions import publishing_conditions
from tests.quarantined import spoil
from tests.refusals import raises
from tests.toys import EVENTS

USE_CASE, DAY = EVENTS.use_case, EVENTS.periods[0]


def stricter(limit: float):
    feeds = tuple(replace(feed, max_quarantined=limit) for feed in USE_CASE.feeds)
    return replace(USE_CASE, feeds=feeds)


@pytest.mark.slow
def test_a_stricter_limit_refuses_a_period_that_was_published(lake_home, monkeypatch):
    broken = EVENTS.breakable
    spoil(monkeypatch, broken.feed, broken.column, broken.bad[:1], DAY, source=EVENTS.source)
    project = open_project(stricter(0.5))
    ingest.ingest_period(project, DAY)
    published = validate.validate_period(project, DAY)[broken.feed]
    assert published.quarantined == 1
    again = validate.validate_period(project, DAY)[broken.feed]
    assert (again.quarantined, again.published, again.commit.changed) == (1, published.published, False)
    with raises(FeedRefusedError, feed=broken.feed, period=DAY):
        validate.validate_period(open_project(stricter(0)), DAY)
    assert DAY not in project.lake.as_of(DAY).partitions(f"checked/{broken.feed}", DAY)


def test_an_absent_period_has_other_conditions_than_one_that_is_awaited():
    feed = EVENTS.main_feed
    absent = tuple(replace(each, missing_periods=frozenset({DAY})) for each in USE_CASE.feeds)
    before, after = (
        publishing_conditions(use_case, f"checked/{feed}", DAY)
        for use_case in (USE_CASE, replace(USE_CASE, feeds=absent))
    )
    assert before != after
    assert publishing_conditions(USE_CASE, f"checked/{feed}", DAY + 1) == before


@pytest.mark.parametrize("table", [f"checked/{EVENTS.main_feed}", "features"])
def test_another_version_of_a_library_is_another_condition(table, monkeypatch):
    before = publishing_conditions(USE_CASE, table, DAY)
    conditions.library_versions.cache_clear()
    monkeypatch.setattr(metadata, "version", lambda _: "0")
    try:
        assert publishing_conditions(USE_CASE, table, DAY) != before
    finally:
        conditions.library_versions.cache_clear()
