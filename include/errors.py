"""Define the project's errors: what failed, what exists, and what to change."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import datetime, timedelta
from typing import TYPE_CHECKING

from include.printable import escape_text

if TYPE_CHECKING:
    from include.declaration.period import Period

MESSAGE_LENGTH = 20_000
"""Characters of an error's message, which may quote many or long names from outside."""


def shorten(text: str, limit: int) -> str:
    """Shorten a text to at most `limit` characters.

    The middle is replaced by the number of missing characters. The end is kept: it says what to change.
    """
    if len(text) <= limit:
        return text
    gap = f" … ({len(text) - limit:,} more characters) … "
    end = (limit - len(gap)) // 3
    return text[: limit - len(gap) - end] + gap + text[len(text) - end :]


class AirworthyError(Exception):
    """Base class of errors raised on purpose, with a message for the operator.

    A message may quote text from outside, so its length is limited and invisible characters are escaped.
    """

    retryable = False
    """Whether the same call may succeed a little later without any change."""
    retry_after: timedelta = timedelta(0)
    """Least time before another try."""
    shows_cause = False
    """Whether the traceback of its cause is that of a use case's own code, and helps to correct it."""

    def __init__(self, message: object = "") -> None:
        super().__init__(escape_text(shorten(str(message), MESSAGE_LENGTH)))


class DataError(AirworthyError):
    """The data are wrong: a retry does not help, and nothing is published."""


class InvalidRequestError(AirworthyError):
    """A request or declaration is invalid: a retry does not help."""


class NotReadyError(AirworthyError):
    """An input of this step does not exist yet."""


class ColumnsError(DataError):
    """A table does not have exactly the declared columns, in name or type."""

    def __init__(
        self, table: str, period: Period, missing: Iterable[str], extra: Iterable[str], types: Sequence[str], hint: str
    ) -> None:
        self.table, self.period = table, period
        self.missing, self.extra, self.types = tuple(sorted(missing)), tuple(sorted(extra)), tuple(types)
        parts = []
        if missing := self.missing:
            parts.append(f"lacks {shorten_names(missing)}")
        if extra := self.extra:
            parts.append(f"has undeclared {shorten_names(extra)}")
        if types:
            parts.append("has wrong types: " + shorten("; ".join(types[:NAMES_SHOWN]), TEXT_SHOWN))
        super().__init__(f"{table} of {period}: {', '.join(parts)}. Nothing was written. {hint}")


class SourceError(AirworthyError):
    """A feed's function raised an error.

    A retry may help only if reading failed (OSError).
    """

    shows_cause = True

    def __init__(self, use_case: str, feed: str, period: Period, cause: Exception) -> None:
        self.use_case, self.feed, self.period = use_case, feed, period
        self.retryable = isinstance(cause, OSError) or getattr(cause, "retryable", False)
        description = str(cause) if isinstance(cause, AirworthyError) else in_words(cause)
        super().__init__(
            f"{use_case}: the source of feed {feed!r} failed for {period}: {description.rstrip('.')}. Nothing was"
            " written. Correct the source, or its function in source.py, and run the period again."
        )


class FeedRefusedError(DataError):
    """A day of a feed failed a table-level expectation, and was not published."""

    def __init__(
        self, use_case: str, feed: str, period: Period, reasons: Sequence[str], page: str | None = None
    ) -> None:
        self.use_case, self.feed, self.period, self.reasons, self.page = use_case, feed, period, tuple(reasons), page
        shown = f" Validation page: {page}." if page else ""
        super().__init__(
            f"{use_case}: feed {feed!r} of {period} was refused, so none of its rows were published: "
            + "; ".join(reasons)
            + f".{shown} Correct the source and run the period again. If the source will never deliver the"
            f" period, add it"
            " to the feed's `missing_periods`. If the expectation is wrong, change expectations.py."
        )


def _rows_of(name: str) -> str:
    """Return what expectations are about: a feed, or the features or predictions."""
    return f"the {name}" if name in MADE_BY else f"feed {name!r}"


class RowsUnexpectedError(DataError):
    """A feed has rows on a period that is declared missing."""

    def __init__(self, use_case: str, feed: str, period: Period, count: int) -> None:
        self.use_case, self.feed, self.period, self.count = use_case, feed, period, count
        super().__init__(
            f"{use_case}: feed {feed!r} delivers {count:,} rows for {period}, although the feed's `missing_periods` has"
            " this period. Nothing was written. Remove the period from `missing_periods`."
        )


