"""Files: delivered CSV and Parquet files, read a batch at a time, with exactly the declared columns and types."""

from __future__ import annotations

import codecs
import csv
import gzip
import io
import lzma
import re
import zipfile
import zlib
from collections.abc import Iterator, Sequence
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
    """Read the rows of a file, in its order, with the columns of `schema` in theirs. `name` says how it is packed.

    Every row of the file is in a batch, or Unreadable is raised, at the latest behind the last batch.

    Raises:
        Unreadable: the file is damaged, has other columns, a value that is not of its column's type, or no room.
    """
    read = _parquet if landing.format == "parquet" else _csv
    try:
        yield from read(path, name.lower(), landing, schema, space)
    except BROKEN as error:
        raise Unreadable(_in_words(error)) from error


def _in_words(error: BaseException, header: Sequence[str] = ()) -> str:
    """Say what a library's error means for the person who delivers the file; `header` names its columns."""
    text = " ".join(str(error).split())[:SAID] or type(error).__name__
    column = re.match(r"In CSV column #(\d+): ", text)
    if column and int(column[1]) < len(header):
        text = text.replace(column[0], f"column {header[int(column[1])]!r}: ", 1)
    if isinstance(error, UnicodeError) or "UTF8" in text:
        return f"it is not UTF-8 text ({text}); save it as UTF-8"
    if "straddling object" in text:
        return f"a row is longer than {BLOCK_BYTES:,} bytes, or a quote in the file is never closed"
    return text


def _csv(path: Path, name: str, landing: Landing, schema: pa.Schema, space: Space) -> Iterator[pa.RecordBatch]:
    with _unpacked(path, name) as file:
        header = _header(file, landing.delimiter)
    _require_delimiter(header, landing.delimiter, schema)
    _require_columns(header, schema)
    rows = 0
    with _unpacked(path, name) as file:
        counted = _Counted(file, space)
        try:
            for batch in _opened(counted, landing, schema, len(header)):
                rows += batch.num_rows
                yield batch
        except pa.ArrowInvalid as error:
            raise Unreadable(_in_words(error, header)) from error
    if counted.has_quotes:
        with _unpacked(path, name) as file:
            _require_closed_quotes(file, landing.delimiter, len(header), rows)


def _opened(file: _Counted, landing: Landing, schema: pa.Schema, columns: int) -> pc_csv.CSVStreamingReader:
    return pc_csv.open_csv(
        cast("IO[bytes]", file),
        read_options=pc_csv.ReadOptions(block_size=BLOCK_BYTES, use_threads=False),
        parse_options=pc_csv.ParseOptions(
            delimiter=landing.delimiter,
            newlines_in_values=True,
            ignore_empty_lines=columns > 1,  # in a file of one column an empty line is a row whose value is missing
        ),
        convert_options=pc_csv.ConvertOptions(
            column_types=schema,
            include_columns=schema.names,
            null_values=list(landing.nulls),
            strings_can_be_null=True,
            quoted_strings_can_be_null=False,
        ),
    )


def _require_closed_quotes(file: IO[bytes], delimiter: str, columns: int, rows: int) -> None:
    """Check that no stray quote has swallowed rows: Arrow reads on to the next quote, over the ends of lines.

    Raises:
        Unreadable: a quoted value does not end before a delimiter or the end of its line, or rows are missing.
    """
    csv.field_size_limit(2**31 - 1)
    lines = io.TextIOWrapper(file, encoding="utf-8-sig", newline="")
    reader, there = csv.reader(lines, delimiter=delimiter, strict=True), -1  # the header is no row
    try:
        for values in reader:
            there += bool(values) or columns == 1
    except csv.Error as error:
        raise Unreadable(
            f"line {reader.line_num}: {error}. A quote that is part of a value is written twice, in a value within"
            " quotes"
        ) from error
    finally:
        lines.detach()
    if there != rows:
        raise Unreadable(f"it holds {there:,} rows by its quotes and line ends, and {rows:,} could be read")


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
        rows = 0
        for batch in file.iter_batches(batch_size=BATCH_ROWS, columns=schema.names):
            space.take(batch.nbytes)
            rows += batch.num_rows
            # `schema` too has no field that must not be null, and a writer's own metadata is left behind.
            yield pa.record_batch([batch.column(field.name).cast(field.type) for field in schema], schema=schema)
        if rows != file.metadata.num_rows:
            raise Unreadable(f"it announces {file.metadata.num_rows:,} rows and holds {rows:,}")


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
    return next(csv.reader(io.StringIO(_decoded(line), newline=""), delimiter=delimiter), [])


def _decoded(line: bytes) -> str:
    for mark, encoding in ((codecs.BOM_UTF16_LE, "UTF-16"), (codecs.BOM_UTF16_BE, "UTF-16")):
        if line.startswith(mark):
            raise Unreadable(f"it is {encoding} text; save it as UTF-8")
    if b"\0" in line:
        raise Unreadable("its first line holds NUL bytes, as UTF-16 text does; save it as UTF-8")
    return line.decode("utf-8-sig")


def _require_delimiter(header: list[str], delimiter: str, schema: pa.Schema) -> None:
    """Raises Unreadable where another delimiter would split the first line into the declared columns."""
    if len(header) != 1 or header == schema.names:
        return
    for other in (";", "\t", "|", ","):
        names = [name.strip().strip('"') for name in header[0].split(other)]
        if other != delimiter and len(names) > 1 and set(names) & set(schema.names):
            raise Unreadable(
                f"its first line is one column by the delimiter {delimiter!r}, and {len(names)} by {other!r}: declare"
                f" Landing(delimiter={other!r}), or have it delivered with {delimiter!r}"
            )


def _require_columns(there: list[str], schema: pa.Schema) -> None:
    """Exactly the declared names, each once, in any order."""
    missing, extra = sorted(set(schema.names) - set(there)), sorted(set(there) - set(schema.names))
    twice = sorted({name for name in there if there.count(name) > 1})
    parts = [f"lacks {missing}"] * bool(missing) + [f"has undeclared {extra}"] * bool(extra)
    parts += [f"has {twice} twice"] * bool(twice)
    if parts:
        raise Unreadable(f"it {', '.join(parts)}; declared are {schema.names}")


class _Counted(io.RawIOBase):
    """A file of which no more is read than there is room for; it notices quotes."""

    def __init__(self, file: IO[bytes], space: Space) -> None:
        self._file, self._space = file, space
        self.has_quotes = False

    def readable(self) -> bool:
        return True

    def read(self, size: int = -1) -> Any:
        content = self._file.read(size)
        self._space.take(len(content))
        self.has_quotes = self.has_quotes or b'"' in content
        return content
