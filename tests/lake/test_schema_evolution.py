"""A table follows its declaration: columns are added, dropped and widened, and no stored value changes."""

from dataclasses import replace

import pyarrow as pa
import pytest

from include.declaration.period import Period
from include.lake import batch_reader
from include.lake.lake import Lake
from include.lake.partition_reader import TypeNarrowedError
from include.lake.schema_evolution import ColumnCaseError, SchemaNarrowedError
from include.use_case import UseCase
from tests.toy_use_case import USE_CASE

pytestmark = pytest.mark.both_places(long=True)
TABLE, DAY = "raw/outcomes", Period("2020-01-01")
NEXT = DAY + 1
KEYS = {"event_date": "date32", "id": "int64"}


def declared(**columns: str) -> UseCase:
    """Return the toy, whose feed `outcomes` has these columns in addition to its keys."""
    feeds = [replace(feed, columns=KEYS | columns) if feed.name == "outcomes" else feed for feed in USE_CASE.feeds]
    return replace(USE_CASE, feeds=tuple(feeds))


def write(period: Period, values: dict[str, list], **columns: str):
    kinds = {name: pa.type_for_alias(kind) for name, kind in (KEYS | columns).items()}
    count = len(next(iter(values.values())))
    rows = {"event_date": [DAY.start_date] * count, "id": list(range(count))} | values
    lake = Lake.open(declared(**columns))
    return lake.replace(TABLE, period, pa.table(rows, schema=pa.schema(kinds)), inputs={}, stage="test")


def read(**columns: str) -> list[dict]:
    """The rows of both days, by every reader, which must agree."""
    view = Lake.open(declared(**columns)).as_of(NEXT)
    names = ["period", "id", *columns]
    small = view.read(TABLE, order_by=["period", "id"]).select(names)
    large = view.table(TABLE).order_by(["period", "id"]).to_pyarrow().select(names).cast(small.schema)
    streamed = view.batches(TABLE, order_by=["period", "id"]).read_all().select(names)
    assert small.to_pylist() == large.to_pylist() == streamed.to_pylist()
    scanned = [batch for period in (DAY, NEXT) for batch in batch_reader.row_batches(view, TABLE, period, columns)]
    for batch in scanned:
        assert all(batch.schema.field(name).type == small.schema.field(name).type for name in batch.schema.names)
    return [{name: row[name] for name in columns} for row in small.to_pylist()]


WIDENED = [
    ("int32", "float64", 2**31 - 1, 0.75),
    ("bool", "int8", True, 2),
    ("bool", "float64", True, 0.5),
    ("int8", "int16", -128, 300),
    ("int8", "float32", 7, 0.5),
    ("int16", "float32", 2**15 - 1, 0.5),
    ("int32", "int64", -(2**31), 2**62),
    ("float32", "float64", 0.5, 0.1),
    ("int64", "float64", 2**53, 0.1),
]


@pytest.mark.parametrize(("old", "new", "before", "after"), WIDENED)
def test_a_type_is_widened_and_old_and_new_values_are_exact(lake_home, old, new, before, after):
    write(DAY, {"failed": [before, None]}, failed=old)
    write(NEXT, {"failed": [after]}, failed=new)
    assert read(failed=new) == [{"failed": value} for value in (before, None, after)]


def test_the_widened_day_written_again_in_its_new_type_commits_once(lake_home):
    write(DAY, {"failed": [1, None]}, failed="int32")
    assert write(DAY, {"failed": [0.75, None]}, failed="float64").changed
    assert not write(DAY, {"failed": [0.75, None]}, failed="float64").changed
    assert read(failed="float64") == [{"failed": 0.75}, {"failed": None}]


NARROWED = [
    ("float64", "int32", 0.75),
    ("int64", "int32", 1),
    ("string", "int8", "1"),
    ("int8", "string", 1),
    ("int8", "bool", 1),
    ("date32", "string", DAY.start_date),
    ("int64", "float64", 2**53 + 1),
]


