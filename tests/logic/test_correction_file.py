"""Rows leave the quarantine as a file and come back with exactly the values they had."""

from __future__ import annotations

import io
from datetime import date

import pyarrow as pa
import pyarrow.parquet as pq

from include.logic import correction_file

BIG = 2**53 + 1
SCHEMA = pa.schema(
    [("id", pa.int64()), ("on", pa.date32()), ("ok", pa.bool_()), ("name", pa.string()), ("size", pa.float64())]
)
ROWS = pa.Table.from_pylist(
    [
        {"id": BIG, "on": date(2020, 1, 1), "ok": True, "name": 'a "b",\nc', "size": 0.1},
        {"id": None, "on": None, "ok": None, "name": None, "size": None},
        {"id": -BIG, "on": date(1, 1, 1), "ok": False, "name": "", "size": 1e308},
        {"id": 2**63 - 1, "on": date(9999, 12, 31), "ok": None, "name": "NA", "size": -0.0},
    ],
    schema=SCHEMA,
)
IDS = ["a", "b", "c", "d"]


def test_integers_beyond_2_to_the_53_beside_a_null_come_out_and_back_exactly():
    content = correction_file.written(ROWS, IDS, [["why"], [], [], []])
    assert str(BIG) in content.decode()
    rows, ids = correction_file.read("rows.csv", content, SCHEMA)
    assert (rows.to_pylist(), ids) == (ROWS.to_pylist(), IDS)


def test_a_parquet_file_comes_back_exactly():
    sink = io.BytesIO()
    pq.write_table(ROWS, sink)
    rows, ids = correction_file.read("rows.parquet", sink.getvalue(), SCHEMA)
    assert (rows.to_pylist(), ids) == (ROWS.to_pylist(), None)


def test_an_empty_line_in_a_file_of_one_column_is_a_row():
    rows, _ = correction_file.read("rows.csv", b"id\n1\n\n2\n", pa.schema([("id", pa.int64())]))
    assert rows["id"].to_pylist() == [1, None, 2]
