"""Store the corrections of a feed and the day on which each becomes known.

Corrections are quarantined rows that were sent back. Append-only: one numbered file per correction, created atomically
and never changed. The first process that lands a day closes it and writes down its corrections; a closed day accepts no
more. So the rows of a day depend only on its source and its corrections, not on the order of runs.

Under <lake>/<use case>/corrections/<feed>/:
  000001.parquet          the rows; actor, reason and time are in the file's metadata
  days/<day>/closing      exists: a process that records a correction for the day must check that it was in time
  days/<day>/closed.json  the number of corrections then, and the numbers of those of the day
"""

from __future__ import annotations

import json
from collections.abc import Collection, Sequence
from dataclasses import dataclass, fields
from datetime import UTC, datetime

import pyarrow as pa
import pyarrow.parquet as pq

from include.declaration.data_declaration import DataDeclaration
from include.declaration.period import Period, is_key
from include.errors import AirworthyError, InvalidRequestError
from include.ingestion import corrections
from include.ingestion.corrections import Correction, CorrectionDraft
from include.lake import content_digest
from include.lake.object_store import StoragePath
from include.lake.record_store import (
    ATTEMPTS,
    FlawedRecordError,
    RecordCorruptedError,
    RecordStore,
    current_names,
    encode_record,
)
from include.project import DataProject

_ABOUT = b"airworthy"
_CLOSED = "closed"
_FIELDS = ("number", "kind", "actor", "comment", "recorded_at")
"""Fields of a correction in the metadata of its file, besides the day."""


class CorrectionsCorruptedError(RecordCorruptedError):
    """A correction is missing or cannot be read, so the rows of its day are not known."""

    damaged = "The corrections are damaged"
    consequence = "The period is not landed without them."


class CorrectionPeriodTakenError(InvalidRequestError):
    """A day accepts no more corrections.

    It was landed while the correction was being recorded.
    """

    def __init__(self, use_case: str, feed: str, period: Period) -> None:
        self.use_case, self.feed, self.period = use_case, feed, period
        super().__init__(
            f"{use_case}: another run has landed {period} of feed {feed!r}, which therefore accepts no more"
            " corrections. Nothing was recorded. Choose a later period for the correction."
        )


class CorrectionsBusyError(AirworthyError):
    """Other processes took every number first."""

    retryable = True

    def __init__(self, use_case: str, feed: str) -> None:
        self.use_case, self.feed = use_case, feed
        super().__init__(
            f"{use_case}: the correction of feed {feed!r} was not recorded: in each of {ATTEMPTS} attempts, another"
            " process recorded a correction first. Send it again."
        )


@dataclass(frozen=True)
class RecordedCorrections:
    """The stored correction, and whether this call recorded it."""

    correction: Correction
    new: bool


@dataclass(frozen=True)
class _Closed:
    """A day that accepts no more corrections."""

    records: int
    """Number of corrections of the feed when the day was closed; later ones for this day are too late."""
    of_period: tuple[int, ...]


