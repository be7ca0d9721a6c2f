"""Read delivered files of JSON lines a batch at a time.

The rows have the declared columns and types. The functions run in the process for untrusted content
(`include.untrusted`).
"""

from __future__ import annotations

import json
from collections.abc import Collection, Iterator
from pathlib import Path
from typing import Any

import pyarrow as pa

from include.errors import shorten, shorten_names
from include.ingestion.file_errors import FileLimitError, JsonLineError
from include.ingestion.plain_values import PlainValueError, to_batch
from include.ingestion.read_budget import BLOCK_BYTES, Budget

BATCH_ROWS = 8_192
"""Objects that are converted at once."""


def read_json_lines(
    path: Path, schema: pa.Schema, budget: Budget, ignored: Collection[str] = ()
) -> Iterator[pa.RecordBatch]:
    """Yield the objects of a file with one JSON object in each line.

    Empty lines are left out. An object has every declared column, which may be null, and no others but `ignored`.

    Raises:
        UntrustedContentError: the file is damaged, an object has other columns or a value of another type, or the file
            has more than the budget allows. The text has the number of the line.
    """
    objects: list[dict[str, Any]] = []
    lines: list[int] = []
    for number, line in _lines(path, budget):
        objects.append(_object(line, number, schema, ignored))
        lines.append(number)
        if len(objects) == BATCH_ROWS:
            yield _converted(objects, lines, schema, budget)
            objects, lines = [], []
    if objects:
        yield _converted(objects, lines, schema, budget)


def _lines(path: Path, budget: Budget) -> Iterator[tuple[int, bytes]]:
    with path.open("rb") as file:
        number = 0
        while line := file.readline(BLOCK_BYTES + 1):
            number += 1
            if len(line) > BLOCK_BYTES:
                raise FileLimitError("line bytes", BLOCK_BYTES, len(line))
            budget.take_bytes(len(line))
            if line.strip():
                yield number, line


def _object(line: bytes, number: int, schema: pa.Schema, ignored: Collection[str]) -> dict[str, Any]:
    try:
        found = json.loads(line.decode("utf-8-sig" if number == 1 else "utf-8"))
    except (ValueError, RecursionError) as error:
        raise JsonLineError(number, f"is not JSON: {shorten(str(error), 200)}") from error
    if not isinstance(found, dict):
        raise JsonLineError(number, "is not a JSON object")
    if missing := [name for name in schema.names if name not in found]:
        raise JsonLineError(number, f"lacks {shorten_names(missing)}")
    if extra := sorted(found.keys() - set(schema.names) - set(ignored)):
        raise JsonLineError(number, f"has undeclared {shorten_names(extra)}")
    return found


def _converted(objects: list[dict[str, Any]], lines: list[int], schema: pa.Schema, budget: Budget) -> pa.RecordBatch:
    try:
        batch = to_batch(objects, schema)
    except PlainValueError as error:
        raise JsonLineError(lines[error.row], f"has a value of another type: {error}") from error
    texts = [batch.column(place) for place, field in enumerate(schema) if pa.types.is_string(field.type)]
    budget.take_rows(texts, batch.num_rows)
    return batch
