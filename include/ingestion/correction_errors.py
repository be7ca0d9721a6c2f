"""Define why quarantined rows cannot be selected or resubmitted."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Literal

from include.declaration.form_limits import REASON_LENGTH
from include.declaration.period import Period
from include.errors import InvalidRequestError, NotReadyError, shorten, shorten_names

LINES_SHOWN = 10
"""Row numbers that an error lists."""
REASONS_SHOWN = 10
"""Reasons that an error lists in full."""
NotFree = Literal["quarantined", "decided", "missing", "before decided", "not begun", "after the end", "too far"]
"""Why rows cannot become known on a period."""
_NOT_FREE: dict[NotFree, str] = {
    "quarantined": "is not after {limit}, the period they were quarantined on: what was known then does not change",
    "decided": "is landed or decided already: what was known then does not change",
    "missing": "is one of the feed's `missing_periods`",
    "before decided": "lies before {limit}, which is decided already: what was known then does not change",
    "not begun": "has not begun in the use case's time zone, where today is {limit}",
    "after the end": "is after {limit}, on which the use case ends: nothing is landed after it",
    "too far": "is after {limit}, the last period that may be named now: until then the rows would be missing",
}


def _in_full(reasons: Iterable[str]) -> str:
    """Write reasons as a form takes them: not shortened, and at most `REASONS_SHOWN`."""
    every = [*reasons]
    shown = ", ".join(repr(shorten(reason, REASON_LENGTH)) for reason in every[:REASONS_SHOWN])
    more = len(every) - REASONS_SHOWN
    return f"{shown} and {more:,} more" if more > 0 else shown or "none"


def _numbers(lines: Sequence[int]) -> str:
    """Write the numbers of the first rows of a file."""
    shown = ", ".join(map(str, lines[:LINES_SHOWN]))
    more = len(lines) - LINES_SHOWN
    return f"{shown} and {more:,} more" if more > 0 else shown


class FieldsConflictError(InvalidRequestError):
    """The form's fields do not fit its action."""

    def __init__(self, action: str, file: str | None) -> None:
        self.action, self.file = action, file
        super().__init__(
            f"A release resubmits rows unchanged: leave out the file {file!r}, or choose the action `correct`."
            if action == "release"
            else "To correct rows, name a file of the inbox, and leave `reasons` and `rows` empty, since the file"
            " identifies its rows. To resubmit rows unchanged, choose the action `release`."
        )


class CommentMissingError(InvalidRequestError):
    """A resubmission has no comment."""

    def __init__(self) -> None:
        super().__init__("Give a reason in the comment; it is stored with the correction.")


class ReasonsMissingError(InvalidRequestError):
    """A release does not name the reasons that it waives."""

    def __init__(self, known: Iterable[str]) -> None:
        self.known = tuple(known)
        super().__init__(f"Name the reasons to ignore for the released rows; their reasons are {_in_full(self.known)}.")


class FeedUnknownError(InvalidRequestError):
    """The use case has no feed of that name."""

    def __init__(self, use_case: str, feed: str, feeds: Iterable[str], hint: str) -> None:
        self.use_case, self.feed, self.feeds = use_case, feed, tuple(sorted(feeds))
        there = shorten_names(self.feeds)
        super().__init__(f"{use_case} has no feed {feed!r}; it has the feeds {there}. {hint}".strip())


class NothingQuarantinedError(InvalidRequestError):
    """A period has no quarantined rows."""

    def __init__(self, use_case: str, feed: str, period: Period, periods: Sequence[Period]) -> None:
        self.use_case, self.feed, self.period, self.periods = use_case, feed, period, tuple(periods)
        others = ", ".join(str(other) for other in self.periods) or "none"
        super().__init__(
            f"{use_case}: feed {feed!r} has no quarantined row on {period}; periods with quarantined rows: {others}."
        )


class NothingOpenError(InvalidRequestError):
    """All selected rows were resubmitted before."""

    def __init__(self, count: int) -> None:
        self.count = count
        super().__init__(f"None of the {count} rows is open, so there is nothing to correct.")


