"""`airworthy quarantine`: define the commands and options; quarantine_report.py implements them."""

from __future__ import annotations

from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer
from typer.core import TyperGroup

from include.cli.escaping import make_console
from include.declaration.period import Period

if TYPE_CHECKING:
    from include.cli.quarantine_report import RowSelection

FORMATS = ["%Y-%m-%d"]
Feed = Annotated[str | None, typer.Option(help="Only this feed.")]
Day = Annotated[datetime | None, typer.Option(formats=FORMATS, help="Only rows quarantined on this day.")]
Reason = Annotated[list[str] | None, typer.Option(help="Only rows with this reason; may be repeated.")]
Row = Annotated[list[str] | None, typer.Option(help="Only the row with this id; may be repeated.")]
Comment = Annotated[str, typer.Option(help="Stored with the correction and your name.")]
KnownOn = Annotated[
    datetime | None,
    typer.Option(formats=FORMATS, help="The day on which they become known; default: the first free day."),
]


class CountsUnlessNamed(TyperGroup):
    """Run `counts` for `quarantine <use case>`; other commands come before the use case."""

    def parse_args(self, ctx: Any, args: list[str]) -> list[str]:
        if args and not args[0].startswith("-") and args[0] not in self.commands:
            args = ["counts", *args]
        return super().parse_args(ctx, args)


app = typer.Typer(
    cls=CountsUnlessNamed,
    no_args_is_help=True,
    help="List quarantined rows, and resubmit them, corrected or released.",
)
console = make_console()


@app.command()
def counts(use_case: str, feed: Feed = None, day: Day = None, reason: Reason = None, row: Row = None) -> None:
    """Count rows by feed, day and reason; same as `quarantine <use case>`."""
    from include.cli import quarantine_report

    quarantine_report.print_counts(console, _chosen(use_case, feed, day, reason, row))


@app.command()
def show(use_case: str, feed: Feed = None, day: Day = None, reason: Reason = None, row: Row = None) -> None:
    """Print each row with its id, values, reasons and state."""
    from include.cli import quarantine_report

    quarantine_report.print_quarantined(console, _chosen(use_case, feed, day, reason, row))


@app.command()
def export(
    use_case: str, file: Path, feed: Feed = None, day: Day = None, reason: Reason = None, row: Row = None
) -> None:
    """Write the open rows into a new CSV file for correction."""
    from include.cli import quarantine_report

    quarantine_report.export_quarantined(console, _chosen(use_case, feed, day, reason, row), file)


@app.command()
def correct(
    use_case: str, file: Path, comment: Comment, feed: Feed = None, day: Day = None, known_on: KnownOn = None
) -> None:
    """Resubmit the rows of a CSV or Parquet file, each in place of a quarantined row."""
    from include.cli import quarantine_report

    quarantine_report.send_corrected(
        console, _chosen(use_case, feed, day, None, None), file, comment, _period_of(known_on)
    )


@app.command()
def release(
    use_case: str,
    comment: Comment,
    feed: Feed = None,
    day: Day = None,
    reason: Reason = None,
    row: Row = None,
    known_on: KnownOn = None,
) -> None:
    """Resubmit rows unchanged: the named reasons are ignored for them."""
    from include.cli import quarantine_report

    quarantine_report.release_quarantined(
        console, _chosen(use_case, feed, day, reason, row), comment, _period_of(known_on)
    )


@app.command()
def balance(
    use_case: str,
    ask_source: Annotated[bool, typer.Option(help="Also compare every landed day with its source.")] = False,
) -> None:
    """Show where every delivered row is; fail if any is lost."""
    from include.cli import quarantine_report

    if not quarantine_report.print_reconciliation(console, _chosen(use_case, None, None, None, None), ask_source):
        raise typer.Exit(1)


def _chosen(
    use_case: str, feed: str | None, day: datetime | None, reason: list[str] | None, row: list[str] | None
) -> RowSelection:
    from include.cli.quarantine_report import RowSelection

    return RowSelection(use_case, feed, _period_of(day), tuple(reason or ()), tuple(row or ()))


def _period_of(moment: datetime | None) -> Period | None:
    return Period.from_date(moment.date()) if moment else None
