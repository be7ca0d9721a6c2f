"""Integrity: a day is intact while its file has the bytes that were written."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from deltalake import write_deltalake

from include.declaration.period import Period
from include.lake import file_checksum, integrity, schemas
from include.lake.integrity import PartitionCorruptedError
from include.lake.lake import Lake
from include.lake.object_store import StoragePath
from include.lake.partitions import LogCorruptedError
from tests.toy_use_case import USE_CASE

pytestmark = pytest.mark.both_places
TABLE, DAY = "raw/outcomes", Period("2020-01-01")
NEXT = DAY + 1
ROWS = pa.table(
    {"event_date": [DAY.start_date] * 3, "id": [1, 2, 3], "failed": [0, 1, 0]},
    schema=pa.schema([("event_date", pa.date32()), ("id", pa.int64()), ("failed", pa.int8())]),
)


@pytest.fixture
def lake(lake_home) -> Lake:
    lake = Lake.open(USE_CASE)
    lake.replace(TABLE, DAY, ROWS, inputs={}, stage="test")
    return lake


def file_of(lake: Lake, period: Period = DAY) -> StoragePath:
    [(_, place)] = lake.as_of(period).storage_paths(TABLE, period, period)
    return place


def readers(lake: Lake):
    view = lake.as_of(NEXT)
    return (view.read, view.table, view.batches)


def flip_a_bit(content: bytes) -> bytes:
    middle = len(content) // 3
    return content[:middle] + bytes([content[middle] ^ 1]) + content[middle + 1 :]


@pytest.mark.parametrize("damage", [flip_a_bit, lambda content: content[:-7], lambda content: b""])
def test_a_file_with_other_bytes_is_noticed_by_every_reader_and_mended_by_writing_the_day_again(lake, damage):
    broken = file_of(lake)
    broken.write(damage(broken.read()))
    for read in readers(lake):
        with pytest.raises(PartitionCorruptedError) as refused:
            read(TABLE)
        assert refused.value.damage == file_checksum.CHANGED
    assert integrity.broken_periods(lake.as_of(DAY), TABLE, DAY, DAY) == {DAY: file_checksum.CHANGED}
    assert lake.replace(TABLE, DAY, ROWS, inputs={}, stage="test").changed
    assert lake.as_of(DAY).read(TABLE).drop_columns(["period"]).equals(ROWS)


def test_a_flipped_bit_is_noticed_in_a_process_that_has_read_the_file_before(lake):
    lake.as_of(DAY).read(TABLE)
    broken = file_of(lake)
    broken.write(flip_a_bit(broken.read()))
    with pytest.raises(PartitionCorruptedError) as refused:
        lake.as_of(DAY).read(TABLE)
    assert refused.value.damage == file_checksum.CHANGED


def test_other_rows_under_the_name_of_the_file_are_noticed(lake, tmp_path):
    """A valid file, as one restored from another place."""
    other = tmp_path / "other.parquet"
    pq.write_table(ROWS.take([0, 1, 1]).append_column("period", pa.array([DAY.start_date] * 3)), other)
    file_of(lake).write(other.read_bytes())
    with pytest.raises(PartitionCorruptedError) as refused:
        lake.as_of(DAY).read(TABLE)
    assert refused.value.damage == file_checksum.CHANGED


def change_log(lake: Lake, change: Callable[[dict[str, Any]], None]) -> None:
    """Change the file's entry in the newest commit of the table, as a flipped bit would."""
    log = lake.root / TABLE / "_delta_log" / f"{lake.delta(TABLE).version():020}.json"
    actions = [json.loads(line) for line in log.read().decode().splitlines()]
    change(next(action["add"] for action in actions if "add" in action))
    log.write("\n".join(map(json.dumps, actions)).encode())


def test_a_file_that_the_log_counts_to_another_day_is_noticed(lake):
    change_log(lake, lambda entry: entry["partitionValues"].update(period="2020-01-02"))
    for read in readers(Lake.open(USE_CASE)):  # which reads the log: a task reads it once
        with pytest.raises(PartitionCorruptedError) as refused:
            read(TABLE)
        assert (refused.value.period, refused.value.damage) == (NEXT, integrity.OTHER_PERIOD)


def test_a_log_without_the_number_of_rows_is_named(lake):
    change_log(lake, lambda entry: entry.update(stats=entry["stats"].replace("numRecords", "numRecorda")))
    for read in readers(Lake.open(USE_CASE)):
        with pytest.raises(LogCorruptedError) as refused:
            read(TABLE)
        assert "outcomes" in refused.value.table


def test_a_lost_file_is_noticed_and_mended(lake):
    file_of(lake).remove()
    for read in readers(lake):
        with pytest.raises(PartitionCorruptedError) as refused:
            read(TABLE)
        assert refused.value.damage == file_checksum.GONE
    assert lake.replace(TABLE, DAY, ROWS, inputs={}, stage="test").changed
    assert lake.as_of(DAY).read(TABLE).num_rows == 3


def test_a_day_that_another_writer_has_committed_is_refused_and_can_be_written_again(lake):
    stored = ROWS.append_column("period", pa.array([DAY.start_date] * 3)).append_column(
        "digest", pa.array(["b2-x"] * 3)
    )
    stored = stored.select(schemas.stored_schema(USE_CASE, TABLE).names)
    write_deltalake(lake.delta(TABLE), stored, mode="overwrite", predicate=f"period = '{DAY}'")
    with pytest.raises(PartitionCorruptedError) as refused:
        lake.as_of(DAY).read(TABLE)
    assert refused.value.damage == file_checksum.FOREIGN
    lake.replace(TABLE, DAY, ROWS, inputs={}, stage="test")
    assert lake.as_of(DAY).read(TABLE).num_rows == 3


def test_only_the_damaged_day_is_refused(lake):
    lake.replace(TABLE, NEXT, ROWS.slice(0, 1), inputs={}, stage="test")
    file_of(lake).remove()
    assert lake.as_of(NEXT).read(TABLE, NEXT).num_rows == 1
    assert integrity.broken_periods(lake.as_of(NEXT), TABLE, DAY, NEXT) == {DAY: file_checksum.GONE}


def test_the_bytes_of_a_file_are_hashed_once_per_process(lake, monkeypatch):
    hashed: list[str] = []
    real = file_checksum.hashlib.file_digest

    def counted(file, algorithm):
        hashed.append(Path(file.name).name)
        return real(file, algorithm)

    monkeypatch.setattr(file_checksum.hashlib, "file_digest", counted)
    lake.replace(TABLE, NEXT, ROWS.slice(0, 1), inputs={}, stage="test")
    view = lake.as_of(NEXT)
    assert view.table(TABLE, checked=False).count().to_pyarrow().as_py() == 4
    assert hashed == [], "unchecked"
    for _ in range(2):
        view.read(TABLE, DAY, DAY), view.read(TABLE), view.table(TABLE, NEXT)
        if lake.root.is_local:
            lake.as_of(NEXT).read(TABLE)
    assert sorted(hashed) == sorted(file_of(lake, period).name for period in (DAY, NEXT))


def test_what_breaks_an_unchecked_reader_is_explained_as_damage(lake):
    file_of(lake).remove()
    view = lake.as_of(DAY)
    with pytest.raises(PartitionCorruptedError) as refused, view.diagnose_read_errors(TABLE):
        view.table(TABLE, checked=False).count().to_pyarrow()
    assert refused.value.damage == file_checksum.GONE
