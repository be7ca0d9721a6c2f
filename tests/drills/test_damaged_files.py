"""Damaged files in the lake are never read as valid: an error names table, day and remedy.

The remedy is then applied, after which everything is as it was before the damage.
"""

from __future__ import annotations

import random
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

from include.declaration.period import Period
from include.features import build
from include.ingestion import ingest, validate
from include.lake import file_checksum, integrity
from include.lake.history import TableVersionMissingError
from include.lake.integrity import PartitionCorruptedError
from include.lake.lake import Lake
from include.project import open_project
from tests.drills import life
from tests.drills.report import Row
from tests.toy_use_case import USE_CASE

DAYS = [Period("2020-01-02") + n for n in range(3)]
DAMAGED, LAST = DAYS[1], DAYS[-1]
STAGES = (ingest.ingest_period, validate.validate_period, build.build_features)


def truncated(content: bytes, rng: random.Random) -> bytes:
    return content[: rng.randrange(len(content))]


def flipped(content: bytes, rng: random.Random) -> bytes:
    changed = bytearray(content)
    changed[rng.randrange(len(changed))] ^= 1 << rng.randrange(8)
    return bytes(changed)


def zeroed(content: bytes, rng: random.Random) -> bytes:
    start = rng.randrange(len(content))
    return content[:start] + bytes(min(512, len(content) - start)) + content[start + 512 :]


DAMAGES: dict[str, Callable[[bytes, random.Random], bytes | None]] = {
    "is truncated": truncated,
    "has one bit flipped": flipped,
    "has a block of zeros": zeroed,
    "is gone": lambda content, rng: None,
}
READERS: dict[str, Callable[[], object]] = {
    "raw/events": lambda: validate.validate_period(open_project(USE_CASE), DAMAGED),
    "checked/events": lambda: build.build_features(open_project(USE_CASE), LAST),  # a day that it looks back at
    "features": lambda: Lake.open(USE_CASE).as_of(LAST).batches("features", DAMAGED, DAMAGED).read_all(),
}
"""Table to what reads the damaged day of it."""


def run(period: Period) -> None:
    for stage in STAGES:
        stage(open_project(USE_CASE), period)


@pytest.fixture(scope="module")
def healthy(tmp_path_factory) -> tuple[Path, dict]:
    """A home with three days, and what its tables hold."""
    home = tmp_path_factory.mktemp("healthy")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("AIRWORTHY_HOME", str(home))
        for period in DAYS:
            run(period)
        return home, life.tables()


def in_a_copy(healthy: tuple[Path, dict], home: Path, patch: pytest.MonkeyPatch) -> None:
    shutil.copytree(healthy[0], home, ignore=shutil.ignore_patterns("data_docs"))
    patch.setenv("AIRWORTHY_HOME", str(home))


def noticed(table: str) -> bool:
    """Whether reading the damaged day was refused, in words that name it and what to do."""
    try:
        READERS[table]()
    except PartitionCorruptedError as error:
        text = str(error)
        assert f"{table} of {DAMAGED} is damaged" in text and f"Run toy__data for {DAMAGED} again" in text, text
        return True
    return False


def drill(healthy, table: str, how: str, trials: int, folder: Path, patch: pytest.MonkeyPatch) -> Row:
    rng, reference, refused, wrong, lost = random.Random(f"{table} {how}"), healthy[1], 0, 0, 0
    for trial in range(trials):
        in_a_copy(healthy, folder / str(trial), patch)
        ((_, path),) = Lake.open(USE_CASE).as_of(DAMAGED).files(table, DAMAGED, DAMAGED)
        content = DAMAGES[how](Path(path).read_bytes(), rng)
        Path(path).unlink() if content is None else Path(path).write_bytes(content)
        refused += noticed(table)
        run(DAMAGED)
        run(LAST)
        view, found = Lake.open(USE_CASE).as_of(LAST), life.tables()
        broken = {name: integrity.broken_periods(view, name, DAYS[0], LAST) for name in ("raw/events", *READERS)}
        lost += life.rows_lost(reference, found)
        wrong += found != reference or any(broken.values())
        shutil.rmtree(folder / str(trial))
    guard = (
        f"SHA-256 in names: {refused} of {trials} days refused, of the others all was right; a rerun writes it again"
    )
    return Row(f"a file of {table} {how}", guard, trials, lost, not wrong)


