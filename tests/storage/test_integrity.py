"""Integrity: a day is whole where it holds the rows that were written, in whatever files and order."""

from datetime import date
from itertools import permutations

import pyarrow as pa
import pytest
from deltalake import write_deltalake

from include.storage import schemas
from include.storage.integrity import DayDamaged
from include.storage.lake import Lake
from tests.toy_use_case import USE_CASE

pytestmark = pytest.mark.both_places(quick=True)
TABLE, DAY = "raw/outcomes", date(2020, 1, 1)
ROWS = pa.table(
    {"event_date": [DAY] * 3, "id": [1, 2, 3], "failed": [0, 1, 0]},
    schema=pa.schema([("event_date", pa.date32()), ("id", pa.int64()), ("failed", pa.int8())]),
)


@pytest.fixture
def lake(lake_home) -> Lake:
    lake = Lake.of(USE_CASE)
    lake.replace(TABLE, DAY, ROWS, inputs={}, stage="test")
    return lake


def left_in_one_file(lake: Lake, rows: pa.Table) -> None:
    """Those rows, in their order, under the digest that the day has."""
    digest = lake.as_of(DAY).digest(TABLE, DAY)
    stored = rows.append_column("day", pa.repeat(pa.scalar(DAY, pa.date32()), rows.num_rows))
    stored = stored.append_column("digest", pa.repeat(pa.scalar(digest), rows.num_rows))
    stored = stored.select(schemas.stored(USE_CASE, TABLE).names)
    write_deltalake(lake.delta(TABLE), stored, mode="overwrite", predicate=f"day = '{DAY}'")
    assert len(lake.as_of(DAY).files(TABLE, DAY, DAY)) == 1


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
