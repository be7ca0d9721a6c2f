"""The steps from one format of a lake to the next: format number to what must be done to reach it."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import date
from types import MappingProxyType

from include import settings
from include.declaration.use_case import UseCase
from include.errors import AirworthyError
from include.lake import lake_format, schemas
from include.lake.lake import Lake
from include.lake.object_store import StoragePath
from include.maintenance.tag_renaming import TagRenaming
from include.registry.ledger import Ledger


class UnsignedLakeError(AirworthyError):
    """A lake was stored by code that signed nothing, or with other keys."""

    def __init__(self, use_case: str, table: str, days: set[date]) -> None:
        self.table, self.days = table, days
        super().__init__(
            f"{use_case}: {table} has {len(days)} days, from {min(days)} on, whose files this installation has not"
            " signed. If the keys are not those that they were signed with, set AIRWORTHY_SIGNING_KEYS to all of them,"
            " the newest first, and run this again. A lake of code that signed nothing cannot be upgraded: start with"
            " an empty one (AIRWORTHY_LAKE) and backfill. Nothing was changed."
        )


def adopt_signed(use_case: UseCase) -> None:
    """Make sure that all a lake holds was signed here: it has the form of format 1, and only lacks its number.

    Raises:
        UnsignedLakeError: a table has files without a genuine name. LedgerCorruptedError: the ledger has such entries.
    """
    root = _root(use_case)
    Ledger(use_case.name, root / "ledger").entries()
    lake = Lake(use_case, root)
    for table in schemas.tables(use_case):
        if not (lake.root / table).exists():
            continue
        if forged := lake.as_of(date.max).forged_days(table):
            raise UnsignedLakeError(use_case.name, table, forged)


def prefix_mlflow_tags(use_case: UseCase) -> None:
    """Give each tag in MLflow the prefix `airworthy.`; the ledger's head is one of them.

    Raises:
        MlflowUnreachableError: MLflow does not answer.
    """
    TagRenaming(use_case).add_prefix()


STEPS: Mapping[int, Callable[[UseCase], None]] = MappingProxyType({1: adopt_signed, 2: prefix_mlflow_tags})


def upgrade_lake(use_case: UseCase) -> list[int]:
    """Bring a use case's lake to the format of this code; the format numbers that were reached.

    May be interrupted and run again.

    Raises:
        LakeFormatError: newer code has stored it. UnsignedLakeError, LedgerCorruptedError: see `adopt_signed`.
            MlflowUnreachableError: see `prefix_mlflow_tags`.
    """
    return lake_format.upgrade(use_case, _root(use_case), STEPS)


def _root(use_case: UseCase) -> StoragePath:
    return StoragePath.of(settings.current_settings().lake) / use_case.name
