"""Implement `airworthy quarantine`: show quarantined rows and resubmit them."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date
from pathlib import Path

from rich.console import Console

from include.cli.escaping import print_line
from include.declaration.actor import account_actor
from include.declaration.registry import load_use_case
from include.declaration.use_case import UseCase
from include.errors import InvalidRequestError
from include.ingestion import quarantine, reconcile, resubmit, uploads
from include.ingestion.quarantine import QuarantinedRows
from include.lake.object_store import StoragePath
from include.project import open_project


@dataclass(frozen=True)
class RowSelection:
    """The rows that a command selects."""

    use_case: str
    feed: str | None
    day: date | None
    reasons: tuple[str, ...]
    rows: tuple[str, ...]

    def declared(self) -> UseCase:
        return load_use_case(self.use_case)

    def one_feed(self) -> str:
        """Return the named feed, or the only one.

        Raises:
            InvalidRequestError: no feed is named, and there are several.
        """
        feeds = [feed.name for feed in self.declared().feeds]
        if self.feed is None and len(feeds) > 1:
            raise InvalidRequestError(f"Name the feed with --feed: {self.use_case} has {feeds}.")
        return self.feed or feeds[0]

    def select_rows(self) -> Iterator[QuarantinedRows]:
        """Yield the selected rows by feed; feeds without such rows are left out, unless named."""
        use_case = self.declared()
        if self.feed:
            quarantine.require_feed(use_case, self.feed)
        for feed in use_case.feeds:
            if self.feed in (None, feed.name):
                yield from self._of(use_case, feed.name)

    def _of(self, use_case: UseCase, feed: str) -> Iterator[QuarantinedRows]:
        try:
            found = quarantine.read_quarantine(open_project(use_case), feed, self.day, checked=False).chosen(
                self.reasons, self.rows
            )
        except InvalidRequestError:
            if self.feed:
                raise
            return  # no feed is named, so a feed without such rows is no error
        if found.went:
            yield found


def print_counts(console: Console, chosen: RowSelection) -> None:
    """Print rows by feed, day and reason: how many are open, corrected and released."""
    rows = [row for found in chosen.select_rows() for row in quarantine.count_quarantined(found)]
    for row in rows:
        # The reason comes last and in full: `release` takes it as an option.
        fate = f"{row.open:>5} open {row.corrected:>5} corrected {row.released:>5} released"
        print_line(console, f"{row.day}  {row.feed}  {fate}  {row.reason}")
    if not rows:
        what = "such row" if chosen.feed or chosen.day or chosen.reasons or chosen.rows else "row"
        print_line(console, f"No {what} of {chosen.use_case} is quarantined.")


def print_quarantined(console: Console, chosen: RowSelection) -> None:
    """Print each row: its id, values, reasons and state; control characters are escaped."""
    for found in chosen.select_rows():
        print_line(console, f"{found.feed.name}: {len(found.went)} quarantined", "bold")
        for row, state in zip(found.rows.to_pylist(), found.states(), strict=True):
            values = ", ".join(f"{name}={row[name]}" for name in found.feed.columns)
            for line in (f"{row['digest']}  {state}", f"    {values}", f"    {'; '.join(row['reasons'])}"):
                print_line(console, line)


def export_quarantined(console: Console, chosen: RowSelection, path: Path) -> None:
    """Write the open rows into a new CSV file; an existing file is not changed."""
    feed = chosen.one_feed()
    found = quarantine.read_quarantine(open_project(chosen.declared()), feed, chosen.day).chosen(
        chosen.reasons, chosen.rows
    )
    content = found.exported()
    try:
        with path.open("xb") as sink:
            sink.write(content)
    except OSError as error:
        raise InvalidRequestError(f"{path} cannot be written: {error.strerror}. Name a new file.") from None
    print_line(
        console, f"{path}: {sum(found.is_open)} open row(s) of feed {feed}. Correct them, then: quarantine correct."
    )


def send_corrected(console: Console, chosen: RowSelection, path: Path, comment: str, known_on: date | None) -> None:
    """Resubmit the rows of a file."""
    try:
        uploads.require_size(path.name, StoragePath.parse(path).size())
        content = path.read_bytes()
    except OSError as error:
        raise InvalidRequestError(f"{path} cannot be read: {error.strerror}.") from None
    feed, actor = chosen.one_feed(), account_actor()
    done = resubmit.resubmit_corrected(
        open_project(chosen.declared()),
        feed,
        path.name,
        content,
        actor=actor,
        comment=comment,
        day=chosen.day,
        known_on=known_on,
    )
    print_line(console, done.summary)


def release_quarantined(console: Console, chosen: RowSelection, comment: str, known_on: date | None) -> None:
    """Resubmit rows unchanged."""
    done = resubmit.resubmit_released(
        open_project(chosen.declared()),
        chosen.one_feed(),
        chosen.reasons,
        actor=account_actor(),
        comment=comment,
        day=chosen.day,
        ids=chosen.rows,
        known_on=known_on,
    )
    print_line(console, done.summary)


def print_reconciliation(console: Console, chosen: RowSelection, ask_source: bool) -> bool:
    """Print where the rows of every feed are; return whether none is lost."""
    results = reconcile.reconcile(open_project(chosen.declared()), ask_source=ask_source)
    for result in results:
        print_line(console, result.summary, "red" if result.faults else "")
    return not any(result.faults for result in results)
