"""Behaviour of the lake on the toy use case's outcomes (event_date, id, failed)."""

import gc
import hashlib
import tempfile
from concurrent.futures import ProcessPoolExecutor
from multiprocessing import get_context
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from include import settings
from include.declaration.period import Period
from include.errors import ColumnsError
from include.lake import file_checksum, history, integrity, table_commit, table_writer
from include.lake.lake import Lake
from include.lake.object_store import StoragePath
from include.lake.partition_writer import RowsUnsortedError
from tests.refusals import raises
from tests.toy_use_case import USE_CASE

pytestmark = pytest.mark.both_places
TABLE = "raw/outcomes"
FIRST, SECOND = Period("2020-01-01"), Period("2020-01-02")


def rows(*ids: int, failed: int = 0) -> pa.Table:
    schema = pa.schema([("event_date", pa.date32()), ("id", pa.int64()), ("failed", pa.int8())])
    return pa.table(
        {"event_date": [FIRST.start_date] * len(ids), "id": list(ids), "failed": [failed] * len(ids)}, schema=schema
    )


def write(content: pa.Table | pa.RecordBatchReader, period: Period = FIRST) -> table_commit.Commit:
    return Lake.open(USE_CASE).replace(TABLE, period, content, inputs={"source": "x"}, stage="test")


def test_writing_the_same_rows_again_in_another_order_commits_nothing(lake_home):
    first, second = write(rows(2, 1)), write(rows(1, 2))
    assert (first.changed, second.changed) == (True, False)
    assert first.version == second.version == Lake.open(USE_CASE).delta(TABLE).version()


def test_other_rows_replace_the_day_and_leave_other_days_alone(lake_home):
    write(rows(1)), write(rows(7), SECOND)
    assert write(rows(2, 3)).changed
    view = Lake.open(USE_CASE).as_of(SECOND)
    assert view.read(TABLE, order_by=["period", "id"]).to_pydict()["id"] == [2, 3, 7]
    assert view.partitions(TABLE)[FIRST].rows == 2


def test_a_view_holds_nothing_later_than_its_day(lake_home):
    write(rows(1)), write(rows(2), SECOND)
    view = Lake.open(USE_CASE).as_of(FIRST)
    assert view.read(TABLE)["id"].to_pylist() == [1]
    assert view.read(TABLE, until=SECOND)["id"].to_pylist() == [1]
    assert list(view.partitions(TABLE, until=SECOND)) == [FIRST]


@pytest.mark.parametrize("before", [(), (1,)])
def test_an_empty_day_is_a_partition_of_no_rows_and_is_committed_once(lake_home, before):
    """It was run and is empty, which is not the same as a day that was never run."""
    if before:
        write(rows(*before))
    assert write(rows()).changed
    assert not write(rows()).changed
    view = Lake.open(USE_CASE).as_of(SECOND)
    assert view.read(TABLE).num_rows == view.table(TABLE).count().to_pyarrow().as_py() == 0
    assert {period: there.rows for period, there in view.partitions(TABLE).items()} == {FIRST: 0}
    assert view.digest(TABLE, FIRST) and not view.digest(TABLE, SECOND)


def test_a_day_that_is_withdrawn_is_missing_again_and_stays_in_the_history(lake_home):
    then = write(rows(1)).version
    lake = Lake.open(USE_CASE)
    assert lake.remove_partition(TABLE, FIRST, stage="test").changed
    assert not lake.remove_partition(TABLE, FIRST, stage="test").changed
    assert lake.as_of(FIRST).partitions(TABLE) == {}
    assert lake.at_versions(FIRST, {TABLE: then}).read(TABLE)["id"].to_pylist() == [1]
    assert write(rows(1)).changed


def test_a_stream_that_is_not_in_key_order_is_refused(lake_home):
    write(rows(5))
    unsorted = pa.concat_tables([rows(1, 4), rows(2)])
    with pytest.raises(RowsUnsortedError) as refused:
        write(unsorted.to_reader(max_chunksize=2))
    assert (refused.value.period, refused.value.keys[:2]) == (FIRST, ("event_date", "id"))
    assert Lake.open(USE_CASE).as_of(FIRST).read(TABLE)["id"].to_pylist() == [5]


