"""Files of a declared path become the rows of a period, without a function in source.py."""

from __future__ import annotations

import os
import resource
import tempfile
import time
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from include.connections import ConnectionMissingError
from include.declaration.period import Period
from include.errors import DataError, NotReadyError
from include.ingestion.ingest_source import reader_of
from include.ingestion.row_spool import RowSpool
from include.ingestion.sources.base import Context, FileInvalidError, NotDeliveredError
from include.project import open_project
from include.settings import current_settings
from include.use_case import ByColumn, ByPath, Files
from tests.ingestion.sources.conftest import COLUMNS

HEAD = "day_sold,id,shop,amount\n"
SALES = HEAD + "2020-03-01,1,north,2.5\n2020-03-02,2,south,\n2020-03-02,3,,4\n2020-03-03,4,north,1\n"
ON_THE_SECOND = [
    {"day_sold": date(2020, 3, 2), "id": 2, "shop": "south", "amount": None},
    {"day_sold": date(2020, 3, 2), "id": 3, "shop": None, "amount": 4.0},
]


def children_seconds() -> float:
    """The processor time of processes that have ended."""
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime


@pytest.fixture
def sales(tmp_path: Path) -> Path:
    path = tmp_path / "sales.csv"
    path.write_text(SALES)
    return path


def test_rows_of_one_file_are_known_when_the_period_of_their_date_has_ended(declare, land, sales):
    use_case = declare(Files(str(sales), known=ByColumn("day_sold")))
    assert land(use_case, "2020-03-03") == ON_THE_SECOND
    assert [row["id"] for row in land(use_case, "2020-03-02")] == [1]
    with pytest.raises(NotDeliveredError):
        land(use_case, "2020-03-01")


def test_rows_that_are_known_in_advance_are_read_by_the_run_of_their_date(declare, land, sales):
    use_case = declare(Files(str(sales), known=ByColumn("day_sold", delay_periods=0)))
    assert land(use_case, "2020-03-02") == ON_THE_SECOND


def test_a_file_is_read_once_for_all_its_periods_and_again_when_it_has_changed(declare, land, sales, monkeypatch):
    read: list[str] = []
    append = RowSpool.append
    monkeypatch.setattr(RowSpool, "append", lambda spool, file, name: (read.append(name), append(spool, file, name))[1])
    use_case = declare(Files(str(sales), known=ByColumn("day_sold")))
    assert [len(land(use_case, f"2020-03-0{day}")) for day in (3, 2, 4, 3)] == [2, 1, 1, 2]
    assert read == [str(sales)]
    os.utime(sales, (1, 1))
    assert len(land(use_case, "2020-03-03")) == 2
    assert read == [str(sales)], "its bytes are the same"
    sales.write_text(SALES.replace("2020-03-03,4", "2020-03-02,4"))
    assert [row["id"] for row in land(use_case, "2020-03-03")] == [2, 3, 4]
    declared_otherwise = declare(Files(str(sales), known=ByColumn("day_sold"), nulls=("", "north")))
    assert [row["shop"] for row in land(declared_otherwise, "2020-03-03")] == ["south", None, None]
    assert read == [str(sales)] * 3


def test_a_kept_copy_that_is_damaged_or_removed_is_made_again(declare, land, sales):
    use_case = declare(Files(str(sales), known=ByColumn("day_sold")))
    land(use_case, "2020-03-03")
    (kept,) = (current_settings().home / "kept_rows").rglob("rows.parquet")
    os.utime(sales, (1, 1))
    kept.write_bytes(b"PAR1 and nothing else")
    assert land(use_case, "2020-03-03") == ON_THE_SECOND
    kept.unlink()
    assert land(use_case, "2020-03-03") == ON_THE_SECOND


def test_a_period_without_rows_waits_and_then_fails_unless_it_may_be_empty(declare, land, sales, set_clock):
    source = Files(str(sales), known=ByColumn("day_sold"), wait=timedelta(hours=4))
    set_clock(datetime(2020, 3, 5, 0, 0, tzinfo=UTC))  # an hour after midnight in Berlin
    with pytest.raises(NotDeliveredError) as waits:
        land(declare(source), "2020-03-05")
    assert waits.value.retryable and timedelta(0) < waits.value.retry_after <= timedelta(hours=1)
    set_clock(datetime(2020, 3, 5, 3, 0, tzinfo=UTC))
    with pytest.raises(NotDeliveredError) as failed:
        land(declare(source), "2020-03-05")
    assert not failed.value.retryable
    sales.write_text(SALES + "2020-03-04,5,north,1\n")
    assert [row["id"] for row in land(declare(source), "2020-03-05")] == [5], "the next try finds them"
    set_clock(datetime(2020, 3, 7, tzinfo=UTC))
    assert land(declare(replace(source, may_be_empty=True)), "2020-03-06") == []


