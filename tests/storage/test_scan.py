"""A day's columns, a batch at a time, as far as its files have them."""

from dataclasses import replace

import pytest

from include.storage import scan
from include.storage.lake import Lake
from tests import toy
from tests.conftest import FIRST

pytestmark = pytest.mark.both_places


@pytest.fixture
def lake(lake_home) -> Lake:
    lake = Lake.of(toy.USE_CASE)
    toy.fill(lake, FIRST, FIRST)
    return lake


def read(lake: Lake, names, **changed):
    declared = replace(toy.USE_CASE, features={**toy.USE_CASE.features, **changed})
    view = Lake(declared, lake.root).as_of(FIRST)
    return list(scan.batches(view, "features", FIRST, names, batch_rows=64))


def test_only_the_columns_that_are_asked_for_are_read_in_batches(lake):
    found = read(lake, ["size", "kind", "nothing"])
    assert {tuple(sorted(batch.schema.names)) for batch in found} == {("kind", "size")}
    assert [batch.num_rows for batch in found] == [64, 64, 64, 8]


@pytest.mark.parametrize(("name", "kind"), [("kind", "int32"), ("size", "int32"), ("hour", "category")])
def test_a_column_that_the_file_has_with_another_type_is_left_out_as_if_it_were_not_there(lake, name, kind):
    found = read(lake, ["urgent", name], **{name: kind})
    assert {tuple(batch.schema.names) for batch in found} == {("urgent",)}


def test_a_day_that_is_not_there_has_no_batches_and_no_columns(lake):
    view = lake.as_of(FIRST)
    assert list(scan.batches(view, "predictions", FIRST, ["probability"])) == []
    assert scan.columns(view, "predictions", [FIRST]) == frozenset()