class RowsUnknownError(InvalidRequestError):
    """No quarantined row has one of the ids."""

    def __init__(self, ids: Iterable[str]) -> None:
        self.ids = tuple(sorted(ids))
        super().__init__(
            f"No quarantined row has the id {shorten_names(self.ids)}. List the ids with `quarantine … show`."
        )


class ReasonsUnknownError(InvalidRequestError):
    """No selected row is quarantined for one of the reasons."""

    def __init__(self, reasons: Iterable[str], known: Iterable[str]) -> None:
        self.reasons, self.known = tuple(reasons), tuple(known)
        super().__init__(
            f"No selected row is quarantined for {shorten_names(self.reasons)}; the rows' reasons are"
            f" {_in_full(self.known)}."
        )


class ReasonsAmbiguousError(InvalidRequestError):
    """Several reasons begin with a description."""

    def __init__(self, matches: Mapping[str, Sequence[str]]) -> None:
        self.matches = dict(matches)
        several = "; ".join(f"with {shorten_names([text])}: {_in_full(full)}" for text, full in self.matches.items())
        super().__init__(f"Several reasons begin {several}. Give one of them in full.")


class OtherReasonsError(InvalidRequestError):
    """Released rows would be quarantined again, for reasons that are not waived."""

    def __init__(self, reasons: Iterable[str]) -> None:
        self.reasons = tuple(sorted(reasons))
        super().__init__(
            f"Some of these rows are also quarantined for {_in_full(self.reasons)}, and would be quarantined again."
            " Name these reasons as well, or only the ids of rows that do not have them."
        )


class WithoutReasonsError(InvalidRequestError):
    """Rows named by their ids have none of the waived reasons."""

    def __init__(self, count: int, reasons: Iterable[str]) -> None:
        self.count, self.reasons = count, tuple(sorted(reasons))
        super().__init__(
            f"{count} of the rows with these ids have none of the reasons {_in_full(self.reasons)}. Nothing was"
            " released. Leave these rows out, or name their reasons."
        )


class ValueLostError(InvalidRequestError):
    """A row is released although its declared type no longer holds a value."""

    def __init__(self, reason: str) -> None:
        self.reason = reason
        super().__init__(
            f"{reason}: if the row were released unchanged, it would be published without this value. Nothing was"
            " released. Correct the row in a file."
        )


class RowsNotJudgedError(InvalidRequestError):
    """An expectation raises on resubmitted rows, so it would block their day."""

    def __init__(self, use_case: str, feed: str, raised: Sequence[str]) -> None:
        self.use_case, self.feed, self.raised = use_case, feed, tuple(raised)
        super().__init__(
            f"{use_case}: an expectation on feed {feed!r} cannot judge these rows, which would block the period on"
            f" which"
            f" they become known: {'; '.join(raised)}."
        )


class PeriodNotFreeError(InvalidRequestError):
    """Rows cannot become known on a period."""

    def __init__(
        self, use_case: str, feed: str, period: Period, problem: NotFree, limit: Period | None, free: Period
    ) -> None:
        self.use_case, self.feed, self.period, self.problem = use_case, feed, period, problem
        self.limit, self.free = limit, free
        reason = _NOT_FREE[problem].format(limit=limit)
        super().__init__(f"{use_case}: {period} {reason}. The first free period of feed {feed!r} is {free}.")


class ResubmittedBeforeError(InvalidRequestError):
    """Rows were resubmitted before in another way; a row is resubmitted once."""

    def __init__(self, ids: Sequence[str], count: int, earlier: Sequence[str]) -> None:
        """Build the message.

        Of `count` rows, `ids` were resubmitted before, the first of them as `earlier` describes.
        """
        self.ids, self.count, self.earlier = tuple(ids), count, tuple(earlier)
        described = "; ".join(f"{name} ({how})" for name, how in zip(ids, earlier, strict=False))
        super().__init__(
            f"{len(ids)} of {count} rows were resubmitted before: {described}. A row can be resubmitted once: leave"
            " these rows out. If a resubmitted row was quarantined again in its new period, correct the row of that"
            " period."
        )


