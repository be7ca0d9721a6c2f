"""Join features of shared groups to a use case's rows, as of a decision time."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass

import pyarrow as pa

from include.declaration.data_declaration import DataDeclaration
from include.declaration.feature_group import FeatureGroup
from include.declaration.feature_group_discovery import load_feature_group
from include.declaration.feature_groups import Use, known_period
from include.declaration.names import lake_folder
from include.declaration.period import LATEST, Period
from include.declaration.use_case import UseCase
from include.errors import FeaturesMissingError
from include.lake import content_digest, history
from include.lake.partitions import Partition
from include.lake.snapshot import AsOfSnapshot

_ROW = "__airworthy_row"


@dataclass(frozen=True)
class GroupRows:
    """The features of a group that a use joins: one row per value of its join columns."""

    use: Use
    rows: pa.Table
    """The join columns and the features, under their names in the use case."""
    table: str
    """The group's table of features, named from the root of the lake."""
    digest: str
    version: int


@dataclass(frozen=True)
class GroupPartitions:
    """The present partitions of a group's features, for a use case that joins them."""

    use_case: DataDeclaration
    group: FeatureGroup
    partitions: Mapping[Period, Partition]

    @classmethod
    def of(cls, use_case: DataDeclaration, group: FeatureGroup, view: AsOfSnapshot) -> GroupPartitions:
        """Read the partitions in the lake of the view, up to its period; create no table."""
        lake = view.lake.of_group(group)
        exists = history.is_table(lake.uri("features"))
        known = lake.as_of(LATEST if view.period == LATEST else known_period(group, use_case, view.period))
        return cls(use_case, group, known.partitions("features") if exists else {})

    @property
    def table(self) -> str:
        """Return the name of the input in a commit's notes."""
        return features_table(self.group)

    def digest(self, period: Period) -> str:
        """Return the digest of what a build of the use case's period would read now."""
        known = known_period(self.group, self.use_case, period)
        stored = self.partitions.get(known)
        return content_digest.digest_values({known.key: stored.digest} if stored and stored.rows else {})


def group_digests(use_case: DataDeclaration, view: AsOfSnapshot) -> dict[str, str]:
    """Return the digest of what a build reads of each used group, by table."""
    groups = [GroupPartitions.of(use_case, group, view) for group in used_groups(use_case)]
    return {group.table: group.digest(view.period) for group in groups}


def used_groups(declared: DataDeclaration) -> list[FeatureGroup]:
    """Return the feature groups that a use case uses, each once; a group uses none."""
    uses = declared.feature_groups if isinstance(declared, UseCase) else ()
    return [load_feature_group(name) for name in dict.fromkeys(use.name for use in uses)]


def used_periods(use_case: DataDeclaration, period: Period) -> Mapping[str, tuple[FeatureGroup, Period]]:
    """Return each used group, and its period that is known at `period`, by name."""
    return {group.group: (group, known_period(group, use_case, period)) for group in used_groups(use_case)}


def features_table(group: FeatureGroup) -> str:
    """Return the name of a group's table of features, from the root of the lake."""
    return f"{lake_folder(group.name)}/features"


def read_groups(use_case: UseCase, view: AsOfSnapshot) -> list[GroupRows]:
    """Return the rows of each use, as of the decision time of the view's period.

    Raises:
        FeaturesMissingError: the features of a group's period are not built.
    """
    periods = used_periods(use_case, view.period)
    views = {name: view.lake.of_group(group).as_of(known) for name, (group, known) in periods.items()}
    return [_read(use_case, use, *periods[use.name], views[use.name]) for use in use_case.feature_groups]


def _read(use_case: UseCase, use: Use, group: FeatureGroup, known: Period, view: AsOfSnapshot) -> GroupRows:
    if not view.partitions("features", known, known):
        raise FeaturesMissingError(group.name, known, f", which {use_case.name} joins")
    stored = view.read("features", known, known)
    columns = dict(zip(use.on, group.entity_keys, strict=True)) | {
        f"{use.prefix}{name}": name for name in use.chosen(group)
    }
    rows = pa.table({column: stored[name] for column, name in columns.items()})
    digest = view.digest_of_periods("features", known, known)
    return GroupRows(use, rows, features_table(group), digest, view.version("features"))


def join_groups(
    batches: Iterable[pa.RecordBatch], groups: Sequence[GroupRows], schema: pa.Schema
) -> Iterator[pa.RecordBatch]:
    """Yield the batches with the features of the groups, in the same order of rows.

    A row without a match has nulls. A null in a join column matches nothing.
    """
    for batch in batches:
        rows = pa.Table.from_batches([batch])
        for group in groups:
            places = pa.array(range(rows.num_rows), pa.int64())
            joined = rows.append_column(_ROW, places).join(group.rows, list(group.use.on), join_type="left outer")
            rows = joined.sort_by(_ROW).drop_columns([_ROW])
        yield from rows.select(schema.names).cast(schema).combine_chunks().to_batches()