def test_a_day_is_one_file_in_key_order_that_holds_its_day_and_is_named_by_its_checksum(lake_home):
    write(rows(3, 1, 2))
    view = Lake.open(USE_CASE).as_of(FIRST)  # on S3, the files go with it
    [(_, path)] = view.files(TABLE, FIRST, FIRST)
    content = pq.read_table(path, partitioning=None)
    assert content.to_pydict() == {
        "event_date": [FIRST.start_date] * 3,
        "id": [1, 2, 3],
        "failed": [0] * 3,
        "period": [FIRST.start_date] * 3,
    }
    assert Path(path).name.startswith(hashlib.sha256(Path(path).read_bytes()).hexdigest())


def test_of_two_writers_of_a_new_day_at_once_one_wins_and_the_other_looks_again(lake_home, monkeypatch):
    """Without a transaction that both name, Delta lets both in, and the day holds the rows of both."""
    commit, others = table_writer.TableWriter._commit, [rows(1)]

    def raced(writer, *arguments):
        if others:
            write(others.pop())
        return commit(writer, *arguments)

    write(rows(9), SECOND)
    monkeypatch.setattr(table_writer.TableWriter, "_commit", raced)
    assert write(rows(2, 3)).changed
    assert Lake.open(USE_CASE).as_of(FIRST).read(TABLE)["id"].to_pylist() == [2, 3]
    assert len(Lake.open(USE_CASE).as_of(FIRST).storage_paths(TABLE)) == 1


@pytest.mark.parametrize("again", [{"inputs": {"source": "y"}}, {"code": "c-2"}])
def test_equal_rows_from_other_inputs_or_code_commit_their_notes_once_and_no_rows(lake_home, again):
    lake, first = Lake.open(USE_CASE), {"inputs": {"source": "x"}, "code": "c-1", "stage": "test"}
    before = lake.replace(TABLE, FIRST, rows(1), **first)
    lake.replace(TABLE, SECOND, rows(2), **first)
    files = lake.as_of(SECOND).storage_paths(TABLE)
    assert not lake.replace(TABLE, FIRST, rows(1), **first).changed
    assert lake.delta(TABLE).version() == before.version + 1, "nothing was committed"
    noted = [lake.replace(TABLE, FIRST, rows(1), **(first | again)) for _ in range(2)]
    assert [(each.changed, each.version) for each in noted] == [(False, before.version + 2)] * 2
    assert lake.as_of(SECOND).storage_paths(TABLE) == files
    newest, *_, oldest = [note for note in history.read_commit_notes(lake.uri(TABLE)) if note.period == FIRST]
    assert (newest.digest, newest.rows) == (oldest.digest, oldest.rows)
    assert (newest.inputs, newest.code) == ((first | again)["inputs"], (first | again)["code"])


@pytest.mark.parametrize(
    ("wrong", "found"),
    [
        (rows(1).drop_columns(["failed"]), (("failed",), (), ())),
        (rows(1).append_column("more", pa.array([1])), ((), ("more",), ())),
        (rows(1).set_column(2, "failed", pa.array(["0"])), ((), (), ("failed is string, declared int8",))),
    ],
)
def test_other_columns_or_types_are_refused_before_anything_is_written(lake_home, wrong, found):
    write(rows(5))
    with pytest.raises(ColumnsError) as refused:
        write(wrong)
    assert (refused.value.missing, refused.value.extra, refused.value.types) == found
    assert Lake.open(USE_CASE).as_of(FIRST).read(TABLE)["id"].to_pylist() == [5]


@pytest.mark.parametrize(("table", "is_declared"), [(TABLE, True), ("metrics", False)])
def test_other_columns_are_refused_with_advice_on_who_defines_them(lake_home, table, is_declared):
    with raises(ColumnsError, extra=("about",)) as refused:
        Lake.open(USE_CASE).replace(table, FIRST, pa.table({"about": ["2020-01-01"]}), inputs={}, stage="test")
    assert ("airworthy rebuild toy metrics --from PERIOD" not in str(refused.value)) == is_declared


