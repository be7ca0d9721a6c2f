"""Identify quarantined rows; match and check the rows that are sent back. Pure."""

from __future__ import annotations

import math
from collections import Counter, defaultdict
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

import pyarrow as pa
import pyarrow.compute as pc

from include.declaration.period import Period
from include.errors import NAME_SHOWN, shorten
from include.ingestion.correction_errors import (
    CorrectedTwiceError,
    KeyMissingError,
    KeysRepeatedError,
    NotQuarantinedError,
    NumbersNotFiniteError,
    ResubmittedBeforeError,
    RowAmbiguousError,
    RowsUnchangedError,
)
from include.ingestion.row_ids import Row, correction_tuples
from include.lake import content_digest

Kind = Literal["correct", "release"]
SAME_KEYS = "another row of the day has the same keys"
"""Quarantine reason of a correction whose keys another row of its day has. It is never waived: features and labels
cannot be built from two rows with the same keys on one day."""
ORIGIN = (pa.field("digest", pa.string()), pa.field("reasons", pa.list_(pa.field("element", pa.string()))))
"""Columns of a correction's rows in addition to the feed's and to the period of the quarantine: the id of the
quarantined row, and the reasons of the quarantine. No feed may have columns of these names."""


@dataclass(frozen=True, kw_only=True)
class CorrectionDraft:
    """Rows that a person sends back, and the day on which they become known."""

    kind: Kind
    known_on: Period
    actor: str
    comment: str
    rows: pa.Table
    """The feed's columns, then ORIGIN's; sorted by id."""

    @property
    def ids(self) -> list[str]:
        """Return the ids of the quarantined rows that it replaces."""
        ids: list[str] = self.rows["digest"].to_pylist()
        return ids

    @property
    def content(self) -> str:
        """Return the digest of kind, day and rows.

        These determine its day's content; actor, comment and time do not.
        """
        return content_digest.digest_values(
            [self.kind, self.known_on, content_digest.digest_table(self.rows.combine_chunks())]
        )


@dataclass(frozen=True, kw_only=True)
class Correction(CorrectionDraft):
    """A recorded draft."""

    number: int
    recorded_at: str
    """UTC, ISO 8601."""


def waived_rules(corrections: Sequence[Correction]) -> list[list[str]]:
    """Return the waived reasons of each row of these corrections, in their order."""
    return [
        reasons if correction.kind == "release" else []
        for correction in corrections
        for reasons in correction.rows["reasons"].to_pylist()
    ]


def correction_places(landed: pa.Table, rows: pa.Table, key: str) -> list[int] | None:
    """Return the position in `landed` of each of `rows`, or None if one is missing.

    Rows are compared by content. Each position is used once. `key` is a column that excludes most of the landed rows
    from the comparison.
    """
    near = pc.indices_nonzero(pc.is_in(landed[key], rows[key].combine_chunks())).to_pylist()
    free: dict[Row, list[int]] = {}
    rows_near = correction_tuples(landed.take(pa.array(near, pa.int64())))
    for place, row in zip(reversed(near), reversed(rows_near), strict=True):  # so that `pop` returns the first
        free.setdefault(row, []).append(place)
    places = []
    for row in correction_tuples(rows.select(landed.column_names)):
        if not free.get(row):
            return None
        places.append(free[row].pop())
    return places


def judge_corrections(
    reasons: Sequence[Sequence[str]], waived: Sequence[Collection[str]], keys: Sequence[Row], others: Collection[Row]
) -> list[list[str]]:
    """Return the reasons for which each correction is quarantined again.

    These are the broken rules without the waived ones, and SAME_KEYS if another correction or one of the day's
    `others` has the same keys.
    """
    count = Counter(keys)
    taken = set(others)
    return [
        [reason for reason in broken if reason not in allowed] + ([SAME_KEYS] if count[key] > 1 or key in taken else [])
        for broken, allowed, key in zip(reasons, waived, keys, strict=True)
    ]


