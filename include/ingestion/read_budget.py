"""Limit what the files of a day may hold, whatever sizes they state."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import pyarrow as pa
import pyarrow.compute as pc

from include.ingestion.file_errors import FileLimitError

BLOCK_BYTES = 4 << 20
"""CSV bytes that are parsed at once; also the longest row of any file."""
SHORT_ROW_BYTES, LONG_ROWS_BYTES = 64 << 10, 128 << 20
"""Bytes of text above which a row is long, and the limit for all long rows of a day together: sorting may place them
next to each other, and engines process rows by the thousand."""


@dataclass
class Budget:
    """Limits for the files of a day, and what the files read so far hold."""

    max_bytes: int
    max_rows: int
    bytes: int = 0
    """Uncompressed."""
    rows: int = 0
    long_bytes: int = 0
    """Bytes of text in rows longer than SHORT_ROW_BYTES."""
    longest_short_row: int = 0
    """Bytes of text in the longest row within SHORT_ROW_BYTES."""

    def take_bytes(self, count: int) -> None:
        """Count uncompressed bytes.

        Raises:
            FileLimitError: there are more than `max_bytes`.
        """
        self.require_bytes(count)
        self.bytes += count

    def require_bytes(self, count: int) -> None:
        """Check that `count` more uncompressed bytes are within the limit.

        Raises:
            FileLimitError: there would be more than `max_bytes`.
        """
        if self.bytes + count > self.max_bytes:
            raise FileLimitError("max_bytes", self.max_bytes, self.bytes + count)

    def take_rows(self, texts: Sequence[pa.Array], count: int) -> int:
        """Count `count` rows and return the bytes of their texts.

        `texts` are their columns of text, which may still be dictionary-encoded.

        Raises:
            FileLimitError: there are more than `max_rows`, a row is too long, or too many rows are long.
        """
        self.require_rows(count)
        self.rows += count
        lengths = _row_lengths(texts)
        if lengths is None or not count:
            return 0
        longest = pc.max(lengths).as_py()
        if longest > BLOCK_BYTES:
            raise FileLimitError("row bytes", BLOCK_BYTES, longest)
        if longest > SHORT_ROW_BYTES:
            is_long = pc.greater(lengths, SHORT_ROW_BYTES)
            self.long_bytes += pc.sum(pc.filter(lengths, is_long)).as_py()
            longest = pc.max(pc.filter(lengths, pc.invert(is_long))).as_py() or 0
        self.longest_short_row = max(self.longest_short_row, longest)
        if self.long_bytes > LONG_ROWS_BYTES:
            raise FileLimitError("bytes of long rows", LONG_ROWS_BYTES, self.long_bytes)
        return int(pc.sum(lengths).as_py())

    def require_rows(self, count: int) -> None:
        """Check that `count` more rows are within the limit.

        Raises:
            FileLimitError: there would be more than `max_rows`.
        """
        if self.rows + count > self.max_rows:
            raise FileLimitError("max_rows", self.max_rows, self.rows + count)


def _row_lengths(texts: Sequence[pa.Array]) -> pa.Array | None:
    """Return the bytes of text of each row; None if there is no column of text."""
    total = None
    for column in texts:
        lengths = (
            pc.binary_length(column.dictionary).take(column.indices)
            if pa.types.is_dictionary(column.type)
            else pc.binary_length(column)
        )
        lengths = lengths.cast(pa.int64())
        lengths = pc.fill_null(lengths, 0) if lengths.null_count else lengths
        total = lengths if total is None else pc.add(total, lengths)
    return total
