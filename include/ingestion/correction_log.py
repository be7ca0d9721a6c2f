"""Corrections of a feed: quarantined rows that a person has sent back, and the day on which each becomes known.

Append-only: one file per correction, numbered, made whole or not at all and never changed. A day takes no correction
any more once it is landed: whoever lands it first closes it, and writes down which corrections it has. So what a day
holds is a function of its source and of its corrections, whatever the order of runs.

Under <lake>/<use case>/corrections/<feed>/:
  000001.parquet          the rows; who, why and when are in the file's metadata
  days/<day>/closing      from now on, whoever records one for the day looks whether it came in time
  days/<day>/closed.json  how many corrections there were, and which are the day's
"""

from __future__ import annotations

import json
import re
from collections.abc import Collection, Sequence
from dataclasses import dataclass, fields
from datetime import UTC, date, datetime

import pyarrow as pa
import pyarrow.parquet as pq

from include.declaration.use_case import UseCase
from include.errors import AirworthyError, InvalidRequestError
from include.ingestion import corrections
from include.ingestion.corrections import Correction, CorrectionDraft
from include.lake import content_digest
from include.lake.lake_format import lake_root
from include.lake.object_store import StoragePath

ATTEMPTS = 100
"""Tries at one number: every lost race means that another process has recorded a correction."""
_ABOUT = b"airworthy"
_FIELDS = {"who": "actor", "why": "comment"}
"""Names in a correction's file, which is never written again, to the fields that they are of."""


class CorrectionsCorruptedError(AirworthyError):
    """A correction is missing or cannot be read, so nobody knows what its day holds."""

    def __init__(self, place: StoragePath, what: object) -> None:
        super().__init__(
            f"The corrections are damaged at {place}: {what}. The day is not landed without them. Restore the folder"
            " from a backup; corrections are never edited or removed by hand."
        )


class CorrectionPeriodTakenError(InvalidRequestError):
    """A day takes no correction any more: it was landed while the correction was being recorded."""

    def __init__(self, use_case: str, feed: str, day: date) -> None:
        super().__init__(
            f"{use_case}: {day} of feed {feed!r} was landed meanwhile and takes no correction any more; nothing was"
            " recorded. Let the correction become known on a later day."
        )


class CorrectionsBusyError(AirworthyError):
    """Others were always first."""

    worth_retrying = True

    def __init__(self, use_case: str, feed: str) -> None:
        super().__init__(
            f"{use_case}: {ATTEMPTS} times another correction of feed {feed!r} was recorded first, and nothing of this"
            " one was recorded. Send it again."
        )


@dataclass(frozen=True)
class RecordedCorrections:
    """The correction that stands, and whether this call has recorded it."""

    correction: Correction
    new: bool


@dataclass(frozen=True)
class _Closed:
    """A day that takes no correction any more."""

    records: int
    """How many corrections of the feed there were; later ones for this day came too late."""
    of_day: tuple[int, ...]