@pytest.mark.parametrize(("old", "new", "value"), NARROWED)
def test_a_narrowed_type_is_refused_in_words_before_anything_is_written(lake_home, old, new, value):
    before = write(DAY, {"failed": [value]}, failed=old)
    with pytest.raises(SchemaNarrowedError, match="rebuild toy raw/outcomes") as reason:
        write(NEXT, {"failed": [None]}, failed=new)
    assert (reason.value.use_case, reason.value.column) == ("toy", "failed") and not reason.value.retryable
    lake = Lake.open(declared(failed=old))
    assert lake.delta(TABLE).version() == before.version
    with pytest.raises(TypeNarrowedError) as refused:
        Lake.open(declared(failed=new)).as_of(DAY).read(TABLE)
    assert refused.value.column == "failed"
    with pytest.raises(TypeNarrowedError) as refused:
        Lake.open(declared(failed=new)).as_of(DAY).table(TABLE)
    assert refused.value.column == "failed"


def test_a_new_column_is_null_in_old_periods(lake_home):
    write(DAY, {"failed": [1]}, failed="int8")
    write(NEXT, {"failed": [0], "note": ["x"]}, failed="int8", note="string")
    assert read(failed="int8", note="string") == [{"failed": 1, "note": None}, {"failed": 0, "note": "x"}]
    view = Lake.open(declared(failed="int8", note="string")).as_of(NEXT)
    assert view.absent_columns(TABLE) == {"note": [DAY]}


def test_a_dropped_column_is_no_longer_written_or_read_and_comes_back_with_its_values(lake_home):
    write(DAY, {"failed": [1], "note": ["x"]}, failed="int8", note="string")
    write(NEXT, {"failed": [0]}, failed="int8")
    assert read(failed="int8") == [{"failed": 1}, {"failed": 0}]
    assert read(failed="int8", note="string") == [{"failed": 1, "note": "x"}, {"failed": 0, "note": None}]


def test_a_dropped_column_that_comes_back_with_a_clashing_type_is_refused(lake_home):
    write(DAY, {"failed": [1], "note": ["x"]}, failed="int8", note="string")
    write(NEXT, {"failed": [0]}, failed="int8")
    with pytest.raises(SchemaNarrowedError) as refused:
        write(NEXT, {"failed": [0], "note": [3]}, failed="int8", note="int32")
    assert (refused.value.column, refused.value.stored, refused.value.declared) == ("note", "string", "int32")


def test_columns_may_come_go_and_widen_in_one_step_and_old_versions_read_as_they_were(lake_home):
    then = write(DAY, {"failed": [1], "note": ["x"]}, failed="int8", note="string").version
    write(NEXT, {"failed": [0.5], "more": [True]}, failed="float64", more="bool")
    assert read(failed="float64", more="bool") == [{"failed": 1.0, "more": None}, {"failed": 0.5, "more": True}]
    old = Lake.open(declared(failed="int8", note="string")).at_versions(NEXT, {TABLE: then})
    assert old.read(TABLE).select(["failed", "note"]).to_pylist() == [{"failed": 1, "note": "x"}]


def test_an_empty_table_takes_any_declaration(lake_home):
    Lake.open(declared(failed="string")).delta(TABLE)
    write(DAY, {"failed": [1]}, failed="int8")
    assert read(failed="int8") == [{"failed": 1}]


@pytest.mark.parametrize("name", ["self", "name", "columns", "select", "schema", "count", "table"])
def test_a_column_may_be_called_as_what_a_reader_calls_its_own(lake_home, name):
    write(DAY, {name: [1, 2]}, **{name: "int8"})
    write(NEXT, {name: [0.5]}, **{name: "float64"})
    assert read(**{name: "float64"}) == [{name: 1.0}, {name: 2.0}, {name: 0.5}]


def test_a_column_that_is_renamed_in_case_alone_is_refused_in_words_and_a_rebuild_is_the_way_out(lake_home):
    write(DAY, {"hour": [1]}, hour="int8")
    with pytest.raises(ColumnCaseError) as refused:
        write(NEXT, {"Hour": [2]}, Hour="int8")
    assert (refused.value.stored, refused.value.declared) == ("hour", "Hour")
    lake = Lake.open(declared(Hour="int8"))
    with pytest.raises(ColumnCaseError):
        lake.start_generation(TABLE, NEXT, [])
    lake.start_generation(TABLE, DAY, [DAY])
    write(DAY, {"Hour": [2]}, Hour="int8")
    assert read(Hour="int8") == [{"Hour": 2}]
