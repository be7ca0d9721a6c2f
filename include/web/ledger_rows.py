"""Describe the ledger's newest entries for the page.

They have the days as champion, and the run that wrote each.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass

from include import page_addresses
from include.declaration.period import Period
from include.registry.ledger_entry import LedgerEntry, entries_until
from include.web.trial_view import trial_period_text

SHOWN = 10
"""Number of entries."""
_RUN = re.compile(r"\(run ['\"]([^'\"\\]+)['\"]\)")
_KINDS = {"rollback": "rollback", "trial": "trial", "trial_end": "trial"}
"""Action to the kind of the DAG whose run writes it; any other is written by a training."""


@dataclass(frozen=True)
class LedgerRow:
    """One entry, with its days as champion."""

    entry: LedgerEntry
    reign: str
    """Its days as champion, or in a trial, in words; empty for an entry that begins neither."""
    run: str
    """Address of the run below Airflow's address; empty if the entry names none."""

    @property
    def actor(self) -> str:
        """Return who wrote it; the run is left out, since the page links it."""
        return " ".join(_RUN.sub("", self.entry.actor).replace(" ,", ",").split()) if self.run else self.entry.actor


def ledger_rows(use_case: str, entries: Sequence[LedgerEntry], until: Period) -> list[LedgerRow]:
    """Return the newest entries as known by `until`; `entries` are newest first."""
    in_order = entries[::-1]
    return [
        LedgerRow(
            entry,
            _reign(entry, entries, until) or trial_period_text(entry, in_order, until),
            _run(use_case, entry),
        )
        for entry in entries[:SHOWN]
    ]


def _reign(entry: LedgerEntry, entries: Sequence[LedgerEntry], until: Period) -> str:
    if not entry.makes_champion:
        return ""
    end = entries_until(entry, entries)
    if end is None or end > until:
        return f"champion since {entry.effective_from}"
    if end <= entry.effective_from:
        return "champion of no period: replaced from the same one on"
    return f"champion {entry.effective_from} to {end - 1}"


def _run(use_case: str, entry: LedgerEntry) -> str:
    found = _RUN.search(entry.actor)
    if found is None:
        return ""
    kind = _KINDS.get(entry.action, "trial" if entry.trial else "train")
    return page_addresses.run_address("", f"{use_case}__{kind}", found[1])
