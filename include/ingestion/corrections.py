"""Corrections of quarantined rows: which row is which, and what is made of the rows that a person sends back. Pure."""

from __future__ import annotations

import hashlib
import json
import math
from collections import Counter, defaultdict
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from typing import Any, Literal

import pyarrow as pa
import pyarrow.compute as pc

from include.errors import NAME_SHOWN, InvalidRequestError, shorten, shorten_names
from include.lake import content_digest

Kind = Literal["correct", "release"]
SAME_KEYS = "another row of the day has the same keys"
"""The reason of a correction that would stand beside such a row. It is never waived: two rows of one key cannot both
be published on one day, or no feature or label could be made of it."""
ORIGIN = (
    pa.field("day", pa.date32()),
    pa.field("digest", pa.string()),
    pa.field("reasons", pa.list_(pa.field("element", pa.string()))),
)
"""What a correction says of each of its rows besides the feed's columns: the day on which it was quarantined, the id of
the quarantined row, and the reasons it was quarantined for. No feed may have columns of these names."""
Row = tuple[Any, ...]


@dataclass(frozen=True, kw_only=True)
class CorrectionDraft:
    """What a person wants to become known, and on which day."""

    kind: Kind
    known_on: date
    actor: str
    comment: str
    rows: pa.Table
    """The feed's columns, then ORIGIN's; in order of the ids."""

    @property
    def ids(self) -> list[str]:
        """The quarantined rows that it stands for."""
        found: list[str] = self.rows["digest"].to_pylist()
        return found

    @property
    def content(self) -> str:
        """Digest of all that decides what becomes of the day: not of who, why and when."""
        return content_digest.digest_values(
            [self.kind, self.known_on, content_digest.digest_table(self.rows.combine_chunks())]
        )


@dataclass(frozen=True, kw_only=True)
class Correction(CorrectionDraft):
    """A draft as it was recorded."""

    number: int
    recorded_at: str
    """UTC, ISO 8601."""


def correction_tuples(rows: pa.Table) -> list[Row]:
    """The rows as tuples of plain values."""
    return list(zip(*(column.to_pylist() for column in rows.columns), strict=True)) if rows.num_columns else []


def row_ids(days: Sequence[date], rows: pa.Table, reasons: Sequence[Sequence[str]]) -> list[str]:
    """Return for each row the name that it has as long as its day holds it, whatever columns are declared by then:
    `<day>.<16 hex digits of its content>`, and `.2`, `.3`, … for further rows of the same content, in order of their
    reasons.

    `rows` have all columns that were ever stored. A null counts like a column that is not there, and a number like
    the same number of another type, so that neither a new column nor a widened one changes a name.
    """
    seen: Counter[str] = Counter()
    columns = rows.column_names
    names = [_row_id(day, columns, row) for day, row in zip(days, correction_tuples(rows), strict=True)]
    ids = list(names)
    for place in sorted(range(len(names)), key=lambda place: list(reasons[place])):
        seen[name := names[place]] += 1
        ids[place] = name if seen[name] == 1 else f"{name}.{seen[name]}"
    return ids


def _row_id(day: date, columns: Sequence[str], row: Row) -> str:
    named = zip(columns, row, strict=True)
    text = json.dumps({name: _plain(value) for name, value in named if value is not None}, sort_keys=True)
    return f"{day.isoformat()}.{hashlib.sha256(text.encode()).hexdigest()[:16]}"


def _plain(value: object) -> object:
    if isinstance(value, date):
        return value.isoformat()
    if isinstance(value, bool) or (isinstance(value, float) and value.is_integer()):
        return int(value)
    return value


def waived_rules(found: Sequence[Correction]) -> list[list[str]]:
    """Of each row that these corrections bring, in their order, the reasons that no longer count for it."""
    return [reasons if each.kind == "release" else [] for each in found for reasons in each.rows["reasons"].to_pylist()]


def correction_places(landed: pa.Table, rows: pa.Table, key: str) -> list[int] | None:
    """For each of `rows`, the place of a row of the same content among `landed`, each place once; None where one is
    missing. `key` is a column by which most of the landed rows are passed over at once."""
    near = pc.indices_nonzero(pc.is_in(landed[key], rows[key].combine_chunks())).to_pylist()
    free: dict[Row, list[int]] = {}
    rows_near = correction_tuples(landed.take(pa.array(near, pa.int64())))
    for place, row in zip(reversed(near), reversed(rows_near), strict=True):  # the first place is taken from the end
        free.setdefault(row, []).append(place)
    found = []
    for row in correction_tuples(rows.select(landed.column_names)):
        if not free.get(row):
            return None
        found.append(free[row].pop())
    return found


