"""Delivered files are read in one limited process per day; if it ends, the file is refused with a reason."""

from __future__ import annotations

import gzip
from datetime import timedelta
from pathlib import Path
from typing import Any

import psutil
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from include.declaration.landing import LEAST_MEMORY, LandingBucket
from include.ingestion import row_spool
from include.ingestion.read_budget import Budget
from include.ingestion.row_spool import RowSpool
from include.ingestion.spooled_rows import rows_at_once
from include.untrusted.errors import UntrustedContentError
from tests.ingestion.hostile_files import Meter, measure, parquet, repeated
from tests.refusals import raises

pytestmark = pytest.mark.security

SCHEMA = pa.schema([("id", pa.int64()), ("name", pa.string())])
GOOD = pa.table({"id": [1, 2], "name": ["a", None]}, SCHEMA)
CSV = "id,name\n1,a\n2,\n"


@pytest.fixture
def meter(monkeypatch: pytest.MonkeyPatch) -> Meter:
    found = Meter()
    measure(found, monkeypatch)
    return found


def spool(folder: Path, contents: dict[str, bytes | str], **limits: Any) -> tuple[pa.Table, RowSpool]:
    kind = "parquet" if any(name.endswith(".parquet") for name in contents) else "csv"
    landing = LandingBucket("landing", "x/{period}/", format=kind, **limits)
    with RowSpool(folder / "rows.parquet", SCHEMA, landing) as found:
        for name, content in contents.items():
            copy = folder / "file"
            copy.write_bytes(content.encode() if isinstance(content, str) else content)
            found.append(copy, name)
        (path,) = found.finish()
    return pq.read_table(path), found


def test_all_files_of_a_day_are_read_by_one_process_which_ends_with_them(tmp_path, monkeypatch):
    seen = []
    real = row_spool.UntrustedProcess.call
    monkeypatch.setattr(
        row_spool.UntrustedProcess, "call", lambda self, *given: (real(self, *given), seen.append(self.pid))[0]
    )
    rows, _ = spool(tmp_path, {"a.csv": CSV, "b.csv.gz": gzip.compress(CSV.encode())})
    assert rows.to_pylist() == GOOD.to_pylist() * 2
    assert len(set(seen)) == 1 and not psutil.pid_exists(seen[0])


def test_without_a_file_no_process_is_started(tmp_path):
    with RowSpool(tmp_path / "rows.parquet", SCHEMA, LandingBucket("landing", "x/{period}/")) as found:
        assert found.finish() == [] and found._process.pid is None


@pytest.mark.parametrize("plain", [False, True])
def test_a_few_bytes_that_unpack_to_gigabytes_take_little_memory_and_are_refused(tmp_path, meter, plain):
    content = repeated(2_000, 1_500_000, plain=plain, id=1)
    assert len(content) < 10_000
    with raises(UntrustedContentError, "134,217,728", kind="refused"):
        spool(tmp_path, {"x.parquet": content})
    assert 0 < meter.bytes < 400 << 20


@pytest.mark.parametrize("dictionary", [True, False])
def test_a_value_that_cannot_be_measured_without_unpacking_it_ends_the_process_and_not_the_task(
    tmp_path, meter, dictionary
):
    rows = pa.table({"id": [1], "name": ["x" * 250_000_000]}, SCHEMA)
    content = parquet(rows, compression="zstd", use_dictionary=dictionary, write_statistics=False)
    del rows
    with raises(UntrustedContentError, "300,000,000", "max_memory", kind="memory"):
        spool(tmp_path, {"x.parquet": content}, max_memory=LEAST_MEMORY)
    assert meter.bytes < 2 * LEAST_MEMORY


def test_a_file_that_takes_too_long_is_refused(tmp_path):
    many = parquet(pa.table({"id": pa.nulls(50_000_000, pa.int64()), "name": pa.nulls(50_000_000, pa.string())}))
    with raises(UntrustedContentError, "0.5", "max_time", kind="time"):
        spool(tmp_path, {"a.parquet": parquet(GOOD), "x.parquet": many}, max_time=timedelta(seconds=0.5))


def test_limits_count_all_files_of_the_day(tmp_path):
    with raises(UntrustedContentError, "4", "max_rows=3"):
        spool(tmp_path, {"a.csv": CSV, "b.csv": CSV}, max_rows=3)
    with raises(UntrustedContentError, "max_bytes=20"):
        spool(tmp_path, {"a.csv": CSV, "b.csv": CSV}, max_bytes=20)


def test_a_zip_that_states_more_than_the_day_may_hold_is_not_unpacked(tmp_path):
    import io
    import zipfile

    sink = io.BytesIO()
    with zipfile.ZipFile(sink, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("a.csv", CSV + "3,c\n" * 1_000)
    with raises(UntrustedContentError, "max_bytes=1,000"):
        spool(tmp_path, {"x.zip": sink.getvalue()}, max_bytes=1_000)
    rows, found = spool(tmp_path, {"x.zip": sink.getvalue()}, max_bytes=len(CSV) + 4_000)
    assert rows.num_rows == found.budget.rows == 1_002


def test_a_header_of_many_columns_is_refused_with_their_number(tmp_path):
    header = ",".join(f"c{n}" for n in range(60_000))
    with raises(UntrustedContentError, "60,000", "10,000") as refused:
        spool(tmp_path, {"x.csv": header})
    assert len(str(refused.value)) < 500


def test_rows_are_taken_at_once_as_their_length_allows(tmp_path):
    def at_once(size: int) -> int:
        return rows_at_once(spool(tmp_path, {"x.csv": f"id,name\n1,{'x' * size}\n"})[1].budget)

    assert at_once(10) == at_once(2_000) == 65_536
    assert at_once(60_000) == 2_236
    assert at_once(1_000_000) == 65_536, "rows that count as long are limited in their sum"


def test_the_spool_is_cut_by_rows_and_by_bytes():
    batches = [pa.record_batch([["x" * size]], names=["name"]) for size in (1, 1, 1)]
    assert [table.num_rows for table in row_spool.row_groups(iter(batches))] == [3]
    large = pa.record_batch([pa.array(["x" * (1 << 20)] * 35)], names=["name"])
    assert [table.num_rows for table in row_spool.row_groups(iter([large] * 5))] == [35] * 5


def test_a_schema_is_the_same_after_its_way_as_text():
    assert row_spool.decoded(row_spool.encoded(SCHEMA)).equals(SCHEMA)
    assert Budget(1, 2).bytes == 0
