"""Resubmit quarantined rows, corrected or released, as known on a later day."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Sequence
from dataclasses import dataclass, replace

import pyarrow as pa

from include.declaration import form_limits
from include.declaration.data_declaration import DataDeclaration
from include.declaration.feeds import Feed
from include.declaration.period import LATEST, Period
from include.declaration.suite import Suite
from include.errors import InvalidRequestError
from include.ingestion import correction_reader, corrections, expectations, quarantine, suites, uploads
from include.ingestion.correction_errors import (
    CommentMissingError,
    FieldsConflictError,
    OtherReasonsError,
    ReasonsMissingError,
    RowsNotJudgedError,
    ValueLostError,
    WithoutReasonsError,
)
from include.ingestion.correction_log import CorrectionLog, CorrectionPeriodTakenError, RecordedCorrections
from include.ingestion.correction_rows import UNHELD
from include.ingestion.corrections import CorrectionDraft, Kind
from include.ingestion.free_period import free_period, require_free
from include.ingestion.quarantine import QuarantinedRows
from include.lake import schemas
from include.lake.storable_values import NOT_A_DATE, find_unsound
from include.project import DataProject


@dataclass(frozen=True)
class Resubmission:
    """Result of a resubmission; plain values."""

    number: int
    feed: str
    kind: str
    known_on: str
    rows: int
    again: dict[str, int]
    """Reason to the number of rows that the current expectations would quarantine again for it on that day."""
    new: bool
    """Whether this call recorded it."""

    @property
    def summary(self) -> str:
        """Describe the result."""
        action = {"correct": "corrected", "release": "released"}[self.kind]
        begin = f"Correction {self.number}" + ("" if self.new else " already exists")
        bad = "; ".join(f"{count} for {reason!r}" for reason, count in sorted(self.again.items()))
        return (
            f"{begin}: {self.rows} {action} row(s) of feed {self.feed!r} become known on {self.known_on}, when that"
            " period is landed." + (f" Rows that would be quarantined again: {bad}." if bad else "")
        )


@dataclass(frozen=True)
class ResubmissionRequest:
    """The form's fields: rows to release, or a file of the inbox with corrected rows."""

    feed: str
    action: str
    quarantined_on: Period | None
    reasons: Sequence[str] | None
    rows: Sequence[str] | None
    file: str | None
    known_on: Period | None
    comment: str
    actor: str


def resubmit_rows(project: DataProject, request: ResubmissionRequest) -> Resubmission:
    """Release or correct the rows that the form names.

    Raises:
        InvalidRequestError: the fields contradict each other, or as for `resubmit_corrected` and `resubmit_released`.
    """
    form_limits.require_name("file", request.file)
    if request.action == "release":
        if request.file:
            raise FieldsConflictError(request.action, request.file)
        return resubmit_released(
            project,
            request.feed,
            request.reasons or (),
            actor=request.actor,
            comment=request.comment,
            period=request.quarantined_on,
            ids=request.rows or (),
            known_on=request.known_on,
        )
    if request.action != "correct" or not request.file or request.reasons or request.rows:
        raise FieldsConflictError(request.action, request.file)
    return resubmit_corrected(
        project,
        request.feed,
        request.file,
        uploads.read_upload(project, request.file),
        actor=request.actor,
        comment=request.comment,
        period=request.quarantined_on,
        known_on=request.known_on,
    )


def resubmit_corrected(
    project: DataProject,
    feed: str,
    name: str,
    content: bytes,
    *,
    actor: str,
    comment: str,
    period: Period | None = None,
    known_on: Period | None = None,
) -> Resubmission:
    """Send back the rows of the file `name`, each replacing a quarantined row.

    `period` restricts the quarantined rows, if given. Without `known_on`, they become known on the first free day
    (`free_day`). Sending the same again changes nothing.

    Raises:
        InvalidRequestError: the file cannot be read or has other columns; a row is not quarantined, did not change or
            was sent back before; or `known_on` accepts no corrections.
    """
    declared = quarantine.require_feed(project.use_case, feed)
    schema = schemas.content_schema(project.use_case, f"raw/{feed}")
    rows, named = correction_reader.read_corrections(name, content, schema)
    if wrong := [
        unsound
        for unsound in find_unsound(rows, declared.keys, project.use_case.personal_columns)
        if unsound.kind == NOT_A_DATE
    ]:
        raise InvalidRequestError(
            f"{name} has {NOT_A_DATE} in {[unsound.column for unsound in wrong]}; the first of {wrong[0].column!r} is"
            f" {wrong[0].value}, in the row {wrong[0].row}. Nothing was resubmitted. Correct the date or leave it"
            " empty."
        )
    quarantined = quarantine.read_quarantine(project, feed, period)
    places = corrections.match_corrections(rows, named, quarantined.rows, declared.keys, quarantined.is_open)
    meant = quarantined.only(places)
    corrections.require_sound(rows, meant.content, declared.keys)
    return _record(project, declared, "correct", rows, meant, actor, comment, known_on)


