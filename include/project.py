"""The context of one task or command: a use case with its lake, its registry and its ledger, opened once.

Imports nothing heavy: DAG files are read with the tasks that open it.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from include.declaration.use_case import UseCase
    from include.lake.lake import Lake
    from include.registry.ledger import Ledger
    from include.registry.mlflow_registry import Registry


@dataclass(frozen=True)
class Project:
    """What the steps of a use case work on; made once per task or command and passed down."""

    use_case: UseCase

    @cached_property
    def lake(self) -> Lake:
        """The use case's tables, where the settings say that they are.

        Raises:
            LakeFormatError: the lake is of another format than this code's.
        """
        from include.lake.lake import Lake

        return Lake.open(self.use_case)

    @cached_property
    def registry(self) -> Registry:
        """The use case's runs and versions in MLflow."""
        from include.registry.mlflow_registry import Registry

        return Registry(self.use_case)

    @cached_property
    def ledger(self) -> Ledger:
        """The use case's promotions, rollbacks, rejections and approvals."""
        from include.registry.ledger import Ledger

        return Ledger.of(self.use_case)


def open_project(use_case: UseCase) -> Project:
    """Return the context of a use case; nothing is read before it is needed."""
    return Project(use_case)
