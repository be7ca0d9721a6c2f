"""Read delivered CSV files a batch at a time, with the declared columns and types.

Sizes that a file states are never trusted. The limits of a period are in the feed's source, those of one file are here.
The functions run in the process for untrusted content (`include.untrusted`).
"""

from __future__ import annotations

import codecs
import csv
import gzip
import io
import lzma
import re
import zipfile
import zlib
from collections import Counter
from collections.abc import Collection, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any, cast

import pyarrow as pa
import pyarrow.csv as pc_csv

from include.errors import shorten
from include.ingestion.file_errors import (
    FileColumnsError,
    FileDelimiterError,
    FileEmptyError,
    FileEncodingError,
    FileLimitError,
    FileQuotesError,
    ZipMembersError,
)
from include.ingestion.read_budget import BLOCK_BYTES, Budget
from include.untrusted.errors import UntrustedContentError

HEADER_BYTES = 1 << 20
"""Longest first line of a file."""
COLUMNS = 10_000
"""Columns of a file, declared or not."""
LIBRARY_TEXT = 300
"""Characters shown of a library's message, which may contain whole rows."""

BROKEN = (
    *(pa.ArrowException, OSError, EOFError, UnicodeError, csv.Error, zlib.error, lzma.LZMAError, zipfile.BadZipFile),
    NotImplementedError,  # a zip method that Python does not support, such as Deflate64
)
"""Errors that the libraries raise for a file whose content does not match its name."""


@dataclass(frozen=True)
class CsvFormat:
    """How values are written in a CSV file."""

    delimiter: str = ","
    nulls: Sequence[str] = ("",)


def library_error(error: BaseException, header: Sequence[str] = ()) -> UntrustedContentError:
    """Return a library's error as one that explains it to the supplier of the file.

    `header` names the file's columns.
    """
    text = shorten(" ".join(str(error)[: 10 * LIBRARY_TEXT].split()), LIBRARY_TEXT) or type(error).__name__
    column = re.match(r"In CSV column #(\d+): ", text)
    if column and int(column[1]) < len(header):
        text = text.replace(column[0], f"column {header[int(column[1])]!r}: ", 1)
    if isinstance(error, UnicodeError) or "UTF8" in text:
        return FileEncodingError(text)
    if "straddling object" in text:
        return FileQuotesError(f"a row is longer than {BLOCK_BYTES:,} bytes, or a quote is never closed")
    return UntrustedContentError(text)


def read_csv(
    path: Path, name: str, csv_format: CsvFormat, schema: pa.Schema, budget: Budget, ignored: Collection[str] = ()
) -> Iterator[pa.RecordBatch]:
    """Yield the rows of a CSV file in its order.

    Batches have the columns in the order of `schema`. The suffix of `name` gives the compression: `.gz`, `.zip` or
    none. The file may also have the columns `ignored`.

    Raises:
        UntrustedContentError: the file is damaged, has other columns, a value of another type than its column, or more
            than the budget allows; raised at the latest after the last batch.
    """
    header = read_header(path, name, csv_format.delimiter)
    _require_delimiter(header, csv_format.delimiter, schema)
    require_columns(header, schema, ignored)
    rows, texts = 0, [place for place, field in enumerate(schema) if pa.types.is_string(field.type)]
    with _unpacked(path, name, budget) as file:
        counted = _Counted(file, budget)
        try:
            for batch in _opened(counted, csv_format, schema, len(header)):
                rows += batch.num_rows
                budget.take_rows([batch.column(place) for place in texts], batch.num_rows)
                yield batch
        except pa.ArrowInvalid as error:
            raise library_error(error, header) from error
    if counted.has_quotes:
        with _unpacked(path, name) as file:
            _require_closed_quotes(file, csv_format.delimiter, len(header), rows)


def read_header(path: Path, name: str, delimiter: str) -> list[str]:
    """Return the column names in the first line of a CSV file.

    Raises:
        UntrustedContentError: the line is missing, too long, or not UTF-8.
    """
    with _unpacked(path, name) as file:
        return _header(file, delimiter)


def _opened(file: _Counted, csv_format: CsvFormat, schema: pa.Schema, columns: int) -> pc_csv.CSVStreamingReader:
    return pc_csv.open_csv(
        cast("IO[bytes]", file),
        read_options=pc_csv.ReadOptions(block_size=BLOCK_BYTES, use_threads=False),
        parse_options=pc_csv.ParseOptions(
            delimiter=csv_format.delimiter,
            newlines_in_values=True,
            ignore_empty_lines=columns > 1,  # with one column, an empty line is a row with a null
        ),
        convert_options=pc_csv.ConvertOptions(
            column_types=schema,
            include_columns=schema.names,
            null_values=list(csv_format.nulls),
            strings_can_be_null=True,
            quoted_strings_can_be_null=False,
        ),
    )


