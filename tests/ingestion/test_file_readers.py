"""Delivered files: every row is read, or the file is refused with a reason. No row is lost."""

from __future__ import annotations

import csv
import gzip
import io
import random
import zipfile
from datetime import date
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from include.declaration.landing import LandingBucket
from include.ingestion import row_spool
from include.ingestion.file_errors import (
    FileColumnsError,
    FileDelimiterError,
    FileEmptyError,
    FileEncodingError,
    FileQuotesError,
    FileTypesError,
    ZipMembersError,
)
from include.ingestion.file_readers import CsvFormat
from include.ingestion.read_budget import Budget
from include.untrusted.errors import UntrustedContentError
from tests.refusals import raises

CSV, PARQUET = LandingBucket("landing", "x/{period}/"), LandingBucket("landing", "x/{period}/", format="parquet")
SCHEMA = pa.schema([("id", pa.int64()), ("name", pa.string())])
ONE = pa.schema([("id", pa.int64())])
BIG = 2**53 + 1


def read(
    tmp_path: Path, content: str | bytes, schema: pa.Schema = SCHEMA, landing: LandingBucket = CSV, name: str = "a.csv"
) -> list[tuple[Any, ...]]:
    path = tmp_path / "file"
    path.write_bytes(content.encode() if isinstance(content, str) else content)
    csv_format = CsvFormat(landing.delimiter, landing.nulls) if landing.format == "csv" else None
    batches = row_spool.read_batches(path, name, csv_format, schema, Budget(10**9, 10**7))
    return [tuple(row.values()) for row in pa.Table.from_batches(batches, schema).to_pylist()]


def parquet(table: pa.Table, **options: Any) -> bytes:
    sink = io.BytesIO()
    pq.write_table(table, sink, **options)
    return sink.getvalue()


def zipped(**members: str) -> bytes:
    sink = io.BytesIO()
    with zipfile.ZipFile(sink, "w") as archive:
        for name, text in members.items():
            archive.writestr(f"{name}.csv", text)
    return sink.getvalue()


@pytest.mark.parametrize(
    ("text", "rows"),
    [
        ("id\n1\n\n2\n", [(1,), (None,), (2,)]),
        ("id\n\n1\n", [(None,), (1,)]),
        ("id\r\n1\r\n\r\n2\r\n", [(1,), (None,), (2,)]),
        ("id\n1\n2", [(1,), (2,)]),
    ],
)
def test_an_empty_line_in_a_file_of_one_column_is_a_row_without_a_value(tmp_path, text, rows):
    assert read(tmp_path, text, ONE) == rows


@pytest.mark.parametrize(
    "text",
    [
        "id,name\n1,a\n2,b\n",
        "\ufeffid,name\n1,a\n2,b\n",
        "id,name\r\n1,a\r\n2,b\r\n",
        "name,id\na,1\nb,2",
        '"id","name"\n1,"a"\n2,"b"\n',
        "id,name\n1,a\n\n2,b\n\n\n",
    ],
)
def test_the_same_rows_written_differently_are_the_same_rows(tmp_path, text):
    assert read(tmp_path, text) == [(1, "a"), (2, "b")]


def test_quotes_commas_line_breaks_and_nul_within_values_are_kept(tmp_path):
    rows = [(BIG, 'say "a, b"'), (2, "two\nlines\r\n,"), (3, ""), (4, None), (5, "a\x00b"), (6, "5 inch ä")]
    sink = io.StringIO(newline="")
    for id_, name in [("id", "name"), *rows]:
        sink.write(f"{id_}," + ("" if name is None else '"' + name.replace('"', '""') + '"') + "\n")
    assert read(tmp_path, sink.getvalue()) == rows
    assert read(tmp_path, 'id,name\n1,5" pipe\n2,x\n') == [(1, '5" pipe'), (2, "x")]


@pytest.mark.parametrize(
    "text",
    [
        'id,name\n1,"abc\n2,def\n',
        'id,name\n1,a\n2,"abc\n3,d\n4,"xyz\n5,q\n',
        'id,name\n1,"abc"d\n2,b\n',
        'id,name\n1,a\n2,"',
    ],
)
def test_a_quote_that_swallows_rows_refuses_the_file(tmp_path, text):
    with pytest.raises(FileQuotesError):
        read(tmp_path, text)


@pytest.mark.parametrize(
    ("content", "refusal"),
    [
        ("id;name\n1;a\n", raises(FileDelimiterError, delimiter=",", other=";", count=2)),
        ("id\tname\n1\ta\n", raises(FileDelimiterError, r"'\t'", other="\t", count=2)),
        ("id\n1\n", raises(FileColumnsError, missing=("name",), declared=("id", "name"))),
        ("id,name,more\n1,a,b\n", raises(FileColumnsError, extra=("more",))),
        ("id,name,id\n1,a,2\n", raises(FileColumnsError, repeated=("id",))),
        ("id,name,\n1,a,\n", raises(FileColumnsError, extra=("",))),
        ("id,name\n1,a,\n", raises(UntrustedContentError, "Row #2: Expected 2 columns, got 3")),
        ("id,name\n1\n", raises(UntrustedContentError, "Row #2: Expected 2 columns, got 1")),
        ("name,id\na,1\nb,x\n", raises(UntrustedContentError, "'id'", "Row #3:", "invalid value 'x'")),
        ('id,name\n"1,234",a\n', raises(UntrustedContentError, "'id'", "Row #2:", "invalid value '1,234'")),
        ("id,name\n1.5,a\n", raises(UntrustedContentError, "'id'", "Row #2:", "invalid value '1.5'")),
        ("", raises(FileEmptyError)),
        ("\n", raises(FileEmptyError)),
        ("id,name\n1,ä\n".encode("latin-1"), raises(FileEncodingError, "'name'")),
        ("id,nämé\n1,a\n".encode("latin-1"), raises(FileEncodingError)),
        ("id,name\n1,a\n".encode("utf-16"), raises(FileEncodingError, found="UTF-16")),
        ("id,name\n1,a\n".encode("utf-16-le"), raises(FileEncodingError, "UTF-16")),
        (f"id,name\n1,{'y' * (9 << 20)}\n2,x\n", raises(FileQuotesError, "4,194,304")),
        ("1,a\n2,b\n", raises(FileColumnsError, missing=("id", "name"))),
    ],
    ids=lambda value: repr(value)[:40] if isinstance(value, str | bytes) else "",
)
def test_what_is_not_as_declared_is_refused_in_words(tmp_path, content, refusal):
    with refusal:
        read(tmp_path, content)