def test_a_stream_and_a_table_of_the_same_rows_are_the_same_content(lake_home):
    assert write(rows(1, 2, 3)).changed
    assert not write(rows(1, 2, 3).to_reader(max_chunksize=2)).changed


def test_a_commit_carries_digest_row_counts_and_inputs(lake_home):
    commit = write(rows(1, 2))
    notes = Lake.open(USE_CASE).delta(TABLE).history(1)[0]
    assert (notes["digest"], notes["rows"], notes["input.source"]) == (commit.partition.digest, "2", "x")


def test_paths_with_spaces_and_umlauts_work(lake_home, configure):
    configure(lake=f"{settings.current_settings().lake}/a läke of mine")
    write(rows(1))
    assert Lake.open(USE_CASE).as_of(FIRST).read(TABLE).num_rows == 1


def _write_days(numbers: list[int]) -> int:
    return sum(write(rows(n), Period(f"2020-02-{n:02}")).changed for n in numbers)


@pytest.mark.slow
@pytest.mark.both_places(long=True)
def test_racing_writers_of_a_new_table_all_succeed(lake_home):
    """Four processes create the table at once and write 24 days, each day twice."""
    parts = [list(range(1 + n % 2, 25, 2)) for n in range(4)]
    # Spawned: the Delta library must not be used before a fork.
    with ProcessPoolExecutor(4, mp_context=get_context("spawn")) as pool:
        changed = sum(pool.map(_write_days, parts))
    view = Lake.open(USE_CASE).as_of(Period("2020-02-28"))
    assert sorted(view.read(TABLE)["id"].to_pylist()) == list(range(1, 25))
    assert changed == 24


def test_of_two_first_writers_at_once_the_second_leaves_the_day_alone_with_if_absent(lake_home, monkeypatch):
    """The other one commits between this one's look and its commit."""
    commit, others = table_writer.TableWriter._commit, [rows(1)]

    def overtaken(writer, *arguments):
        if others:
            write(others.pop())
        return commit(writer, *arguments)

    monkeypatch.setattr(table_writer.TableWriter, "_commit", overtaken)
    lake = Lake.open(USE_CASE)
    for _ in range(2):
        mine = lake.replace(TABLE, FIRST, rows(2, 3), inputs={}, stage="test", if_absent=True)
        assert (mine.changed, mine.partition.rows, mine.version) == (False, 1, 1)
    assert lake.as_of(FIRST).read(TABLE)["id"].to_pylist() == [1]
    assert lake.replace(TABLE, SECOND, rows(2, 3), inputs={}, stage="test", if_absent=True).changed


def test_a_write_that_dies_before_its_commit_leaves_the_old_day_whole(lake_home, monkeypatch):
    write(rows(1, 2))

    def broken(*args, **kwargs):
        raise OSError("disk full")

    monkeypatch.setattr(table_writer.DeltaTable, "create_write_transaction", broken)
    with pytest.raises(OSError, match="disk full"):
        write(rows(9))
    assert sorted(Lake.open(USE_CASE).as_of(FIRST).read(TABLE)["id"].to_pylist()) == [1, 2]


# -- what is read of it


def test_rows_can_be_read_after_the_view_that_they_came_from_is_gone(lake_home):
    write(rows(2, 1))
    table = Lake.open(USE_CASE).as_of(FIRST).table(TABLE)
    batches = Lake.open(USE_CASE).as_of(FIRST).batches(TABLE, order_by=["id"])
    gc.collect()
    assert batches.read_all()["id"].to_pylist() == [1, 2]
    assert sorted(table.to_pyarrow()["id"].to_pylist()) == [1, 2]


