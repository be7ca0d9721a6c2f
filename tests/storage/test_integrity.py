"""Integrity: a day is whole where it holds the rows that were written, in whatever files and order."""

import re
from datetime import date, timedelta
from itertools import permutations

import numpy as np
import pyarrow as pa
import pytest
from deltalake import write_deltalake

from include.storage import integrity, schemas
from include.storage.integrity import DayDamaged
from include.storage.lake import Lake
from tests.toy_use_case import USE_CASE

pytestmark = pytest.mark.both_places(quick=True)
TABLE, EVENTS, DAY = "raw/outcomes", "raw/events", date(2020, 1, 1)
ROWS = pa.table(
    {"event_date": [DAY] * 3, "id": [1, 2, 3], "failed": [0, 1, 0]},
    schema=pa.schema([("event_date", pa.date32()), ("id", pa.int64()), ("failed", pa.int8())]),
)


@pytest.fixture
def lake(lake_home) -> Lake:
    lake = Lake.of(USE_CASE)
    lake.replace(TABLE, DAY, ROWS, inputs={}, stage="test")
    return lake


def left_in_one_file(lake: Lake, rows: pa.Table, table: str = TABLE) -> None:
    """Those rows, in their order, under the digest that the day has."""
    digest = lake.as_of(DAY).digest(table, DAY)
    stored = rows.append_column("day", pa.repeat(pa.scalar(DAY, pa.date32()), rows.num_rows))
    stored = stored.append_column("digest", pa.repeat(pa.scalar(digest), rows.num_rows))
    stored = stored.select(schemas.stored(USE_CASE, table).names)
    write_deltalake(lake.delta(table), stored, mode="overwrite", predicate=f"day = '{DAY}'")
    assert len(lake.as_of(DAY).files(table, DAY, DAY)) == 1


@pytest.mark.parametrize("order", permutations(range(3)))
def test_one_file_is_whole_in_whatever_order_its_rows_are(lake, order):
    left_in_one_file(lake, ROWS.take(list(order)))
    assert lake.as_of(DAY).read(TABLE, DAY, DAY, order_by=["id"]).drop_columns(["day"]).equals(ROWS)
    assert not lake.replace(TABLE, DAY, ROWS, inputs={}, stage="test").changed


@pytest.mark.parametrize("wrong", [[2, 1], [2, 1, 0, 0]], ids=["a row less", "a row twice"])
def test_one_file_with_other_rows_is_damaged_in_whatever_order(lake, wrong):
    left_in_one_file(lake, ROWS.take(wrong))
    with pytest.raises(DayDamaged, match="holds other rows than were written"):
        lake.as_of(DAY).read(TABLE, DAY, DAY)


MANY = 4 * 65_536 + 7


def many(rows: int = MANY) -> pa.Table:
    """Rows of raw/events in the order of their keys; some differ in nothing but whether a zero is a negative one."""
    number = np.arange(rows)
    numbers = pa.array(number // 2, pa.int64(), mask=number >= rows - 10)
    return pa.table(
        {
            "event_date": pa.repeat(pa.scalar(DAY), rows),
            "id": numbers,
            "kind": pa.repeat("a kind", rows),
            "size": np.where(number % 2, -0.0, 0.0),
            "hour": pa.array(number % 24, pa.int32()),
            "urgent": pa.repeat(True, rows),
        },
        schema=schemas.content(USE_CASE, EVENTS),
    ).sort_by([(key, "ascending") for key in schemas.keys(USE_CASE, EVENTS)])


def shuffled(rows: pa.Table) -> pa.Table:
    """Its batches in another order, as deltalake may write them."""
    first, second, *others = rows.to_batches(max_chunksize=65_536)
    return pa.Table.from_batches([*others, second, first])


def test_many_rows_are_whole_in_whatever_order_their_batches_are_in_the_memory_of_a_few(lake):
    rows = many(16 * 65_536)
    lake.replace(EVENTS, DAY, rows, inputs={}, stage="test")
    left_in_one_file(lake, shuffled(rows), EVENTS)
    usual, counted = pa.default_memory_pool(), pa.system_memory_pool()
    before = counted.max_memory()
    pa.set_memory_pool(counted)
    try:
        assert integrity.broken_days(lake.as_of(DAY, memory="256MB"), EVENTS, DAY, DAY) == {}
    finally:
        pa.set_memory_pool(usual)
    assert counted.max_memory() < before + rows.nbytes / 2, "all rows were in memory"


@pytest.mark.parametrize("wrong", ["a row less", "one value changed"])
def test_many_rows_of_which_one_is_wrong_are_damaged(lake, wrong):
    rows = many()
    lake.replace(EVENTS, DAY, rows, inputs={}, stage="test")
    size = pa.array(np.where(np.arange(MANY) == MANY // 2, 1.0, rows["size"].to_numpy()))
    other = rows.slice(1) if wrong == "a row less" else rows.set_column(3, "size", size)
    left_in_one_file(lake, shuffled(other), EVENTS)
    assert "holds other rows than were written" in integrity.broken_days(lake.as_of(DAY), EVENTS, DAY, DAY)[DAY]


def test_a_day_of_which_a_file_is_lost_is_damaged(lake):
    [(_, lost)] = lake.as_of(DAY).places(TABLE, DAY, DAY)
    lost.remove()
    for read in (lake.as_of(DAY).read, lake.as_of(DAY).table):
        with pytest.raises(DayDamaged, match=re.escape(integrity.GONE)):
            read(TABLE)


def test_a_view_looks_at_each_day_once_and_at_none_for_whoever_makes_nothing_of_it(lake, monkeypatch):
    looked: list[str] = []
    real = integrity.damage
    monkeypatch.setattr(integrity, "damage", lambda view, *asked: looked.append(asked[2]) or real(view, *asked))
    other = DAY + timedelta(days=1)
    lake.replace(TABLE, other, ROWS.take([0]), inputs={}, stage="test")
    looked.clear()
    view = lake.as_of(other)
    assert view.table(TABLE, checked=False).count().to_pyarrow().as_py() == 4
    assert looked == []
    view.read(TABLE, DAY, DAY), view.read(TABLE), view.table(TABLE, other), view.read(TABLE, DAY, DAY)
    assert looked == [view.digest(TABLE, DAY), view.digest(TABLE, other)]


def test_what_breaks_who_reads_a_day_unchecked_is_told_as_damage(lake):
    [(_, lost)] = lake.as_of(DAY).places(TABLE, DAY, DAY)
    lost.remove()
    view = lake.as_of(DAY)
    with pytest.raises(DayDamaged, match=re.escape(integrity.GONE)), view.explaining(TABLE):
        view.table(TABLE, checked=False).count().to_pyarrow()
