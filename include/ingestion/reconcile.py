"""Conserve: hold against each other what was delivered, published, quarantined and sent back. Nothing may be lost."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from datetime import date

import pyarrow as pa

from include.declaration.use_case import Feed
from include.errors import shorten_names
from include.ingestion import corrections, quarantine
from include.ingestion.correction_log import CorrectionLog
from include.ingestion.correction_rows import brought_rows
from include.ingestion.corrections import Correction
from include.lake.snapshot import AsOfSnapshot
from include.project import Project


@dataclass(frozen=True)
class Reconciliation:
    """All rows of one feed: where each is."""

    feed: str
    delivered: int
    """Rows that the source delivered for the days that are landed."""
    published: int
    """Of the rows that landed, corrections included: those in the clean feed."""
    open: int
    """Quarantined, and nobody has sent them back."""
    waiting: int
    """Sent back; the day on which they become known is not landed yet."""
    replayed: int
    """Sent back, and landed on that day, where they were published or quarantined again."""
    refused: int
    """Landed on days that are not published: refused as a whole, or not validated yet."""
    gone: int
    """Sent back, but no longer quarantined: the source has mended them since, so they are known twice."""
    faults: tuple[str, ...]
    """What does not add up, in words; empty where nothing is lost."""
    unasked: bool = False
    """Whether the source was to be asked and cannot be: its files may be gone from the landing bucket, or others."""

    @property
    def accounted(self) -> int:
        """As many rows as must have been delivered, for every one of these to be somewhere."""
        return self.published + self.open + self.waiting + self.refused - self.gone

    @property
    def told(self) -> str:
        """The balance in words."""
        also = f" - {self.gone} known twice" if self.gone else ""
        unasked = " Its landing bucket was not asked: `ingest` notices changed files." if self.unasked else ""
        sound = "nothing is lost" if not self.faults else "; ".join(self.faults)
        return (
            f"{self.feed}: {self.delivered} delivered = {self.published} published + {self.open} in open quarantine"
            f" + {self.waiting} waiting for their day + {self.refused} not published{also}; {self.replayed} were"
            f" replayed. {sound[0].upper()}{sound[1:]}.{unasked}"
        )


def reconcile(project: Project, *, ask_source: bool = False) -> list[Reconciliation]:
    """The balance of every feed; with `ask_source`, every landed day is held against what its source delivers now:
    of feeds that source.py delivers, for files come through a landing bucket and need not be there any more."""
    return [_of(project, feed, ask_source) for feed in project.use_case.feeds]


def _of(project: Project, feed: Feed, ask_source: bool) -> Reconciliation:
    view = project.lake.as_of(date.max)
    landed = {day: found.rows for day, found in view.partitions(f"raw/{feed.name}").items()}
    checked = {day: found.rows for day, found in view.partitions(f"checked/{feed.name}").items()}
    found, standing = (
        quarantine.read_quarantine(project, feed.name),
        CorrectionLog.of(project.use_case, feed.name).standing(),
    )
    ask = project.use_case.function("source", feed.name) if ask_source and not feed.landing else None
    faults = _faults(view, feed, standing, ask=ask)
    held = set(found.rows["digest"].to_pylist())
    # Where a day landed with its corrections they stand in it, whether or not the source has mended the rows since.
    gone = [each.known_on for each in standing for name in each.ids if name not in held]
    replayed = sum(each.rows.num_rows for each in standing if each.known_on in landed)
    balance = Reconciliation(
        feed=feed.name,
        delivered=sum(landed.values()) - replayed,
        published=sum(checked.values()) - found.rows.num_rows,
        open=sum(found.is_open),
        waiting=sum(1 for went, there in zip(found.went, found.landed, strict=True) if went and not there),
        replayed=replayed,
        refused=sum(rows for day, rows in landed.items() if day not in checked),
        gone=sum(day in landed for day in gone),
        faults=tuple(faults),
        unasked=ask_source and feed.landing is not None,
    )
    left = balance.delivered - balance.accounted
    return balance if not left or faults else replace(balance, faults=(f"{left} rows are nowhere",))


def _faults(
    view: AsOfSnapshot, feed: Feed, standing: Sequence[Correction], *, ask: Callable[[date], pa.Table] | None
) -> list[str]:
    """What does not add up, in words."""
    landed, checked = view.partitions(f"raw/{feed.name}"), view.partitions(f"checked/{feed.name}")
    found = []
    for day, there in checked.items():
        rows = landed[day].rows if day in landed else 0
        if rows != there.rows:
            found.append(
                f"{rows} rows landed on {day}, and {there.rows} are published or quarantined: validate it again"
            )
    times = Counter(name for each in standing for name in each.ids)
    if twice := sorted(name for name, count in times.items() if count > 1):
        found.append(f"{shorten_names(twice)} were sent back twice")
    known_on = defaultdict[date, list[Correction]](list)
    for each in standing:
        known_on[each.known_on].append(each)
    for day, there in landed.items():
        known = known_on.get(day, [])
        if known and not _has(view, feed, day, known):
            found.append(f"{day} was landed without its corrections: ingest it again")
        if ask and (delivers := ask(day).num_rows) != (rows := there.rows - sum(each.rows.num_rows for each in known)):
            found.append(f"the source delivers {delivers} rows for {day}, of which {rows} landed: ingest it again")
    return found


def _has(view: AsOfSnapshot, feed: Feed, day: date, known: Sequence[Correction]) -> bool:
    """Whether the day was landed with the rows of all its corrections."""
    rows = view.read(f"raw/{feed.name}", since=day, until=day).drop(["day"])
    return corrections.correction_places(rows, brought_rows(rows.schema, known).rows, feed.keys[0]) is not None
