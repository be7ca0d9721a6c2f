"""Propose expectations from the values of a sample, with room to spare."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import pyarrow as pa
import pyarrow.compute as pc

ROOM = 0.5
"""Share of a number's range by which its limits are wider, on both sides."""
TIMES = 4
"""Factor by which the number of rows of a day, or the length of a text, may differ from the sample's."""


@dataclass(frozen=True)
class Limits:
    """The values that a numeric column may have, with those seen."""

    column: str
    low: float
    high: float
    seen: str


@dataclass(frozen=True)
class ProposedSuite:
    """The proposed expectations of a feed."""

    complete: tuple[str, ...]
    """Columns without a null in the sample; keys are left out, since they are checked anyway."""
    limits: tuple[Limits, ...]
    lengths: tuple[tuple[str, int], ...]
    """Text columns with the most characters that a value may have."""
    min_rows: int
    max_rows: int


def propose_suite(
    rows: pa.Table, keys: Sequence[str], rows_per_period: Sequence[int], label: str = "", *, limit_label: bool = False
) -> ProposedSuite:
    """Return expectations that every row of the sample meets.

    A label may be null; its limits are only proposed with `limit_label`.
    """
    names = [name for name in rows.column_names if name != label]
    return ProposedSuite(
        complete=tuple(name for name in names if name not in keys and not rows[name].null_count),
        limits=tuple(_limits(rows, [*names, label] if limit_label else names)),
        lengths=tuple(
            (name, TIMES * max(1, pc.max(pc.utf8_length(rows[name])).as_py() or 1))
            for name in names
            if pa.types.is_string(rows[name].type)
        ),
        min_rows=max(1, min(rows_per_period) // TIMES),
        max_rows=max(rows_per_period) * TIMES,
    )


def _limits(rows: pa.Table, names: Sequence[str]) -> Iterator[Limits]:
    for name in names:
        kind = rows[name].type
        if not (pa.types.is_integer(kind) or pa.types.is_floating(kind)):
            continue
        ends = pc.min_max(rows[name]).as_py()
        if ends["min"] is None:
            continue
        low, high = _widened(ends["min"], ends["max"])
        whole = pa.types.is_integer(kind)
        yield Limits(
            name,
            math.floor(low) if whole else low,
            math.ceil(high) if whole else high,
            f"{ends['min']:g} to {ends['max']:g}",
        )


def _widened(low: float, high: float) -> tuple[float, float]:
    """Return wider limits, rounded outwards to two digits.

    A number that is never negative stays so.
    """
    room = ROOM * ((high - low) or abs(high) or 1.0)
    return 0.0 if low >= 0 and low - room < 0 else _rounded(low - room, math.floor), _rounded(high + room, math.ceil)


def _rounded(value: float, outwards: object) -> float:
    if value == 0:
        return 0.0
    digits = 1 - math.floor(math.log10(abs(value)))
    rounded = math.floor if outwards is math.floor else math.ceil
    scaled = rounded(value * 10.0**digits)
    return float(scaled / 10.0**digits if digits >= 0 else scaled * 10.0**-digits)
