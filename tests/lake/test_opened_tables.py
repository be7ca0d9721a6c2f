"""A table is opened once and not for each use, and what is read is still the newest, and stays what it was."""

from __future__ import annotations

import pyarrow as pa
import pytest
from deltalake.exceptions import CommitFailedError

from include.declaration.period import Period
from include.lake import history, table_writer
from include.lake.lake import Lake
from tests.toy_use_case import USE_CASE

pytestmark = pytest.mark.both_places
DAY, NEXT = Period("2020-01-09"), Period("2020-01-10")
TABLE = "labels"


def rows(count: int) -> pa.Table:
    values = {"event_date": [DAY.start_date] * count, "id": [*range(count)], "failed": [0] * count}
    return pa.table(values, schema=pa.schema([("event_date", pa.date32()), ("id", pa.int64()), ("failed", pa.int8())]))


def write(lake: Lake, count: int, period: Period = DAY) -> None:
    lake.replace(TABLE, period, rows(count), inputs={}, stage="test", code="c")


def count_rows(lake: Lake) -> int:
    return lake.as_of(NEXT).read(TABLE).num_rows


@pytest.fixture
def lake(lake_home) -> Lake:
    lake = Lake.open(USE_CASE)
    write(lake, 1)
    return lake


def test_a_snapshot_stays_what_it_was_when_the_same_lake_commits(lake):
    before = lake.as_of(NEXT)
    version = before.version(TABLE)
    write(lake, 2)
    write(lake, 3, NEXT)
    assert (before.version(TABLE), before.read(TABLE).num_rows) == (version, 1)
    assert count_rows(lake) == 5


def test_what_another_process_commits_is_read_and_built_upon(lake):
    assert count_rows(lake) == 1
    write(Lake.open(USE_CASE), 2)
    assert count_rows(lake) == 2
    write(Lake.open(USE_CASE), 4, NEXT)
    write(lake, 3)
    assert count_rows(lake) == count_rows(Lake.open(USE_CASE)) == 7


def test_a_table_is_opened_once_unless_a_snapshot_keeps_its_state(lake, monkeypatch):
    opened = []
    real = history.open_table
    monkeypatch.setattr(history, "open_table", lambda uri, *given: opened.append(uri) or real(uri, *given))
    task = Lake.open(USE_CASE)
    assert count_rows(task) == 1
    assert task.find_unchanged(TABLE, NEXT, inputs={}, code="c") is None
    write(task, 2, NEXT)
    assert count_rows(task) == 3
    assert task.find_unchanged(TABLE, NEXT, inputs={}, code="c")
    assert len(opened) == 1
    kept = task.as_of(NEXT)
    version = kept.version(TABLE)
    write(task, 3, NEXT)
    assert (kept.version(TABLE), task.as_of(NEXT).version(TABLE)) == (version, version + 1)
    assert len(opened) == 2


def test_a_commit_that_failed_leaves_no_state_behind(lake, monkeypatch):
    real, failures = table_writer.TableWriter._commit, [CommitFailedError("lost a race")]

    def fail_once(writer, delta, period, actions, notes):
        if failures:
            lost = failures.pop()
            write(Lake.open(USE_CASE), 5, NEXT)  # the writer that won
            raise lost
        return real(writer, delta, period, actions, notes)

    monkeypatch.setattr(table_writer.TableWriter, "_commit", fail_once)
    write(lake, 2)
    assert count_rows(lake) == count_rows(Lake.open(USE_CASE)) == 7
