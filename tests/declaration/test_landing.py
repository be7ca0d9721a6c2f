"""Valid declarations of a landing bucket, and which objects are a day's files."""

from dataclasses import replace
from datetime import timedelta

import pytest

from include.declaration.period import Period
from include.use_case import LandingBucket
from tests.refusals import invalid
from tests.toy_use_case import USE_CASE

DAY = Period("2020-01-02")
GOOD = LandingBucket("a-bucket", "events/{period}/")


@pytest.mark.parametrize(
    ("change", "field"),
    [
        ({"bucket": "s3://a-bucket"}, "bucket"),
        ({"bucket": "A"}, "bucket"),
        ({"prefix": "events/"}, "prefix"),
        ({"prefix": "events/{dy}/"}, "prefix"),
        ({"prefix": "{period}/{hour}/"}, "prefix"),
        ({"prefix": "{day.year}/"}, "prefix"),
        ({"prefix": "events/{day"}, "prefix"),
        ({"prefix": "events/{period:%m-%d}/"}, "prefix"),
        ({"prefix": "events/{period:%Y-%-m-%-d}"}, "prefix"),
        ({"prefix": "/events/{period}/"}, "prefix"),
        ({"prefix": "events/*/{period}/"}, "prefix"),
        ({"format": "json"}, "format"),
        ({"conn_id": ""}, "conn_id"),
        ({"ready": "all.csv"}, "ready"),
        ({"ready": "/done"}, "ready"),
        ({"wait": timedelta()}, "wait"),
        ({"every": timedelta()}, "every"),
        ({"watch_periods": -1}, "watch_periods"),
        ({"max_bytes": 0}, "max_bytes"),
        ({"max_files": 0}, "max_files"),
        ({"max_rows": 0}, "max_rows"),
        ({"max_memory": 299_999_999}, "max_memory"),
        ({"max_time": timedelta()}, "max_time"),
        ({"delimiter": ", "}, "delimiter"),
        ({"format": "parquet", "delimiter": ";"}, "format"),
        ({"format": "parquet", "nulls": ("NA",)}, "format"),
    ],
)
def test_a_landing_that_cannot_be_is_refused(change, field):
    with invalid(field):
        replace(GOOD, **change)


def test_a_prefix_may_write_the_day_as_the_deliverer_does():
    assert replace(GOOD, prefix="in/{period:%Y/%m/%d}/x_").prefix_of(DAY) == "in/2020/01/02/x_"


def test_two_feeds_never_read_one_file():
    events, outcomes = USE_CASE.feeds
    one = replace(events, source=GOOD)
    for prefix in ("events/{period}/", "events/{period}/outcomes-"):
        with invalid("feeds"):
            replace(USE_CASE, feeds=(one, replace(outcomes, source=LandingBucket("a-bucket", prefix))))
    replace(USE_CASE, feeds=(one, replace(outcomes, source=LandingBucket("a-bucket", "outcomes/{period}/"))))


def test_a_days_files_are_those_of_its_prefix_and_format_in_order_of_names():
    keys = ["b.csv.gz", "a/1.csv", "z.ZIP", "c.parquet", "_a/1.csv", "a/.b.csv", "_SUCCESS", ".csv"]
    found = GOOD.files([f"events/{DAY}/{key}" for key in keys] + ["events/2020-01-03/a.csv", "x.csv"], DAY)
    assert found == [f"events/{DAY}/{key}" for key in ("a/1.csv", "b.csv.gz", "z.ZIP")]


def test_a_prefix_may_end_within_a_name():
    landing = replace(GOOD, prefix="events-{period}")
    assert landing.files([f"events-{DAY}.csv", f"events-{DAY}/_x.csv"], DAY) == [f"events-{DAY}.csv"]


@pytest.mark.parametrize(
    ("ready", "keys", "there"),
    [("", [], False), ("", ["_SUCCESS"], False), ("", ["a.csv"], True), ("_SUCCESS", ["a.csv"], False),
     ("_SUCCESS", ["a.csv", "_SUCCESS"], True)],
)  # fmt: skip
def test_a_day_is_there_when_its_mark_is_or_without_one_its_first_file(ready, keys, there):
    assert replace(GOOD, ready=ready).is_delivered([f"events/{DAY}/{key}" for key in keys], DAY) is there
