"""Scrape: the newest figures, decisions and champion of a use case, as they are kept. It writes nothing, makes no table
and raises nothing: what cannot be read is named."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime, time
from typing import Any
from zoneinfo import ZoneInfo

from include.declaration.use_case import UseCase
from include.lake import history
from include.lake.lake import Lake
from include.printable import printable_logger
from include.registry.ledger import Ledger, LedgerEntry
from include.retraining.budget import RetrainingBudget

log = printable_logger(__name__)

PARTS = ("metrics", "decisions", "claims", "ledger")
"""What is read, each on its own: one damaged table must not hide the others."""


@dataclass(frozen=True)
class ExporterSnapshot:
    """What is known of a use case at `now`; a part that cannot be read is in `unreadable`, and empty."""

    use_case: UseCase
    now: datetime
    measured_day: date | None = None
    rows: Sequence[Mapping[str, Any]] = ()
    """Of the table metrics, those of that day."""
    decision: tuple[date, str] | None = None
    asks: bool = False
    """Whether a signal of that decision asks for a training, be one allowed or not."""
    retrainings: Mapping[str, date] = field(default_factory=dict)
    """Outcome to the newest day of one."""
    claimed: int | None = None
    champion: LedgerEntry | None = None
    unreadable: tuple[str, ...] = ()


def read_snapshot(use_case: UseCase, now: datetime) -> ExporterSnapshot:
    """The newest day of metrics, decisions and retrainings, the claims of the month, and the champion of today."""
    now = min(now, _end(use_case)) if use_case.last_period else now
    today = now.astimezone(ZoneInfo(use_case.time_zone)).date()
    looks: tuple[Callable[[], dict[str, Any]], ...] = (
        lambda: _metrics(use_case, today),
        lambda: _decisions(use_case, today),
        lambda: {"claimed": len(RetrainingBudget.of(use_case).of_month(today))},
        lambda: {"champion": Ledger.of(use_case).champion_apart_from(None, today)},
    )
    found: dict[str, Any] = {}
    unreadable = []
    for part, look in zip(PARTS, looks, strict=True):
        try:
            found |= look()
        except Exception:
            log.exception("%s: %s cannot be read; the other metrics are served.", use_case.name, part)
            unreadable.append(part)
    return ExporterSnapshot(use_case, now, unreadable=tuple(unreadable), **found)


def _end(use_case: UseCase) -> datetime:
    """Return the last instant of a use case that ends: nothing grows older after it."""
    zone = ZoneInfo(use_case.time_zone)
    assert use_case.last_period is not None
    return datetime.combine(use_case.last_period, time.max, zone)


def _metrics(use_case: UseCase, today: date) -> dict[str, Any]:
    day, rows = _newest(use_case, "metrics", today)
    return {"measured_day": day, "rows": rows}


def _decisions(use_case: UseCase, today: date) -> dict[str, Any]:
    day, rows = _newest(use_case, "decisions", today)
    trained = _all(use_case, "retrainings", today)
    return {
        "decision": (day, rows[0]["outcome"]) if day and rows else None,
        "asks": any(found.get("asks") for row in rows for found in json.loads(row["signals"])),
        "retrainings": {row["outcome"]: row["day"] for row in sorted(trained, key=lambda row: row["day"])},
    }


def _newest(use_case: UseCase, table: str, today: date) -> tuple[date | None, list[dict[str, Any]]]:
    """The newest day of a table up to today, and its rows."""
    if not _is_there(use_case, table):
        return None, []
    view = Lake.of(use_case).as_of(today)
    days = list(view.partitions(table))
    return (days[-1], view.read(table, days[-1], days[-1]).to_pylist()) if days else (None, [])


def _all(use_case: UseCase, table: str, today: date) -> list[dict[str, Any]]:
    return Lake.of(use_case).as_of(today).read(table).to_pylist() if _is_there(use_case, table) else []


def _is_there(use_case: UseCase, table: str) -> bool:
    """Whether the table was ever made: whoever only looks makes none."""
    return history.is_table(Lake.of(use_case).uri(table))