def resubmit_released(
    project: DataProject,
    feed: str,
    reasons: Collection[str],
    *,
    actor: str,
    comment: str,
    period: Period | None = None,
    ids: Collection[str] = (),
    known_on: Period | None = None,
) -> Resubmission:
    """Send back unchanged the rows quarantined for these reasons, which are waived.

    `period` and `ids` restrict the rows, if given.

    Raises:
        InvalidRequestError: no row has one of the reasons; a row has other reasons too, so it would be quarantined
            again; a row was sent back before; or `known_on` accepts no corrections.
    """
    declared = quarantine.require_feed(project.use_case, feed)
    named = quarantine.read_quarantine(project, feed, period).chosen(ids=ids)
    if not reasons:
        raise ReasonsMissingError(named.known_reasons)
    reasons = named.full_reasons(reasons)
    chosen = named.chosen(reasons=reasons)
    if ids and len(chosen.corrections) < len(named.corrections):
        raise WithoutReasonsError(len(named.corrections) - len(chosen.corrections), reasons)
    still_open = [place for place, is_open in enumerate(chosen.is_open) if is_open]
    meant = chosen.only(still_open) if still_open and not ids else chosen
    others = {reason for row_reasons in meant.rows["reasons"].to_pylist() for reason in row_reasons} - set(reasons)
    if others:
        raise OtherReasonsError(others)
    if unheld := sorted(reason for reason in reasons if reason.startswith(UNHELD)):
        raise ValueLostError(unheld[0])
    corrections.require_complete(meant.content, declared.keys)
    corrections.require_distinct(meant.content, declared.keys)
    return _record(project, declared, "release", meant.content, meant, actor, comment, known_on)


def _record(
    project: DataProject,
    feed: Feed,
    kind: Kind,
    rows: pa.Table,
    meant: QuarantinedRows,
    actor: str,
    comment: str,
    known_on: Period | None,
) -> Resubmission:
    form_limits.require_text("comment", comment)
    if len(comment.strip()) < 3:
        raise CommentMissingError
    origin = {name: meant.rows[name].to_pylist() for name in ("period", "digest", "reasons")}
    sent = corrections.with_origin(rows, origin, schemas.period_field(project.use_case.calendar.unit))
    again = _broken(project.use_case, feed, rows, origin["reasons"] if kind == "release" else [[]] * rows.num_rows)
    last = project.use_case.calendar.period_of(max(origin["period"]))
    draft = CorrectionDraft(kind=kind, known_on=known_on or LATEST, actor=actor, comment=comment.strip(), rows=sent)
    recorded = _at(project, feed, draft, last, known_on)
    return Resubmission(
        recorded.correction.number,
        feed.name,
        kind,
        recorded.correction.known_on.key,
        rows.num_rows,
        again,
        recorded.new,
    )


def _at(
    project: DataProject, feed: Feed, draft: CorrectionDraft, last: Period, known_on: Period | None
) -> RecordedCorrections:
    """Record the draft for the requested day, or else for the first free one."""
    correction_log = CorrectionLog.open(project, feed.name)
    if existing := corrections.accepted_corrections(draft, correction_log.accepted(), any_period=known_on is None):
        return RecordedCorrections(existing, new=False)
    while True:
        free = free_period(project, feed, last)
        period = known_on or free
        require_free(project, feed, period, last, free)
        try:
            return correction_log.record(replace(draft, known_on=period), any_period=known_on is None)
        except CorrectionPeriodTakenError:
            if known_on:
                raise  # otherwise try the next free day


def _broken(use_case: DataDeclaration, feed: Feed, rows: pa.Table, waived: Sequence[Sequence[str]]) -> dict[str, int]:
    """Count the rows that would be quarantined again, by reason.

    Raises:
        RowsNotJudgedError: an expectation raised.
    """
    suite = Suite(rows=suites.load_suite(use_case, feed).rows)
    judgement = expectations.judge_rows(
        suite, rows, f"{use_case.name} {feed.name} corrections", personal=feed.personal or ()
    )
    if judgement.raised:
        raise RowsNotJudgedError(use_case.name, feed.name, judgement.raised)
    left = zip(judgement.reasons.to_pylist(), waived, strict=True)
    return dict(Counter(reason for broken, allowed in left for reason in broken if reason not in allowed))
