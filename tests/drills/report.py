"""Format the results of the drills as a table, for the terminal and for the documentation."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from rich.table import Table

NAME, DRILL = "drill's row", "drill"
"""Under which a test hands its row, and what it is called, to the report; pytest carries both from other processes."""


@dataclass(frozen=True)
class Row:
    """One fault, tried some times; all trials together."""

    fault: str
    guard: str
    """What caught it, in words."""
    trials: int
    """How often what was disturbed was run or tried, whatever number of faults each met."""
    rows_lost: int
    """Rows of the undisturbed run that were not there afterwards, in all tables."""
    equal: bool
    """Whether, in the end, the content of everything was that of a run that nothing had disturbed."""

    @property
    def survived(self) -> bool:
        return self.equal and not self.rows_lost


@dataclass(frozen=True)
class Untold:
    """A drill that has no row, or not that of a success, and why."""

    fault: str
    reason: str
    """`skipped: …` or `FAILED: …`."""

    @property
    def survived(self) -> bool:
        return self.reason.startswith("skipped")


COLUMNS = ("fault", "trials", "guard that caught it", "rows lost", "content equal")


def _cells(row: Row | Untold) -> tuple[str, ...]:
    if isinstance(row, Untold):
        return row.fault, "-", row.reason, "-", "-"
    return row.fault, str(row.trials), row.guard, str(row.rows_lost), "yes" if row.equal else "NO"


def table(rows: Sequence[Row | Untold]) -> Table:
    """For a terminal; what did not survive is red."""
    drawn = Table(*COLUMNS, title="Fault drills", show_lines=True)
    for row in rows:
        drawn.add_row(*_cells(row), style="" if row.survived else "bold red")
    return drawn


def markdown(rows: Sequence[Row | Untold]) -> str:
    """For the page."""
    lines = [COLUMNS, ("---",) * len(COLUMNS), *(tuple(map(_escaped, _cells(row))) for row in rows)]
    return "".join(f"| {' | '.join(line)} |\n" for line in lines)


def _escaped(cell: str) -> str:
    return cell.replace("|", "\\|").replace("\n", " ")
