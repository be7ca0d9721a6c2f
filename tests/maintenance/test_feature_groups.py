"""Maintenance of a feature group: its tables, pages and logs, and nothing that its use cases need."""

from __future__ import annotations

from dataclasses import replace

import pyarrow as pa
import pyarrow.compute as pc
import pytest
from typer.testing import CliRunner

from include.cli.main import app
from include.declaration.feature_group_discovery import load_feature_group
from include.declaration.period import LATEST, Period
from include.declaration.use_case_discovery import load_use_case
from include.features import build
from include.ingestion import data_docs, ingest, validate
from include.lake import transaction_log
from include.lake.transaction_log import TransactionLog
from include.maintenance import apply
from include.project import DataProject, Project, open_data_project, open_project
from include.use_case import Retention
from tests import places
from tests.maintained import later
from tests.sharing.feature_groups.kind_quality import source

pytestmark = [pytest.mark.slow, pytest.mark.both_places]

DAY = Period("2020-01-03")
honest = source.inspections


def one_more(period: Period) -> pa.Table:
    rows = honest(period)
    return rows.set_column(2, "defects", pc.add(rows["defects"], pa.scalar(1, pa.int32())).cast(pa.int32()))


@pytest.fixture
def orders(lake_home, configure) -> Project:
    """A use case that joins a group, built before and after a correction of the group's feed."""
    configure(use_case_packages="tests.sharing.use_cases", feature_group_packages="tests.sharing.feature_groups")
    return open_project(load_use_case("orders"))


@pytest.fixture
def group(orders, monkeypatch) -> DataProject:
    """The group; each of its tables has content that was replaced."""
    project = open_data_project(load_feature_group("kind_quality"))
    build.build_features(orders, DAY)
    monkeypatch.setattr(source, "inspections", one_more)
    ingest.ingest_period(project, DAY)
    validate.validate_period(project, DAY)
    build.build_features(project, DAY)
    return project


def log_of(project: DataProject, table: str) -> TransactionLog:
    log = transaction_log.read_transaction_log(project.lake.root / table, project.use_case.calendar)
    assert log is not None
    return log


def content(project: DataProject) -> dict[str, list]:
    view = project.lake.as_of(LATEST)
    return {table: view.read(table).to_pylist() for table in ("raw/inspections", "checked/inspections", "features")}


def test_superseded_files_of_its_tables_are_removed_and_the_newest_content_stays(orders, group):
    before, theirs = content(group), places.contents(orders.lake.root)
    dry = apply.maintain(group, apply_changes=False, now=later())
    assert dry.counts["superseded file"]["count"] == 3
    assert (
        apply.maintain(group, apply_changes=True, now=later()).counts["superseded file"]
        == dry.counts["superseded file"]
    )
    stored = places.contents(group.lake.root)
    for table in before:
        gone = {part.path for part in log_of(group, table).parts if part.removed is not None}
        assert len(gone) == 1 and not [name for name in stored if name.removeprefix(f"{table}/") in gone]
    assert content(group) == before
    assert places.contents(orders.lake.root) == theirs
    assert build.build_features(orders, DAY).changed  # it still reads the correction
    assert apply.maintain(group, apply_changes=True, now=later()).counts == {}


def test_what_is_younger_than_declared_and_files_of_killed_writers_are_treated_as_those_of_a_use_case(group):
    (group.lake.root / "features/part-0.parquet").write(b"x" * 5)
    assert apply.maintain(group, apply_changes=True, now=later(29)).counts == {}
    strict = DataProject(replace(group.use_case, retention=Retention(superseded_days=3)))
    found = apply.maintain(strict, apply_changes=True, now=later(29)).counts
    assert found["orphan file"] == {"count": 1, "bytes": 5} and found["superseded file"]["count"] == 3


def test_a_long_log_gets_a_checkpoint(group, set_limits):
    set_limits(checkpoint_after=3)
    before = content(group)
    assert log_of(group, "raw/inspections").checkpoint is None
    done = apply.maintain(group, apply_changes=True, now=later(1))
    assert done.counts["checkpoint"]["count"] >= 1
    log = log_of(group, "raw/inspections")
    assert log.checkpoint == log.version
    assert content(group) == before


def test_old_pages_and_task_logs_of_a_group_are_removed(group, tmp_path):
    mine, other = (tmp_path / f"dag_id={name}__data/run.log" for name in ("feature_group_kind_quality", "orders"))
    for file in (mine, other):
        file.parent.mkdir()
        file.write_text("a line")
    name = group.use_case.name
    for page in ("index.html", "inspections/2020-01-01__aa.html"):
        (data_docs.data_docs_folder(name) / page).write(b"a page")
    done = apply.maintain(group, apply_changes=True, now=later(), logs=[str(tmp_path)])
    assert done.counts["task log"]["count"] == 1 and done.counts["page"]["count"] >= 1
    assert (mine.exists(), other.exists()) == (False, True)
    left = [file.uri.rpartition("/")[2] for file in places.files(data_docs.data_docs_folder(name))]
    assert left == ["index.html"]


@pytest.mark.both_places(not_on_s3="the command is the same there")
def test_the_command_maintains_groups_with_the_use_cases_or_one_by_its_name(group, tracking):
    alone = CliRunner().invoke(app, ["maintain", "--use-case", "feature_group_kind_quality"])
    assert alone.exception is None, alone.output
    assert "feature_group_kind_quality" in alone.output and "orders" not in alone.output
    together = CliRunner().invoke(app, ["maintain"])
    assert together.exception is None, together.output
    assert {"orders", "repairs", "feature_group_kind_quality"} <= set(together.output.split())