def test_a_period_that_is_read_again_changes_nothing_though_the_file_has_grown(declare, land_commit, sales):
    use_case = declare(Files(str(sales), known=ByColumn("day_sold")))
    first = land_commit(use_case, "2020-03-03")
    sales.write_text(SALES + "2020-03-04,5,north,1\n")
    again = land_commit(use_case, "2020-03-03")
    assert first.changed and not again.changed and again.partition == first.partition


def test_a_column_of_the_period_need_not_be_one_of_the_feed(declare, land, sales):
    columns = {name: kind for name, kind in COLUMNS.items() if name != "day_sold"}
    use_case = declare(Files(str(sales), known=ByColumn("day_sold")), columns=columns)
    assert [row["id"] for row in land(use_case, "2020-03-03")] == [2, 3]
    assert set(land(use_case, "2020-03-03")[0]) == set(columns)


def test_times_are_of_the_local_day_also_when_the_clock_is_changed(declare, land, tmp_path):
    path = tmp_path / "events.csv"
    # Europe/Berlin: 29 March 2020 lasts from 28 March 23:00 to 29 March 22:00 UTC.
    times = ["2020-03-28T22:59:59.999999Z", "2020-03-28T23:00:00Z", "2020-03-29T21:59:59Z", "2020-03-29T22:00:00Z"]
    path.write_text("id,at\n" + "".join(f"{number},{at}\n" for number, at in enumerate(times)))
    columns = {"id": "int64", "at": "timestamp"}
    use_case = declare(Files(str(path), known=ByColumn("at")), columns=columns)
    assert [[row["id"] for row in land(use_case, period)] for period in ("2020-03-29", "2020-03-30", "2020-03-31")] == [
        [0],
        [1, 2],
        [3],
    ]


@pytest.mark.parametrize("kind", ["csv", "parquet", "jsonl"])
def test_a_path_names_its_period_in_any_format(declare, land, tmp_path, kind):
    folder = tmp_path / "2020" / "03-02"
    folder.mkdir(parents=True)
    rows = pa.Table.from_pylist(
        ON_THE_SECOND,
        pa.schema([("day_sold", pa.date32()), ("id", pa.int64()), ("shop", pa.string()), ("amount", pa.float64())]),
    )
    lines = ['{"day_sold":"2020-03-02","id":2,"shop":"south","amount":null}\n', "\n"]
    lines += ['{"day_sold":"2020-03-02","id":3,"shop":null,"amount":4}']
    if kind == "parquet":
        pq.write_table(rows, folder / "b.parquet")
    else:
        text = HEAD + "2020-03-02,2,south,\n2020-03-02,3,,4\n" if kind == "csv" else "".join(lines)
        (folder / f"b.{kind}").write_text(text)
    (folder / f"_hidden.{kind}").write_text("not read")
    path = f"{tmp_path}/{{period:%Y/%m-%d}}/*.{kind}"
    assert land(declare(Files(path, format=kind)), "2020-03-02") == ON_THE_SECOND
    assert land(declare(Files(path, format=kind, known=ByPath(delay_periods=1))), "2020-03-03") == ON_THE_SECOND


def test_a_relative_path_begins_in_the_folder_of_the_use_case(declare, land):
    with pytest.raises(NotDeliveredError) as missing:
        land(declare(Files("no/{period}.csv")), "2020-03-02")
    assert isinstance(missing.value, NotReadyError) and not missing.value.retryable
    assert "no/2020-03-02.csv" in str(missing.value)


def test_a_period_that_will_never_have_a_file_is_empty(declare, land, tmp_path):
    use_case = declare(Files(f"{tmp_path}/{{period}}.csv"), missing_periods=frozenset({Period("2020-03-02")}))
    assert land(use_case, "2020-03-02") == []


