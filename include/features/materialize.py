"""Run a use case's function on the clean feeds as of a day and write its rows."""

from __future__ import annotations

import time
from collections.abc import Callable, Collection, Iterable, Iterator, Sequence
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import duckdb
import pyarrow as pa

from include.declaration.data_declaration import DataDeclaration
from include.declaration.period import Period
from include.declaration.personal import masked_errors
from include.declaration.use_case import UseCase
from include.errors import AirworthyError
from include.features import engine, group_join
from include.features.checks import Check, feature_checks, label_checks, require_labels
from include.features.code_location import line_of_error, line_of_function
from include.features.distinct import repeated_rows
from include.features.results import Result, ResultRefusedError, converted, read_result
from include.lake import schemas
from include.lake.snapshot import AsOfSnapshot
from include.lake.sorting import sort_rows
from include.lake.storable_values import row_text
from include.lake.table_commit import Commit
from include.registry import code_digest
from include.registry.code_parts import record_code
from include.registry.publishing_conditions import publishing_conditions
from include.validation.judge import judge_of
from include.validation.tallies import FeatureTally

_LONGEST = 600
"""Most characters of a library's message in an error text."""
_MACHINE = (AirworthyError, OSError, MemoryError, duckdb.IOException, duckdb.OutOfMemoryException)
"""Errors of the machine or the lake, not of the use case's function, while rows are computed."""


class ResultRowsError(AirworthyError):
    """A use case's function raised, or returned rows that cannot be stored for a day."""

    def __init__(self, use_case: str, table: str, period: Period, what: str, where: str = "") -> None:
        self.use_case, self.table, self.period, self.what, self.where = use_case, table, period, what, where
        place = f" at {where}" if where else ""
        super().__init__(
            f"{use_case}: {table} of {period} {what}. Nothing was written. Correct the function in the use case's"
            f" features.py{place}."
        )


def materialize(
    use_case: DataDeclaration,
    table: str,
    function: str,
    view: AsOfSnapshot,
    since: Period,
    *,
    is_judged: bool = True,
    around_our_code: Callable[[], AbstractContextManager[None]] = nullcontext,
) -> Commit:
    """Write the rows that a function of features.py returns for the view's day.

    The call is `features.<function>(period, **clean feeds of since..period)`. Features of feature groups are joined to
    its rows. Rows of an Ibis table stream from the engine in order of their keys, so memory does not grow with their
    number. Features are judged by their expectations unless `is_judged` is false, as in a trial whose rows are only
    compared. `around_our_code` is entered for long work in which no code of the use case runs.

    Raises:
        ResultRowsError: the function raised, when called or while its rows were computed; or a row fails a check.
        BrokenUseCaseError: features.py cannot be imported, or has no such function.
        PeriodRefusedError: the features break an expectation.
        SuiteError: the declared expectations cannot be used.
    """
    with masked_errors(use_case.personal_columns, use_case.known_names):
        return _materialize(use_case, table, function, view, since, is_judged, around_our_code)


def _materialize(
    use_case: DataDeclaration,
    table: str,
    function: str,
    view: AsOfSnapshot,
    since: Period,
    is_judged: bool,
    around_our_code: Callable[[], AbstractContextManager[None]],
) -> Commit:
    began = time.process_time()
    code = _code_of(use_case, view, table, function)
    called = _Call(use_case, table, function, view, since, around_our_code)
    batches = called.rows(called.result())
    inputs = _inputs(use_case, table, view, since)
    versions = {name: view.version(name) for name in _checked_tables(use_case)}
    if table == "features" and isinstance(use_case, UseCase) and use_case.feature_groups:
        groups = group_join.read_groups(use_case, view)
        batches = group_join.join_groups(batches, groups, schemas.content_schema(use_case, table))
        inputs |= {group.table: group.digest for group in groups}
        versions |= {group.table: group.version for group in groups}
    judged = _judged(view, batches) if is_judged and table == code_digest.FEATURES else batches
    rows = pa.RecordBatchReader.from_batches(schemas.content_schema(use_case, table), judged)
    return view.lake.replace(
        table, view.period, rows, inputs=inputs, stage=function, versions=versions, code=code, cpu_since=began
    )


def find_unchanged(
    use_case: DataDeclaration, table: str, function: str, view: AsOfSnapshot, since: Period
) -> Commit | None:
    """Return the partition that `materialize` would write again from the same inputs.

    Returns None if an input, the code or the expectations changed, or its file is damaged.

    Raises:
        PartitionCorruptedError: a file of an input is damaged.
    """
    inputs = _inputs(use_case, table, view, since)
    if table == "features":
        inputs |= group_join.group_digests(use_case, view)
    code = _code_of(use_case, view, table, function)
    unchanged = view.lake.find_unchanged(table, view.period, inputs=inputs, code=code)
    if unchanged:
        for name in _checked_tables(use_case):
            view.require_whole(name, since)
    return unchanged


def _checked_tables(use_case: DataDeclaration) -> list[str]:
    return [f"checked/{feed.name}" for feed in use_case.feeds]


def _inputs(use_case: DataDeclaration, table: str, view: AsOfSnapshot, since: Period) -> dict[str, str]:
    """Return the inputs of the view's day, without those of feature groups."""
    own = {name: view.digest_of_periods(name, since) for name in _checked_tables(use_case)}
    return own | publishing_conditions(use_case, table, view.period)


