"""A disk that fills up during a step: an error, no partial data, and the same tables after space is freed."""

from __future__ import annotations

import errno
import resource
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from include.declaration.period import Period
from include.features import build
from include.ingestion import ingest, validate
from include.lake import integrity
from include.lake.lake import Lake
from include.lake.object_store import is_unfinished
from include.project import open_project
from tests.drills import life, processes
from tests.drills.report import Row
from tests.toy_use_case import USE_CASE

DAYS = [Period("2020-01-02") + n for n in range(3)]
STAGES = (ingest.ingest_period, validate.validate_period, build.build_features)


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """A folder that is a file system of its own; skipped where the user may not mount one."""
    folder = tmp_path / "disk"
    folder.mkdir()
    asked = subprocess.run(["mount", "-t", "tmpfs", "-o", "size=4m", "tmpfs", folder], capture_output=True, text=True)
    if asked.returncode:
        pytest.skip(f"a small disk cannot be mounted here (not root, or no right to): {asked.stderr.strip()}")
    yield folder
    subprocess.run(["umount", "-l", folder], check=True)


@pytest.fixture(scope="module")
def undisturbed(tmp_path_factory) -> dict:
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("AIRWORTHY_HOME", str(tmp_path_factory.mktemp("undisturbed")))
        for period in DAYS:
            for stage in STAGES:
                stage(open_project(USE_CASE), period)
        return life.tables()


def fill(disk: Path, leave: int) -> Path:
    """A file that takes all of the disk but that many bytes."""
    ballast = disk / "ballast"
    with ballast.open("wb", buffering=0) as sink:
        try:
            while True:
                sink.write(bytes(4096))
        except OSError as error:
            if error.errno != errno.ENOSPC:
                raise
    with ballast.open("r+b") as sink:
        sink.truncate(max(0, ballast.stat().st_size - leave))
    return ballast


def says(error: Exception, *words: str) -> bool:
    text = f"{error} {error.__cause__} {error.__context__}"
    return any(word in text for word in words)


def whole() -> bool:
    """Whether every day that a table says it holds is there to the last row."""
    view = Lake.open(USE_CASE).as_of(DAYS[-1])
    return not any(
        integrity.broken_periods(view, table, DAYS[0] - 9, DAYS[-1])
        for table in life.tables()
        if table.startswith(("raw/", "checked/", "features", "labels"))
    )


@pytest.mark.slow
def test_a_disk_that_is_full_breaks_the_task_leaves_nothing_half_there_and_with_room_the_days_are_the_same(
    small_disk, undisturbed, survived, configure
):
    configure(home=small_disk, commit="tests")
    failed, intact = 0, True
    for period in DAYS:
        for number, stage in enumerate(STAGES):
            for leave in (0, 6_000, 30_000 * (number + 1)):
                ballast = fill(small_disk, leave)
                try:
                    stage(open_project(USE_CASE), period)
                except Exception as error:  # whatever it is called: it must say that there is no room
                    if not says(error, "No space left", "os error 28"):
                        raise
                    failed += 1
                ballast.unlink()
                intact &= whole()
            stage(open_project(USE_CASE), period)
    found = life.tables()
    assert failed > len(DAYS), "the disk was hardly ever full"
    assert not [path for path in small_disk.rglob("*") if is_unfinished(path.name)]
    lost = life.rows_lost(undisturbed, found)
    survived(
        Row(
            "the disk is full",
            "files are whole or absent; the task fails",
            failed,
            lost,
            intact and found == undisturbed,
        )
    )


def _limited(period: Period, size: int) -> None:
    """In a process of its own: no file may become larger than that; ends with 0 where that broke a stage."""
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, size))
    try:
        for stage in STAGES:
            stage(open_project(USE_CASE), period)
    except Exception as error:
        if not says(error, "File too large", "os error 27"):
            raise
    else:
        raise AssertionError("nothing broke")


@pytest.mark.drill
def test_files_that_may_not_grow_break_the_task_leave_nothing_half_there_and_then_the_days_are_the_same(
    lake_home, undisturbed, survived
):
    lake_home.mkdir()
    for size in (300, 1500, 3000):
        processes.run(_limited, DAYS[0], size)
        assert whole()
    for period in DAYS:
        for stage in STAGES:
            stage(open_project(USE_CASE), period)
    found = life.tables()
    lost = life.rows_lost(undisturbed, found)
    survived(
        Row(
            "files may not grow (RLIMIT_FSIZE)",
            "files are whole or absent; the task fails",
            3,
            lost,
            found == undisturbed,
        )
    )
