"""Read quarantined rows and the state of each: open, corrected or released."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Sequence
from dataclasses import dataclass

import pyarrow as pa

from include.declaration import form_limits
from include.declaration.calendars import Calendar
from include.declaration.data_declaration import DataDeclaration
from include.declaration.feeds import Feed
from include.declaration.period import LATEST, Period
from include.declaration.problems import did_you_mean
from include.ingestion import correction_file, corrections, row_ids
from include.ingestion.correction_errors import (
    FeedUnknownError,
    NothingOpenError,
    NothingQuarantinedError,
    ReasonsAmbiguousError,
    ReasonsUnknownError,
    RowsUnknownError,
)
from include.ingestion.correction_log import CorrectionLog
from include.ingestion.corrections import Correction
from include.lake import schemas
from include.project import DataProject

OPEN = "open"


@dataclass(frozen=True)
class QuarantinedRows:
    """Quarantined rows of one feed, in any state."""

    feed: Feed
    calendar: Calendar
    rows: pa.Table
    """The feed's columns, then ORIGIN's: the day of quarantine, the id and the reasons."""
    corrections: tuple[Correction | None, ...]
    """The correction of each row; None: the row is open."""
    landed: tuple[bool, ...]
    """For each row: true if the day on which its correction becomes known is landed."""

    @property
    def is_open(self) -> list[bool]:
        return [correction is None for correction in self.corrections]

    @property
    def content(self) -> pa.Table:
        """Return the feed's columns only."""
        return self.rows.select([*self.feed.columns])

    def states(self) -> list[str]:
        """Describe the state of each row."""
        waits = {True: "", False: " (that period is not landed yet)"}
        return [
            corrections.describe_corrections(correction) + waits[is_landed] if correction else OPEN
            for correction, is_landed in zip(self.corrections, self.landed, strict=True)
        ]

    def only(self, places: Sequence[int]) -> QuarantinedRows:
        """Select the rows at these positions, in this order."""
        rows = self.rows.take(pa.array(places, pa.int64()))
        return QuarantinedRows(
            self.feed,
            self.calendar,
            rows,
            tuple(self.corrections[place] for place in places),
            tuple(self.landed[place] for place in places),
        )

    def chosen(self, reasons: Collection[str] = (), ids: Collection[str] = ()) -> QuarantinedRows:
        """Select the rows that have one of the reasons and one of the ids.

        An empty argument selects all.

        Raises:
            InvalidRequestError: no row has one of the reasons or ids.
        """
        form_limits.require_list("rows", list(ids), form_limits.NAME_LENGTH)
        known = self.rows["reasons"].to_pylist()
        names = self.rows["digest"].to_pylist()
        reasons = self.full_reasons(reasons)
        if stray := set(ids) - set(names):
            raise RowsUnknownError(stray)
        places = [
            place
            for place, name in enumerate(names)
            if (not reasons or set(reasons) & set(known[place])) and (not ids or name in ids)
        ]
        return self.only(places)

    @property
    def known_reasons(self) -> list[str]:
        """Return the reasons of the rows, each once."""
        return sorted({reason for row_reasons in self.rows["reasons"].to_pylist() for reason in row_reasons})

    def full_reasons(self, given: Collection[str]) -> list[str]:
        """Return the full reasons; each may be given by the description before its rule.

        Raises:
            InvalidRequestError: no row has the reason, or several reasons share the description.
        """
        form_limits.require_list("reasons", list(given))
        known = self.known_reasons
        matches = {
            reason: [reason] if reason in known else [full for full in known if full.startswith(f"{reason} [")]
            for reason in given
        }
        if stray := [reason for reason, full in matches.items() if not full]:
            raise ReasonsUnknownError(stray, known)
        if several := {reason: full for reason, full in matches.items() if len(full) > 1}:
            raise ReasonsAmbiguousError(several)
        return [full for (full,) in matches.values()]

    def exported(self) -> bytes:
        """Return the open rows as a CSV file to correct.

        Raises:
            InvalidRequestError: no row is open.
        """
        chosen = self.only([place for place, is_open in enumerate(self.is_open) if is_open])
        if not chosen.rows.num_rows:
            raise NothingOpenError(len(self.corrections))
        return correction_file.correction_csv(
            chosen.content, chosen.rows["digest"].to_pylist(), chosen.rows["reasons"].to_pylist()
        )


