"""Errors that say what failed, what is there, and what to change."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import date, datetime, timedelta

from include.printable import escape_text

MESSAGE_LENGTH = 20_000
"""Characters of an error's message: it may quote what others have named, and names may be many or long."""


def shorten(text: str, limit: int) -> str:
    """Return the text with at most `limit` characters: of a longer one, the middle is replaced by how much is missing.

    The end stays, since it says what to change.
    """
    if len(text) <= limit:
        return text
    gap = f" … ({len(text) - limit:,} more characters) … "
    end = (limit - len(gap)) // 3
    return text[: limit - len(gap) - end] + gap + text[len(text) - end :]


class AirworthyError(Exception):
    """Anything this project raises on purpose. Its message is written for the operator.

    A message may quote what others have written: it has a largest length, and no character that cannot be seen.
    """

    worth_retrying = False
    """Whether the same call may succeed a little later with nobody's help."""

    def __init__(self, message: object = "") -> None:
        super().__init__(escape_text(shorten(str(message), MESSAGE_LENGTH)))


class DataError(AirworthyError):
    """The data, not the machinery, is wrong: trying again cannot help, and nothing is published."""


class InvalidRequestError(AirworthyError):
    """What a person asked for cannot be done as asked: trying again cannot help."""


class NotReadyError(AirworthyError):
    """Something that this step reads is not there yet."""


class ColumnsError(DataError):
    """A table does not have exactly the declared columns, in name or type."""

    def __init__(
        self, table: str, day: date, missing: Iterable[str], extra: Iterable[str], types: Sequence[str], hint: str
    ) -> None:
        parts = []
        if missing := sorted(missing):
            parts.append(f"lacks {shorten_names(missing)}")
        if extra := sorted(extra):
            parts.append(f"has undeclared {shorten_names(extra)}")
        if types:
            parts.append("has wrong types: " + shorten("; ".join(types[:NAMES_SHOWN]), TEXT_SHOWN))
        super().__init__(f"{table} of {day}: {', '.join(parts)}. Nothing was written. {hint}")


class SourceError(AirworthyError):
    """A feed's function raised; worth another try only where it could not read."""

    def __init__(self, use_case: str, feed: str, day: date, cause: Exception) -> None:
        self.worth_retrying = isinstance(cause, OSError) or getattr(cause, "worth_retrying", False)
        words = str(cause) if isinstance(cause, AirworthyError) else in_words(cause)
        super().__init__(
            f"{use_case}: the source of feed {feed!r} failed for {day}, and nothing was written: {words}"
            " Mend the source, or its function in source.py, and run the day again."
        )


class FeedRefusedError(DataError):
    """A day of a feed broke a table-level expectation; nothing of it was published."""

    def __init__(self, use_case: str, feed: str, day: date, reasons: Sequence[str], page: str | None = None) -> None:
        where = f" Data Docs: {page}." if page else ""
        super().__init__(
            f"{use_case}: feed {feed!r} of {day} is refused and nothing of it is published: "
            + "; ".join(reasons)
            + f".{where} Correct the source and run the day again; if the source will never deliver it,"
            f" add the day to the feed's `missing_periods`; if the limit is wrong, change expectations.py."
        )


class SuiteError(AirworthyError):
    """The expectations of a feed cannot be used: a mistake in the use case, never in the data."""

    def __init__(self, use_case: str, feed: str, problems: Sequence[str]) -> None:
        self.use_case, self.feed, self.problems = use_case, feed, tuple(problems)
        super().__init__(
            f"{use_case}: the expectations of feed {feed!r} cannot be used: {'; '.join(problems)}. No row was judged."
            f" Correct the function {feed!r} in the use case's expectations.py."
        )


class ExpectationFailedError(AirworthyError):
    """An expectation raised instead of judging: our mistake, never the data's."""

    def __init__(self, use_case: str, feed: str, day: date, raised: Sequence[str]) -> None:
        self.use_case, self.feed, self.day, self.raised = use_case, feed, day, tuple(raised)
        super().__init__(
            f"{use_case}: an expectation on feed {feed!r} of {day} raised instead of judging: {'; '.join(raised)}."
            " No row was judged. Correct it in the use case's expectations.py."
        )


MADE_BY = {"features": "data", "predictions": "score", "metrics": "monitor", "decisions": "retrain"}
"""Table to the kind of DAG that makes a day of it."""


class KeysChangedError(AirworthyError):
    """Periods were written before a key, the period or the label was declared as it is now."""

    def __init__(self, use_case: str, table: str, columns: Sequence[str], days: Sequence[date]) -> None:
        self.use_case, self.table, self.columns, self.days = use_case, table, tuple(columns), tuple(days)
        dag_id = f"{use_case}__{MADE_BY.get(table, 'data')}"
        super().__init__(
            f"{use_case}: table {table}: {len(days)} periods from {days[0]} to {days[-1]} were written before"
            f" {list(columns)} identified a row or was the label. Nothing was read: their rows would match no other"
            f" table. Make them again: airflow backfill create --dag-id {dag_id} --from-date {days[0]} --to-date"
            f" {days[-1]} --reprocess-behavior completed; or take them out of the table: airworthy rebuild"
            f" {use_case} {table} --from {days[0]}."
        )


