"""Rows are sorted and matched by columns of any name."""

import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from include.evaluation.checks.leakage_check import _differing_features
from include.features import build
from include.ingestion import ingest, validate
from include.lake import schemas
from include.lake.lake import Lake
from include.lake.sorting import is_sorted, rows_in_both, sort_rows
from include.project import open_project
from tests.toy import with_key
from tests.toy_use_case import USE_CASE, source

DAY = USE_CASE.first_period
NAMES = [".x", ".", "..", ".a[0]", "[x]", "a.b"]


@pytest.mark.parametrize("name", NAMES)
def test_rows_are_in_ascending_order_with_nulls_last(name):
    rows = pa.table({"k": [1, 1, 0, 1], name: [None, 3, 9, 2]})
    assert sort_rows(rows, ["k", name])[name].to_pylist() == [9, 2, 3, None]


@pytest.mark.parametrize(
    ("rows", "in_order", "strictly"),
    [
        ([], True, True),
        ([(1, "b")], True, True),
        ([(1, "b"), (2, "a"), (2, None)], True, True),
        ([(1, "b"), (1, "b"), (2, "a")], True, False),
        ([(1, None), (1, None)], True, False),
        ([(None, "a"), (None, "b")], True, True),
        ([(1, "b"), (1, "a")], False, False),
        ([(1, None), (1, "a")], False, False),
        ([(None, "a"), (1, "b")], False, False),
        ([(2, "a"), (1, "b")], False, False),
    ],
)
def test_an_order_is_that_of_sorting(rows, in_order, strictly):
    table = pa.table(
        {
            "number": pa.array([row[0] for row in rows], pa.int64()),
            "text": pa.array([row[1] for row in rows], pa.string()),
        }
    )
    chunked = pa.concat_tables([table.slice(0, 1), table.slice(1)])
    assert (is_sorted(chunked), is_sorted(chunked, strictly=True)) == (in_order, strictly)
    assert sort_rows(chunked, ["number", "text"]).equals(table) == in_order


@given(st.lists(st.tuples(*[st.none() | st.integers(0, 2)] * 3), max_size=6), st.booleans())
def test_any_rows_are_in_order_if_sorting_leaves_them(values, strictly):
    rows = pa.table({str(n): pa.array([row[n] for row in values], pa.int64()) for n in range(3)})
    names = [(name, "ascending") for name in rows.column_names]
    is_distinct = rows.group_by(rows.column_names).aggregate([]).num_rows == rows.num_rows
    assert is_sorted(rows, strictly=strictly) == (rows.sort_by(names).equals(rows) and (is_distinct or not strictly))


@pytest.mark.parametrize("name", NAMES)
def test_rows_that_both_tables_have_are_found_by_their_keys(name):
    rows, others = pa.table({name: [1, 2, 3], "v": ["a", "b", "c"]}), pa.table({"w": [0, 0, 0], name: [3, 1, 1]})
    found = sort_rows(rows_in_both(rows, others, [name]), [name])
    assert found.to_pylist() == [{name: 1, "v": "a"}, {name: 3, "v": "c"}]


@pytest.mark.parametrize("name", NAMES)
def test_a_key_of_any_name_goes_from_the_source_to_features(lake_home, toy_functions, name):
    use_case = with_key(name)
    for feed in ("events", "outcomes"):
        deliver = getattr(source, feed)
        toy_functions.source(**{feed: lambda period, deliver=deliver: backwards(renamed(deliver(period), name))})
    columns = ["event_date", name, *use_case.features]
    toy_functions.features(
        build=lambda period, events, outcomes: backwards(events.select(*columns).to_pyarrow()),
        labels=lambda period, events, outcomes: outcomes.select("event_date", name, "failed"),
    )
    (
        ingest.ingest_period(open_project(use_case), DAY),
        validate.validate_period(open_project(use_case), DAY),
        build.build_features(open_project(use_case), DAY),
    )
    found = Lake.open(use_case).as_of(DAY).read("features", DAY, DAY, order_by=schemas.sort_keys(use_case, "features"))
    assert found[name].to_pylist() == list(range(source.ROWS))


@pytest.mark.parametrize("name", NAMES)
def test_a_leak_is_looked_for_in_the_rows_that_both_builds_have(name):
    use_case = with_key(name)
    before = renamed(source.events(DAY), name)
    after = backwards(before.slice(1))
    assert _differing_features(before, after, use_case) == {"rows"}
    after = after.set_column(after.schema.get_field_index("hour"), "hour", pa.array([99] * after.num_rows, pa.int32()))
    assert _differing_features(before, after, use_case) == {"rows", "hour"}


def renamed(rows: pa.Table, name: str) -> pa.Table:
    return rows.rename_columns([name if column == "id" else column for column in rows.column_names])


def backwards(rows: pa.Table) -> pa.Table:
    return rows.take(pa.array(range(rows.num_rows - 1, -1, -1), pa.int64()))