class NotQuarantinedError(InvalidRequestError):
    """A row of a file is not a quarantined one."""

    def __init__(self, line: int, what: str) -> None:
        self.line, self.what = line, what
        super().__init__(
            f"Row {line} of the file has {what}, which no quarantined row has. Resubmit only quarantined rows, with"
            " the ids of an export, and correct published rows at their source."
        )


class RowAmbiguousError(InvalidRequestError):
    """Several quarantined rows have the keys of a row of a file."""

    def __init__(self, line: int, keys: str, ids: Sequence[str]) -> None:
        self.line, self.keys, self.ids = line, keys, tuple(ids)
        super().__init__(
            f"Row {line} of the file has the keys {keys}, which {len(ids)} quarantined rows share:"
            f" {shorten_names(ids)}. Add the column `quarantined_row` with the id of the row, as in an export."
        )


class CorrectedTwiceError(InvalidRequestError):
    """Several rows of a file correct the same quarantined row."""

    def __init__(self, rows: Sequence[object]) -> None:
        self.rows = tuple(rows)
        super().__init__(
            f"The file corrects the same row several times: {shorten_names(self.rows)}. Send one row for each."
        )


class RowsUnchangedError(InvalidRequestError):
    """Rows of a file are the same as the quarantined ones."""

    def __init__(self, lines: Sequence[int]) -> None:
        self.lines = tuple(lines)
        super().__init__(
            f"Rows {_numbers(lines)} of the file are the same as the quarantined rows. Correct them, leave"
            " them out of the file, or release them if the expectation is wrong."
        )


class NumbersNotFiniteError(InvalidRequestError):
    """A column of a file has NaN or an infinity."""

    def __init__(self, column: str, lines: Sequence[int]) -> None:
        self.column, self.lines = column, tuple(lines)
        super().__init__(
            f"Column {column!r} holds NaN or an infinity in rows {_numbers(lines)}; leave it empty instead."
        )


class KeyMissingError(InvalidRequestError):
    """Resubmitted rows have a null key."""

    def __init__(self, key: str, lines: Sequence[int]) -> None:
        self.key, self.lines = key, tuple(lines)
        super().__init__(
            f"Rows {_numbers(lines)} have no value in the key {key!r}, and a key must not be null. Such a row"
            " cannot be released unchanged: set the key in a file of corrections."
        )


class KeysRepeatedError(InvalidRequestError):
    """Several resubmitted rows have the same keys."""

    def __init__(self, keys: str) -> None:
        self.keys = keys
        super().__init__(
            f"Several rows have the keys {keys}, and only one of them can be published in one period. Resubmit only the"
            " right one."
        )


class CorrectionsMissingError(NotReadyError):
    """A period was landed without all of its corrections."""

    def __init__(self, use_case: str, feed: str, period: Period, count: int) -> None:
        self.use_case, self.feed, self.period, self.count = use_case, feed, period, count
        super().__init__(
            f"{use_case}: feed {feed!r} of {period} was landed without all of its {count} correction(s). Run the task"
            f" `ingest` of {use_case}__data for that period again, then this task."
        )


class CorrectionKindError(InvalidRequestError):
    """A file of corrections has a name of another kind."""

    def __init__(self, file: str) -> None:
        self.file = file
        super().__init__(f"{file!r} is neither a .csv nor a .parquet file.")


class CorrectionsEmptyError(InvalidRequestError):
    """A file of corrections has no rows."""

    def __init__(self, file: str) -> None:
        self.file = file
        super().__init__(f"{file} holds no rows.")


class CorrectionFileError(InvalidRequestError):
    """A file of corrections cannot be read, or has other columns or types."""

    def __init__(self, file: str, problem: str, columns: Sequence[str]) -> None:
        """Build the message; the file may have `columns` in addition to the feed's."""
        self.file, self.problem = file, problem
        super().__init__(
            f"{file} cannot be read: {problem}. Nothing was resubmitted. Edit an exported file and keep its header: in"
            f" addition to the feed's columns, it may have {shorten_names(columns)}."
        )