def _judged(view: AsOfSnapshot, batches: Iterable[pa.RecordBatch]) -> Iterator[pa.RecordBatch]:
    """Yield the features, and judge them after the last ones."""
    use_case, period = view.lake.use_case, view.period
    has_look_back = period - use_case.look_back_periods >= use_case.first_period
    tally = FeatureTally(use_case.features, has_look_back=has_look_back)
    return judge_of(view.lake, "features", period, tally).judged(tally.counted(batches))


@dataclass
class _Call:
    """One call of a use case's function."""

    use_case: DataDeclaration
    table: str
    name: str
    view: AsOfSnapshot
    since: Period
    around_our_code: Callable[[], AbstractContextManager[None]]
    function: Callable[..., Any] | None = None

    @cached_property
    def announced(self) -> pa.Schema:
        return schemas.own_schema(self.use_case, self.table)

    @cached_property
    def labelled(self) -> UseCase | None:
        """The use case whose labels are made; None if features are."""
        return self.use_case if self.table == code_digest.LABELS and isinstance(self.use_case, UseCase) else None

    @cached_property
    def keys(self) -> tuple[str, ...]:
        return schemas.sort_keys(self.use_case, self.table)

    def rows(self, result: Result) -> Iterator[pa.RecordBatch]:
        """Yield the rows as they are stored, in order of their keys, a batch at a time."""
        batches = self._translated(self._in_order(result))
        labelled, period = self.labelled, self.view.period
        checks = label_checks(labelled, period) if labelled else feature_checks(self.use_case, period)
        return _checked(batches, self.keys, self.use_case.personal_columns, checks, self._wrong)

    def result(self) -> Result:
        """Call the function and read its result."""
        with self.around_our_code():
            clean = {feed.name: engine.read_clean(self.view, feed.name, self.since) for feed in self.use_case.feeds}
        self.function = self.use_case.function("features", self.name)
        try:
            returned = self.function(self.view.period, **clean)
            return read_result(returned, self.announced, self.keys, self.around_our_code)
        except MemoryError:
            raise
        except Exception as error:  # the function is pure, so a retry would raise the same error
            raise self._raised(error) from error

    def _in_order(self, result: Result) -> Iterator[pa.RecordBatch]:
        """Convert the rows, and sort them unless they are sorted; both lazily."""
        checked = require_labels(result.batches, self.labelled) if self.labelled else result.batches
        batches = converted(checked, self.announced, self.keys, self.use_case.personal_columns)
        # Values may sort differently in another type, such as an enum.
        typed = all(result.schema.field(key).type == self.announced.field(key).type for key in self.keys)
        if result.in_order and typed:
            yield from batches
        else:
            rows = pa.Table.from_batches(batches, schema=self.announced)
            yield from sort_rows(rows, self.keys).to_batches()

    def _translated(self, batches: Iterable[pa.RecordBatch]) -> Iterator[pa.RecordBatch]:
        """Yield the batches; an error while one is computed becomes the function's error."""
        remaining = iter(batches)
        while True:
            try:
                batch = next(remaining)
            except StopIteration:
                return
            except _MACHINE:
                raise
            except Exception as error:
                raise self._raised(error) from error
            yield batch

    def _raised(self, error: Exception) -> ResultRowsError:
        if isinstance(error, ResultRefusedError):
            return self._wrong(str(error))
        where = line_of_error(error, self.function) if self.function else ""
        message = " ".join(str(error).split())
        return ResultRowsError(
            self.use_case.name,
            self.table,
            self.view.period,
            f"could not be made: {type(error).__name__}: {message[:_LONGEST]}{'…' if len(message) > _LONGEST else ''}",
            where,
        )

    def _wrong(self, what: str) -> ResultRowsError:
        return ResultRowsError(self.use_case.name, self.table, self.view.period, what, self._line())

    def _line(self) -> str:
        return line_of_function(self.function) if self.function else ""


def _code_of(use_case: DataDeclaration, view: AsOfSnapshot, table: str, function: str) -> str:
    """Return the digest of the code that builds a table.

    Call it before the function is imported.

    Raises:
        BrokenUseCaseError: the code cannot be read.
    """
    try:
        return record_code(view.lake, table)
    except SyntaxError:
        use_case.function("features", function)  # raises an error that names the line
        raise


def _checked(
    batches: Iterable[pa.RecordBatch],
    keys: Sequence[str],
    personal: Collection[str],
    must_hold: Sequence[Check],
    error: Callable[[str], ResultRowsError],
) -> Iterator[pa.RecordBatch]:
    """Yield the batches while the checks pass and no key occurs twice.

    The batches are in order of their keys.
    """
    last: pa.Table | None = None
    for batch in batches:
        for check in must_hold:
            if wrong := check(batch):
                raise error(wrong)
        rows = pa.Table.from_batches([batch.select(keys)])
        twice = repeated_rows(pa.concat_tables([last, rows]) if last is not None else rows)
        if twice.num_rows:
            first = row_text(twice.to_batches()[0], 0, keys, personal)
            raise error(f"have {twice.num_rows} rows with the same keys as another row, the first {first}")
        last = rows.slice(rows.num_rows - 1) if rows.num_rows else last
        yield batch
