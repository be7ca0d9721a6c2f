"""What the drills found, as a table: on the terminal, and as a page of the documents."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from rich.table import Table

NAME = "drill"
"""Under which a test hands its row to the report; pytest carries it from other processes too."""


@dataclass(frozen=True)
class Row:
    """One fault, tried some times; all trials together."""

    fault: str
    guard: str
    """What caught it, in words."""
    trials: int
    rows_lost: int
    """Rows of the undisturbed run that were not there afterwards, in all tables."""
    equal: bool
    """Whether, in the end, the content of everything was that of a run that nothing had disturbed."""

    @property
    def survived(self) -> bool:
        return self.equal and not self.rows_lost


COLUMNS = ("fault", "trials", "guard that caught it", "rows lost", "content equal")


def _cells(row: Row) -> tuple[str, ...]:
    return row.fault, str(row.trials), row.guard, str(row.rows_lost), "yes" if row.equal else "NO"


def table(rows: Sequence[Row]) -> Table:
    """For a terminal; what did not survive is red."""
    drawn = Table(*COLUMNS, title="Fault drills", show_lines=True)
    for row in rows:
        drawn.add_row(*_cells(row), style="" if row.survived else "bold red")
    return drawn


def markdown(rows: Sequence[Row]) -> str:
    """For the page."""
    lines = [COLUMNS, ("---",) * len(COLUMNS), *(tuple(map(_escaped, _cells(row))) for row in rows)]
    return "".join(f"| {' | '.join(line)} |\n" for line in lines)


def _escaped(cell: str) -> str:
    return cell.replace("|", "\\|")
