"""Correct: send quarantined rows back, corrected or released, so that they become known on a later day."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Sequence
from dataclasses import dataclass, replace
from datetime import date, timedelta

import pyarrow as pa

from include.declaration import form_limits
from include.declaration.suite import Suite
from include.declaration.use_case import Feed, UseCase
from include.errors import InvalidRequestError
from include.ingestion import correction_reader, corrections, expectations, quarantine, suites, uploads
from include.ingestion.correction_log import CorrectionLog, CorrectionPeriodTakenError, RecordedCorrections
from include.ingestion.correction_rows import UNHELD
from include.ingestion.corrections import CorrectionDraft, Kind
from include.ingestion.quarantine import QuarantinedRows
from include.lake import schemas
from include.lake.soundness import NOT_A_DATE, find_unsound
from include.project import Project

AHEAD_DAYS = 31
"""A correction becomes known so many days after the first free day at the latest: a year that was mistyped would hide
the rows for ever, for a correction is never taken back."""
DECIDED = ("features", "labels", "predictions", "metrics", "decisions")
"""Tables of what is decided of a day: it has them, so what is known on it is settled."""


@dataclass(frozen=True)
class Resubmission:
    """What a correction comes to; plain values."""

    number: int
    feed: str
    kind: str
    known_on: str
    rows: int
    again: dict[str, int]
    """Reason to rows that would be quarantined again for it on that day, as the expectations are now."""
    new: bool
    """Whether this call has recorded it."""

    @property
    def told(self) -> str:
        """In words."""
        what = {"correct": "corrected", "release": "released"}[self.kind]
        begin = f"Correction {self.number}" + ("" if self.new else " stands already")
        bad = "; ".join(f"{count} for {reason!r}" for reason, count in sorted(self.again.items()))
        return (
            f"{begin}: {self.rows} {what} row(s) of feed {self.feed!r} become known on {self.known_on}, when that"
            " day is landed." + (f" As they are, rows would be quarantined again: {bad}." if bad else "")
        )


@dataclass(frozen=True)
class ResubmissionRequest:
    """What a form asks for: rows to release, or a file of the inbox with corrected ones."""

    feed: str
    what: str
    quarantined_on: date | None
    reasons: Sequence[str] | None
    rows: Sequence[str] | None
    file: str | None
    known_on: date | None
    comment: str
    actor: str


def resubmit_rows(project: Project, asked: ResubmissionRequest) -> Resubmission:
    """Do what the form asks for; InvalidRequestError where its fields contradict each other, and as `correct` and
    `release`."""
    form_limits.require_name("file", asked.file)
    if asked.what == "release":
        if asked.file:
            raise InvalidRequestError(
                f"Rows are released as they are: leave the file {asked.file!r} out, or correct with it."
            )
        return resubmit_released(
            project,
            asked.feed,
            asked.reasons or (),
            actor=asked.actor,
            comment=asked.comment,
            day=asked.quarantined_on,
            ids=asked.rows or (),
            known_on=asked.known_on,
        )
    if asked.what != "correct" or not asked.file or asked.reasons or asked.rows:
        raise InvalidRequestError(
            "To correct, name a file of the inbox: it says which rows it corrects, so leave reasons and rows empty. To"
            " send rows back as they are, release them."
        )
    return resubmit_corrected(
        project,
        asked.feed,
        asked.file,
        uploads.read_upload(project.use_case, asked.file),
        actor=asked.actor,
        comment=asked.comment,
        day=asked.quarantined_on,
        known_on=asked.known_on,
    )


def resubmit_corrected(
    project: Project,
    feed: str,
    name: str,
    content: bytes,
    *,
    actor: str,
    comment: str,
    day: date | None = None,
    known_on: date | None = None,
) -> Resubmission:
    """Send back the rows of a file called `name`, each in the place of a quarantined one (of `day`, if it is given).

    Without `known_on` they become known on the first free day (`free_day`). The same again changes nothing.
    InvalidRequestError for a file that cannot be read, has other columns, or rows that are not quarantined, were sent
    back before or did not change; and for a day that is settled.
    """
    declared = quarantine.require_feed(project.use_case, feed)
    schema = schemas.content(project.use_case, f"raw/{feed}")
    rows, named = correction_reader.read_corrections(name, content, schema)
    if wrong := [each for each in find_unsound(rows, declared.keys) if each.kind == NOT_A_DATE]:
        raise InvalidRequestError(
            f"{name} has {NOT_A_DATE} in {[each.column for each in wrong]}; the first of {wrong[0].column!r} is"
            f" {wrong[0].value}, in the row {wrong[0].row}. Nothing was sent back. Give a date within them, or none."
        )
    found = quarantine.read_quarantine(project, feed, day)
    places = corrections.match_corrections(rows, named, found.rows, declared.keys, found.is_open)
    meant = found.only(places)
    corrections.require_sound(rows, meant.content, declared.keys)
    return _record(project, declared, "correct", rows, meant, actor, comment, known_on)


def resubmit_released(
    project: Project,
    feed: str,
    reasons: Collection[str],
    *,
    actor: str,
    comment: str,
    day: date | None = None,
    ids: Collection[str] = (),
    known_on: date | None = None,
) -> Resubmission:
    """Send back rows as they are: those that were quarantined for these reasons, which no longer count for them.

    Of `day` or with these `ids`, where given. InvalidRequestError for a reason that none of them has, for a row that
    has other reasons besides (it would be quarantined again), and as `correct` says.
    """
    declared = quarantine.require_feed(project.use_case, feed)
    if not reasons:
        raise InvalidRequestError("Name the reasons that no longer count for the rows.")
    named = quarantine.read_quarantine(project, feed, day).chosen(ids=ids)
    reasons = named.full_reasons(reasons)
    found = named.chosen(reasons=reasons)
    if ids and len(found.went) < len(named.went):
        raise InvalidRequestError(
            f"{len(named.went) - len(found.went)} of the rows with these ids have none of the reasons"
            f" {sorted(reasons)}. Nothing was released. Leave these rows out, or name their reasons."
        )
    still = [place for place, is_open in enumerate(found.is_open) if is_open]
    meant = found.only(still) if still and not ids else found
    others = {reason for each in meant.rows["reasons"].to_pylist() for reason in each} - set(reasons)
    if others:
        raise InvalidRequestError(
            f"Of these rows some are quarantined for {sorted(others)} too, and would be again. Name these reasons as"
            " well, or the ids of the rows that do not have them."
        )
    if unheld := sorted(reason for reason in reasons if reason.startswith(UNHELD)):
        raise InvalidRequestError(
            f"{unheld[0]}: released as it is, such a row would be published without the value. Nothing was released."
        )
    corrections.require_complete(meant.content, declared.keys)
    corrections.require_distinct(meant.content, declared.keys)
    return _record(project, declared, "release", meant.content, meant, actor, comment, known_on)


def free_day(project: Project, feed: Feed, after: date) -> date:
    """The day after `after`, and after all days of which anything is landed or decided: days before these that were
    never run are no place for what is only known now. None that is declared absent."""
    day = max({after, *_landed(project, feed, after), *_decided(project, after)}) + timedelta(days=1)
    while day in feed.missing_periods:
        day += timedelta(days=1)
    return day


def _landed(project: Project, feed: Feed, since: date) -> set[date]:
    """The days from `since` on of which something of the feed is landed."""
    view, closed = project.lake.as_of(date.max), CorrectionLog.of(project.use_case, feed.name).closed_days()
    held = {day for table in ("raw", "checked") for day in view.partitions(f"{table}/{feed.name}", since)}
    return held | {day for day in closed if day >= since}


def _decided(project: Project, since: date) -> set[date]:
    """The days from `since` on of which anything is decided."""
    view = project.lake.as_of(date.max)
    return {day for table in DECIDED for day in view.partitions(table, since)}


def _record(
    project: Project,
    feed: Feed,
    kind: Kind,
    rows: pa.Table,
    meant: QuarantinedRows,
    actor: str,
    comment: str,
    known_on: date | None,
) -> Resubmission:
    form_limits.require_text("comment", comment)
    if len(comment.strip()) < 3:
        raise InvalidRequestError("Say why; it is kept with the correction.")
    origin = {name: meant.rows[name].to_pylist() for name in ("day", "digest", "reasons")}
    sent = corrections.with_origin(rows, origin)
    again = _broken(project.use_case, feed, rows, origin["reasons"] if kind == "release" else [[]] * rows.num_rows)
    last = max(origin["day"])
    draft = CorrectionDraft(kind=kind, known_on=known_on or date.max, actor=actor, comment=comment.strip(), rows=sent)
    recorded = _at(project, feed, draft, last, known_on)
    return Resubmission(
        recorded.correction.number,
        feed.name,
        kind,
        recorded.correction.known_on.isoformat(),
        rows.num_rows,
        again,
        recorded.new,
    )


def _at(project: Project, feed: Feed, draft: CorrectionDraft, last: date, known_on: date | None) -> RecordedCorrections:
    """Record the draft for the day that was asked for, or for the first free one."""
    book = CorrectionLog.of(project.use_case, feed.name)
    if there := corrections.accepted_corrections(draft, book.standing(), whenever=known_on is None):
        return RecordedCorrections(there, new=False)
    while True:
        free = free_day(project, feed, last)
        day = known_on or free
        _require_free(project, feed, day, last, free)
        try:
            return book.record(replace(draft, known_on=day), whenever=known_on is None)
        except CorrectionPeriodTakenError:
            if known_on:
                raise  # else the next free day will do


def _require_free(project: Project, feed: Feed, day: date, last: date, free: date) -> None:
    """InvalidRequestError, naming the first free day, for a day on which the rows cannot become known."""
    use_case = project.use_case
    comment, decided = "", _decided(project, last)
    if day <= last:
        comment = f"is not after {last}, the day they were quarantined on: what was known then does not change"
    elif day in decided | _landed(project, feed, last):
        comment = "is landed or decided already: what was known then does not change"
    elif day in feed.missing_periods:
        comment = "is declared absent"
    elif day < max(decided, default=day):  # its measures and decisions, made again, would know the rows
        comment = (
            f"lies before {max(decided)}, of which something is decided already: what was known then does not change"
        )
    elif day > max(free, use_case.today()):
        comment = f"has not begun in {use_case.time_zone}, where today is {use_case.today()}"
    elif use_case.last_period is not None and day > use_case.last_period:
        comment = f"is after {use_case.last_period}, on which {use_case.name} ends: nothing is landed after it"
    elif day > free + timedelta(days=AHEAD_DAYS):
        comment = f"is more than {AHEAD_DAYS} days after the first free day, and until then the rows would be missing"
    if comment:
        raise InvalidRequestError(
            f"{use_case.name}: {day} {comment}. The first free day of feed {feed.name!r} is {free}."
        )


def _broken(use_case: UseCase, feed: Feed, rows: pa.Table, waived: Sequence[Sequence[str]]) -> dict[str, int]:
    """Reason to rows that it would set aside again. InvalidRequestError where one raises."""
    suite = Suite(rows=suites.load_suite(use_case, feed).rows)
    judgement = expectations.judge_rows(suite, rows, f"{use_case.name} {feed.name} corrections")
    if judgement.raised:
        raise InvalidRequestError(
            f"{use_case.name}: an expectation on feed {feed.name!r} cannot judge these rows, and they would stop the"
            f" day that they become known on: {'; '.join(judgement.raised)}."
        )
    left = zip(judgement.reasons.to_pylist(), waived, strict=True)
    return dict(Counter(reason for broken, allowed in left for reason in broken if reason not in allowed))
