"""Read the outcome of the validation of each period; write nothing."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal, get_args

from include.declaration.data_declaration import DataDeclaration
from include.declaration.period import LATEST, Period
from include.declaration.use_case import UseCase
from include.errors import AirworthyError
from include.ingestion import quarantine_counts, validation_report
from include.ingestion.report_name import ReportName
from include.lake import history
from include.lake.lake import Lake
from include.lake.partitions import Partition
from include.printable import printable_logger
from include.project import DataProject

log = printable_logger(__name__)
Outcome = Literal["published", "quarantined", "refused", "not validated", "missing", "not run"]
OUTCOMES: tuple[Outcome, ...] = get_args(Outcome)


@dataclass(frozen=True)
class CalendarCell:
    """The outcome of one period."""

    period: Period
    outcome: Outcome
    rows: int = 0
    quarantined: int = 0

    @property
    def sign(self) -> str:
        """Return the outcome in a few characters, for those who see no colours."""
        signs = {"published": "✓", "refused": "✗", "not validated": "?", "missing": "∅", "not run": "·"}
        many = "99+" if self.quarantined > 99 else str(self.quarantined)
        return signs.get(self.outcome, many)

    @property
    def words(self) -> str:
        """Return the outcome as a sentence."""
        return {
            "published": f"published, {self.rows:,} rows",
            "quarantined": f"published, {self.rows - self.quarantined:,} rows; {self.quarantined:,} quarantined",
            "refused": "refused: no row was published",
            "not validated": "landed, not validated",
            "missing": "declared missing",
            "not run": "not run",
        }[self.outcome]


@dataclass(frozen=True)
class TableState:
    """What tables and reports say about all periods of a table."""

    is_feed: bool
    landed: Mapping[Period, Partition] = field(default_factory=dict)
    """Of a feed only."""
    published: Mapping[Period, Partition] = field(default_factory=dict)
    quarantined: Mapping[Period, int] = field(default_factory=dict)
    reports: tuple[ReportName, ...] = ()
    missing: frozenset[Period] = frozenset()

    def is_current(self, name: ReportName) -> bool:
        """Return whether a report is of the present content of its period.

        Features and predictions have one report per period, of the newest validation.
        """
        if not self.is_feed:
            return True
        partition = (self.published if name.outcome == "published" else self.landed).get(name.period)
        return partition is not None and name.content == validation_report.content_of(partition.digest)

    def refused(self) -> frozenset[Period]:
        """Return the periods that were refused."""
        refused = (name for name in self.reports if name.outcome == "refused" and self.is_current(name))
        return frozenset(name.period for name in refused if not self.is_feed or name.period not in self.published)

    def cell(self, period: Period, refused: frozenset[Period]) -> CalendarCell:
        """Return the outcome of a period; `refused` are those of `refused()`."""
        landed, published = self.landed.get(period), self.published.get(period)
        if period in refused:
            return CalendarCell(period, "refused", landed.rows if landed else 0)
        if published is not None:
            quarantined = self.quarantined.get(period, 0)
            return CalendarCell(period, "quarantined" if quarantined else "published", published.rows, quarantined)
        if landed is not None:
            return CalendarCell(period, "not validated", landed.rows)
        return CalendarCell(period, "missing" if period in self.missing else "not run")


def legend(unit: str) -> list[tuple[Outcome, str, str]]:
    """Return each outcome with its sign, and what it means for a period of this unit."""
    return [
        ("published", "✓", "published"),
        ("quarantined", "3", "published; number of quarantined rows"),
        ("refused", "✗", f"refused: no row of the {unit} was published"),
        ("not validated", "?", "landed, not validated"),
        ("missing", "∅", "declared missing"),
        ("not run", "·", "not run"),
    ]


def table_names(use_case: DataDeclaration) -> list[str]:
    """Return the names of the tables that are validated."""
    made = ["features", "predictions"] if isinstance(use_case, UseCase) else ["features"]
    return [*(feed.name for feed in use_case.feeds), *made]


def is_feed_of(use_case: DataDeclaration, table: str) -> bool:
    """Return whether the table is a feed."""
    return any(feed.name == table for feed in use_case.feeds)


def read_state(project: DataProject, table: str, problems: list[str]) -> TableState:
    """Return what is stored about a table; what cannot be read is added to `problems`."""
    lake, is_feed = project.lake, is_feed_of(project.use_case, table)
    try:
        reports = tuple(validation_report.list_reports(lake, table))
        if not is_feed:
            return TableState(is_feed, published=_partitions(lake, table), reports=reports)
        view = quarantine_counts.open_checked(project, table, LATEST)
        published = view.partitions(f"checked/{table}") if view else {}
        quarantined = quarantine_counts.quarantined_by_period(project, table, view) if view else {}
        missing = project.use_case.feed(table).missing_periods
        return TableState(is_feed, _partitions(lake, f"raw/{table}"), published, quarantined, reports, missing)
    except AirworthyError as error:
        problems.append(str(error))
    except OSError as error:
        log.exception("The validation page could not read %s of %s", table, project.use_case.name)
        problems.append(f"{table} cannot be read: {error.strerror or type(error).__name__}.")
    return TableState(is_feed)


def _partitions(lake: Lake, table: str) -> Mapping[Period, Partition]:
    """Return the partitions of a table, without creating it."""
    return lake.as_of(LATEST).partitions(table) if history.is_table(lake.uri(table)) else {}
