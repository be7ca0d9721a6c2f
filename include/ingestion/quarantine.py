"""Quarantine: look at the rows that were set aside, and at what has become of each."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import date

import pyarrow as pa

from include.declaration import form_limits
from include.declaration.problems import did_you_mean
from include.declaration.use_case import Feed, UseCase
from include.errors import InvalidRequestError, shorten_names
from include.ingestion import correction_file, corrections
from include.ingestion.correction_log import CorrectionLog
from include.ingestion.corrections import Correction
from include.lake import schemas
from include.project import Project

OPEN = "open"


@dataclass(frozen=True)
class QuarantinedRows:
    """Quarantined rows of one feed, whatever has become of them."""

    feed: Feed
    rows: pa.Table
    """The feed's columns, then ORIGIN's: quarantined on which day, under which id, for which reasons."""
    went: tuple[Correction | None, ...]
    """The correction that each was sent back with; None: it is still open."""
    landed: tuple[bool, ...]
    """Whether the day on which that correction becomes known has it already."""

    @property
    def is_open(self) -> list[bool]:
        return [correction is None for correction in self.went]

    @property
    def content(self) -> pa.Table:
        """The feed's columns alone."""
        return self.rows.select([*self.feed.columns])

    def states(self) -> list[str]:
        """What has become of each row, in words."""
        waits = {True: "", False: " (that day is not landed yet)"}
        return [
            corrections.describe_corrections(correction) + waits[there] if correction else OPEN
            for correction, there in zip(self.went, self.landed, strict=True)
        ]

    def only(self, places: Sequence[int]) -> QuarantinedRows:
        """The rows at these places, in this order."""
        rows = self.rows.take(pa.array(places, pa.int64()))
        return QuarantinedRows(
            self.feed, rows, tuple(self.went[place] for place in places), tuple(self.landed[place] for place in places)
        )

    def chosen(self, reasons: Collection[str] = (), ids: Collection[str] = ()) -> QuarantinedRows:
        """Those that have one of the reasons and one of the ids; without, any. InvalidRequestError for a reason or an
        id that none of them has."""
        form_limits.require_list("rows", list(ids), form_limits.NAME_LENGTH)
        known = self.rows["reasons"].to_pylist()
        names = self.rows["digest"].to_pylist()
        reasons = self.full_reasons(reasons)
        if stray := sorted(set(ids) - set(names)):
            raise InvalidRequestError(
                f"No row is quarantined under {shorten_names(stray)}. List the ids with `quarantine … show`."
            )
        places = [
            place
            for place, name in enumerate(names)
            if (not reasons or set(reasons) & set(known[place])) and (not ids or name in ids)
        ]
        return self.only(places)

    def full_reasons(self, given: Collection[str]) -> list[str]:
        """Complete reasons that are given in full, or by the description before the rule.

        Raises:
            InvalidRequestError: none of the rows has the reason, or several reasons have the description.
        """
        form_limits.require_list("reasons", list(given))
        there = sorted({reason for each in self.rows["reasons"].to_pylist() for reason in each})
        found = {
            reason: [reason] if reason in there else [full for full in there if full.startswith(f"{reason} [")]
            for reason in given
        }
        if stray := [reason for reason, full in found.items() if not full]:
            raise InvalidRequestError(
                f"No row that was asked for is quarantined for {shorten_names(stray)}; their reasons are"
                f" {shorten_names(there)}."
            )
        if several := {reason: full for reason, full in found.items() if len(full) > 1}:
            raise InvalidRequestError(f"Several reasons begin so; give one in full: {several}.")
        return [full for (full,) in found.values()]

    def exported(self) -> bytes:
        """The open rows as a CSV file to correct. InvalidRequestError where none is open."""
        chosen = self.only([place for place, is_open in enumerate(self.is_open) if is_open])
        if not chosen.rows.num_rows:
            raise InvalidRequestError(f"None of the {len(self.went)} rows is open; there is nothing to correct.")
        return correction_file.correction_csv(
            chosen.content, chosen.rows["digest"].to_pylist(), chosen.rows["reasons"].to_pylist()
        )


@dataclass(frozen=True)
class QuarantineCount:
    """Quarantined rows of one feed, day and reason; a row of several reasons counts for each."""

    feed: str
    day: date
    reason: str
    open: int
    corrected: int
    released: int


def read_quarantine(project: Project, feed: str, day: date | None = None, *, checked: bool = True) -> QuarantinedRows:
    """The quarantined rows of a feed, of one day or all. InvalidRequestError for an unknown feed, no day or a day
    without any, PartitionCorruptedError; without `checked`, for whoever only shows them, for no other damage than what
    cannot be read."""
    use_case = project.use_case
    declared = require_feed(use_case, feed)
    if day is not None:
        use_case.require(day)
    view, table = project.lake.as_of(date.max), f"checked/{feed}"
    first, last = (day, day) if day else (use_case.first_period, date.max)
    with view.explaining(table, first, last):
        rows = view.table(table, first, last, checked=checked, and_dropped=True)
        bad = rows.filter(rows.reasons.length() > 0).to_pyarrow()
    if day and not bad.num_rows:
        with view.explaining(table):
            every = view.table(table, checked=False)  # only named
            days = every.filter(every.reasons.length() > 0).select("day").distinct().order_by("day").to_pyarrow()
        said = ", ".join(str(each) for each in days["day"].to_pylist()[-20:]) or "none"
        raise InvalidRequestError(
            f"{use_case.name}: feed {feed!r} has no quarantined row on {day}; days that have: {said}."
        )
    schema = schemas.content(use_case, f"raw/{feed}")
    content = bad.select(schema.names).cast(schema).combine_chunks()
    days, reasons = bad["day"].to_pylist(), bad["reasons"].to_pylist()
    ids = corrections.row_ids(days, bad.drop_columns(["day", schemas.REASONS.name]), reasons)
    origin = {"day": days, "digest": ids, "reasons": reasons}
    found = corrections.with_origin(content, origin)
    return _with_fate(project, declared, found)


def count_quarantined(found: QuarantinedRows) -> list[QuarantineCount]:
    """By day and reason, in order of days: how many rows are open, corrected and released."""
    seen: dict[tuple[date, str], Counter[str]] = {}
    for day, reasons, went in zip(
        found.rows["day"].to_pylist(), found.rows["reasons"].to_pylist(), found.went, strict=True
    ):
        for reason in reasons:
            seen.setdefault((day, reason), Counter())[went.kind if went else OPEN] += 1
    return [
        QuarantineCount(found.feed.name, day, reason, number[OPEN], number["correct"], number["release"])
        for (day, reason), number in sorted(seen.items())
    ]


def require_feed(use_case: UseCase, name: str) -> Feed:
    """The feed of that name; InvalidRequestError with the names that there are."""
    form_limits.require_name("feed", name)
    found = {feed.name: feed for feed in use_case.feeds}
    if name not in found:
        hint = did_you_mean(name, found)
        raise InvalidRequestError(f"{use_case.name} has no feed {name!r}; it has {sorted(found)}. {hint}".strip())
    return found[name]


def _with_fate(project: Project, feed: Feed, rows: pa.Table) -> QuarantinedRows:
    book = CorrectionLog.of(project.use_case, feed.name)
    went = {name: correction for correction in book.standing() for name in correction.ids}
    there = set(project.lake.as_of(date.max).partitions(f"raw/{feed.name}"))
    found = tuple(went.get(name) for name in rows["digest"].to_pylist())
    return QuarantinedRows(feed, rows, found, tuple(bool(each and each.known_on in there) for each in found))
