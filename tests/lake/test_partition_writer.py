"""A partition's file holds every value of every declared type, for Arrow and DuckDB."""

from __future__ import annotations

import datetime
from pathlib import Path

import duckdb
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from include.declaration.column_types import COLUMN_TYPES, TIMESTAMP
from include.declaration.period import Period
from include.lake.partition_writer import write_partition_file

DAY = Period("2020-01-09")
KINDS = sorted(COLUMN_TYPES)
TYPES = {kind: pa.timestamp("us", "UTC") if kind == TIMESTAMP else pa.type_for_alias(kind) for kind in KINDS}
REASONS = pa.list_(pa.string())
DATES = st.dates(datetime.date(1, 1, 1), datetime.date(9999, 12, 31))
TIMES = st.datetimes(datetime.datetime(1, 1, 1), datetime.datetime(9999, 12, 31), timezones=st.just(datetime.UTC))  # noqa: DTZ001


def values_of(kind: str) -> st.SearchStrategy:
    if kind.startswith("int"):
        bits = int(kind.removeprefix("int"))
        return st.integers(-(2 ** (bits - 1)), 2 ** (bits - 1) - 1)
    if kind.startswith("float"):
        return st.floats(allow_nan=False, allow_infinity=False, width=int(kind.removeprefix("float")))
    texts = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0"), max_size=9)
    return {"string": texts, "bool": st.booleans(), "date32": DATES, TIMESTAMP: TIMES}[kind]


ROWS = st.lists(
    st.tuples(*(st.none() | values_of(kind) for kind in KINDS), st.lists(st.text("ab", max_size=3), max_size=3))
)


def write(folder: Path, rows: list[tuple]) -> tuple[pa.Table, Path]:
    """Write the rows with a column of each type, and one of reasons; return them, and the file."""
    schema = pa.schema([*TYPES.items(), ("reasons", REASONS)])
    columns = list(zip(*rows, strict=True)) or [()] * len(schema)
    table = pa.table([pa.array(list(column), kind) for column, kind in zip(columns, schema.types, strict=True)], schema)
    path = folder / "rows.parquet"
    path.unlink(missing_ok=True)
    write_partition_file(path, schema, table.to_batches(max_chunksize=3), (), DAY, ())
    return table, path


@given(ROWS)
@settings(deadline=None, max_examples=40, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_what_is_written_is_read(tmp_path, rows):
    table, path = write(tmp_path, rows)
    assert pq.read_table(path, partitioning=None).drop_columns(["period"]).to_pylist() == table.to_pylist()
    with duckdb.connect() as connection:
        connection.execute("set TimeZone = 'UTC'")
        read = connection.sql(f"select * exclude (period) from '{path}'").to_arrow_table()
    assert read.cast(table.schema).to_pylist() == table.to_pylist()


@pytest.mark.parametrize("kind", KINDS)
def test_only_texts_are_stored_by_a_dictionary(tmp_path, kind):
    example = {
        "string": "a",
        "bool": True,
        "date32": DAY.start_date,
        TIMESTAMP: datetime.datetime(2020, 1, 1, tzinfo=datetime.UTC),
    }
    _, path = write(tmp_path, [(*(example.get(one, 1) for one in KINDS), ["a reason"])] * 5)
    columns = pq.read_metadata(path).row_group(0)
    encodings = {columns.column(n).path_in_schema: columns.column(n).encodings for n in range(columns.num_columns)}
    assert ("RLE_DICTIONARY" in encodings[kind]) == (kind == "string")
    assert "RLE_DICTIONARY" in encodings["reasons.list.element"]
    assert ("DELTA_BINARY_PACKED" in encodings[kind]) == (kind.startswith("int") or kind in {"date32", TIMESTAMP})
