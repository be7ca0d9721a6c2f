"""Read the result of `build` or `labels`: a table of Ibis or Arrow, or a frame.

Frames are those of pandas or polars.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable, Collection, Iterable, Iterator, Sequence
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass
from typing import Any

import ibis
import pandas as pd
import pyarrow as pa
from ibis.backends.duckdb import Backend as DuckDB

from include.declaration.personal import mask_text
from include.errors import shorten_names
from include.ingestion.conversion import NotConvertibleError, convert_columns
from include.lake.compiled_queries import compile_query
from include.lake.storable_values import row_text

BATCH_ROWS = 131_072
_INDEX = re.compile(r"__index_level_\d+__")


class ResultRefusedError(ValueError):
    """A function's result cannot be stored.

    The text is the end of a sentence "<table> of <day> …".
    """


@dataclass(frozen=True)
class Result:
    """The rows that a function returned, in their actual types."""

    schema: pa.Schema
    batches: Iterable[pa.RecordBatch]
    in_order: bool
    """Whether they are in order of their keys, by the keys' actual types."""


def read_result(
    returned: Any,
    announced: pa.Schema,
    keys: Sequence[str],
    around_compiling: Callable[[], AbstractContextManager[None]] = nullcontext,
) -> Result:
    """Return the rows of a function's result.

    An Ibis table is computed while its batches are read.

    Raises:
        ResultRefusedError: the result is not a table, or does not have exactly the announced columns.
    """
    if isinstance(returned, ibis.Table):
        _require_columns(list(returned.columns), announced)
        return _of_ibis(returned.order_by(list(keys)), around_compiling)
    rows = _in_memory(returned, announced)
    return Result(rows.schema, rows.to_batches(BATCH_ROWS), in_order=False)


def converted(
    batches: Iterable[pa.RecordBatch], announced: pa.Schema, keys: Sequence[str], personal: Collection[str] = ()
) -> Iterator[pa.RecordBatch]:
    """Yield the batches with the announced columns and types.

    Raises:
        ResultRefusedError: a type does not fit, or a value would change; the text has the row's keys. The values of
            `personal` columns are masked.
    """
    for batch in batches:
        columns = []
        for field in announced:
            try:
                columns.append(convert_columns(field.name, batch.column(field.name), field.type))
            except NotConvertibleError as error:
                where = "" if error.row is None else f" in the row {row_text(batch, error.row, keys, personal)}"
                way_out = (
                    "Cast it in `features.py` as you mean it, or declare the other type"
                    if error.can_be_declared
                    else f"No column can be declared of that type: return one value of {field.type} for each row in"
                    " `features.py`, as text that is `astype(str)` in pandas"
                )
                is_masked = field.name in personal
                wrong = mask_text(str(error), [field.name]) if is_masked else str(error)
                refused = ResultRefusedError(f"do not fit the declared types: {wrong}{where}. {way_out}")
                raise refused from (None if is_masked else error)
        yield pa.record_batch(columns, schema=announced)


def _of_ibis(table: ibis.Table, around_compiling: Callable[[], AbstractContextManager[None]]) -> Result:
    backend = table.get_backend()
    if not isinstance(backend, DuckDB):
        reader = table.to_pyarrow_batches()
        return Result(reader.schema, reader, in_order=True)
    # Ibis' own reader fails if DuckDB computes another type than Ibis expects, such as an int8 or a decimal.
    backend._run_pre_execute_hooks(table)  # noqa: SLF001  # registers memtables; there is no public function for it
    with around_compiling():
        compiled = compile_query(backend, table)
    reader = backend.raw_sql(compiled).to_arrow_reader(BATCH_ROWS)
    return Result(reader.schema, reader, in_order=True)


def _in_memory(returned: Any, announced: pa.Schema) -> pa.Table:
    if isinstance(returned, pd.DataFrame):
        return _of_pandas(returned, announced)
    if type(returned).__module__.partition(".")[0] == "polars" and hasattr(returned, "collect"):
        returned = returned.collect()  # a lazy frame
    try:
        rows = pa.Table.from_batches([returned]) if isinstance(returned, pa.RecordBatch) else pa.table(returned)
    except (pa.ArrowException, TypeError, ValueError) as error:
        missing = " (is a `return` missing?)" if returned is None else ""
        raise ResultRefusedError(
            f"could not be made: the function returned {_named(returned)}{missing}. Return an Ibis table, a pandas or"
            " polars frame, or an Arrow table"
        ) from error
    # Converting a pandas frame to Arrow adds these columns for an unnamed index.
    rows = rows.drop_columns([name for name in rows.column_names if _INDEX.fullmatch(name)])
    _require_columns(rows.column_names, announced)
    return rows


def _named(returned: Any) -> str:
    return "None" if returned is None else f"a {type(returned).__module__}.{type(returned).__name__}"


def _of_pandas(frame: pd.DataFrame, announced: pa.Schema) -> pa.Table:
    names = list(frame.columns)
    index = [name for name in frame.index.names if name in announced.names and name not in names]
    hint = f" ({index} are the frame's index: call reset_index())" if index else ""
    _require_columns(names, announced, hint)
    columns = []
    for name in announced.names:
        try:
            columns.append(pa.array(frame[name], from_pandas=True))
        except (pa.ArrowException, UnicodeError, OverflowError, ValueError, TypeError) as error:
            raise ResultRefusedError(
                f"have a column {name!r} that cannot be read: {error}. Give it one type in `features.py`"
            ) from error
    return pa.table(columns, names=announced.names)


def _require_columns(names: Sequence[object], announced: pa.Schema, hint: str = "") -> None:
    wrong = []
    if missing := sorted(set(announced.names) - set(names)):
        wrong.append(f"lack {shorten_names(missing)}{hint}")
    if extra := sorted(str(name) for name in set(names) - set(announced.names)):
        wrong.append(f"have undeclared {shorten_names(extra)}")
    if twice := sorted(str(name) for name, count in Counter(names).items() if count > 1):
        wrong.append(f"have {shorten_names(twice)} more than once")
    if wrong:
        raise ResultRefusedError(f"{'; '.join(wrong)}. Return exactly {', '.join(map(repr, announced.names))}")