@dataclass(frozen=True)
class CorrectionLog:
    """The corrections of one feed of a use case."""

    use_case: UseCase
    feed: str
    folder: StoragePath

    @classmethod
    def of(cls, use_case: UseCase, feed: str) -> CorrectionLog:
        root = lake_root(use_case.name)
        return cls(use_case, feed, root / "corrections" / feed)

    def standing(self) -> list[Correction]:
        """All corrections but those that came too late for their day, in order. Raises CorrectionsCorruptedError."""
        return self._in_time(self._all())

    def list_readonly(self) -> list[Correction]:
        """As `standing`, for whoever may only read: of a day whose closing was cut short, all. Raises as that.

        Reads each correction anew: there are as many as people have sent.
        """
        recorded = self._all()
        closed = {day: self._closed(day) for day in {each.known_on for each in recorded}}
        return [each for each in recorded if not (day := closed[each.known_on]) or each.number in day.of_day]

    def _in_time(self, recorded: Sequence[Correction]) -> list[Correction]:
        closing, closed = self.closed_days(), dict[date, _Closed]()
        found = []
        for each in recorded:
            if each.known_on in closing and each.known_on not in closed:
                closed[each.known_on] = self._close(each.known_on)
            if each.known_on not in closed or each.number in closed[each.known_on].of_day:
                found.append(each)
        return found

    def closed_days(self) -> set[date]:
        """The days that take no correction any more."""
        names = (self.folder / "days").names()
        return {date.fromisoformat(name) for name in names if re.fullmatch(r"\d{4}-\d\d-\d\d", name)}

    def close(self, day: date) -> list[Correction]:
        """The corrections that become known on `day`; from now on there are no others. Raises
        CorrectionsCorruptedError."""
        return [self._read(number) for number in self._close(day).of_day]

    def known_on(self, day: date) -> list[Correction]:
        """The corrections of a day that was landed; none of one that was not. Raises CorrectionsCorruptedError."""
        closed = self._closed(day)
        return [self._read(number) for number in closed.of_day] if closed else []

    def copy_day(self, day: date, to: CorrectionLog) -> None:
        """Copy the corrections that became known on a day that was landed, and no others, to another lake."""
        closed = self._closed(day)
        for number in closed.of_day if closed else ():
            to._place(number).create(self._place(number).read())
        if closed:
            said = self.folder / "days" / day.isoformat() / "closed.json"
            (to.folder / "days" / day.isoformat() / "closed.json").create(said.read())

    def record(self, draft: CorrectionDraft, *, whenever: bool = False) -> RecordedCorrections:
        """Append the draft, unless the same stands already (with `whenever`: for any day).

        Safe among processes: of several that send the same row back, one does. Raises InvalidRequestError for rows that
        were sent back otherwise, CorrectionPeriodTakenError where the day was landed meanwhile, CorrectionsBusyError
        where others were always first: then nothing has changed.
        """
        for _ in range(ATTEMPTS):
            recorded = self._all()
            if there := corrections.accepted_corrections(draft, self._in_time(recorded), whenever=whenever):
                return RecordedCorrections(there, new=False)
            if draft.known_on in self.closed_days():
                raise CorrectionPeriodTakenError(self.use_case.name, self.feed, draft.known_on)
            correction = Correction(
                number=len(recorded) + 1,  # of those that were looked at: one more, and this number is taken
                recorded_at=datetime.now(UTC).isoformat(timespec="seconds"),
                **{each.name: getattr(draft, each.name) for each in fields(CorrectionDraft)},
            )
            if not self._place(correction.number).create(_content(correction)):
                continue
            # Whoever closes the day first says so, then counts: not closing yet, it will count this one too.
            if draft.known_on in self.closed_days() and correction.number not in self._close(draft.known_on).of_day:
                raise CorrectionPeriodTakenError(self.use_case.name, self.feed, draft.known_on)
            return RecordedCorrections(correction, new=True)
        raise CorrectionsBusyError(self.use_case.name, self.feed)

    def _close(self, day: date) -> _Closed:
        if (closed := self._closed(day)) is not None:
            return closed
        folder = self.folder / "days" / day.isoformat()
        (folder / "closing").create(b"")
        recorded = self._all()
        said = {"records": len(recorded), "of_day": [each.number for each in recorded if each.known_on == day]}
        (folder / "closed.json").create((json.dumps(said, sort_keys=True) + "\n").encode())
        closed = self._closed(day)  # of several at once, the first has said it
        assert closed is not None
        return closed

    def _closed(self, day: date) -> _Closed | None:
        place = self.folder / "days" / day.isoformat() / "closed.json"
        try:
            said = json.loads(place.read())
            return _Closed(int(said["records"]), tuple(int(number) for number in said["of_day"]))
        except FileNotFoundError:
            return None
        except (ValueError, TypeError, KeyError) as error:
            raise CorrectionsCorruptedError(place, error) from error

    def _all(self) -> list[Correction]:
        return [self._read(number) for number in self._numbers()]

    def _numbers(self) -> Sequence[int]:
        """The numbers of all corrections. Raises CorrectionsCorruptedError for one that is missing."""
        found = sorted(int(name[:-8]) for name in self.folder.names() if re.fullmatch(r"\d{6,}\.parquet", name))
        for number, there in enumerate(found, start=1):
            if there != number:
                raise CorrectionsCorruptedError(self._place(number), "it is missing")
        return found

    def _place(self, number: int) -> StoragePath:
        return self.folder / f"{number:06d}.parquet"

    def _read(self, number: int) -> Correction:
        """A correction as its file says, in the columns that the feed had when it was recorded."""
        place = self._place(number)
        try:
            rows = pq.read_table(pa.BufferReader(place.read()))
            about = json.loads(rows.schema.metadata[_ABOUT])
            if about["number"] != number:
                raise ValueError(f"it holds correction {about['number']}")
            about["known_on"] = date.fromisoformat(about["known_on"])
            about = {_FIELDS.get(name, name): value for name, value in about.items()}
            return Correction(rows=rows.replace_schema_metadata(None), **about)
        except (FileNotFoundError, pa.ArrowException, ValueError, TypeError, KeyError) as error:
            raise CorrectionsCorruptedError(place, error) from error


def correction_inputs(feed: str, found: Collection[Correction]) -> dict[str, str]:
    """What a commit notes of a day's corrections: one digest over what they bring to it; nothing without any."""
    return {f"corrections/{feed}": content_digest.digest_values([each.content for each in found])} if found else {}


def _content(correction: Correction) -> bytes:
    about = {name: getattr(correction, _FIELDS.get(name, name)) for name in ("number", "kind", *_FIELDS, "recorded_at")}
    about["known_on"] = correction.known_on.isoformat()
    rows = correction.rows.replace_schema_metadata({_ABOUT: json.dumps(about, sort_keys=True).encode()})
    sink = pa.BufferOutputStream()
    pq.write_table(rows, sink)
    content: bytes = sink.getvalue().to_pybytes()
    return content
