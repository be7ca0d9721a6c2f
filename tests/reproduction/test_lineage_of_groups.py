"""A prediction is traced through the feature group that its features joined, back to the group's feeds."""

from __future__ import annotations

import pyarrow as pa
import pyarrow.compute as pc
import pytest

from include.declaration.feature_group_discovery import load_feature_group
from include.declaration.period import Period
from include.declaration.use_case_discovery import load_use_case
from include.features import build
from include.ingestion import ingest, validate
from include.lake import schemas
from include.project import Project, open_project
from include.reproduction.lineage import GroupLineage, _Tracing
from tests.sharing.feature_groups.kind_quality import source

pytestmark = pytest.mark.slow

DAY = Period("2020-01-03")
honest = source.inspections


@pytest.fixture
def orders(lake_home, configure) -> Project:
    """The use case with features of a day, and predictions that name them."""
    configure(use_case_packages="tests.sharing.use_cases", feature_group_packages="tests.sharing.feature_groups")
    project = open_project(load_use_case("orders"))
    built = build.build_features(project, DAY)
    schema = schemas.content_schema(project.use_case, "predictions")
    features = project.lake.as_of(DAY).read("features", DAY, DAY)
    given = {name: features[name] for name in project.use_case.keys}
    rows = pa.table([given.get(field.name, pa.nulls(features.num_rows, field.type)) for field in schema], schema=schema)
    read = {"inputs": {"features": built.partition.digest}, "versions": {"features": built.version}}
    project.lake.replace("predictions", DAY, rows, stage="score", **read)
    return project


def traced(project: Project) -> GroupLineage:
    [group] = _Tracing(project.lake, DAY).trace()[3]
    return group


def test_the_group_and_its_feeds_are_named_with_what_was_read(orders):
    found, group = traced(orders), orders.of_group(load_feature_group("kind_quality"))
    assert found.features.digest == group.lake.as_of(DAY).digest("features", DAY)
    assert (found.features.period, found.features.still, found.unknown) == (DAY, True, "")
    [inspections] = found.feeds
    assert [each.checked.period for each in inspections.periods] == [DAY - 2, DAY - 1, DAY]
    assert inspections.still and all(each.raw and each.raw.still for each in inspections.periods)


def test_a_group_that_was_corrected_since_is_known_as_it_was_read(orders, monkeypatch):
    before = traced(orders)
    group = orders.of_group(load_feature_group("kind_quality"))

    def more(period: Period) -> pa.Table:
        rows = honest(period)
        return rows.set_column(2, "defects", pc.add(rows["defects"], pa.scalar(1, pa.int32())))

    monkeypatch.setattr(source, "inspections", more)
    ingest.ingest_period(group, DAY)
    validate.validate_period(group, DAY)
    build.build_features(group, DAY)
    found = traced(orders)
    assert (found.features.digest, found.features.still) == (before.features.digest, False)
    assert [each.checked.still for each in found.feeds[0].periods] == [True, True, False]
    assert [each.checked.digest for each in found.feeds[0].periods] == [
        each.checked.digest for each in before.feeds[0].periods
    ]