def judge_corrections(
    reasons: Sequence[Sequence[str]], waived: Sequence[Collection[str]], keys: Sequence[Row], others: Collection[Row]
) -> list[list[str]]:
    """The reasons for which corrections are quarantined again: what the expectations say of them, less what is waived
    for each; and SAME_KEYS where another of them, or one of the day's `others`, has the same keys."""
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
    """For each row of a file, the place among `quarantined` (feed's columns, then ORIGIN's) of the row it corrects.

    By `named`, the ids that the file gives, or, without, by the feed's keys. InvalidRequestError for a row that was not
    quarantined, for keys that several quarantined rows have, and for two rows in the place of one.
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
    found = []
    for line, name in enumerate(ids, start=1):
        # A row that was sent back before may have been quarantined again: it is the open one that is meant.
        candidates = open_places.get(name) or all_places.get(name) or []
        if not candidates:
            what = (
                f"the id {shorten(str(name), NAME_SHOWN)!r}" if named is not None else f"the keys {_said(keys, name)}"
            )
            raise InvalidRequestError(
                f"Row {line} of the file has {what}, of which no row is quarantined there. Send back quarantined rows"
                " alone, with the ids that an export gives them; what was published is corrected at its source."
            )
        if len(candidates) > 1:
            raise InvalidRequestError(
                f"Row {line} of the file has the keys {_said(keys, name)}, as {len(candidates)} quarantined rows have:"
                f" {shorten_names(quarantined['digest'].take(pa.array(candidates)).to_pylist())}."
                " Say which is meant: give the file the column `quarantined_row`, as an export does."
            )
        found.append(candidates[0])
    if twice := [known[place] for place, count in Counter(found).items() if count > 1]:
        raise InvalidRequestError(f"The file has several rows in the place of one: {twice[:5]}. Send one for each.")
    return found


def require_sound(rows: pa.Table, before: pa.Table, keys: Sequence[str]) -> None:
    """InvalidRequestError for rows that are as they were quarantined (`before`, in the same order), that hold NaN or an
    infinity, or of which two have the same keys: they could never be published."""
    same = [
        line
        for line, (new, old) in enumerate(zip(correction_tuples(rows), correction_tuples(before), strict=True), start=1)
        if new == old
    ]
    if same:
        raise InvalidRequestError(
            f"Rows {same[:10]} of the file are as they were quarantined. Correct them, leave them out of the file, or"
            " release them, if it is the expectation that is wrong about them."
        )
    for name in rows.column_names:
        if pa.types.is_floating(rows.schema.field(name).type):
            wrong = [
                n for n, value in enumerate(rows[name].to_pylist(), 1) if value is not None and not math.isfinite(value)
            ]
            if wrong:
                raise InvalidRequestError(
                    f"Column {name!r} holds NaN or an infinity in rows {wrong[:10]}; leave it empty instead."
                )
    require_complete(rows, keys)
    require_distinct(rows, keys)


def require_complete(rows: pa.Table, keys: Sequence[str]) -> None:
    """Refuse rows that lack a key: they can never be published.

    Raises:
        InvalidRequestError: a row has no value in one of `keys`.
    """
    for key in keys:
        if missing := [line for line, value in enumerate(rows[key].to_pylist(), start=1) if value is None]:
            raise InvalidRequestError(
                f"Rows {missing[:10]} have no value in the key {key!r}, and keys are never null. Give them the right"
                " key in a file of corrections; such a row cannot be released as it is."
            )


def require_distinct(rows: pa.Table, keys: Sequence[str]) -> None:
    """InvalidRequestError where two rows have the same keys: only one of them could be published."""
    twice = [key for key, count in Counter(correction_tuples(rows.select(list(keys)))).items() if count > 1]
    if twice:
        raise InvalidRequestError(
            f"Several rows have the keys {_said(keys, twice[0])}, and only one of them can be published on one day."
            " Send back the one that is right."
        )


def accepted_corrections(
    draft: CorrectionDraft, recorded: Sequence[Correction], *, whenever: bool
) -> Correction | None:
    """The correction that has said the same already; with `whenever`, also one that became known on another day.

    InvalidRequestError, saying where it went, for a row that was sent back otherwise before: a row is replayed once.
    """
    went = {name: each for each in recorded for name in each.ids}
    for each in recorded:
        if each.kind == draft.kind and each.rows.equals(draft.rows) and (whenever or each.known_on == draft.known_on):
            return each
    if gone := [name for name in draft.ids if name in went]:
        said = "; ".join(f"{name} ({describe_corrections(went[name])})" for name in gone[:5])
        raise InvalidRequestError(
            f"{len(gone)} of {len(draft.ids)} rows were sent back before: {said}. A row is replayed once: leave them"
            " out. If one was quarantined again on the day it became known, correct it there."
        )
    return None


def describe_corrections(correction: Correction) -> str:
    """What a correction is, in words."""
    what = {"correct": "corrected", "release": "released"}[correction.kind]
    return f"{what} by {correction.actor}, correction {correction.number}, known on {correction.known_on}"


def with_origin(rows: pa.Table, origin: Mapping[str, Sequence[Any]]) -> pa.Table:
    """The rows with ORIGIN's columns, in order of the ids."""
    for field in ORIGIN:
        rows = rows.append_column(field, pa.array(origin[field.name], field.type))
    return rows.sort_by("digest").combine_chunks()


def _said(keys: Sequence[str], values: Row) -> str:
    return ", ".join(f"{name}={shorten(str(value), NAME_SHOWN)}" for name, value in zip(keys, values, strict=True))
