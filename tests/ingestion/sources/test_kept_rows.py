"""Copies of files stay while periods read them; rows that no source delivers again stay for ever."""

from __future__ import annotations

import os
from datetime import UTC, datetime, timedelta

import pyarrow as pa
import pytest

from include.declaration.period import Period
from include.ingestion.sources import kept_rows
from include.maintenance import apply
from include.maintenance import plan as maintenance_plan
from include.maintenance.file_plan import FilePlanner
from include.maintenance.rules import CleanupPlan
from include.project import open_project
from include.settings import current_settings
from include.use_case import ByColumn, Files, FirstSeen
from tests.ingestion.sources.test_files import ON_THE_SECOND, SALES


@pytest.fixture
def sales(tmp_path):
    path = tmp_path / "sales.csv"
    path.write_text(SALES)
    return path


@pytest.fixture
def read_once(declare, land, sales):
    """A use case that has read one file."""
    use_case = declare(Files(str(sales), known=ByColumn("day_sold")))
    land(use_case, "2020-03-03")
    return use_case


def later(days: int) -> datetime:
    return datetime.now(UTC) + timedelta(days=days)


def planned(use_case, now: datetime) -> CleanupPlan:
    """The plan for files alone, which needs no tracking store."""
    project = open_project(use_case)
    items = FilePlanner(project, now, []).items([])
    return CleanupPlan(use_case.name, tuple(item for item in items if item.kind == "kept copy"))


def copies(use_case) -> list[kept_rows.KeptCopy]:
    return kept_rows.list_copies(current_settings().home, use_case.name)


def test_a_copy_stays_until_no_period_has_read_it_for_the_declared_time(read_once):
    days = read_once.retention.kept_rows_days
    assert not planned(read_once, later(days - 1)).items
    (item,) = planned(read_once, later(days + 1)).items
    assert item.bytes == copies(read_once)[0].bytes > 0


def test_a_removed_copy_is_made_again_from_the_file(read_once, land):
    now = later(200)
    assert apply.apply_plan(open_project(read_once), planned(read_once, now), now) == []
    assert copies(read_once) == [] and not planned(read_once, now).items
    assert land(read_once, "2020-03-03") == ON_THE_SECOND
    assert len(copies(read_once)) == 1


def test_a_period_that_reads_a_copy_keeps_it(read_once, land, monkeypatch):
    (copy,) = copies(read_once)
    for path in copy.folder.iterdir():
        os.utime(path, (1, 1))
    monkeypatch.setattr(kept_rows, "SETTLED_SECONDS", -1.0)
    assert planned(read_once, later(0)).items
    plan = planned(read_once, later(0))
    land(read_once, "2020-03-04")
    assert not planned(read_once, later(0)).items
    assert len(apply.apply_plan(open_project(read_once), plan, later(0))) == 1, "it was read after the plan was made"
    assert len(copies(read_once)) == 1


def test_what_a_killed_process_left_of_a_copy_is_removed_too(read_once):
    (copy,) = copies(read_once)
    (copy.folder / "kept.json").unlink()
    now = later(200)
    apply.apply_plan(open_project(read_once), planned(read_once, now), now)
    assert [path.name for path in copy.folder.iterdir()] == ["lock"]


@pytest.mark.usefixtures("tracking")
@pytest.mark.parametrize(("known", "removed"), [(FirstSeen(), 0), (ByColumn("day_sold"), 1)])
def test_rows_that_no_source_delivers_again_are_never_removed(declare, land, sales, set_clock, known, removed):
    use_case = declare(Files(str(sales), known=known))
    set_clock(datetime(2020, 3, 3, 0, 0, tzinfo=UTC))  # an hour after midnight in Berlin
    assert land(use_case, "2020-03-03")
    project, period = open_project(use_case), Period("2020-03-03")
    table = f"raw/{use_case.feeds[0].name}"
    rows = project.lake.as_of(period).read(table, period, period).drop_columns(["period"])
    other: pa.Table = rows.slice(0, 1)
    project.lake.replace(table, period, other, inputs={}, stage="land")
    plan = maintenance_plan.build_cleanup_plan(project, later(4_000))
    assert len([item for item in plan.items_of("superseded file") if item.table == table]) == removed
