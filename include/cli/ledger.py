"""`airworthy ledger`: print every entry and verify the ledger."""

from __future__ import annotations

from collections.abc import Sequence

from rich.console import Console
from rich.text import Text

from include.cli.escaping import line_of, print_line
from include.declaration.use_case_discovery import load_use_case
from include.project import open_project
from include.registry import sync
from include.registry.ledger_entry import LedgerEntry, entries_until


def print_ledger(console: Console, name: str) -> None:
    """Print the ledger of a use case, then compare it with MLflow.

    Raises:
        LedgerCorruptedError: the ledger is not complete.
        ModelReplacedError: the registry no longer holds its champion.
    """
    use_case = load_use_case(name)
    project = open_project(use_case)
    registry, ledger = project.registry, project.ledger
    head = registry.ledger_head()
    entries, flaws = ledger.inspect()
    for entry in entries:
        console.print(_lines(entry, entries))
        if entry.number in flaws:
            print_line(console, f"     no proof: {flaws[entry.number]}", "red")
    verified = sync.verified_entries(registry, ledger)
    if not verified:
        print_line(console, f"The ledger of {name} is empty: no model was promoted yet.")
        return
    sync.champion_version(use_case, registry.versions(), verified)
    print_line(console, f"verified: {_count(len(entries))}, unbroken, signed, {_compared(head, entries)}", "green")


_NO_EFFECTIVE_PERIODS = {"rejection": "never champion", "approval": "may be promoted", "restoration": "takes its place"}
_OF_TRIALS = {"trial": "tried from {}", "trial_end": "not tried from {}"}


def _lines(entry: LedgerEntry, entries: Sequence[LedgerEntry]) -> Text:
    """Return an entry on two lines: a wide table would be cut off in a narrow window."""
    when = entry.recorded_at.removesuffix("+00:00").replace("T", " ")
    periods = (
        f"{entry.effective_from} to {_last_period(entry, entries)}"
        if entry.makes_champion
        else _NO_EFFECTIVE_PERIODS.get(entry.action) or _OF_TRIALS[entry.action].format(entry.effective_from)
    )
    first = line_of(f"{entry.number:>3}  version {entry.version:<4} {entry.action:<10} {periods:<32} {when} UTC")
    return Text("\n").join([first, line_of(f"     {entry.actor}: {entry.reason or 'no reason given'}", "dim")])


def _last_period(entry: LedgerEntry, entries: Sequence[LedgerEntry]) -> str:
    ends = entries_until(entry, entries)
    if ends is None:
        return "…"
    return "no period: replaced" if ends == entry.effective_from else str(ends - 1)


def _compared(head: str | None, entries: Sequence[LedgerEntry]) -> str:
    """Return how the head in MLflow relates to the verified entries."""
    if entries and head == entries[-1].head:
        return "head matches"
    at = f"is at entry {head.partition(':')[0]}" if head else "is not set yet"
    return f"but the head in MLflow {at}: the next promotion, registration or rollback updates it"


def _count(entries: int) -> str:
    return "1 entry" if entries == 1 else f"{entries} entries"
