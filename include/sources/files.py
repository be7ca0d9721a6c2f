"""Files: delivered CSV and Parquet files, read a batch at a time, with exactly the declared columns and types."""

from __future__ import annotations

import csv
import gzip
import io
import lzma
import zipfile
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO, Any, cast

import pyarrow as pa
import pyarrow.csv as pc_csv
import pyarrow.parquet as pq

from include.landing import Landing

HEADER_BYTES = 1 << 20
"""Within so many bytes a file's first line has its end."""
BLOCK_BYTES = 4 << 20
"""Of CSV, so much is parsed at once."""
BATCH_ROWS = 65_536
SAID = 300
"""Characters of a library's own words: they may hold whole rows."""

BROKEN = (
    *(pa.ArrowException, OSError, EOFError, UnicodeError, csv.Error, zlib.error, lzma.LZMAError, zipfile.BadZipFile),
    NotImplementedError,  # a zip that is packed in a way that Python does not know, such as Deflate64
)
"""What the libraries raise where a file is not what its name says."""


class Unreadable(Exception):
    """A file is not what is declared; its words say why."""


class Space:
    """How many bytes may still be unpacked."""

    def __init__(self, limit: int) -> None:
        self.limit = self.left = limit

    def take(self, count: int) -> None:
        """Raises Unreadable where there are no more."""
        self.left -= count
        if self.left < 0:
            raise Unreadable(f"the day's files hold more than max_bytes={self.limit:,} bytes when they are unpacked")


def batches(path: Path, name: str, landing: Landing, schema: pa.Schema, space: Space) -> Iterator[pa.RecordBatch]:
    """The rows of a file, in its order, with the columns of `schema` in theirs. `name` tells how it is packed.

    Raises Unreadable for what is damaged, has other columns, a value that is not of its column's type, or no room.
    """
    read = _parquet if landing.format == "parquet" else _csv
    try:
        yield from read(path, name.lower(), landing, schema, space)
    except BROKEN as error:
        raise Unreadable(" ".join(str(error).split())[:SAID] or type(error).__name__) from error


def _csv(path: Path, name: str, landing: Landing, schema: pa.Schema, space: Space) -> Iterator[pa.RecordBatch]:
    with _unpacked(path, name) as file:
        _require_columns(_header(file, landing.delimiter), schema)
    with _unpacked(path, name) as file:
        reader = pc_csv.open_csv(
            cast("IO[bytes]", _Counted(file, space)),
            read_options=pc_csv.ReadOptions(block_size=BLOCK_BYTES, use_threads=False),
            parse_options=pc_csv.ParseOptions(delimiter=landing.delimiter, newlines_in_values=True),
            convert_options=pc_csv.ConvertOptions(
                column_types=schema,
                include_columns=schema.names,
                null_values=list(landing.nulls),
                strings_can_be_null=True,
                quoted_strings_can_be_null=False,
            ),
        )
        yield from reader


def _parquet(path: Path, _: str, __: Landing, schema: pa.Schema, space: Space) -> Iterator[pa.RecordBatch]:
    with pq.ParquetFile(path) as file:
        there = file.schema_arrow
        _require_columns(there.names, schema)
        wrong = [
            f"{field.name} is {there.field(field.name).type}, declared {field.type}"
            for field in schema
            if not _same(there.field(field.name).type, field.type)
        ]
        if wrong:
            raise Unreadable(f"it has wrong types: {'; '.join(wrong)}")
        for batch in file.iter_batches(batch_size=BATCH_ROWS, columns=schema.names):
            space.take(batch.nbytes)
            # `schema` too has no field that must not be null, and a writer's own metadata is left behind.
            yield pa.record_batch([batch.column(field.name).cast(field.type) for field in schema], schema=schema)


def _same(there: pa.DataType, declared: pa.DataType) -> bool:
    """Whether it is that type; text may be stored in any of Arrow's ways, which differ in layout alone."""
    plain = there.value_type if pa.types.is_dictionary(there) else there
    text = (pa.types.is_string, pa.types.is_large_string, pa.types.is_string_view)
    return bool(plain == declared or (pa.types.is_string(declared) and any(is_text(plain) for is_text in text)))


@contextmanager
def _unpacked(path: Path, name: str) -> Iterator[IO[bytes]]:
    """The file's text as bytes. Raises Unreadable for a zip that does not hold one CSV file, and can be opened."""
    if name.endswith(".gz"):
        with gzip.open(path) as file:
            yield cast("IO[bytes]", file)
    elif name.endswith(".zip"):
        with zipfile.ZipFile(path) as archive:
            inside = [each for each in archive.infolist() if not each.is_dir()]
            if len(inside) != 1 or not inside[0].filename.lower().endswith(".csv"):
                found = [each.filename for each in inside[:5]]
                raise Unreadable(f"a zip holds one file that ends in .csv; this one has {len(inside)}: {found}")
            if inside[0].flag_bits & 1:
                raise Unreadable("the zip is encrypted")
            with archive.open(inside[0]) as file:
                yield file
    else:
        with path.open("rb") as file:
            yield file


def _header(file: IO[bytes], delimiter: str) -> list[str]:
    """The column names in the first line."""
    start = file.read(HEADER_BYTES)
    if not start.strip():
        raise Unreadable("it is empty, without even a line of column names")
    # Cut after the line's end, for what follows may end within a character.
    line = start[: start.find(b"\n") + 1] if b"\n" in start else start
    if len(line) == HEADER_BYTES:
        raise Unreadable(f"its first line has no end within {HEADER_BYTES:,} bytes")
    return next(csv.reader(io.StringIO(line.decode("utf-8-sig"), newline=""), delimiter=delimiter), [])


def _require_columns(there: list[str], schema: pa.Schema) -> None:
    """Exactly the declared names, each once, in any order."""
    missing, extra = sorted(set(schema.names) - set(there)), sorted(set(there) - set(schema.names))
    twice = sorted({name for name in there if there.count(name) > 1})
    parts = [f"lacks {missing}"] * bool(missing) + [f"has undeclared {extra}"] * bool(extra)
    parts += [f"has {twice} twice"] * bool(twice)
    if parts:
        raise Unreadable(f"it {', '.join(parts)}")


class _Counted(io.RawIOBase):
    """A file of which no more is read than there is room for."""

    def __init__(self, file: IO[bytes], space: Space) -> None:
        self._file, self._space = file, space

    def readable(self) -> bool:
        return True

    def read(self, size: int = -1) -> Any:
        content = self._file.read(size)
        self._space.take(len(content))
        return content
