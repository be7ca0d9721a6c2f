"""Derive from the ledger which version is tried next to the champion in a period.

A trial begins with an entry `trial`. It ends with an entry `trial_end`, or with the promotion, rollback to, or
rejection of its version. Only entries decide, never the clock, so a rerun or backfill of a period finds the same trial.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace

from include.declaration.period import Period
from include.registry.ledger_entry import LedgerEntry
from include.registry.lifecycle import Action

SHARE, SALT, ENDS = "share", "salt", "ends"
"""Names in `LedgerDecision.trial`: the share of rows, in parts of `PARTS`, that get the version's prediction; the text
that is hashed with a row's keys; and in a rejection the first period without the trial."""
PARTS = 10_000
"""The share of a trial counts parts of all rows: 10,000 are all, 0 none."""
_ENDING: tuple[Action, ...] = ("trial_end", "promotion", "rollback", "rejection")


@dataclass(frozen=True)
class Trial:
    """A version that is tried next to the champion, and the entries that say so."""

    entry: LedgerEntry
    """The entry with which it began."""
    ended_by: LedgerEntry | None = None

    @property
    def version(self) -> str:
        return self.entry.version

    @property
    def first(self) -> Period:
        """Return its first period."""
        return self.entry.effective_from

    @property
    def end(self) -> Period | None:
        """Return the first period without it; None if it has not ended."""
        if self.ended_by is None:
            return None
        ends = self.ended_by.trial.get(ENDS)
        return max(self.first, Period(ends) if ends else self.ended_by.effective_from)

    @property
    def share(self) -> int:
        """Return how many of `PARTS` parts of the rows get its prediction; 0 in shadow."""
        return int(self.entry.trial.get(SHARE, 0))

    @property
    def salt(self) -> str:
        """Return the text that is hashed with a row's keys to choose its arm."""
        return str(self.entry.trial.get(SALT, ""))

    @property
    def is_shadow(self) -> bool:
        """Return whether none of its predictions is published."""
        return self.share == 0

    @property
    def what(self) -> str:
        """Return in words what is done with its predictions."""
        return "in shadow" if self.is_shadow else f"with {100 * self.share / PARTS:g}% of the rows"

    def covers(self, period: Period) -> bool:
        """Return whether it applies to a period."""
        return self.first <= period and (self.end is None or period < self.end)


def list_trials(entries: Iterable[LedgerEntry]) -> list[Trial]:
    """Return all trials, in the order of the ledger, which has its entries in order."""
    trials: list[Trial] = []
    for entry in entries:
        if entry.action == "trial":
            trials.append(Trial(entry))
        elif trials and trials[-1].ended_by is None and _ends(entry, trials[-1]):
            trials[-1] = replace(trials[-1], ended_by=entry)
    return trials


def trial_of(period: Period, entries: Iterable[LedgerEntry]) -> Trial | None:
    """Return the trial that applies to a period; None if there is none."""
    return next((trial for trial in reversed(list_trials(entries)) if trial.covers(period)), None)


def open_trial(entries: Iterable[LedgerEntry]) -> Trial | None:
    """Return the trial that has not ended; None if there is none."""
    trials = list_trials(entries)
    return trials[-1] if trials and trials[-1].ended_by is None else None


def _ends(entry: LedgerEntry, trial: Trial) -> bool:
    return entry.action in _ENDING and entry.trees == trial.entry.trees