class SuiteError(AirworthyError):
    """Expectations of a feed, of features or of predictions are invalid.

    This is an error in the use case, not in the data.
    """

    shows_cause = True

    def __init__(self, use_case: str, feed: str, problems: Sequence[str]) -> None:
        self.use_case, self.feed, self.problems = use_case, feed, tuple(problems)
        super().__init__(
            f"{use_case}: the expectations of {_rows_of(feed)} cannot be used: {'; '.join(problems)}."
            f" No row was judged. Correct the function {feed!r} in the use case's expectations.py."
        )


class ExpectationFailedError(AirworthyError):
    """An expectation raised an exception: an error in the code, not in the data."""

    def __init__(self, use_case: str, feed: str, period: Period, raised: Sequence[str]) -> None:
        self.use_case, self.feed, self.period, self.raised = use_case, feed, period, tuple(raised)
        super().__init__(
            f"{use_case}: an expectation on {_rows_of(feed)} of {period} raised an error: {'; '.join(raised)}."
            " No row was judged. Correct the expectation in the use case's expectations.py."
        )


MADE_BY = {
    "features": "data",
    "predictions": "score",
    "shadow_predictions": "score",
    "metrics": "monitor",
    "decisions": "retrain",
}
"""Table to the kind of DAG that writes its days."""


class KeysChangedError(AirworthyError):
    """Stored periods predate the declared keys, period or label."""

    def __init__(self, use_case: str, table: str, columns: Sequence[str], periods: Sequence[Period]) -> None:
        self.use_case, self.table, self.columns, self.periods = use_case, table, tuple(columns), tuple(periods)
        dag_id = f"{use_case}__{MADE_BY.get(table, 'data')}"
        super().__init__(
            f"{use_case}: table {table}: {len(periods)} periods from {periods[0]} to {periods[-1]} were written before"
            f" {shorten_names(columns)} became keys or the label. Nothing was read, because their"
            " rows could not be joined with"
            f" other tables. Write them again: airflow backfill create --dag-id {dag_id}"
            f" --from-date {periods[0].backfill_bound} --to-date {periods[-1].backfill_bound}"
            " --reprocess-behavior completed. Or remove them from the table: airworthy rebuild"
            f" {use_case} {table} --from {periods[0]}."
        )


class PartitionMissingError(NotReadyError):
    """A table does not have the day yet."""

    def __init__(self, use_case: str, table: str, period: Period, waited: str = "") -> None:
        self.use_case, self.table, self.period = use_case, table, period
        super().__init__(
            f"{use_case}: there are no {table} of {period} in the lake{waited}. In Airflow, trigger"
            f" {use_case}__{MADE_BY[table]} for {period}; or run:"
            f" airflow backfill create --dag-id {use_case}__{MADE_BY[table]} --from-date {period.backfill_bound}"
            f" --to-date {period.backfill_bound}"
            " (in a local checkout, airflow is .venv/bin/airworthy airflow)."
        )


class FeaturesMissingError(PartitionMissingError):
    """A day has no features yet."""

    def __init__(self, use_case: str, period: Period, waited: str = "") -> None:
        super().__init__(use_case, "features", period, waited)


class NoChampionError(NotReadyError):
    """No model is effective on a day."""

    def __init__(self, use_case: str, period: Period, first: Period | None, versions: Sequence[str] = ()) -> None:
        """Build the message.

        `first` is the effective day of the first champion; `versions` are sentences about versions that are not
        champion.
        """
        self.use_case, self.period, self.first, self.versions = use_case, period, first, tuple(versions)
        earliest = f"the first champion is effective from {first}" if first else "the ledger has no champion"
        others = f" {' '.join(versions)}" if versions else ""
        if first:
            action = (
                f"Score periods from {first} on, or train an earlier model: trigger {use_case}__train for {period} or"
                f" an"
                " earlier period."
            )
        elif versions:
            action = (
                "Repeating the same training changes nothing: docs/evaluation.md explains for each gate what to do with"
                f" a model that was not promoted. Then trigger {use_case}__train for {period} or an earlier period."
            )
        else:
            action = f"No version is registered yet. Trigger {use_case}__train for {period} or an earlier period."
        super().__init__(f"{use_case}: no champion is effective on {period}: {earliest}.{others} {action}")


NAMES_SHOWN, NAME_SHOWN = 20, 80
"""Names from outside that an error lists, and characters of each."""
TEXT_SHOWN = 2_000
"""Characters of a text from outside that an error quotes."""


