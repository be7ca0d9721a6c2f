"""Quarantined rows are exported to a file and imported with exactly the same values."""

from __future__ import annotations

import io
from datetime import date

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from include.ingestion import correction_file, correction_reader
from include.ingestion.correction_errors import CorrectionFileError
from include.untrusted.untrusted_process import UntrustedProcess
from tests.ingestion.hostile_files import Meter, measure, parquet, repeated
from tests.refusals import raises

pytestmark = pytest.mark.security

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


def test_integers_beyond_2_to_the_53_next_to_a_null_come_out_and_back_exactly():
    content = correction_file.correction_csv(ROWS, IDS, [["comment"], [], [], []])
    assert str(BIG) in content.decode()
    rows, ids = correction_reader.read_corrections("rows.csv", content, SCHEMA)
    assert (rows.to_pylist(), ids) == (ROWS.to_pylist(), IDS)


def test_a_parquet_file_comes_back_exactly():
    sink = io.BytesIO()
    pq.write_table(ROWS, sink)
    rows, ids = correction_reader.read_corrections("rows.parquet", sink.getvalue(), SCHEMA)
    assert (rows.to_pylist(), ids) == (ROWS.to_pylist(), None)


def test_an_empty_line_in_a_file_of_one_column_is_a_row():
    rows, _ = correction_reader.read_corrections("rows.csv", b"id\n1\n\n2\n", pa.schema([("id", pa.int64())]))
    assert rows["id"].to_pylist() == [1, None, 2]


NAMES = pa.schema([("name", pa.string())])


def test_reasons_are_only_for_reading_and_are_not_decoded(monkeypatch):
    """A reason of a megabyte that a million rows repeat in a file of a few bytes."""
    meter = Meter()
    measure(meter, monkeypatch)
    content = repeated(100_000, 1_000_000, correction_file.REASONS, name="a", quarantined_row="id")
    assert len(content) < 10_000
    rows, ids = correction_reader.read_corrections("rows.parquet", content, NAMES)
    assert rows.num_rows == len(ids or []) == 100_000
    assert 0 < meter.bytes < 400 << 20


@pytest.mark.parametrize("column", ["name", correction_file.ROW])
def test_a_long_text_that_a_few_bytes_repeat_is_refused_in_little_memory(monkeypatch, column):
    meter = Meter()
    measure(meter, monkeypatch)
    other = {"name": "a"} if column != "name" else {}
    with raises(CorrectionFileError, "134,217,728", file="rows.parquet"):
        correction_reader.read_corrections("rows.parquet", repeated(2_000, 1_500_000, column, **other), NAMES)
    assert 0 < meter.bytes < 400 << 20


def test_a_file_that_crashes_its_reader_is_a_bad_request(monkeypatch):
    call = UntrustedProcess.call
    hostile = "tests.hostile_parsers:crash_at_any_order"
    monkeypatch.setattr(UntrustedProcess, "call", lambda self, name, *given: call(self, hostile, *given))
    with raises(CorrectionFileError, "SIGSEGV", file="rows.csv"):
        correction_reader.read_corrections("rows.csv", b"name\na\n", NAMES)


@pytest.mark.parametrize(
    ("name", "content", "named"),
    [
        ("x.csv", "name," + ",".join(f"c{n}" for n in range(9_000)), ["'c0'", "8,980"]),
        ("x.csv", ",".join(f"c{n}" for n in range(60_000)), ["60,000", "10,000"]),
        ("x.csv", 'name\n"a\nb\n', []),
        ("x.parquet", parquet(pa.table({f"c{n}": [1] for n in range(9_000)})), ["'c0'", "8,980"]),
        ("x.parquet", parquet(pa.table({"name": [[["a"]]]})), ["name", "list<", "string"]),
        ("x.parquet", b"PAR1" * 100, []),
    ],
    ids=["columns", "many columns", "a quote", "columns of Parquet", "nested", "no Parquet"],
)
def test_what_is_not_as_exported_is_refused_in_bounds(name, content, named):
    with raises(CorrectionFileError, *named, file=name) as refused:
        correction_reader.read_corrections(name, content.encode() if isinstance(content, str) else content, NAMES)
    assert len(str(refused.value)) < 3_000


def test_a_file_of_more_rows_than_are_compared_is_refused(monkeypatch):
    content = parquet(pa.table({"name": pa.nulls(correction_reader.MAX_ROWS + 1, pa.string())}))
    with raises(CorrectionFileError, "1,000,001", "max_rows=1,000,000"):
        correction_reader.read_corrections("x.parquet", content, NAMES)
