"""Empty a table from a period on, so that a backfill builds it again."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from include.declaration import form_limits
from include.declaration.period import LATEST, Period
from include.errors import MADE_BY, InvalidRequestError, shorten_names
from include.lake import history, partition_reader, schemas
from include.lake.lake import Lake
from include.lake.partition_reader import TypeNarrowedError
from include.project import DataProject


@dataclass(frozen=True)
class TableRebuild:
    """The changes of a table's rebuild from a period on, planned or applied."""

    use_case: str
    table: str
    since: Period
    removed: tuple[Period, ...]
    """Periods from `since` on, which leave the table."""
    unreadable: tuple[Period, ...]
    """Earlier periods that leave it too: a column's values do not fit the declared type."""
    kept: int
    """Number of earlier periods that stay."""
    version: int
    """The Delta version that still has all periods."""
    applied: bool = False

    @property
    def lines(self) -> list[str]:
        """Return the changes as text for a person."""
        leave = "left" if self.applied else "would leave"
        lines = [f"{_counted(self.removed)} from {self.since} on {leave} {self.use_case}/{self.table}."]
        if self.unreadable:
            reason = "have a column whose values do not fit the declared type"
            lines.append(f"{_counted(self.unreadable)} before {self.since} {leave} it too: they {reason}.")
        lines.append(f"Earlier periods that stay: {self.kept}. Delta version {self.version} still has all periods.")
        kind = self.table.partition("/")[0]
        if kind == "raw":
            lines.append("Raw rows come only from the source: make sure that it delivers these periods again.")
        dag = MADE_BY.get(kind, "data")
        periods = sorted({*self.removed, *self.unreadable})
        if self.applied and periods:
            lines.append(f"Fill it: backfill {self.use_case}__{dag} from {periods[0]} to {periods[-1]}.")
        if not self.applied:
            lines.append("Dry run: nothing was changed. Use --apply to apply it.")
        return lines


class TableUnknownError(InvalidRequestError):
    """A use case has no table of that name."""

    def __init__(self, use_case: str, table: str, tables: Sequence[str]) -> None:
        self.use_case, self.table, self.tables = use_case, table, tuple(tables)
        super().__init__(f"{use_case} has no table {table!r}; it has {shorten_names(tables)}.")


class TableNotWrittenError(InvalidRequestError):
    """Nothing was written to a table yet."""

    def __init__(self, use_case: str, table: str) -> None:
        self.use_case, self.table = use_case, table
        super().__init__(f"{use_case}: table {table} does not exist yet, so nothing can be rebuilt.")


def rebuild_table(project: DataProject, table: str, since: Period, *, apply: bool = False) -> TableRebuild:
    """Remove the periods from `since` on, and earlier unreadable ones.

    Without `apply` nothing is changed. Old Delta versions stay, so that registered models can still be reproduced.

    Raises:
        TableUnknownError: there is no such table.
        TableNotWrittenError: it does not exist yet.
        InvalidRequestError: `since` is no day of the use case.
    """
    use_case = project.use_case
    use_case.require(since)
    form_limits.require_name("table", table)
    if table not in schemas.table_names(use_case):
        raise TableUnknownError(use_case.name, table, schemas.table_names(use_case))
    lake = project.lake
    if not history.is_table(lake.uri(table)):
        raise TableNotWrittenError(use_case.name, table)
    view = lake.at_versions(LATEST, {table: None})
    periods = list(view.partitions(table))
    removed = [period for period in periods if period >= since]
    unreadable = [
        period
        for period in periods
        if period < since and not _is_readable(lake, view.files(table, period, period), table)
    ]
    if apply:
        lake.start_generation(table, since, [*unreadable, *removed])
    kept = len(periods) - len(removed) - len(unreadable)
    return TableRebuild(
        use_case.name, table, since, tuple(removed), tuple(unreadable), kept, view.version(table), applied=apply
    )


def _is_readable(lake: Lake, files: list[tuple[Period, str]], table: str) -> bool:
    schema = schemas.content_schema(lake.use_case, table)
    try:
        for _, path in files:
            partition_reader.require_readable(f"{lake.use_case.name}/{table}", path, schema)
    except TypeNarrowedError:
        return False
    return True


def _counted(periods: tuple[Period, ...]) -> str:
    if not periods:
        return "No period"
    return (
        f"1 period ({periods[0]})" if len(periods) == 1 else f"{len(periods)} periods ({periods[0]} to {periods[-1]})"
    )
