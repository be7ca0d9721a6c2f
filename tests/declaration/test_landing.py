"""Valid declarations of a landing bucket, and which objects are a day's files."""

from dataclasses import replace
from datetime import timedelta

import pytest

from include.declaration.period import Period
from include.use_case import Landing
from tests.toy_use_case import USE_CASE

DAY = Period("2020-01-02")
GOOD = Landing("a-bucket", "events/{period}/")


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"bucket": "s3://a-bucket"}, "bucket's name"),
        ({"bucket": "A"}, "bucket's name"),
        ({"prefix": "events/"}, "contain the day"),
        ({"prefix": "events/{dy}/"}, "contain the day"),
        ({"prefix": "{day}/{hour}/"}, "contain the day"),
        ({"prefix": "{day.year}/"}, "contain the day"),
        ({"prefix": "events/{day"}, "cannot be read"),
        ({"prefix": "events/{period:%m-%d}/"}, "matches files of another day"),
        ({"prefix": "events/{period:%Y-%-m-%-d}"}, "matches files of another day"),
        ({"prefix": "/events/{day}/"}, "begin with a slash"),
        ({"prefix": "events/*/{period}/"}, "must not contain"),
        ({"format": "json"}, "not one of"),
        ({"connection": ""}, "Connection"),
        ({"ready": "all.csv"}, "read as a file of the day"),
        ({"ready": "/done"}, "read as a file of the day"),
        ({"wait": timedelta()}, "above 0"),
        ({"every": timedelta()}, "above 0"),
        ({"watch_periods": -1}, "at least 0 days"),
        ({"max_bytes": 0}, "max_bytes must be above 0"),
        ({"max_files": 0}, "max_files must be above 0"),
        ({"max_rows": 0}, "max_rows must be above 0"),
        ({"max_memory": 299_999_999}, "max_memory must be at least 300,000,000 bytes"),
        ({"max_time": timedelta()}, "above 0"),
        ({"delimiter": ", "}, "one character"),
        ({"format": "parquet", "delimiter": ";"}, "apply to csv only"),
        ({"format": "parquet", "nulls": ("NA",)}, "apply to csv only"),
    ],
)
def test_a_landing_that_cannot_be_is_refused(change, said):
    with pytest.raises(ValueError, match=f"Landing.*{said}"):
        replace(GOOD, **change)


def test_a_prefix_may_write_the_day_as_the_deliverer_does():
    assert replace(GOOD, prefix="in/{period:%Y/%m/%d}/x_").prefix_of(DAY) == "in/2020/01/02/x_"


def test_two_feeds_never_read_one_file():
    events, outcomes = USE_CASE.feeds
    one = replace(events, landing=GOOD)
    for prefix in ("events/{period}/", "events/{period}/outcomes-"):
        with pytest.raises(ValueError, match="would be read into events and outcomes"):
            replace(USE_CASE, feeds=(one, replace(outcomes, landing=Landing("a-bucket", prefix))))
    replace(USE_CASE, feeds=(one, replace(outcomes, landing=Landing("a-bucket", "outcomes/{period}/"))))


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