def match_corrections(
    sent: pa.Table,
    named: Sequence[str | None] | None,
    quarantined: pa.Table,
    keys: Sequence[str],
    is_open: Sequence[bool],
) -> list[int]:
    """Return for each row of a file the position in `quarantined` of its original.

    `quarantined` has the feed's columns, then ORIGIN's. Rows are matched by `named`, the ids in the file, or else by
    the feed's keys.

    Raises:
        InvalidRequestError: a row was not quarantined, several quarantined rows have its keys, or two rows correct the
            same one.
    """
    ids: Sequence[Any] = named if named is not None else correction_tuples(sent.select(list(keys)))
    open_places, all_places = defaultdict[Any, list[int]](list), defaultdict[Any, list[int]](list)
    known = (
        quarantined["digest"].to_pylist() if named is not None else correction_tuples(quarantined.select(list(keys)))
    )
    for place, name in enumerate(known):
        all_places[name].append(place)
        if is_open[place]:
            open_places[name].append(place)
    places = []
    for line, name in enumerate(ids, start=1):
        # A row that was sent back may have been quarantined again: then the open one is meant.
        candidates = open_places.get(name) or all_places.get(name) or []
        if not candidates:
            what = (
                f"the id {shorten(str(name), NAME_SHOWN)!r}"
                if named is not None
                else f"the keys {_key_text(keys, name)}"
            )
            raise NotQuarantinedError(line, what)
        if len(candidates) > 1:
            sharing = quarantined["digest"].take(pa.array(candidates)).to_pylist()
            raise RowAmbiguousError(line, _key_text(keys, name), sharing)
        places.append(candidates[0])
    if twice := [known[place] for place, count in Counter(places).items() if count > 1]:
        raise CorrectedTwiceError(twice)
    return places


def require_sound(rows: pa.Table, before: pa.Table, keys: Sequence[str]) -> None:
    """Refuse corrected rows that could never be published.

    Raises:
        InvalidRequestError: a row equals the quarantined one (`before`, in the same order), has NaN, an infinity or a
            null key, or two rows have the same keys.
    """
    same = [
        line
        for line, (new, old) in enumerate(zip(correction_tuples(rows), correction_tuples(before), strict=True), start=1)
        if new == old
    ]
    if same:
        raise RowsUnchangedError(same)
    for name in rows.column_names:
        if pa.types.is_floating(rows.schema.field(name).type):
            wrong = [
                line
                for line, value in enumerate(rows[name].to_pylist(), 1)
                if value is not None and not math.isfinite(value)
            ]
            if wrong:
                raise NumbersNotFiniteError(name, wrong)
    require_complete(rows, keys)
    require_distinct(rows, keys)


def require_complete(rows: pa.Table, keys: Sequence[str]) -> None:
    """Refuse rows with a null key: they can never be published.

    Raises:
        InvalidRequestError: a row has no value in one of `keys`.
    """
    for key in keys:
        if missing := [line for line, value in enumerate(rows[key].to_pylist(), start=1) if value is None]:
            raise KeyMissingError(key, missing)


def require_distinct(rows: pa.Table, keys: Sequence[str]) -> None:
    """Refuse rows with equal keys: only one of them could be published.

    Raises:
        InvalidRequestError: two rows have the same keys.
    """
    twice = [key for key, count in Counter(correction_tuples(rows.select(list(keys)))).items() if count > 1]
    if twice:
        raise KeysRepeatedError(_key_text(keys, twice[0]))


def accepted_corrections(
    draft: CorrectionDraft, recorded: Sequence[Correction], *, any_period: bool
) -> Correction | None:
    """Return the recorded correction equal to the draft, or None.

    With `any_period`, one that became known on another day counts too.

    Raises:
        InvalidRequestError: a row was sent back before in another way: a row is replayed once. The text names how.
    """
    by_id = {name: correction for correction in recorded for name in correction.ids}
    for correction in recorded:
        is_same_day = any_period or correction.known_on == draft.known_on
        if correction.kind == draft.kind and correction.rows.equals(draft.rows) and is_same_day:
            return correction
    if earlier := [name for name in draft.ids if name in by_id]:
        described = [describe_corrections(by_id[name]) for name in earlier[:5]]
        raise ResubmittedBeforeError(earlier, len(draft.ids), described)
    return None


def describe_corrections(correction: Correction) -> str:
    """Describe a correction: kind, actor, number and day."""
    what = {"correct": "corrected", "release": "released"}[correction.kind]
    return f"{what} by {correction.actor}, correction {correction.number}, known on {correction.known_on}"


def with_origin(rows: pa.Table, origin: Mapping[str, Sequence[Any]], period: pa.Field) -> pa.Table:
    """Return the rows with their period and ORIGIN's columns, sorted by id.

    The period is that of the quarantine, in the column `period`.
    """
    for field in (period, *ORIGIN):
        rows = rows.append_column(field, pa.array(origin[field.name], field.type))
    return rows.sort_by("digest").combine_chunks()


def _key_text(keys: Sequence[str], values: Row) -> str:
    return ", ".join(f"{name}={shorten(str(value), NAME_SHOWN)}" for name, value in zip(keys, values, strict=True))
