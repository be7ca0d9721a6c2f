"""Show quarantined rows and resubmit them: `airworthy quarantine`."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer
from typer.core import TyperGroup

from include.cli.escaping import make_console, print_line
from include.cli.period_option import of_calendar, parse_period
from include.declaration.actor import account_actor
from include.declaration.period import Period
from include.declaration.personal import mask_values
from include.declaration.use_case_discovery import load_declaration
from include.errors import InvalidRequestError
from include.project import open_data_project

if TYPE_CHECKING:
    from include.cli.row_selection import RowSelection

Feed = Annotated[str | None, typer.Option(help="Only this feed.")]
Day = Annotated[
    Period | None, typer.Option(parser=parse_period, metavar="PERIOD", help="Only rows quarantined in this period.")
]
Reason = Annotated[list[str] | None, typer.Option(help="Only rows with this reason; may be repeated.")]
Row = Annotated[list[str] | None, typer.Option(help="Only the row with this id; may be repeated.")]
Comment = Annotated[str, typer.Option(help="Stored with the correction and your name.")]
KnownOn = Annotated[
    Period | None,
    typer.Option(
        parser=parse_period,
        metavar="PERIOD",
        help="The period in which they become known; default: the first free one.",
    ),
]


class CountsUnlessNamed(TyperGroup):
    """Run `counts` for `quarantine <use case>`.

    Other commands come before the use case.
    """

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
def counts(use_case: str, feed: Feed = None, period: Day = None, reason: Reason = None, row: Row = None) -> None:
    """Count rows by feed, day and reason; same as `quarantine <use case>`."""
    from include.ingestion.quarantine import count_quarantined

    chosen = _chosen(use_case, feed, period, reason, row)
    counted = [each for found in chosen.select_rows() for each in count_quarantined(found)]
    for each in counted:
        # The reason comes last and in full: `release` takes it as an option.
        fate = f"{each.open:>5} open {each.corrected:>5} corrected {each.released:>5} released"
        print_line(console, f"{each.period}  {each.feed}  {fate}  {each.reason}")
    if counted and not (period or reason or row):
        _print_totals(chosen)
    if not counted:
        what = "such row" if feed or period or reason or row else "row"
        print_line(console, f"No {what} of {use_case} is quarantined.")


def _print_totals(chosen: RowSelection) -> None:
    """Print the rows of each feed by state, as the page counts them.

    A row with several reasons counts once.
    """
    from include.ingestion.quarantine_counts import count_states

    until = chosen.project.use_case.newest_period()
    for feed in chosen.project.use_case.feeds:
        if chosen.feed in (None, feed.name) and (states := count_states(chosen.project, feed.name, until)):
            print_line(console, f"{feed.name}: {states.summary}, as of {until}")


@app.command()
def show(use_case: str, feed: Feed = None, period: Day = None, reason: Reason = None, row: Row = None) -> None:
    """Print each row with its id, values, reasons and state."""
    for found in _chosen(use_case, feed, period, reason, row).select_rows():
        print_line(console, f"{found.feed.name}: {len(found.corrections)} quarantined", "bold")
        for each, state in zip(found.rows.to_pylist(), found.states(), strict=True):
            masked = mask_values(each, found.feed.personal or ())
            values = ", ".join(f"{name}={masked[name]}" for name in found.feed.columns)
            for line in (f"{each['digest']}  {state}", f"    {values}", f"    {'; '.join(each['reasons'])}"):
                print_line(console, line)


@app.command()
def export(
    use_case: str, file: Path, feed: Feed = None, period: Day = None, reason: Reason = None, row: Row = None
) -> None:
    """Write the open rows into a new CSV file for correction."""
    from include.ingestion.quarantine import read_quarantine

    chosen = _chosen(use_case, feed, period, reason, row)
    name = chosen.one_feed()
    found = read_quarantine(chosen.project, name, chosen.period).chosen(chosen.reasons, chosen.rows)
    content = found.exported()
    try:
        with file.open("xb") as sink:
            sink.write(content)
    except OSError as error:
        raise InvalidRequestError(f"{file} cannot be written: {error.strerror}. Name a new file.") from None
    opened = f"{sum(found.is_open)} open row(s) of feed {name}"
    print_line(console, f"{file}: {opened}. Correct them, then: quarantine correct.")
    if found.feed.personal:
        print_line(console, f"The file holds personal data ({', '.join(found.feed.personal)}): delete it afterwards.")


@app.command()
def correct(
    use_case: str, file: Path, comment: Comment, feed: Feed = None, period: Day = None, known_on: KnownOn = None
) -> None:
    """Resubmit the rows of a CSV or Parquet file, each in place of a quarantined row."""
    from include.ingestion import resubmit, uploads
    from include.lake.object_store import StoragePath

    chosen = _chosen(use_case, feed, period, None, None)
    try:
        uploads.require_size(file.name, StoragePath.parse(file).size())
        content = file.read_bytes()
    except OSError as error:
        raise InvalidRequestError(f"{file} cannot be read: {error.strerror}.") from None
    done = resubmit.resubmit_corrected(
        chosen.project,
        chosen.one_feed(),
        file.name,
        content,
        actor=account_actor(),
        comment=comment,
        period=chosen.period,
        known_on=of_calendar(use_case, known_on),
    )
    print_line(console, done.summary)


@app.command()
def release(
    use_case: str,
    comment: Comment,
    feed: Feed = None,
    period: Day = None,
    reason: Reason = None,
    row: Row = None,
    known_on: KnownOn = None,
) -> None:
    """Resubmit rows unchanged: the named reasons are ignored for them."""
    from include.ingestion import resubmit

    chosen = _chosen(use_case, feed, period, reason, row)
    done = resubmit.resubmit_released(
        chosen.project,
        chosen.one_feed(),
        chosen.reasons,
        actor=account_actor(),
        comment=comment,
        period=chosen.period,
        ids=chosen.rows,
        known_on=of_calendar(use_case, known_on),
    )
    print_line(console, done.summary)


@app.command()
def balance(
    use_case: str,
    ask_source: Annotated[bool, typer.Option(help="Also compare every landed period with its source.")] = False,
) -> None:
    """Show where every delivered row is; fail if any is lost."""
    from include.ingestion import reconcile

    results = reconcile.reconcile(open_data_project(load_declaration(use_case)), ask_source=ask_source)
    for result in results:
        print_line(console, result.summary, "red" if result.faults else "")
    if any(result.faults for result in results):
        raise typer.Exit(1)


def _chosen(
    use_case: str, feed: str | None, period: Period | None, reason: list[str] | None, row: list[str] | None
) -> RowSelection:
    from include.cli.row_selection import RowSelection

    return RowSelection(use_case, feed, of_calendar(use_case, period), tuple(reason or ()), tuple(row or ()))