def shorten_names(names: Iterable[object]) -> str:
    """Write names from outside as words: the first `NAMES_SHOWN`, and how many others.

    Names are quoted with `repr`, so that control characters and line breaks are escaped. Without names: none.
    """
    all_names = [*names]
    shown = ", ".join(repr(shorten(str(name), NAME_SHOWN)) for name in all_names[:NAMES_SHOWN])
    more = len(all_names) - NAMES_SHOWN
    return f"{shown} and {more:,} more" if more > 0 else shown or "none"


def in_words(cause: BaseException) -> str:
    """Return type and message of a foreign exception, even if `__str__` raises."""
    try:
        message = str(cause)
    except (Exception, SystemExit) as error:
        message = f"its message cannot be shown, since that raises {type(error).__name__}"
    return f"{type(cause).__name__}: {message}".rstrip(": ")


class BrokenUseCaseError(InvalidRequestError):
    """A use case cannot be loaded; the others are not affected."""

    shows_cause = True

    def __init__(self, use_case: str, module: str, where: str, cause: BaseException) -> None:
        self.use_case, self.module, self.where = use_case, module, where
        self.reason = in_words(cause)
        super().__init__(
            f"The use case {use_case!r} cannot be loaded: {self.reason}{f' ({where})' if where else ''}."
            " Its DAGs do not run until this is corrected. Other use cases are not affected."
        )


class BrokenDagError(InvalidRequestError):
    """One DAG of a valid declaration cannot be created.

    The other DAGs are not affected.
    """

    def __init__(self, use_case: str, kind: str, where: str, cause: BaseException) -> None:
        self.use_case, self.kind, self.where = use_case, kind, where
        self.reason = in_words(cause)
        super().__init__(
            f"The DAG '{use_case}__{kind}' cannot be created: {self.reason}{f' ({where})' if where else ''}."
            f" It does not run until the declaration of {use_case} is corrected. Other DAGs are not affected."
        )


class BrokenUseCasesError(AirworthyError):
    """Several use cases cannot be loaded, or DAGs cannot be created.

    The message has one line for each.
    """

    def __init__(self, broken: Iterable[BrokenUseCaseError | BrokenDagError]) -> None:
        super().__init__("\n".join(str(error) for error in broken))


class UseCaseUnknownError(InvalidRequestError):
    """There is no use case of that name."""

    def __init__(self, name: str, known: Iterable[str], broken: Iterable[str], hint: str) -> None:
        self.name, self.known, self.broken = name, tuple(sorted(known)), tuple(broken)
        also = f" These cannot be loaded: {', '.join(self.broken)}." if self.broken else ""
        super().__init__(f"There is no use case {name!r}. Use cases: {shorten_names(self.known)}.{also} {hint}".strip())


class DuplicateUseCaseError(ValueError):
    """Several modules declare a use case with the same name."""

    def __init__(self, name: str, modules: Iterable[str]) -> None:
        self.name = name
        super().__init__(
            f"The modules {shorten_names(sorted(modules))} each declare a use case named {name!r}. Rename all but one."
        )


class BeforeFirstPeriodError(InvalidRequestError):
    """A period is before the first one of its use case."""

    def __init__(self, use_case: str, period: Period, first: Period) -> None:
        self.use_case, self.period, self.first = use_case, period, first
        super().__init__(
            f"{use_case} begins on {first}; {period} is before it, and nothing was done. Run it for a later period, or"
            " declare an earlier first_period."
        )


class AfterLastPeriodError(InvalidRequestError):
    """A period is after the last one of its use case."""

    def __init__(self, use_case: str, period: Period, last: Period) -> None:
        self.use_case, self.period, self.last = use_case, period, last
        super().__init__(
            f"{use_case} ends on {last}; {period} is after it, and nothing was done. Run it for an earlier period, or"
            " declare a later last_period."
        )


NEARLY_BEGUN = timedelta(minutes=10)
"""Largest clock difference between machines: a scheduled run may start before the day has begun on another one."""


class NotBegunError(InvalidRequestError):
    """The day has not begun in the use case's time zone."""

    def __init__(
        self, use_case: str, period: Period, time_zone: str, today: Period, start: datetime | None, now: datetime
    ) -> None:
        self.period, self.today, self.start = period, today, start
        self.retryable = start is not None and start - now < NEARLY_BEGUN
        what = f"{period} has not begun in {time_zone}" if start else f"{period} does not exist in {time_zone}"
        unit = period.unit.name
        now_is = "today" if unit == "day" else f"the current {unit}"
        super().__init__(
            f"{use_case}: {what}; {now_is} is {today}. Nothing was done. Run it for {period.unit.article} that has"
            " begun."
        )