@dataclass(frozen=True)
class QuarantineCount:
    """Number of quarantined rows of one feed, day and reason.

    A row with several reasons counts for each.
    """

    feed: str
    period: Period
    reason: str
    open: int
    corrected: int
    released: int


def read_quarantine(
    project: DataProject, feed: str, period: Period | None = None, *, checked: bool = True
) -> QuarantinedRows:
    """Read the quarantined rows of a feed, of one day or of all days.

    `checked=False` skips the integrity check, for read-only views.

    Raises:
        InvalidRequestError: the feed is unknown, the day is outside the use case, or it has no quarantined rows.
        PartitionCorruptedError: a partition fails its integrity check or cannot be read.
    """
    use_case = project.use_case
    declared = require_feed(use_case, feed)
    if period is not None:
        use_case.require(period)
    view, table = project.lake.as_of(LATEST), f"checked/{feed}"
    first, last = (period, period) if period else (use_case.first_period, LATEST)
    with view.diagnose_read_errors(table, first, last):
        rows = view.table(table, first, last, checked=checked, and_dropped=True)
        bad = rows.filter(rows.reasons.length() > 0).to_pyarrow()
    if period and not bad.num_rows:
        with view.diagnose_read_errors(table):
            every = view.table(table, checked=False)  # for the error text only
            periods = (
                every.filter(every.reasons.length() > 0).select("period").distinct().order_by("period").to_pyarrow()
            )
        newest = use_case.calendar.periods_of(periods["period"].to_pylist()[-20:])
        raise NothingQuarantinedError(use_case.name, feed, period, newest)
    schema = schemas.content_schema(use_case, f"raw/{feed}")
    content = bad.select(schema.names).cast(schema).combine_chunks()
    periods, reasons = bad["period"].to_pylist(), bad["reasons"].to_pylist()
    ids = row_ids.row_ids(
        use_case.calendar.periods_of(periods), bad.drop_columns(["period", schemas.REASONS.name]), reasons
    )
    origin = {"period": periods, "digest": ids, "reasons": reasons}
    return _with_corrections(
        project, declared, corrections.with_origin(content, origin, schemas.period_field(use_case.calendar.unit))
    )


def count_quarantined(quarantined: QuarantinedRows) -> list[QuarantineCount]:
    """Count the open, corrected and released rows by day and reason, in order of days."""
    counts: dict[tuple[Period, str], Counter[str]] = {}
    for period, reasons, went in zip(
        quarantined.calendar.periods_of(quarantined.rows["period"].to_pylist()),
        quarantined.rows["reasons"].to_pylist(),
        quarantined.corrections,
        strict=True,
    ):
        for reason in reasons:
            counts.setdefault((period, reason), Counter())[went.kind if went else OPEN] += 1
    return [
        QuarantineCount(quarantined.feed.name, period, reason, number[OPEN], number["correct"], number["release"])
        for (period, reason), number in sorted(counts.items())
    ]


def require_feed(use_case: DataDeclaration, name: str) -> Feed:
    """Return the feed of that name.

    Raises:
        InvalidRequestError: the use case has no such feed; the text lists its feeds.
    """
    form_limits.require_name("feed", name)
    feeds = {feed.name: feed for feed in use_case.feeds}
    if name not in feeds:
        hint = did_you_mean(name, feeds)
        raise FeedUnknownError(use_case.name, name, feeds, hint)
    return feeds[name]


def _with_corrections(project: DataProject, feed: Feed, rows: pa.Table) -> QuarantinedRows:
    correction_log = CorrectionLog.open(project, feed.name)
    by_id = {name: correction for correction in correction_log.accepted() for name in correction.ids}
    landed_periods = set(project.lake.as_of(LATEST).partitions(f"raw/{feed.name}"))
    went = tuple(by_id.get(name) for name in rows["digest"].to_pylist())
    landed = tuple(bool(correction and correction.known_on in landed_periods) for correction in went)
    return QuarantinedRows(feed, project.use_case.calendar, rows, went, landed)