@dataclass(frozen=True)
class CorrectionLog:
    """The corrections of one feed of a use case."""

    use_case: DataDeclaration
    feed: str
    folder: StoragePath

    @classmethod
    def open(cls, project: DataProject, feed: str) -> CorrectionLog:
        """Return the corrections of a feed in the project's lake.

        Raises:
            LakeFormatError: the lake has another format.
        """
        return cls(project.use_case, feed, project.lake.root / "corrections" / feed)

    def accepted(self) -> list[Correction]:
        """Return all corrections but those too late for their day, in order.

        Raises:
            CorrectionsCorruptedError: a correction is missing or cannot be read.
        """
        return self._in_time(self._all())

    def _in_time(self, recorded: Sequence[Correction]) -> list[Correction]:
        closed_periods, closed = self.closed_periods(), dict[Period, _Closed]()
        in_time = []
        for correction in recorded:
            period = correction.known_on
            if period in closed_periods and period not in closed:
                closed[period] = self._close(period)
            if period not in closed or correction.number in closed[period].of_period:
                in_time.append(correction)
        return in_time

    def closed_periods(self) -> set[Period]:
        """Return the days that accept no more corrections."""
        names = (self.folder / "periods").names()
        return {Period(name) for name in names if is_key(name)}

    def close(self, period: Period) -> list[Correction]:
        """Close a day to further corrections, and return its corrections.

        Raises:
            CorrectionsCorruptedError: a correction is missing or cannot be read.
        """
        return self._read(self._close(period))

    def known_on(self, period: Period) -> list[Correction]:
        """Return the corrections of a closed day; none if the day is open.

        Raises:
            CorrectionsCorruptedError: a correction is missing or cannot be read.
        """
        closed = self._closed(period)
        return self._read(closed) if closed else []

    def copy_period(self, period: Period, to: CorrectionLog) -> None:
        """Copy the corrections of a closed day to another lake."""
        if closed := self._closed(period):
            self.store.copy([self.store.key(number) for number in closed.of_period], to.store)
            self.period_store(period).copy([_CLOSED], to.period_store(period))

    def record(self, draft: CorrectionDraft, *, any_period: bool = False) -> RecordedCorrections:
        """Append the draft, unless an equal correction exists.

        With `any_period`, an equal one of another day counts too. Safe across processes: if several send the same row
        back, one succeeds. An error leaves nothing recorded.

        Raises:
            InvalidRequestError: rows were already sent back differently.
            CorrectionPeriodTakenError: the day was landed meanwhile.
            CorrectionsBusyError: other processes took every number first.
        """
        for _ in range(ATTEMPTS):
            recorded = self._all()
            if existing := corrections.accepted_corrections(draft, self._in_time(recorded), any_period=any_period):
                return RecordedCorrections(existing, new=False)
            if draft.known_on in self.closed_periods():
                raise CorrectionPeriodTakenError(self.use_case.name, self.feed, draft.known_on)
            correction = Correction(
                number=len(recorded) + 1,  # if another correction was recorded since, this number is taken
                recorded_at=datetime.now(UTC).isoformat(timespec="seconds"),
                **{field.name: getattr(draft, field.name) for field in fields(CorrectionDraft)},
            )
            if not self.store.append(correction.number, _content(correction)):
                continue
            # A closing process marks the day before it counts: if the mark is absent, it will count this one.
            if (
                draft.known_on in self.closed_periods()
                and correction.number not in self._close(draft.known_on).of_period
            ):
                raise CorrectionPeriodTakenError(self.use_case.name, self.feed, draft.known_on)
            return RecordedCorrections(correction, new=True)
        raise CorrectionsBusyError(self.use_case.name, self.feed)

    def _close(self, period: Period) -> _Closed:
        if (closed := self._closed(period)) is not None:
            return closed
        store = self.period_store(period)
        store.mark("closing")
        recorded = self._all()
        of_period = [correction.number for correction in recorded if correction.known_on == period]
        content = {"records": len(recorded), "of_period": of_period}
        store.create(_CLOSED, encode_record(content))
        closed = self._closed(period)  # if several processes close the day, the first file counts
        assert closed is not None
        return closed

    def _closed(self, period: Period) -> _Closed | None:
        return self.period_store(period).find(_CLOSED)

    def _all(self) -> list[Correction]:
        return self.store.numbered()

    def _read(self, closed: _Closed) -> list[Correction]:
        return self.store.read_all([self.store.key(number) for number in closed.of_period])

    @property
    def store(self) -> RecordStore[Correction]:
        """The files of the corrections."""
        return RecordStore(self.folder, _decode_correction, CorrectionsCorruptedError, suffix=".parquet")

    def period_store(self, period: Period) -> RecordStore[_Closed]:
        """Return the file that closes a day."""
        return RecordStore(self.folder / "periods" / period.key, _decode_closed, CorrectionsCorruptedError)


def correction_inputs(feed: str, found: Collection[Correction]) -> dict[str, str]:
    """Return a day's corrections as an input of a commit: one digest of them.

    Empty if there are none.
    """
    contents = [correction.content for correction in found]
    return {f"corrections/{feed}": content_digest.digest_values(contents)} if contents else {}


def _content(correction: Correction) -> bytes:
    about = {name: getattr(correction, name) for name in _FIELDS}
    about["known_on"] = correction.known_on.key
    rows = correction.rows.replace_schema_metadata({_ABOUT: json.dumps(about, sort_keys=True).encode()})
    sink = pa.BufferOutputStream()
    pq.write_table(rows, sink)
    content: bytes = sink.getvalue().to_pybytes()
    return content


def _decode_correction(key: str, content: bytes) -> Correction:
    """Read a correction, with the columns that the feed had when it was recorded."""
    try:
        rows = pq.read_table(pa.BufferReader(content))
    except (pa.ArrowException, OSError) as error:  # an OSError of the content: the file itself was read
        raise ValueError(error) from error
    about = current_names(json.loads(rows.schema.metadata[_ABOUT]))
    if about["number"] != int(key):
        raise FlawedRecordError(f"it holds correction {about['number']}")
    about["known_on"] = Period(about["known_on"])
    return Correction(rows=rows.replace_schema_metadata(None), **about)


def _decode_closed(_key: str, content: bytes) -> _Closed:
    values = json.loads(content)
    return _Closed(int(values["records"]), tuple(int(number) for number in values["of_period"]))
