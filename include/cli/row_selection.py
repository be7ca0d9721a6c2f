"""Select quarantined rows by the options of `airworthy quarantine`."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property

from include.declaration.period import Period
from include.declaration.use_case_discovery import load_declaration
from include.errors import InvalidRequestError
from include.ingestion import quarantine
from include.ingestion.quarantine import QuarantinedRows
from include.project import DataProject, open_data_project


@dataclass(frozen=True)
class RowSelection:
    """The rows that a command selects."""

    use_case: str
    feed: str | None
    period: Period | None
    reasons: tuple[str, ...]
    rows: tuple[str, ...]

    @cached_property
    def project(self) -> DataProject:
        return open_data_project(load_declaration(self.use_case))

    def one_feed(self) -> str:
        """Return the named feed, or the only one.

        Raises:
            InvalidRequestError: no feed is named, and there are several.
        """
        feeds = [feed.name for feed in self.project.use_case.feeds]
        if self.feed is None and len(feeds) > 1:
            raise InvalidRequestError(f"Name the feed with --feed: {self.use_case} has {feeds}.")
        return self.feed or feeds[0]

    def select_rows(self) -> Iterator[QuarantinedRows]:
        """Yield the selected rows by feed.

        Feeds without such rows are left out, unless they are named.
        """
        if self.feed:
            quarantine.require_feed(self.project.use_case, self.feed)
        for feed in self.project.use_case.feeds:
            if self.feed in (None, feed.name):
                yield from self._of(feed.name)

    def _of(self, feed: str) -> Iterator[QuarantinedRows]:
        try:
            found = quarantine.read_quarantine(self.project, feed, self.period, checked=False).chosen(
                self.reasons, self.rows
            )
        except InvalidRequestError:
            if self.feed:
                raise
            return  # no feed is named, so a feed without such rows is no error
        if found.corrections:
            yield found
