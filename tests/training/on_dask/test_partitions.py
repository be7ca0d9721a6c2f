"""Which periods a partition has, and which worker has a partition."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from include.declaration.period import Period
from include.project import open_project
from include.training import dataset
from include.training.on_dask import partitions
from tests.conftest import AS_OF
from tests.toy_use_case import USE_CASE

FIRST = Period("2020-01-01")


@given(rows=st.lists(st.integers(1, 1000), min_size=1, max_size=40), data=st.data())
def test_each_period_is_in_one_partition_and_none_is_empty(rows, data):
    counts = {FIRST + number: count for number, count in enumerate(rows)}
    parts = data.draw(st.integers(1, len(rows)))
    groups = partitions.split_into_partitions(counts, parts)
    assert len(groups) == parts and all(groups)
    assert [period for group in groups for period in group] == list(counts)


def test_partitions_have_about_as_many_rows_each():
    counts = {FIRST + number: 100 + 10 * (number % 7) for number in range(70)}
    sizes = [sum(counts[period] for period in group) for group in partitions.split_into_partitions(counts, 7)]
    assert max(sizes) - min(sizes) <= 2 * max(counts.values())


def test_partitions_are_dealt_in_turn():
    assert partitions.dealt(range(5), 2) == [[0, 2, 4], [1, 3]]


@pytest.mark.slow
def test_labelled_rows_are_counted_as_the_training_reads_them(toy_lake):
    view = open_project(USE_CASE).lake.as_of(AS_OF)
    rows = dataset.labelled_rows(USE_CASE, view, AS_OF - 20, AS_OF)
    counted = partitions.count_labelled_rows(USE_CASE, view, AS_OF - 20, AS_OF)
    read = rows["period"].to_pylist()
    assert {period.start: count for period, count in counted.items()} == {day: read.count(day) for day in set(read)}
    assert list(counted) == sorted(counted)
