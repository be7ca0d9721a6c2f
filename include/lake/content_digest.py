"""Compute digests of content that do not depend on batches or files."""

from __future__ import annotations

import functools
import hashlib
import json
from collections.abc import Iterable, Iterator, Mapping

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

PREFIX = "b2-"
"""Prevents that a digest in a path is read as a number."""


class ContentDigest:
    """A BLAKE2 digest of a table's content, fed by batches in row order.

    Validity, lengths and values of every column are hashed separately, with nulls replaced by a fixed value, so that
    neither batch borders nor the bytes behind a null change the digest.
    """

    def __init__(self, schema: pa.Schema) -> None:
        self._schema = schema
        self._hashes: dict[tuple[str, str], hashlib.blake2b] = {}
        self.rows = 0

    def update(self, batch: pa.RecordBatch) -> None:
        """Add the next rows; the batch must have the schema of the constructor."""
        for name in self._schema.names:
            for stream, content in _streams(batch.column(name)):
                self._hashes.setdefault((name, stream), hashlib.blake2b(digest_size=16)).update(content)
        self.rows += batch.num_rows

    def hexdigest(self) -> str:
        """Return the digest of names, types, row count and content: `b2-` and 32 digits."""
        hashes = {"/".join(key): stream.hexdigest() for key, stream in self._hashes.items()} if self.rows else {}
        return digest_values(
            {"rows": self.rows, "schema": [(f.name, str(f.type)) for f in self._schema], "hashes": hashes}
        )


def digest_batches(schema: pa.Schema, batches: Iterable[pa.RecordBatch]) -> ContentDigest:
    """Return the digest of all rows of the batches, which all have this schema."""
    digest = ContentDigest(schema)
    for batch in batches:
        digest.update(batch)
    return digest


def digest_table(table: pa.Table) -> str:
    """Return the digest of a whole table in its row order."""
    return digest_batches(table.schema, table.to_batches()).hexdigest()


def digest_values(values: Mapping[str, object] | Iterable[object]) -> str:
    """Return the digest of plain values, from their sorted JSON."""
    text = json.dumps(values if isinstance(values, Mapping) else list(values), sort_keys=True, default=text_of)
    return PREFIX + hashlib.blake2b(text.encode(), digest_size=16).hexdigest()


def text_of(value: object) -> object:
    """Return a value for JSON that is the same in each process.

    By default, the text of a function or an object without a text of its own has its address in memory.
    """
    if callable(value) and hasattr(value, "__qualname__") and not isinstance(value, type):
        return f"{value.__module__}.{value.__qualname__}"
    if isinstance(value, functools.partial):
        return [text_of(value.func), list(value.args), value.keywords]
    if type(value).__str__ is object.__str__ and type(value).__repr__ is object.__repr__:
        return [type(value).__qualname__, getattr(value, "__dict__", {})]
    return str(value)


def _streams(array: pa.Array, prefix: str = "") -> Iterator[tuple[str, bytes]]:
    """Yield name and bytes of each stream that together represent the array's content."""
    yield prefix + "valid", _raw(pc.is_valid(array).cast(pa.int8()))
    if pa.types.is_list(array.type):
        yield prefix + "lengths", _raw(pc.fill_null(pc.list_value_length(array), 0))
        yield from _streams(pc.list_flatten(array), prefix + "item.")
    elif pa.types.is_string(array.type):
        filled = pc.fill_null(array, "")
        yield prefix + "lengths", _raw(pc.binary_length(filled))
        yield prefix + "values", _text(filled)
    elif pa.types.is_boolean(array.type):
        yield prefix + "values", _raw(pc.fill_null(array, False).cast(pa.int8()))
    else:
        numbers = array.cast(pa.int32()) if pa.types.is_date32(array.type) else array
        numbers = numbers.cast(pa.int64()) if pa.types.is_timestamp(array.type) else numbers
        yield prefix + "values", _raw(pc.fill_null(numbers, 0))


def _raw(numbers: pa.Array) -> bytes:
    content: bytes = numbers.to_numpy(zero_copy_only=False).tobytes()
    return content


def _text(strings: pa.StringArray) -> bytes:
    """Return the bytes of all strings, as one slice of the array's buffer."""
    if len(strings) == 0:
        return b""
    _, offsets, values = strings.buffers()
    ends = np.frombuffer(offsets, dtype=np.int32)[strings.offset : strings.offset + len(strings) + 1]
    return values[int(ends[0]) : int(ends[-1])].to_pybytes() if values is not None else b""
