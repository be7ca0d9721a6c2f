"""A backfill of a feature group builds what period by period runs build, and a group has only data."""

from __future__ import annotations

import pytest
from typer.testing import CliRunner

from include.cli.main import app
from include.declaration.period import Period, period_range
from include.declaration.use_case_discovery import load_declaration
from include.features import build
from include.ingestion import ingest, validate
from include.orchestration.params import backfill_params
from include.project import DataProject, open_data_project

pytestmark = pytest.mark.slow
NAME = "feature_group_kind_quality"
FIRST, LAST = Period("2020-01-01"), Period("2020-01-04")
TABLES = ("raw/inspections", "checked/inspections", "features")


@pytest.fixture
def group(lake_home, configure) -> DataProject:
    configure(use_case_packages="tests.sharing.use_cases", feature_group_packages="tests.sharing.feature_groups")
    return open_data_project(load_declaration(NAME))


def backfill(*options: str):
    return CliRunner().invoke(app, ["backfill", NAME, "--from", str(FIRST), "--to", str(LAST), *options])


def digests(project: DataProject) -> dict:
    view = project.lake.as_of(LAST)
    return {table: view.partitions(table, FIRST, LAST) for table in TABLES}


def test_a_backfill_of_a_group_has_the_content_of_period_by_period_runs(group, configure, tmp_path):
    done = backfill()
    assert done.exit_code == 0, done.output
    assert "build: 4 of 4 periods are in the lake as asked" in done.output
    by_backfill = digests(group)
    assert all(len(partitions) == 4 for partitions in by_backfill.values())
    configure(lake=tmp_path / "other")
    single = open_data_project(group.use_case)
    for period in period_range(FIRST, LAST):
        for step in (ingest.ingest_period, validate.validate_period, build.build_features):
            step(single, period)
    assert digests(single) == by_backfill


def test_a_second_backfill_of_a_group_has_nothing_to_do(group):
    assert backfill().exit_code == 0
    done = backfill("--plan")
    assert "build: 0 of 4 periods to build; 4 settled" in done.output


def test_a_group_has_no_predictions_to_backfill(group):
    done = backfill("--kinds", "data,score")
    assert done.exit_code == 1
    assert "There is no score to backfill; there is data." in str(done.exception)
    assert "kinds" not in backfill_params(group.use_case)
