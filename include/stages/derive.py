"""Derive: run a use case's pure function on the clean feeds as they were known, and write what it returns."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from datetime import date

import ibis
import pandas as pd
import pyarrow as pa

from include.errors import AirworthyError
from include.features.checks import Check, checks
from include.features.distinct import repeated_rows
from include.registry import code_digest
from include.storage import schemas
from include.storage.lake import Commit
from include.storage.view import View
from include.use_case import UseCase


class RowsWrong(AirworthyError):
    """A use case's function returned rows that cannot stand for a day."""

    def __init__(self, use_case: str, table: str, day: date, what: str) -> None:
        super().__init__(
            f"{use_case}: {table} of {day} {what}. Nothing was written."
            " Mend the function in the use case's features.py."
        )


def write(use_case: UseCase, table: str, function: str, view: View, since: date) -> Commit:
    """Call `features.<function>(day, **clean feeds of since..day)` and make the result the partition of the view's day.

    The rows stream from DuckDB into the table in order of their keys, so memory stays flat.
    Raises RowsWrong for a key that occurs twice.
    """
    day, code = view.day, code_digest.of_table(use_case, table)  # before its function is imported
    clean = {feed.name: _clean(view, feed.name, since) for feed in use_case.feeds}
    keys = schemas.keys(use_case, table)
    try:
        derived = use_case.function("features", function)(day, **clean)
        if isinstance(derived, pd.DataFrame):
            declared = schemas.content(use_case, table)
            derived = ibis.memtable(pa.Table.from_pandas(derived, schema=declared, preserve_index=False))
    except Exception as error:  # the function is pure: whatever it raises, it would raise again
        raise RowsWrong(use_case.name, table, day, f"could not be made: {type(error).__name__}: {error}") from error
    reader = derived.order_by([*keys]).to_pyarrow_batches()
    judged = _judged(
        reader, keys, checks(use_case, table, day), lambda what: RowsWrong(use_case.name, table, day, what)
    )
    rows = pa.RecordBatchReader.from_batches(reader.schema, judged)
    inputs = {f"checked/{feed.name}": view.digest_of_days(f"checked/{feed.name}", since) for feed in use_case.feeds}
    versions = {name: view.version(name) for name in inputs}
    return view.lake.replace(table, day, rows, inputs=inputs, stage=function, versions=versions, code=code)


def _clean(view: View, feed: str, since: date) -> ibis.Table:
    checked = view.table(f"checked/{feed}", since)
    return checked.filter(checked.reasons.length() == 0).drop("reasons")


def _judged(
    batches: Iterable[pa.RecordBatch],
    keys: Sequence[str],
    must_hold: Sequence[Check],
    error: Callable[[str], RowsWrong],
) -> Iterator[pa.RecordBatch]:
    """Return the batches, which come in order of their keys, if the checks pass and no key occurs twice."""
    last: pa.Table | None = None
    for batch in batches:
        for check in must_hold:
            if wrong := check(batch):
                raise error(wrong)
        rows = pa.Table.from_batches([batch.select(keys)])
        twice = repeated_rows(pa.concat_tables([last, rows]) if last is not None else rows)
        if twice.num_rows:
            first = twice.slice(0, 1).to_pylist()
            raise error(f"have {twice.num_rows} rows whose keys stood before, the first {first}")
        last = rows.slice(rows.num_rows - 1) if rows.num_rows else last
        yield batch
