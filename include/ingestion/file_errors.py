"""Define why a delivered file is refused."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Literal

from include.errors import NAMES_SHOWN, TEXT_SHOWN, shorten, shorten_names
from include.untrusted.errors import UntrustedContentError

LONGEST_TYPE = 100
"""Characters of a type in an error: a nested type names all its parts."""
FileLimit = Literal["max_bytes", "max_rows", "row bytes", "bytes of long rows", "line bytes", "header bytes", "columns"]
ParquetLimit = Literal["footer bytes", "row groups", "column chunks", "row group bytes"]
Limit = FileLimit | ParquetLimit
_LIMITS: dict[Limit, str] = {
    "max_bytes": "the files hold at least {found:,} bytes unpacked, more than max_bytes={most:,}",
    "max_rows": "the files hold at least {found:,} rows, more than max_rows={most:,}",
    "row bytes": "a row holds {found:,} bytes of text, more than {most:,}",
    "bytes of long rows": "its long rows hold {found:,} bytes of text together, more than {most:,}; deliver long texts"
    " elsewhere, and their addresses here",
    "line bytes": "a line is longer than {most:,} bytes",
    "header bytes": "its first line is longer than {most:,} bytes",
    "columns": "it has {found:,} columns, more than {most:,}",
    "footer bytes": "its footer has {found:,} bytes, more than {most:,}; write fewer row groups or columns",
    "row groups": "it has {found:,} row groups, more than {most:,}; write larger ones",
    "column chunks": "its row groups have {found:,} columns in all, more than {most:,}; write larger row groups",
    "row group bytes": "a row group has {found:,} bytes uncompressed, more than {most:,}; write smaller row groups",
}
Statement = Literal["negative", "rows", "bytes"]
_STATEMENTS: dict[Statement, str] = {
    "negative": "its footer states {stated:,} rows or bytes, a negative number",
    "rows": "its footer states {stated:,} rows, and it has {found:,}",
    "bytes": "its footer states {stated:,} bytes of columns, and the file has {found:,}",
}


class FileLimitError(UntrustedContentError):
    """A file, or all files of a period, exceed a limit."""

    def __init__(self, limit: Limit, most: int, found: int) -> None:
        self.limit, self.most, self.found = limit, most, found
        super().__init__(_LIMITS[limit].format(most=most, found=found))


class FooterError(UntrustedContentError):
    """The footer of a Parquet file contradicts its content."""

    def __init__(self, statement: Statement, stated: int, found: int) -> None:
        self.statement, self.stated, self.found = statement, stated, found
        super().__init__(_STATEMENTS[statement].format(stated=stated, found=found))


class FileColumnsError(UntrustedContentError):
    """A file lacks declared columns, or has others or one twice."""

    def __init__(
        self, missing: Iterable[str], extra: Iterable[str], repeated: Iterable[str], declared: Sequence[str]
    ) -> None:
        self.missing, self.extra = tuple(sorted(missing)), tuple(sorted(extra))
        self.repeated, self.declared = tuple(sorted(repeated)), tuple(declared)
        wrong = (("lacks", self.missing), ("has undeclared", self.extra), ("has twice", self.repeated))
        parts = [f"{what} {shorten_names(names)}" for what, names in wrong if names]
        super().__init__(f"it {', '.join(parts)}; the declared columns are {shorten_names(declared)}")


class FileTypesError(UntrustedContentError):
    """Columns of a file have other types than the declared ones."""

    def __init__(self, types: Mapping[str, tuple[str, str]]) -> None:
        """Build the message.

        `types` maps a column to its type in the file and the declared one.
        """
        self.types = dict(types)
        wrong = [
            f"{name} is {shorten(actual, LONGEST_TYPE)}, declared {declared}"
            for name, (actual, declared) in [*types.items()][:NAMES_SHOWN]
        ]
        super().__init__(f"it has wrong types: {shorten('; '.join(wrong), TEXT_SHOWN)}")


class FileEmptyError(UntrustedContentError):
    """A CSV file has no line of column names."""

    def __init__(self) -> None:
        super().__init__("it is empty, without even a line of column names")


class FileEncodingError(UntrustedContentError):
    """A CSV file is not UTF-8."""

    def __init__(self, found: str) -> None:
        self.found = found
        super().__init__(f"it is not UTF-8 text ({found}); save it as UTF-8")


class FileDelimiterError(UntrustedContentError):
    """Another delimiter than the declared one splits the first line into columns."""

    def __init__(self, delimiter: str, other: str, count: int) -> None:
        self.delimiter, self.other, self.count = delimiter, other, count
        super().__init__(
            f"its first line has one column with the delimiter {delimiter!r}, and {count} with {other!r}: declare"
            f" delimiter={other!r} in the feed's source, or ask the supplier to use {delimiter!r}"
        )


class FileQuotesError(UntrustedContentError):
    """A quote of a CSV file is not closed where its value ends."""

    def __init__(self, problem: str) -> None:
        self.problem = problem
        super().__init__(f"{problem}. A quote that is part of a value is written twice, in a value within quotes")


class ZipMembersError(UntrustedContentError):
    """A zip holds something other than one CSV file."""

    def __init__(self, members: Sequence[str]) -> None:
        self.members = tuple(members)
        super().__init__(
            f"a zip holds one file that ends in .csv; this one has {len(members):,}: {shorten_names(members)}"
        )


class JsonLineError(UntrustedContentError):
    """A line of a file is not a JSON object with the declared columns."""

    def __init__(self, line: int, problem: str) -> None:
        self.line, self.problem = line, problem
        super().__init__(f"line {line} {problem}")
