"""Reconciliation compares with the sources that can be asked, and names the others."""

from dataclasses import replace

import pytest

from include.declaration.landing import LandingBucket
from include.ingestion import reconcile
from include.project import open_project
from tests.quarantined import DAY, EVENTS, land
from tests.toy_use_case import USE_CASE, source

pytestmark = pytest.mark.both_places(long=True)


@pytest.fixture
def partly_delivered(lake_home, monkeypatch):
    """Of the toy's feeds, events come through a landing bucket: source.py has no function for them."""
    land("events", DAY), land("outcomes", DAY)
    monkeypatch.delattr(source, "events")
    return replace(
        USE_CASE, feeds=(replace(EVENTS, source=LandingBucket("a-bucket", "{period}/")), USE_CASE.feed("outcomes"))
    )


def test_a_landing_bucket_is_not_asked_and_it_is_said(partly_delivered):
    events, outcomes = reconcile.reconcile(open_project(partly_delivered), ask_source=True)
    assert "Nothing is lost. Its declared source was not read again" in events.summary
    assert "not asked" not in outcomes.summary


def test_sources_next_to_a_landing_bucket_are_asked(partly_delivered, toy_functions):
    deliver = source.outcomes
    toy_functions.source(outcomes=lambda period: deliver(period).slice(1))
    events, outcomes = reconcile.reconcile(open_project(partly_delivered), ask_source=True)
    assert events.faults == ()
    assert outcomes.faults == (f"the source delivers 199 rows for {DAY}, but 200 landed: ingest it again",)


def test_nothing_is_reported_of_a_source_that_was_not_asked(partly_delivered):
    assert not any("not asked" in each.summary for each in reconcile.reconcile(open_project(partly_delivered)))
