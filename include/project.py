"""Define a task's context: use case, lake, registry, ledger and settings.

Nothing else opens a lake, a registry or a ledger; a step uses those of the project that it gets. Stores of higher
levels (corrections, the budget, queued notifications) are opened from a project by their own `open`.

Imports nothing heavy, because DAG files import it through their tasks.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import TYPE_CHECKING, Self

from include.connections import Connections, EnvironmentConnections
from include.declaration.names import lake_folder
from include.declaration.use_case import UseCase
from include.settings import Settings, current_settings

if TYPE_CHECKING:
    from include.declaration.data_declaration import DataDeclaration
    from include.declaration.feature_group import FeatureGroup
    from include.lake.lake import Lake
    from include.lake.object_store import StoragePath
    from include.registry.ledger import Ledger
    from include.registry.mlflow_registry import Registry
    from include.registry.records import Records


@dataclass(frozen=True)
class DataProject:
    """The context of the steps that land, validate and build.

    It is created once per task or command, and passed down.
    """

    use_case: DataDeclaration
    """The use case or the feature group."""
    lake_address: str = ""
    """The folder or S3 address of the lake, if it is not that of the settings."""
    connections: Connections = field(default_factory=EnvironmentConnections, repr=False, compare=False)
    """Where connections of sources and exports are found: in the environment, unless Airflow's are given."""

    @cached_property
    def settings(self) -> Settings:
        """The settings of the environment at first use, with this project's lake."""
        settings = current_settings()
        return replace(settings, lake=self.lake_address) if self.lake_address else settings

    @cached_property
    def root(self) -> StoragePath:
        """The folder of the tables in the lake, of any format.

        Alerts are stored even if the lake cannot be read.
        """
        from include.lake.object_store import StoragePath

        return StoragePath.parse(self.settings.lake) / lake_folder(self.use_case.name)

    @cached_property
    def lake(self) -> Lake:
        """The tables, in the lake of the settings.

        Raises:
            LakeFormatError: the lake has another format.
        """
        from include.lake.lake import Lake

        return Lake.open(self.use_case, self.settings.lake)

    def in_lake(self, address: str) -> Self:
        """Return the context of the same declaration in another lake."""
        return replace(self, lake_address=address)

    def of_group(self, group: FeatureGroup) -> DataProject:
        """Return the context of a feature group in the same lake."""
        return DataProject(group, self.lake_address, self.connections)


@dataclass(frozen=True)
class Project(DataProject):
    """The context of a use case's steps: that of its data, and its models."""

    use_case: UseCase

    @cached_property
    def registry(self) -> Registry:
        """The use case's runs and versions in MLflow."""
        from include.registry.mlflow_registry import Registry

        return Registry(self.use_case, self.settings.mlflow, self.settings.lake)

    @cached_property
    def ledger(self) -> Ledger:
        """The use case's promotions, rollbacks, rejections and approvals."""
        from include.registry.ledger import Ledger

        return Ledger.open(self.use_case, self.settings.lake)

    @cached_property
    def records(self) -> Records:
        """The signed records of the use case's models."""
        from include.registry.records import Records

        return Records.open(self.use_case.name, self.settings.lake)

    def declared_as(self, use_case: UseCase) -> Project:
        """Return the context of another declaration of the use case, in the same lake."""
        return replace(self, use_case=use_case)


def open_project(use_case: UseCase) -> Project:
    """Return the context of a use case; nothing is opened before it is used."""
    return Project(use_case)


def open_data_project(declared: DataDeclaration) -> DataProject:
    """Return the context of a use case or a feature group; nothing is opened yet."""
    return open_project(declared) if isinstance(declared, UseCase) else DataProject(declared)
