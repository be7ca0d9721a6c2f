"""Upgrade a use case's lake from one format to the next."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import datetime
from functools import partial
from types import MappingProxyType

from include.declaration.period import LATEST, Period
from include.errors import AirworthyError
from include.lake import history, inventory, lake_format, schemas, transaction_log
from include.lake.lake import Lake
from include.lake.lake_format import FORMAT
from include.lake.object_store import StoragePath
from include.maintenance.tag_renaming import TagRenaming
from include.monitoring import durations
from include.monitoring.durations import SECONDS, StepCost, StepName
from include.monitoring.slowdown import CostFigure
from include.project import DataProject, Project
from include.registry.ledger import Ledger

RENAMED = {"predictions": ("day", "warning"), "metrics": ("day", "about", "state", "days")}
"""Table to its columns of format 1 that have other names in format 2; of every other table it is `day`."""
TIMED: tuple[StepName, ...] = ("train", "score")
"""Steps that format 2 measured."""


class UnsignedLakeError(AirworthyError):
    """A lake was written by code without signatures, or with other keys."""

    def __init__(self, use_case: str, table: str, periods: set[Period]) -> None:
        self.table, self.periods = table, periods
        super().__init__(
            f"{use_case}: {table} has {len(periods)} days, from {min(periods)} on, whose files this installation has"
            " not signed. If they were signed with other keys, set AIRWORTHY_SIGNING_KEYS to all of them, the newest"
            " first, and run this again. A lake without signatures cannot be upgraded: start with an empty one"
            " (AIRWORTHY_LAKE) and backfill. Nothing was changed."
        )


class RenamedColumnsError(AirworthyError):
    """A table of a lake has columns that have other names now."""

    def __init__(self, use_case: str, table: str, columns: list[str]) -> None:
        self.table, self.columns = table, columns
        super().__init__(
            f"{use_case}: table {table} has the columns {columns}, which have other names in format {FORMAT}. Such a"
            " lake cannot be upgraded: start with an empty one (AIRWORTHY_LAKE) and backfill. Nothing was changed."
        )


def require_signed(project: DataProject) -> None:
    """Check that this installation signed all of a lake.

    Raises:
        UnsignedLakeError: a table has files without a genuine name.
        LedgerCorruptedError: the ledger has entries without a genuine signature, or is damaged.
    """
    use_case = project.use_case
    Ledger(use_case.name, project.root / "ledger").entries()
    lake = Lake(use_case, project.root)
    for table in schemas.table_names(use_case):
        if not (lake.root / table).exists():
            continue
        if forged := lake.as_of(LATEST).forged_periods(table):
            raise UnsignedLakeError(use_case.name, table, forged)


def require_present_names(project: DataProject) -> None:
    """Check that no table has columns with their names of format 1.

    Raises:
        RenamedColumnsError: a table has such columns.
    """
    lake = Lake(project.use_case, project.root)
    for table in schemas.table_names(project.use_case):
        if not history.is_table(lake.uri(table)):
            continue
        columns = lake.delta(table).schema().to_arrow().names
        if renamed := [name for name in RENAMED.get(table, ("day",)) if name in columns]:
            raise RenamedColumnsError(project.use_case.name, table, renamed)


def check_columns_and_prefix_tags(project: DataProject) -> None:
    """Check the names of columns, then add `airworthy.` to each tag in MLflow.

    The ledger's head is one of these tags. Durations begin again: format 1 kept them in `costs/train` and
    `costs/score`, which are not read.

    Raises:
        RenamedColumnsError: see `require_present_names`.
        MlflowUnreachableError: MLflow does not answer.
    """
    require_present_names(project)
    if isinstance(project, Project):  # a feature group has nothing in MLflow
        TagRenaming.open(project).add_prefix()


def convert_durations(project: DataProject) -> None:
    """Make a record of each row of the tables `durations/…`, then remove their files.

    Format 2 measured the seconds of `train` and `score` alone.
    """
    for step in TIMED:
        place = project.root / durations.FOLDER / step
        if history.is_table(place.uri):
            _import_durations(project, step, place)
        names = [file.name for file in inventory.list_files(place) if not _is_record(file.name)]
        # The log first and its newest commits first: after an interruption, the rest can still be read.
        log = sorted((name for name in names if name.startswith(transaction_log.FOLDER)), reverse=True)
        inventory.remove_files(place, [*log, *(name for name in names if name not in log)], folders=True)


def _import_durations(project: DataProject, step: StepName, place: StoragePath) -> None:
    for row in history.open_table(place.uri).to_pyarrow_table().to_pylist():
        figure = CostFigure(SECONDS, row["seconds"], row["usual_seconds"], row["limit"], row["breached"])
        began, period = datetime.fromisoformat(row["started_at"]), project.use_case.calendar.period_of(row["period"])
        cost = StepCost(step, period, began, False, row["rows"], row["model_version"], 0, (figure,))
        durations.import_cost(project, cost)


def _is_record(name: str) -> bool:
    """Return whether a file is in the folder of a year."""
    return name.partition("/")[0].isdigit()


STEPS: Mapping[int, Callable[[DataProject], None]] = MappingProxyType(
    {1: require_signed, 2: check_columns_and_prefix_tags, 3: convert_durations}
)
"""Format to the function that brings a lake of the format before to it."""


def upgrade_lake(project: DataProject) -> list[int]:
    """Upgrade a use case's lake; return the formats that were reached.

    An interrupted upgrade can be repeated.

    Raises:
        LakeFormatError: newer code has stored it.
        UnsignedLakeError: see `require_signed`.
        LedgerCorruptedError: see `require_signed`.
        RenamedColumnsError: see `require_present_names`.
        MlflowUnreachableError: see `check_columns_and_prefix_tags`.
    """
    return lake_format.upgrade(project.root, {number: partial(step, project) for number, step in STEPS.items()})
