"""Read a day's columns in batches, if its files have them."""

from dataclasses import replace

import pyarrow as pa
import pytest

from include.lake import batch_reader
from include.lake.lake import Lake
from tests import toy
from tests.conftest import FIRST

pytestmark = pytest.mark.both_places


@pytest.fixture
def lake(lake_home) -> Lake:
    lake = Lake.open(toy.USE_CASE)
    toy.fill(lake, FIRST, FIRST)
    return lake


def read(lake: Lake, names, **changed):
    declared = replace(toy.USE_CASE, features={**toy.USE_CASE.features, **changed})
    view = Lake(declared, lake.root).as_of(FIRST)
    return list(batch_reader.row_batches(view, "features", FIRST, names, batch_rows=64))


def test_only_the_columns_that_are_asked_for_are_read_in_batches(lake):
    found = read(lake, ["size", "kind", "nothing"])
    assert {tuple(sorted(batch.schema.names)) for batch in found} == {("kind", "size")}
    assert [batch.num_rows for batch in found] == [64, 64, 64, 8]


def test_a_column_is_read_as_it_is_declared_where_that_changes_no_value(lake):
    found = read(lake, ["urgent", "hour"], hour="float64")
    assert {batch.schema.field("hour").type for batch in found} == {pa.float64()}


@pytest.mark.parametrize(("name", "kind"), [("kind", "int32"), ("size", "int32"), ("hour", "category")])
def test_a_column_whose_values_the_declared_type_does_not_hold_is_left_out(lake, name, kind):
    found = read(lake, ["urgent", name], **{name: kind})
    assert {tuple(batch.schema.names) for batch in found} == {("urgent",)}


def test_a_day_that_is_not_there_has_no_batches_and_no_columns(lake):
    view = lake.as_of(FIRST)
    assert list(batch_reader.row_batches(view, "predictions", FIRST, ["probability"])) == []
    assert batch_reader.common_columns(view, "predictions", [FIRST]) == frozenset()