def _require_closed_quotes(file: IO[bytes], delimiter: str, columns: int, rows: int) -> None:
    """Check that no unclosed quote has merged rows.

    Arrow reads to the next quote, across lines.

    Raises:
        UntrustedContentError: a quoted value does not end before a delimiter or the end of its line, or is too long, or
            rows are missing.
    """
    csv.field_size_limit(BLOCK_BYTES)
    lines = io.TextIOWrapper(file, encoding="utf-8-sig", newline="")
    reader, expected = csv.reader(lines, delimiter=delimiter, strict=True), -1  # the header is not a row
    try:
        for values in reader:
            expected += bool(values) or columns == 1
    except csv.Error as error:
        raise FileQuotesError(f"line {reader.line_num}: {error}") from error
    finally:
        lines.detach()
    if expected != rows:
        raise FileQuotesError(f"it has {expected:,} rows according to its quotes, but {rows:,} could be read")


@contextmanager
def _unpacked(path: Path, name: str, budget: Budget | None = None) -> Iterator[IO[bytes]]:
    """Open the file and yield its uncompressed bytes.

    Raises:
        UntrustedContentError: a zip does not hold exactly one CSV file, is encrypted, or states a size over the budget.
    """
    name = name.lower()
    if name.endswith(".gz"):
        with gzip.open(path) as file:
            yield cast("IO[bytes]", file)
    elif name.endswith(".zip"):
        with zipfile.ZipFile(path) as archive:
            inside = [entry for entry in archive.infolist() if not entry.is_dir()]
            if len(inside) != 1 or not inside[0].filename.lower().endswith(".csv"):
                raise ZipMembersError([entry.filename for entry in inside])
            if inside[0].flag_bits & 1:
                raise UntrustedContentError("the zip is encrypted")
            if budget:
                budget.require_bytes(inside[0].file_size)
            with archive.open(inside[0]) as file:
                yield file
    else:
        with path.open("rb") as file:
            yield file


def _header(file: IO[bytes], delimiter: str) -> list[str]:
    """Return the column names in the first line."""
    start = file.read(HEADER_BYTES)
    if not start.strip():
        raise FileEmptyError
    # Cut after the line's end: the bytes that follow may end within a character.
    line = start[: start.find(b"\n") + 1] if b"\n" in start else start
    if len(line) == HEADER_BYTES:
        raise FileLimitError("header bytes", HEADER_BYTES, len(line))
    names = next(csv.reader(io.StringIO(_decoded(line), newline=""), delimiter=delimiter), [])
    if len(names) > COLUMNS:
        raise FileLimitError("columns", COLUMNS, len(names))
    return names


def _decoded(line: bytes) -> str:
    for mark, encoding in ((codecs.BOM_UTF16_LE, "UTF-16"), (codecs.BOM_UTF16_BE, "UTF-16")):
        if line.startswith(mark):
            raise FileEncodingError(encoding)
    if b"\0" in line:
        raise FileEncodingError("NUL bytes in its first line, as UTF-16 has")
    return line.decode("utf-8-sig")


def _require_delimiter(header: list[str], delimiter: str, schema: pa.Schema) -> None:
    """Check that no other delimiter splits the first line into declared columns.

    Raises:
        UntrustedContentError: another delimiter does.
    """
    if len(header) != 1 or header == schema.names:
        return
    for other in (";", "\t", "|", ","):
        names = [name.strip().strip('"') for name in header[0].split(other)]
        if other != delimiter and len(names) > 1 and set(names) & set(schema.names):
            raise FileDelimiterError(delimiter, other, len(names))


def require_columns(names: Sequence[str], schema: pa.Schema, ignored: Collection[str] = ()) -> None:
    """Check that a file has each declared column once, and no others but `ignored`.

    Any order is accepted.

    Raises:
        UntrustedContentError: a column is missing, not declared, or repeated.
    """
    declared, count = set(schema.names), Counter(names)
    missing, extra = declared - count.keys(), count.keys() - declared - set(ignored)
    repeated = {name for name, times in count.items() if times > 1}
    if missing or extra or repeated:
        raise FileColumnsError(missing, extra, repeated, schema.names)


class _Counted(io.RawIOBase):
    """A file that reads no more bytes than its budget allows, and detects quotes."""

    def __init__(self, file: IO[bytes], budget: Budget) -> None:
        self._file, self._budget = file, budget
        self.has_quotes = False

    def readable(self) -> bool:
        return True

    def read(self, size: int = -1) -> Any:
        content = self._file.read(size)
        self._budget.take_bytes(len(content))
        self.has_quotes = self.has_quotes or b'"' in content
        return content