def test_what_was_fetched_of_a_lake_goes_with_the_last_who_reads_it(lake_home, tmp_path, monkeypatch):
    (tmp_path / "temporary").mkdir()
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path / "temporary"))
    write(rows(1)), write(rows(2), SECOND)
    view = Lake.open(USE_CASE).as_of(SECOND)
    view.read(TABLE, FIRST, FIRST)
    first = fetched(tmp_path)
    table = view.table(TABLE)
    assert len(first) == (0 if view.lake.root.is_local else 1)
    assert len(fetched(tmp_path)) == 2 * len(first) and first <= fetched(tmp_path), "a file is fetched once"
    del view
    gc.collect()
    assert table.count().to_pyarrow().as_py() == 2
    del table
    gc.collect()
    assert fetched(tmp_path) == set() and not list((tmp_path / "temporary").iterdir())


def fetched(folder: Path) -> set[tuple[str, int]]:
    """Name and time of each file that was fetched."""
    return {(str(path), path.stat().st_mtime_ns) for path in (folder / "temporary").rglob("*.parquet")}


# -- as it was, and who wrote it


def test_a_pinned_view_reads_a_table_as_it_was(lake_home):
    then = write(rows(1)).version
    write(rows(2, 3)), write(rows(4), SECOND)
    view = Lake.open(USE_CASE).at_versions(SECOND, {TABLE: then})
    assert view.read(TABLE)["id"].to_pylist() == view.table(TABLE).to_pyarrow()["id"].to_pylist() == [1]
    assert (list(view.partitions(TABLE)), view.version(TABLE)) == ([FIRST], then)
    assert Lake.open(USE_CASE).at_versions(FIRST, {TABLE: None}).read(TABLE)["id"].to_pylist() == [2, 3]


@pytest.mark.parametrize("version", [0, 99, None])
def test_a_version_that_is_not_there_is_reported_and_makes_no_table(lake_home, version):
    with pytest.raises(history.TableVersionMissingError) as refused:
        Lake.open(USE_CASE).at_versions(FIRST, {TABLE: version})
    assert refused.value.uri.endswith("outcomes") and refused.value.version == version
    assert not StoragePath.parse(settings.current_settings().lake).exists()


def test_the_history_of_a_day_names_who_wrote_what_and_from_what(lake_home):
    first = write(rows(1)).version
    write(rows(7), SECOND)
    second = Lake.open(USE_CASE).replace(TABLE, FIRST, rows(2), inputs={"a": "x"}, stage="test", versions={"b/c": 5})
    write(rows(1))
    notes = history.read_commit_notes(Lake.open(USE_CASE).uri(TABLE))
    newest, note, _, oldest = notes
    assert [each.period for each in notes] == [FIRST, FIRST, SECOND, FIRST]
    assert (note.version, note.digest, note.rows) == (second.version, second.partition.digest, 1)
    assert (note.inputs, note.versions, note.stage) == ({"a": "x"}, {"b/c": 5}, "test")
    assert history.commit_that_wrote(notes, FIRST, oldest.digest) == newest
    assert history.commit_that_wrote(notes, FIRST, oldest.digest, until=second.version).version == first
    assert history.commit_that_wrote(notes, SECOND, oldest.digest) is None


def test_other_versions_read_alone_make_no_commit(lake_home):
    before = write(rows(1))
    again = Lake.open(USE_CASE).replace(
        TABLE, FIRST, rows(1), inputs={"source": "x"}, stage="test", versions={"b/c": 6}
    )
    assert (again.changed, again.version) == (False, before.version)


def test_vacuuming_writes_no_day_and_takes_only_what_is_not_current(lake_home):
    then = write(rows(1)).version
    write(rows(2))
    Lake.open(USE_CASE).delta(TABLE).vacuum(0, dry_run=False, enforce_retention_duration=False)
    assert len(history.read_commit_notes(Lake.open(USE_CASE).uri(TABLE))) == 2
    old, now = (Lake.open(USE_CASE).at_versions(FIRST, {TABLE: version}) for version in (then, None))
    assert integrity.broken_periods(old, TABLE, FIRST, FIRST) == {FIRST: file_checksum.GONE}
    assert integrity.broken_periods(now, TABLE, FIRST, FIRST) == {}
