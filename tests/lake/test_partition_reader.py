"""Read rows of a file by their places: each row once, and no row group without one."""

from __future__ import annotations

from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from include.lake import partition_reader

ROWS, GROUP = 100, 30
SCHEMA = pa.schema([("id", pa.int64()), ("kind", pa.string())])


@pytest.fixture(scope="module")
def file(tmp_path_factory: pytest.TempPathFactory) -> str:
    path: Path = tmp_path_factory.mktemp("rows") / "rows.parquet"
    rows = pa.table({"id": range(ROWS), "other": [0.5] * ROWS, "kind": [f"k{n}" for n in range(ROWS)]})
    pq.write_table(rows, path, row_group_size=GROUP)
    return str(path)


def ids(file: str, rows: range, batch_rows: int = 7) -> list[int]:
    batches = list(partition_reader.read_rows("toy/features", file, SCHEMA, rows, batch_rows))
    assert all(batch.schema == SCHEMA and 0 < batch.num_rows <= batch_rows for batch in batches)
    return [number for batch in batches for number in batch["id"].to_pylist()]


@pytest.mark.parametrize("size", [1, 7, 29, 30, 31, 64, 99, 100, 101])
@pytest.mark.parametrize("batch_rows", [1, 8, 1000])
def test_ranges_in_a_row_have_every_row_once_in_its_place(file, size, batch_rows):
    parts = [ids(file, range(first, min(first + size, ROWS)), batch_rows) for first in range(0, ROWS, size)]
    assert [number for part in parts for number in part] == list(range(ROWS))
    assert all(len(part) == size for part in parts[:-1])


def test_a_range_without_rows_has_none(file):
    assert ids(file, range(5, 5)) == ids(file, range(ROWS, ROWS + 9)) == []


@pytest.mark.parametrize(
    ("rows", "groups", "first"),
    [
        (range(30), [0], 0),
        (range(29, 31), [0, 1], 0),
        (range(30, 60), [1], 30),
        (range(60, 61), [2], 60),
        (range(95, 100), [3], 90),
        (range(100), [0, 1, 2, 3], 0),
    ],
)
def test_only_row_groups_with_such_rows_are_read(file, rows, groups, first):
    with partition_reader.open_file(file) as opened:
        assert partition_reader._row_groups(opened.metadata, rows) == (groups, first)
