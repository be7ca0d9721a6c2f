"""Reconcile row counts, so that no delivered row is lost.

Each is published, quarantined, sent back or refused.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

import pyarrow as pa

from include.declaration.feeds import Feed
from include.declaration.period import LATEST, Period
from include.errors import shorten_names
from include.ingestion import corrections, quarantine
from include.ingestion.correction_log import CorrectionLog
from include.ingestion.correction_rows import brought_rows
from include.ingestion.corrections import Correction
from include.lake.snapshot import AsOfSnapshot
from include.project import DataProject


@dataclass(frozen=True)
class Reconciliation:
    """Row counts of one feed, by where the rows are."""

    feed: str
    delivered: int
    """Rows that the source delivered for the landed days."""
    published: int
    """Landed rows, corrections included, that are in the clean feed."""
    open: int
    """Quarantined and not sent back."""
    waiting: int
    """Sent back; the day on which they become known is not landed yet."""
    replayed: int
    """Sent back, and landed on that day, where they were published or quarantined again."""
    refused: int
    """Landed on days that are not published: the day was refused, or is not validated yet."""
    gone: int
    """Sent back, but no longer quarantined: the source has corrected them since, so they are known twice."""
    faults: tuple[str, ...]
    """Descriptions of mismatches; empty if no row is lost."""
    unasked: bool = False
    """True if the source should have been compared but cannot be: files in its bucket may be removed or changed."""

    @property
    def accounted(self) -> int:
        """Return the number of delivered rows that the other counts account for."""
        return self.published + self.open + self.waiting + self.refused - self.gone

    @property
    def summary(self) -> str:
        """Describe the balance in one line."""
        also = f" - {self.gone} known twice" if self.gone else ""
        unasked = " Its declared source was not read again." if self.unasked else ""
        sound = "nothing is lost" if not self.faults else "; ".join(self.faults)
        return (
            f"{self.feed}: {self.delivered} delivered = {self.published} published + {self.open} in open quarantine"
            f" + {self.waiting} waiting for their period + {self.refused} not published{also}; {self.replayed} were"
            f" replayed. {sound[0].upper()}{sound[1:]}.{unasked}"
        )


def reconcile(project: DataProject, *, ask_source: bool = False) -> list[Reconciliation]:
    """Reconcile the rows of every feed.

    `ask_source` also compares each landed day with what source.py delivers for it now. Feeds with a
    declared source are not compared: their files need not be there any more.
    """
    return [_of(project, feed, ask_source) for feed in project.use_case.feeds]


def _of(project: DataProject, feed: Feed, ask_source: bool) -> Reconciliation:
    view = project.lake.as_of(LATEST)
    landed = {period: partition.rows for period, partition in view.partitions(f"raw/{feed.name}").items()}
    checked = {period: partition.rows for period, partition in view.partitions(f"checked/{feed.name}").items()}
    quarantined = quarantine.read_quarantine(project, feed.name)
    recorded = CorrectionLog.open(project, feed.name).accepted()
    ask = project.use_case.function("source", feed.name) if ask_source and not feed.source else None
    faults = _faults(view, feed, recorded, ask=ask)
    held = set(quarantined.rows["digest"].to_pylist())
    # A landed day holds its corrections, even if the source has corrected the rows since.
    gone = [correction.known_on for correction in recorded for name in correction.ids if name not in held]
    replayed = sum(correction.rows.num_rows for correction in recorded if correction.known_on in landed)
    balance = Reconciliation(
        feed=feed.name,
        delivered=sum(landed.values()) - replayed,
        published=sum(checked.values()) - quarantined.rows.num_rows,
        open=sum(quarantined.is_open),
        waiting=sum(
            1 for went, is_in in zip(quarantined.corrections, quarantined.landed, strict=True) if went and not is_in
        ),
        replayed=replayed,
        refused=sum(rows for period, rows in landed.items() if period not in checked),
        gone=sum(period in landed for period in gone),
        faults=tuple(faults),
        unasked=ask_source and feed.source is not None,
    )
    left = balance.delivered - balance.accounted
    return balance if not left or faults else replace(balance, faults=(f"{left} rows are nowhere",))


def _faults(
    view: AsOfSnapshot, feed: Feed, recorded: Sequence[Correction], *, ask: Callable[[Period], pa.Table] | None
) -> list[str]:
    """Describe each mismatch."""
    landed, checked = view.partitions(f"raw/{feed.name}"), view.partitions(f"checked/{feed.name}")
    faults = []
    for period, partition in checked.items():
        rows = landed[period].rows if period in landed else 0
        if rows != partition.rows:
            faults.append(
                f"{rows} rows landed on {period}, and {partition.rows} are published or quarantined: validate it again"
            )
    times = Counter(name for correction in recorded for name in correction.ids)
    if twice := sorted(name for name, count in times.items() if count > 1):
        faults.append(f"{shorten_names(twice)} were resubmitted twice")
    known_on = defaultdict[Period, list[Correction]](list)
    for correction in recorded:
        known_on[correction.known_on].append(correction)
    for period, partition in landed.items():
        known = known_on.get(period, [])
        if known and not _has_corrections(view, feed, period, known):
            faults.append(f"{period} was landed without its corrections: ingest it again")
        rows = partition.rows - sum(correction.rows.num_rows for correction in known)
        if ask and (delivers := ask(period).num_rows) != rows:
            faults.append(f"the source delivers {delivers} rows for {period}, but {rows} landed: ingest it again")
    return faults


def _has_corrections(view: AsOfSnapshot, feed: Feed, period: Period, known: Sequence[Correction]) -> bool:
    """Return whether the day was landed with the rows of all its corrections."""
    rows = view.read(f"raw/{feed.name}", since=period, until=period).drop(["period"])
    return corrections.correction_places(rows, brought_rows(rows.schema, known).rows, feed.keys[0]) is not None
