"""Check the rows that a use case's functions return, batch by batch."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence

import pyarrow as pa
import pyarrow.compute as pc

from include.declaration.period import Period
from include.declaration.period_column import PARTITION
from include.declaration.use_case import UseCase
from include.features.results import ResultRefusedError
from include.lake.storable_values import row_text

Check = Callable[[pa.RecordBatch], str]
"""Returns what is wrong with a batch, as the end of a sentence "features of <day> …"; empty if nothing is wrong."""
_VALUES_NAMED = 5
_BINARY = "return 1 if the predicted event happened, 0 if it did not, and null if that is not known"


def label_checks(use_case: UseCase, table: str, period: Period) -> list[Check]:
    """Return the checks of each batch of features or labels of `period`, in order."""
    if table == "labels":
        return [_no_null(use_case.label_keys), _about_an_earlier_period(use_case, period)]
    about = [] if use_case.period == PARTITION else [_about_the_period(use_case, period)]
    return [_no_null(use_case.keys), *about]


def require_binary(batches: Iterable[pa.RecordBatch], label: str) -> Iterator[pa.RecordBatch]:
    """Yield the batches of labels, checking that each label is 0, 1 or null.

    Any number type and bool are accepted.

    Raises:
        ResultRefusedError: a label has another value; the text lists the day's values with their counts.
    """
    counts: Counter[object] = Counter()
    remaining = iter(batches)
    for batch in remaining:
        _require_plain(label, batch[label].type)
        counts.update(_counted(batch[label]))
        if any(value not in (0, 1, None) for value in counts):
            for other in remaining:
                counts.update(_counted(other[label]))
            raise ResultRefusedError(_not_binary(label, counts))
        yield batch


def _require_plain(label: str, kind: pa.DataType) -> None:
    value = kind.value_type if pa.types.is_dictionary(kind) else kind
    if pa.types.is_nested(value) or isinstance(value, pa.BaseExtensionType):
        raise ResultRefusedError(
            f"have labels that are not 0, 1 or null: {label!r} is {value}, which is not a number. A label is binary:"
            f" {_BINARY}"
        )


def _counted(values: pa.Array) -> dict[object, int]:
    return {count["values"]: count["counts"] for count in pc.value_counts(values).to_pylist()}


def _not_binary(label: str, counts: Counter[object]) -> str:
    named = [f"{value!r} in {rows} rows" for value, rows in counts.most_common(_VALUES_NAMED)]
    more = f" and {len(counts) - _VALUES_NAMED} other values" if len(counts) > _VALUES_NAMED else ""
    return f"have labels that are not 0, 1 or null: {label!r} is {', '.join(named)}{more}. A label is binary: {_BINARY}"


def _no_null(keys: Sequence[str]) -> Check:
    """Check that no key is null.

    A row with a null key would be scored, but never joined to its label.
    """

    def wrong(batch: pa.RecordBatch) -> str:
        nulls = {key: batch[key].null_count for key in keys if batch[key].null_count}
        counted = " and ".join(f"{count} rows without a {key!r}" for key, count in nulls.items())
        return f"have {counted}: a key is never null" if nulls else ""

    return wrong


def _about_the_period(use_case: UseCase, period: Period) -> Check:
    """Check that the period key of every row of features is the day itself."""
    column = use_case.period

    def wrong(batch: pa.RecordBatch) -> str:
        others = batch.filter(pc.not_equal(batch[column], pa.scalar(period.start_date)))
        return (
            f"have {others.num_rows} rows about another day: {column!r}, which is declared as the period, must be"
            f" {period} in each; the first is {row_text(others, 0, use_case.keys)}"
            if others.num_rows
            else ""
        )

    return wrong


def _about_an_earlier_period(use_case: UseCase, period: Period) -> Check:
    """Check that each label is about a day before the one when it becomes known."""
    column = use_case.label_period

    def wrong(batch: pa.RecordBatch) -> str:
        later = batch.filter(pc.greater_equal(batch[column], pa.scalar(period.start_date)))
        return (
            f"have {later.num_rows} rows about a day that has not ended: {column!r} must be before {period}, at whose"
            f" start they are known; the first is {row_text(later, 0, use_case.label_keys)}"
            if later.num_rows
            else ""
        )

    return wrong