@pytest.mark.parametrize(
    ("kind", "content", "reason"),
    [
        ("csv", SALES + "2020-03-02,5,north,much\n", r"'amount'.*Row #6.*much"),
        ("csv", SALES + "2020-03-02,5\n", "Row #6: Expected 4 columns, got 2"),
        ("csv", SALES.replace("shop", "branch"), r"lacks 'shop', has undeclared 'branch'"),
        ("csv", SALES + ",5,north,1\n", "1 rows have no 'day_sold'"),
        ("jsonl", '{"day_sold":"2020-03-02","id":1,"shop":"","amount":1}\n{"id":', "line 2 is not JSON"),
        ("jsonl", '{"day_sold":"2020-03-02","id":1,"shop":"","amount":"1"}', "column 'amount': '1'"),
        ("jsonl", '{"day_sold":"2020-03-02","id":1.5,"shop":"","amount":1}', "column 'id': 1.5"),
        ("jsonl", '{"day_sold":"2020-03-02","id":1,"amount":1}', r"line 1 lacks 'shop'"),
        ("jsonl", '{"day_sold":"2020-03-02","id":1,"shop":"","amount":1,"x":1}', r"line 1 has undeclared 'x'"),
        ("jsonl", "[1]", "line 1 is not a JSON object"),
    ],
)
def test_a_file_that_cannot_be_read_is_refused_with_the_line(declare, land, tmp_path, kind, content, reason):
    path = tmp_path / f"sales.{kind}"
    path.write_text(content)
    with pytest.raises(FileInvalidError, match=reason) as refused:
        land(declare(Files(str(path), format=kind, known=ByColumn("day_sold"))), "2020-03-03")
    assert isinstance(refused.value, DataError) and not refused.value.retryable
    assert str(path) in str(refused.value)


def test_columns_that_are_declared_as_ignored_are_not_read(declare, land, sales):
    columns = {name: kind for name, kind in COLUMNS.items() if name != "shop"}
    source = Files(str(sales), known=ByColumn("day_sold"))
    with pytest.raises(FileInvalidError, match=r"undeclared 'shop'"):
        land(declare(source, columns=columns), "2020-03-03")
    use_case = declare(replace(source, ignored_columns=("shop",)), columns=columns)
    assert [row["id"] for row in land(use_case, "2020-03-03")] == [2, 3]


def test_rows_of_a_late_run_do_not_exceed_the_decision_time(declare, land, sales):
    early = Files(str(sales), known=ByColumn("day_sold", delay_periods=0))
    with pytest.raises(DataError, match="known, by 'day_sold', only after"):
        land(declare(early, known_at="day_sold"), "2020-03-02")


def test_fsspec_opens_other_addresses(declare, land, tmp_path):
    import fsspec

    memory = fsspec.filesystem("memory")
    memory.pipe("/shop/2020-03-02.csv", (HEAD + "2020-03-02,2,south,\n2020-03-02,3,,4\n").encode())
    assert land(declare(Files("memory://shop/{period}.csv")), "2020-03-02") == ON_THE_SECOND
    with pytest.raises(NotDeliveredError):
        land(declare(Files("memory://shop/{period}.csv")), "2020-03-03")


@pytest.mark.slow
def test_files_on_s3_are_read_with_the_connection(declare, land, landing):
    landing.put("sales/2020-03-02/a.csv", HEAD + "2020-03-02,2,south,\n")
    landing.put("sales/2020-03-02/b.csv", HEAD + "2020-03-02,3,,4\n")
    landing.put("sales/2020-03-02/_done.csv", "not read")
    landing.put("sales/2020-03-02/a.txt", "not read")
    path = f"s3://{landing.name}/sales/{{period}}/*.csv"
    assert land(declare(Files(path)), "2020-03-02") == ON_THE_SECOND
    with pytest.raises(NotDeliveredError):
        land(declare(Files(path)), "2020-03-03")
    with pytest.raises(ConnectionMissingError, match="'elsewhere'"):
        land(declare(Files(path, conn_id="elsewhere")), "2020-03-02")


@pytest.mark.slow
def test_one_big_file_is_filtered_in_bounded_memory(declare, land, tmp_path):
    path = tmp_path / "sales.csv"
    line = "2020-03-{:02d},{},{},1\n"
    with path.open("w") as file:
        file.write(HEAD)
        for period in range(1, 21):
            file.writelines(line.format(period, period * 1_000_000 + number, "x" * 100) for number in range(100_000))
    assert path.stat().st_size > 200_000_000
    use_case = declare(Files(str(path), known=ByColumn("day_sold"), max_memory=400_000_000))
    assert len(land(use_case, "2020-03-11")) == 100_000
    project, seconds = open_project(use_case), []
    for period in map(Period, ("2020-03-12", "2020-03-13")):
        with tempfile.TemporaryDirectory() as folder:
            reader = reader_of(Context(project, use_case.feeds[0], Path(folder)))
            begun = time.process_time()
            assert sum(batch.num_rows for batch in reader.batches(period)) == 100_000
            seconds.append(time.process_time() - begun)
    (kept,) = (current_settings().home / "kept_rows").rglob("kept.json")
    kept.unlink()
    with tempfile.TemporaryDirectory() as folder:
        reader = reader_of(Context(project, use_case.feeds[0], Path(folder)))
        begun, before = time.process_time(), children_seconds()
        assert sum(batch.num_rows for batch in reader.batches(Period("2020-03-12"))) == 100_000
        whole = time.process_time() - begun + children_seconds() - before
    assert min(seconds) * 10 < whole, (seconds, whole)
