"""Check the rows that a use case's functions return, batch by batch."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence

import pyarrow as pa
import pyarrow.compute as pc

from include.declaration.data_declaration import DataDeclaration
from include.declaration.period import Period
from include.declaration.period_column import PARTITION
from include.declaration.use_case import UseCase
from include.features.results import ResultRefusedError
from include.lake.storable_values import row_text
from include.model.tasks.labels import label_tally

Check = Callable[[pa.RecordBatch], str]
"""Returns what is wrong with a batch, as the end of a sentence "features of <day> …"; empty if nothing is wrong."""


def label_checks(use_case: UseCase, period: Period) -> list[Check]:
    """Return the checks of each batch of labels of `period`, in order."""
    return [_no_null(use_case.label_keys), _about_an_earlier_period(use_case, period)]


def feature_checks(use_case: DataDeclaration, period: Period) -> list[Check]:
    """Return the checks of each batch of features of `period`, in order."""
    about = [] if use_case.period == PARTITION else [_about_the_period(use_case, period)]
    return [_no_null(use_case.keys), *about]


def require_labels(batches: Iterable[pa.RecordBatch], use_case: UseCase) -> Iterator[pa.RecordBatch]:
    """Yield the batches of labels, checking that each is null or fits the task.

    Raises:
        ResultRefusedError: a label is not; the text describes all of the day's labels that are not.
    """
    label = use_case.label.name
    tally, remaining = label_tally(use_case.task, label), iter(batches)
    for batch in remaining:
        if refused := tally.refused_type(batch[label].type):
            raise ResultRefusedError(refused)
        tally.add(batch[label])
        if tally.problem:
            for other in remaining:
                tally.add(other[label])
            raise ResultRefusedError(tally.problem)
        yield batch


def _no_null(keys: Sequence[str]) -> Check:
    """Check that no key is null.

    A row with a null key would be scored, but never joined to its label.
    """

    def wrong(batch: pa.RecordBatch) -> str:
        nulls = {key: batch[key].null_count for key in keys if batch[key].null_count}
        counted = " and ".join(f"{count} rows without a {key!r}" for key, count in nulls.items())
        return f"have {counted}: a key is never null" if nulls else ""

    return wrong


def _first_row(use_case: DataDeclaration, rows: pa.RecordBatch, keys: Sequence[str]) -> str:
    return row_text(rows, 0, keys, use_case.personal_columns)


def _about_the_period(use_case: DataDeclaration, period: Period) -> Check:
    """Check that the period key of every row of features is the day itself."""
    column = use_case.period

    def wrong(batch: pa.RecordBatch) -> str:
        others = batch.filter(pc.not_equal(batch[column], pa.scalar(period.start, batch[column].type)))
        return (
            f"have {others.num_rows} rows about another {period.unit.name}: {column!r}, which is declared as the"
            f" period, must be {period} in each; the first is {_first_row(use_case, others, use_case.keys)}"
            if others.num_rows
            else ""
        )

    return wrong


def _about_an_earlier_period(use_case: UseCase, period: Period) -> Check:
    """Check that each label is about a day before the one when it becomes known."""
    column = use_case.label_period

    def wrong(batch: pa.RecordBatch) -> str:
        later = batch.filter(pc.greater_equal(batch[column], pa.scalar(period.start, batch[column].type)))
        return (
            f"have {later.num_rows} rows about {period.unit.article} that has not ended: {column!r} must be before"
            f" {period}, at whose start they are known; the first is {_first_row(use_case, later, use_case.label_keys)}"
            if later.num_rows
            else ""
        )

    return wrong
