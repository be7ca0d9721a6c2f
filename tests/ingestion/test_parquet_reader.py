"""A Parquet file is compared with the limits before it is decoded; its stated sizes are not relied on."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from include.ingestion import file_readers, parquet_reader, row_spool
from include.ingestion.file_errors import FileColumnsError, FileLimitError, FileTypesError, FooterError
from include.ingestion.file_readers import require_columns
from include.ingestion.read_budget import Budget
from tests.ingestion.hostile_files import parquet, repeated
from tests.refusals import raises

pytestmark = pytest.mark.security

SCHEMA = pa.schema([("id", pa.int64()), ("name", pa.string())])
NAMES = pa.schema([("name", pa.string())])


def read(folder: Path, content: bytes, schema: pa.Schema = SCHEMA, budget: Budget | None = None) -> pa.Table:
    path = folder / "file"
    path.write_bytes(content)
    batches = row_spool.read_batches(path, "x.parquet", None, schema, budget or Budget(10**9, 10**6))
    return pa.Table.from_batches(batches, schema)


def table(rows: int) -> pa.Table:
    return pa.table({"id": range(rows), "name": [f"name {n % 7}" for n in range(rows)]}, SCHEMA)


@pytest.fixture
def own_pool() -> Iterator[pa.MemoryPool]:
    """Count what this test alone has Arrow allocate."""
    usual = pa.default_memory_pool()
    pool = pa.proxy_memory_pool(usual)
    pa.set_memory_pool(pool)
    yield pool
    pa.set_memory_pool(usual)


@pytest.mark.parametrize("plain", [False, True], ids=["as Arrow writes it", "as others write it"])
@pytest.mark.parametrize(("rows", "size"), [(2_000, 1_500_000), (100, 4 << 20), (10_000, 70_000)])
def test_a_text_that_a_few_bytes_repeat_is_measured_before_it_is_unpacked(tmp_path, own_pool, rows, size, plain):
    content, before = repeated(rows, size, plain=plain), own_pool.bytes_allocated()
    assert len(content) < 10_000
    with raises(FileLimitError, limit="bytes of long rows", most=134_217_728):
        read(tmp_path, content, NAMES)
    assert before + size / 10 < own_pool.max_memory() < before + 5 * size + (64 << 20)


def test_a_row_that_is_too_long_is_refused(tmp_path):
    with raises(FileLimitError, limit="row bytes", found=5_000_000, most=4_194_304):
        read(tmp_path, repeated(1, 5_000_000), NAMES)
    two = pa.table({"a": ["x" * (3 << 20)], "b": ["y" * (3 << 20)]})
    with raises(FileLimitError, limit="row bytes", found=6_291_456):
        read(tmp_path, parquet(two), pa.schema([("a", pa.string()), ("b", pa.string())]))


def test_texts_are_unpacked_in_pieces_and_whole(tmp_path, set_limits):
    set_limits(parquet_piece_bytes=10_000)
    path = tmp_path / "file"
    path.write_bytes(repeated(1_000, 100))
    pieces = [*row_spool.read_batches(path, "", None, NAMES, Budget(10**9, 10**6))]
    assert {piece.num_rows for piece in pieces} == {100}
    assert pa.Table.from_batches(pieces)["name"].to_pylist() == ["x" * 100] * 1_000


@pytest.mark.parametrize(
    "kind", [pa.string(), pa.large_string(), pa.string_view(), pa.dictionary(pa.int8(), pa.string())]
)
@pytest.mark.parametrize("dictionary", [True, False])
def test_texts_in_any_layout_are_the_same_texts(tmp_path, kind, dictionary):
    rows = table(20_000)
    written = rows.set_column(1, "name", rows["name"].cast(kind))
    assert read(tmp_path, parquet(written, use_dictionary=dictionary, row_group_size=9_000)).equals(rows)


def test_only_texts_that_would_be_long_when_they_are_repeated_are_read_by_their_dictionary(tmp_path, monkeypatch):
    asked, real = [], pq.ParquetFile

    def opened(*given, **options):
        asked.append(options.get("read_dictionary"))
        return real(*given, **options)

    monkeypatch.setattr(pq, "ParquetFile", opened)
    read(tmp_path, parquet(table(1_000), row_group_size=300))
    assert asked[-1] == []
    long = pa.table({"id": range(1_000), "name": ["short"] * 999 + ["x" * 10_000]}, SCHEMA)
    assert read(tmp_path, parquet(long, row_group_size=300)).equals(long)
    assert asked[-1] == ["name"]


def test_a_dictionary_that_overflows_into_plain_values_is_read_whole(tmp_path):
    rows = pa.table({"id": range(100_000), "name": [f"{n:0>40}" for n in range(100_000)]}, SCHEMA)
    content = parquet(rows, dictionary_pagesize_limit=10_000)
    assert read(tmp_path, content).equals(rows)


@pytest.fixture
def undecoded(monkeypatch) -> None:
    """Decoding a row fails the test."""
    monkeypatch.setattr(pq.ParquetFile, "iter_batches", lambda *_, **__: pytest.fail("it was decoded"))


@pytest.mark.parametrize(
    ("setting", "most", "options", "fields"),
    [
        ("parquet_columns", 1, {}, {"limit": "columns", "found": 2}),
        ("parquet_row_groups", 9, {"row_group_size": 1}, {"limit": "row groups", "found": 10}),
        ("parquet_column_chunks", 19, {"row_group_size": 1}, {"limit": "column chunks", "found": 20}),
        ("parquet_row_group_bytes", 99, {}, {"limit": "row group bytes"}),
        ("parquet_footer_bytes", 99, {}, {"limit": "footer bytes"}),
    ],
)
def test_what_the_footer_states_is_limited_before_anything_is_decoded(
    tmp_path, undecoded, set_limits, setting, most, options, fields
):
    set_limits(**{setting: most})
    with raises(FileLimitError, most=most, **fields) as refused:
        read(tmp_path, parquet(table(10), **options))
    assert refused.value.found > most


@pytest.mark.parametrize(
    ("budget", "fields"),
    [
        (Budget(max_bytes=9_999, max_rows=10**6), {"limit": "max_bytes", "most": 9_999}),
        (Budget(max_bytes=10**9, max_rows=9_999), {"limit": "max_rows", "most": 9_999, "found": 10_000}),
        (Budget(max_bytes=10**9, max_rows=10_009, rows=10), {"limit": "max_rows", "most": 10_009, "found": 10_010}),
    ],
)
def test_a_file_that_states_more_than_the_day_may_hold_is_not_decoded(tmp_path, undecoded, budget, fields):
    with raises(FileLimitError, **fields):
        read(tmp_path, parquet(table(10_000)), budget=budget)


def test_what_unpacks_to_more_than_it_states_is_counted(tmp_path):
    """The footer states the dictionary once; the rows repeat it."""
    with raises(FileLimitError, limit="max_bytes", most=1_000_000):
        read(tmp_path, repeated(1_000, 10_000), NAMES, Budget(10**6, 10**6))


class Stated:
    """The metadata of a file, with another value where a test says so."""

    def __init__(self, real: Any, **other: Any) -> None:
        self._real, self._other = real, other

    def __getattr__(self, name: str) -> Any:
        return self._other.get(name, getattr(self._real, name))

    def row_group(self, place: int) -> Any:
        return Stated(self._real.row_group(place), **self._other.get("group", {}))

    def column(self, place: int) -> Any:
        return Stated(self._real.column(place), **self._other.get("chunk", {}))


@pytest.mark.parametrize(
    ("other", "fields"),
    [
        ({"num_rows": -1}, {"statement": "negative", "stated": -1}),
        ({"num_rows": 11}, {"statement": "rows", "stated": 11, "found": 10}),
        (
            {"group": {"total_byte_size": -5, "chunk": {"total_uncompressed_size": -5}}},
            {"statement": "negative", "stated": -5},
        ),
        ({"group": {"chunk": {"total_compressed_size": 10**9}}}, {"statement": "bytes", "stated": 2_000_000_000}),
    ],
)
def test_a_footer_that_contradicts_itself_is_refused(tmp_path, monkeypatch, other, fields):
    real = pq.read_metadata
    monkeypatch.setattr(pq, "read_metadata", lambda path: Stated(real(path), **other))
    with raises(FooterError, **fields):
        read(tmp_path, parquet(table(10)))


def test_row_groups_that_share_their_bytes_are_refused(tmp_path, monkeypatch):
    """Ten thousand row groups may point to the same page."""
    content = parquet(table(1_000), row_group_size=500)
    monkeypatch.setattr(Path, "stat", lambda self: type("Size", (), {"st_size": 100})())
    monkeypatch.setattr(parquet_reader, "_require_footer", lambda path: None)
    with raises(FooterError, statement="bytes", found=100):
        read(tmp_path, content)


def test_statistics_that_lie_change_no_row(tmp_path):
    rows = pa.table({"name": ["b", "c", "d"]}, NAMES)
    content = parquet(rows, compression="none", use_dictionary=False)
    footer = len(content) - 8 - int.from_bytes(content[-8:-4], "little")
    lying = content[:footer] + content[footer:].replace(b"\x01b", b"\x01x").replace(b"\x01d", b"\x01y")
    assert lying != content
    assert read(tmp_path, lying, NAMES).equals(rows)


def test_a_nested_type_is_named_in_bounds(tmp_path):
    kind = pa.struct([(f"field_{n}", pa.list_(pa.string())) for n in range(1_000)])
    odd = pa.table({"name": pa.nulls(1, kind), "id": [1]})
    with raises(FileTypesError, "struct<") as refused:
        read(tmp_path, parquet(odd))
    assert {name: declared for name, (_, declared) in refused.value.types.items()} == {"name": "string"}
    assert len(str(refused.value)) < 300


class Name(str):
    """A column's name that counts how often any is compared with another."""

    compared = 0

    def __eq__(self, other: object) -> bool:
        Name.compared += 1
        return super().__eq__(other)

    __hash__ = str.__hash__


@pytest.mark.parametrize("names", [[f"c{n}" for n in range(5_000)], ["c"] * 5_000], ids=["all others", "all the same"])
def test_comparing_names_grows_as_their_number_and_the_error_does_not(names):
    Name.compared = 0
    with raises(FileColumnsError, missing=("id", "name"), declared=("id", "name")) as refused:
        require_columns([Name(name) for name in names], SCHEMA)
    assert Name.compared < 20 * len(names)
    assert len(str(refused.value)) < 2_000


def test_an_error_shows_names_of_any_length_and_number_shortened_and_quoted():
    names = ["\x1b[2J\u202e" + "x" * 10_000, *(f"c{n}" for n in range(30_000))]
    with raises(FileColumnsError, "29,981", extra=tuple(sorted(names))) as refused:
        require_columns(names, SCHEMA)
    said = str(refused.value)
    assert len(said) < 2_000 and "\x1b" not in said and "\u202e" not in said


def test_a_library_error_is_shown_in_bounds():
    assert len(file_readers.library_error(ValueError("x" * 10**7)).reason) <= file_readers.LIBRARY_TEXT