@pytest.mark.slow
@pytest.mark.parametrize(("table", "how"), [("raw/events", "is truncated"), ("checked/events", "has one bit flipped")])
def test_a_damaged_file_is_noticed_and_mended_by_running_its_day_again(
    healthy, survived, tmp_path, monkeypatch, table, how
):
    survived(drill(healthy, table, how, 2, tmp_path, monkeypatch))


@pytest.mark.drill
@pytest.mark.parametrize("how", DAMAGES)
@pytest.mark.parametrize("table", READERS)
def test_a_file_damaged_anywhere_is_noticed_and_mended_by_running_its_day_again(
    healthy, survived, tmp_path, monkeypatch, table, how
):
    survived(drill(healthy, table, how, 6, tmp_path, monkeypatch))


def test_a_flipped_bit_that_reads_as_another_number_is_noticed(healthy, tmp_path, monkeypatch):
    """The damage that no format finds: the file can be read, and its rows are others."""
    import pyarrow as pa
    import pyarrow.compute as pc
    import pyarrow.parquet as pq

    in_a_copy(healthy, tmp_path / "home", monkeypatch)
    ((_, path),) = Lake.open(USE_CASE).as_of(DAMAGED).files("checked/events", DAMAGED, DAMAGED)
    rows = pq.read_table(path, partitioning=None)
    sizes = pc.if_else(pc.equal(rows["id"], 7), pa.scalar(9.5), rows["size"])
    pq.write_table(rows.set_column(rows.column_names.index("size"), "size", sizes), path)
    with pytest.raises(PartitionCorruptedError) as refused:
        build.build_features(open_project(USE_CASE), LAST)
    assert refused.value.damage == file_checksum.CHANGED


LEFTOVERS = ("a temporary commit", "a data file without a commit", "half a temporary data file")


def leave(what: str, table: Path) -> None:
    """What a killed writer, or one whose disk was cut off, may leave in a table."""
    log = table / "_delta_log"
    newest = max(log.glob("0*.json")).read_bytes()
    file = next(table.rglob("*.parquet"))
    if what == "a temporary commit":
        (log / "_commit_0f1e2d3c.json.tmp").write_bytes(newest[: len(newest) // 2])
    elif what == "a data file without a commit":
        shutil.copyfile(file, file.with_name(f"part-00000-{'0' * 8}-c000.snappy.parquet"))
    else:
        file.with_name("part-00001-0-c000.snappy.parquet#1").write_bytes(file.read_bytes()[:100])


@pytest.mark.slow
@pytest.mark.parametrize("what", LEFTOVERS)
def test_what_a_killed_writer_leaves_is_no_part_of_the_table(healthy, survived, tmp_path, monkeypatch, what):
    in_a_copy(healthy, tmp_path / "home", monkeypatch)
    tables = ("raw/events", "checked/events", "features")
    for table in tables:
        leave(what, tmp_path / "home" / "lake" / "toy" / table)
    assert life.tables() == healthy[1]
    for period in DAYS:
        run(period)
    found = life.tables()
    lost = life.rows_lost(healthy[1], found)
    survived(Row(f"half a commit: {what}", "only what the log names is read", len(tables), lost, found == healthy[1]))


def broken_off(commit: bytes, where: str) -> bytes:
    lines = commit.splitlines(keepends=True)
    return {"in a line": commit[: len(commit) // 2], "between lines": lines[0], "at its start": b""}[where]


@pytest.mark.slow
@pytest.mark.parametrize("where", ["in a line", "between lines", "at its start"])
def test_a_commit_that_is_broken_off_is_refused_or_its_day_is_missing_and_a_rerun_makes_it(
    healthy, survived, tmp_path, monkeypatch, where
):
    """As after a power cut, of a disk that had not written the file yet: the commit renames a file that is whole."""
    in_a_copy(healthy, tmp_path / "home", monkeypatch)
    tables = ("raw/events", "checked/events", "features")
    for table in tables:
        newest = max((tmp_path / "home" / "lake" / "toy" / table / "_delta_log").glob("0*.json"))
        newest.write_bytes(broken_off(newest.read_bytes(), where))
        if where == "in a line":
            with pytest.raises(TableVersionMissingError) as refused:
                life.tables()
            assert refused.value.uri.endswith(table)
            newest.rename(newest.with_suffix(".moved"))
    assert LAST not in life.tables()["features"]
    run(LAST)
    found = life.tables()
    lost = life.rows_lost(healthy[1], found)
    guard = "refused with what to do" if where == "in a line" else "the day is not there, so the stage lands it"
    survived(Row(f"half a commit: broken off {where}", guard, len(tables), lost, found == healthy[1]))