@pytest.mark.parametrize(
    ("kind", "value"),
    [("date32", "31.01.2020"), ("float64", '"3,5"'), ("float64", '"1,234.5"'), ("int8", "300"), ("bool", "maybe")],
)
def test_a_value_in_another_notation_is_refused_with_its_column_and_row(tmp_path, kind, value):
    schema = pa.schema([("id", pa.int64()), ("x", pa.type_for_alias(kind))])
    with raises(UntrustedContentError, "'x'", "Row #3: CSV conversion error"):
        read(tmp_path, f"id,x\n1,\n2,{value}\n", schema)


def test_a_file_of_column_names_alone_holds_no_rows(tmp_path):
    assert read(tmp_path, "id,name\n") == []


def test_packed_files_are_read_whole_or_refused(tmp_path):
    text = "id,name\n" + "".join(f"{n},row {n}\n" for n in range(50_000))
    packed = gzip.compress(text.encode())
    assert len(read(tmp_path, packed, name="a.csv.gz")) == 50_000
    with pytest.raises(UntrustedContentError, match="end-of-stream"):
        read(tmp_path, packed[: len(packed) // 2], name="a.csv.gz")
    assert len(read(tmp_path, zipped(a=text), name="a.zip")) == 50_000
    with raises(ZipMembersError, members=("a.csv", "b.csv")):
        read(tmp_path, zipped(a=text, b=text), name="a.zip")


@pytest.mark.parametrize("seed", range(20))
def test_no_row_of_a_written_file_is_lost(tmp_path, seed):
    """As many rows as Python's own writer has written, whatever is in them."""
    draw = random.Random(seed)
    pieces = ["", "a", '"', '""', ",", "\n", "\r\n", "\r", " ", "ä", "'", "\x00", "nan", ";"]
    rows = [(n, "".join(draw.choices(pieces, k=draw.randrange(6)))) for n in range(draw.randrange(1, 200))]
    sink = io.StringIO(newline="")
    writer = csv.writer(sink, quoting=draw.choice([csv.QUOTE_MINIMAL, csv.QUOTE_ALL, csv.QUOTE_NONNUMERIC]))
    writer.writerows([("id", "name"), *rows])
    found = read(tmp_path, sink.getvalue())
    assert [(id_, name or "") for id_, name in found] == rows


def test_parquet_files_are_read_by_name_and_exactly(tmp_path):
    rows = pa.table({"name": ["a", "b", None], "id": [BIG, None, -5]})
    due = [(BIG, "a"), (None, "b"), (-5, None)]
    for kind in (pa.string(), pa.large_string(), pa.string_view(), pa.dictionary(pa.int32(), pa.string())):
        written = rows.set_column(0, "name", rows["name"].cast(kind))
        assert read(tmp_path, parquet(written), landing=PARQUET, name="a.parquet") == due
    assert read(tmp_path, parquet(rows.slice(0, 0)), landing=PARQUET, name="a.parquet") == []
    many = pa.table({"id": list(range(200_000)), "name": ["x"] * 200_000})
    assert len(read(tmp_path, parquet(many, row_group_size=7_000), landing=PARQUET, name="a.parquet")) == 200_000


@pytest.mark.parametrize(
    ("columns", "types"),
    [
        ({"id": pa.array([1.0]), "name": pa.array(["a"])}, {"id": ("double", "int64")}),
        ({"id": pa.array([1], pa.int32()), "name": pa.array(["a"])}, {"id": ("int32", "int64")}),
        ({"id": pa.array([1]), "name": pa.array([["a"]])}, {"name": ("list<element: string>", "string")}),
        ({"id": pa.array([1]), "name": pa.array([{"a": 1}])}, {"name": ("struct<a: int64>", "string")}),
        ({"id": pa.array([1]), "name": pa.array([date(2020, 1, 1)])}, {"name": ("date32[day]", "string")}),
        ({"id": pa.array([1]), "name": pa.nulls(1)}, {"name": ("null", "string")}),
    ],
)
def test_parquet_of_other_types_is_refused(tmp_path, columns, types):
    with raises(FileTypesError, types=types):
        read(tmp_path, parquet(pa.table(columns)), landing=PARQUET, name="a.parquet")


def test_parquet_without_a_column_is_refused(tmp_path):
    with raises(FileColumnsError, missing=("name",)):
        read(tmp_path, parquet(pa.table({"id": [1]})), landing=PARQUET, name="a.parquet")