class PartitionMissingError(NotReadyError):
    """A table does not hold a day yet."""

    def __init__(self, use_case: str, table: str, day: date, waited: str = "") -> None:
        super().__init__(
            f"{use_case}: there are no {table} of {day} in the lake{waited}. Make them with:"
            f" airflow backfill create --dag-id {use_case}__{MADE_BY[table]} --from-date {day} --to-date {day}"
            " (in a local checkout, airflow is .venv/bin/airworthy airflow)."
        )


class FeaturesMissingError(PartitionMissingError):
    """A day has no features yet."""

    def __init__(self, use_case: str, day: date, waited: str = "") -> None:
        super().__init__(use_case, "features", day, waited)


class NoChampionError(NotReadyError):
    """No model is effective on a day."""

    def __init__(self, use_case: str, day: date, first: date | None, versions: Sequence[str] = ()) -> None:
        """`first` is the day from which the first champion is effective; `versions` are words on those that are not."""
        self.use_case, self.day, self.first, self.versions = use_case, day, first, tuple(versions)
        there = f"the first champion is effective from {first}" if first else "the ledger names none"
        said = f" {' '.join(versions)}" if versions else ""
        if first:
            todo = (
                f"Score days from {first} on, or train as of {day} or before: trigger {use_case}__train with that day."
            )
        elif versions:
            todo = (
                "Training the same again changes nothing: docs/evaluation.md has, gate by gate, what to do with a model"
                f" that was not promoted. Then trigger {use_case}__train as of {day} or before."
            )
        else:
            todo = f"No version is registered yet. Train one as of {day} or before: trigger {use_case}__train with it."
        super().__init__(f"{use_case}: no champion is effective on {day}: {there}.{said} {todo}")


NAMES_SHOWN, NAME_SHOWN = 20, 80
"""Names that an error lists of a foreign list, and characters of each."""
TEXT_SHOWN = 2_000
"""Characters of a longer foreign text in an error."""


def shorten_names(names: Iterable[object]) -> str:
    """Return a list of names that others have chosen, as text: the first of them, each shortened, and how many more.

    They are quoted as Python does it, so that no control character or line break of a name is shown as it is.
    """
    every = [*names]
    shown = ", ".join(repr(shorten(str(name), NAME_SHOWN)) for name in every[:NAMES_SHOWN])
    more = len(every) - NAMES_SHOWN
    return f"[{shown}, and {more:,} more]" if more > 0 else f"[{shown}]"


def in_words(cause: BaseException) -> str:
    """Return kind and message of an error of another's making, even where it cannot show its message."""
    try:
        said = str(cause)
    except (Exception, SystemExit) as error:
        said = f"its message cannot be shown, since that raises {type(error).__name__}"
    return f"{type(cause).__name__}: {said}".rstrip(": ")


class BrokenUseCaseError(InvalidRequestError):
    """A use case cannot be loaded; the others are not affected."""

    def __init__(self, use_case: str, module: str, where: str, cause: BaseException) -> None:
        self.use_case, self.module, self.where = use_case, module, where
        self.reason = in_words(cause)
        super().__init__(
            f"The use case {use_case!r} cannot be loaded: {self.reason}{f' ({where})' if where else ''}."
            " Nothing of it runs until this is corrected; other use cases are not affected."
        )


class BrokenDagError(InvalidRequestError):
    """A declaration that could be loaded makes no DAG of one kind; the other DAGs are not affected."""

    def __init__(self, use_case: str, kind: str, where: str, cause: BaseException) -> None:
        self.use_case, self.kind, self.where = use_case, kind, where
        self.reason = in_words(cause)
        super().__init__(
            f"The DAG '{use_case}__{kind}' cannot be made: {self.reason}{f' ({where})' if where else ''}."
            f" It does not run until the declaration of {use_case} is corrected; other DAGs are not affected."
        )


class BrokenUseCasesError(AirworthyError):
    """Several use cases that cannot be loaded, or DAGs that cannot be made, one line for each."""

    def __init__(self, broken: Iterable[BrokenUseCaseError | BrokenDagError]) -> None:
        super().__init__("\n".join(str(error) for error in broken))


class DuplicateUseCaseError(ValueError):
    """Several modules declare use cases of one name."""

    def __init__(self, name: str, modules: Iterable[str]) -> None:
        super().__init__(f"{sorted(modules)} each declare a use case named {name!r}; rename all but one.")


NEARLY_BEGUN = timedelta(minutes=10)
"""How far the clocks of two machines may differ: a scheduled run may arrive before the day has begun elsewhere."""


class NotBegunError(InvalidRequestError):
    """A day that has not begun where the use case is."""

    def __init__(
        self, use_case: str, day: date, time_zone: str, today: date, start: datetime | None, now: datetime
    ) -> None:
        self.day, self.today, self.start = day, today, start
        self.worth_retrying = start is not None and start - now < NEARLY_BEGUN
        what = f"{day} has not begun in {time_zone}" if start else f"{day} does not exist in {time_zone}"
        super().__init__(f"{use_case}: {what}; today is {today}. Nothing was done. Run it for a day that has begun.")
