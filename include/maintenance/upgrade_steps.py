"""Upgrade a use case's lake from one format to the next."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from types import MappingProxyType

from include import settings
from include.declaration.period import LATEST, Period
from include.declaration.use_case import UseCase
from include.errors import AirworthyError
from include.lake import history, lake_format, schemas
from include.lake.lake import Lake
from include.lake.lake_format import FORMAT
from include.lake.object_store import StoragePath
from include.maintenance.tag_renaming import TagRenaming
from include.registry.ledger import Ledger

RENAMED = {"predictions": ("warning",), "metrics": ("about", "state")}
"""Table to its columns of format 1 that have other names in format 2."""


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


def adopt_signed(use_case: UseCase) -> None:
    """Check that this installation signed all of a lake.

    Raises:
        UnsignedLakeError: a table has files without a genuine name.
        LedgerCorruptedError: the ledger has entries without a genuine signature, or is damaged.
    """
    root = _root(use_case)
    Ledger(use_case.name, root / "ledger").entries()
    lake = Lake(use_case, root)
    for table in schemas.table_names(use_case):
        if not (lake.root / table).exists():
            continue
        if forged := lake.as_of(LATEST).forged_periods(table):
            raise UnsignedLakeError(use_case.name, table, forged)


def prefix_mlflow_tags(use_case: UseCase) -> None:
    """Add the prefix `airworthy.` to each tag in MLflow, including the ledger's head.

    Durations begin again: format 1 kept them in `costs/train` and `costs/score`, which are not read.

    Raises:
        RenamedColumnsError: the lake has predictions or metrics, with the columns of format 1.
        MlflowUnreachableError: MLflow does not answer.
    """
    lake = Lake(use_case, _root(use_case))
    for table, names in RENAMED.items():
        if not history.is_table(lake.uri(table)):
            continue
        columns = lake.delta(table).schema().to_arrow().names
        if renamed := [name for name in names if name in columns]:
            raise RenamedColumnsError(use_case.name, table, renamed)
    TagRenaming(use_case).add_prefix()


STEPS: Mapping[int, Callable[[UseCase], None]] = MappingProxyType({1: adopt_signed, 2: prefix_mlflow_tags})


def upgrade_lake(use_case: UseCase) -> list[int]:
    """Upgrade a use case's lake; return the formats that were reached.

    An interrupted upgrade can be repeated.

    Raises:
        LakeFormatError: newer code has stored it.
        UnsignedLakeError: see `adopt_signed`.
        LedgerCorruptedError: see `adopt_signed`.
        RenamedColumnsError: see `prefix_mlflow_tags`.
        MlflowUnreachableError: see `prefix_mlflow_tags`.
    """
    return lake_format.upgrade(use_case, _root(use_case), STEPS)


def _root(use_case: UseCase) -> StoragePath:
    return StoragePath.parse(settings.current_settings().lake) / use_case.name
