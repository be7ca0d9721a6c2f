"""care: files of a day joined, where their content can be compared, and left where it cannot."""

from __future__ import annotations

from datetime import date
from pathlib import Path

import pytest
from deltalake import write_deltalake

from include.storage import care, schemas
from include.storage.lake import Lake
from tests.toy_use_case import USE_CASE, source

DAY, NEXT = date(2020, 1, 10), date(2020, 1, 11)


def scattered(day: date) -> Lake:
    """The lake, with the raw events of that day in three files."""
    lake, table = Lake.of(USE_CASE), "raw/events"
    lake.replace(table, day, source.events(day), inputs={}, stage="test")
    rows, digest = lake.as_of(day).read(table, day, day), lake.as_of(day).digest(table, day)
    stored = rows.append_column("digest", [[digest] * rows.num_rows]).select(schemas.stored(USE_CASE, table).names)
    write_deltalake(lake.delta(table), stored.slice(0, 70), mode="overwrite", predicate=f"day = '{day}'")
    for start in (70, 140):
        write_deltalake(lake.delta(table), stored.slice(start, 70), mode="append")
    return lake


def files(lake: Lake, day: date) -> list[Path]:
    return [Path(path) for _, path in lake.as_of(day).files("raw/events", day, day)]


@pytest.mark.parametrize("damage", [lambda path: path.write_bytes(path.read_bytes()[:-50]), Path.unlink])
def test_a_damaged_day_is_left_and_told_and_the_others_are_joined(lake_home, damage):
    lake = scattered(DAY)
    scattered(NEXT)
    damage(files(lake, DAY)[0])
    (left,) = care.compact(lake, "raw/events", [DAY, NEXT])
    assert left.startswith("raw/events of 2020-01-10: its files are not joined, for a file ")
    assert (len(files(lake, DAY)), len(files(lake, NEXT))) == (3, 1)
    assert lake.as_of(NEXT).read("raw/events", NEXT).num_rows == 200


def test_where_no_day_can_be_joined_nothing_is_committed(lake_home):
    lake = scattered(DAY)
    files(lake, DAY)[0].unlink()
    before = lake.delta("raw/events").version()
    assert len(care.compact(lake, "raw/events", [DAY])) == 1
    assert lake.delta("raw/events").version() == before
