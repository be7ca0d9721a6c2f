"""Measuring of a step: the values are those of the step itself, and a run without work is not recorded."""

import subprocess
import sys
import time
from datetime import UTC, datetime

import pytest

from include.lake.object_store import StoragePath
from include.monitoring import durations, process_usage, step_cost
from include.monitoring.durations import CPU_SECONDS, PEAK_MEMORY, SECONDS, StepCost
from include.monitoring.process_usage import UsageMeter
from include.monitoring.slowdown import CostFigure
from include.pipelines.context import DataRun
from include.project import open_data_project, open_project
from include.settings import REPOSITORY
from tests.conftest import AS_OF
from tests.sharing.feature_groups.kind_quality import FEATURE_GROUP as GROUP
from tests.toy_use_case import USE_CASE

MEGABYTE = 2**20
BEGAN = datetime(2026, 1, 1, tzinfo=UTC)
ALLOCATE = "block = bytearray({size}); block[::4096] = b'x' * len(block[::4096])"
"""Touches each page, so that the memory is resident."""
linux_only = pytest.mark.skipif(sys.platform != "linux", reason="only Linux measures it")


def allocate(size: int) -> None:
    exec(ALLOCATE.format(size=size))


def burn(seconds: float) -> None:
    until = time.process_time() + seconds
    while time.process_time() < until:
        pass


@linux_only
def test_a_block_that_allocates_300_mb_shows_it_and_the_next_one_does_not():
    with UsageMeter() as large:
        allocate(300 * MEGABYTE)
    with UsageMeter() as small:
        allocate(MEGABYTE)
    assert large.usage.peak_is_of_block
    # The kernel counts resident pages in batches.
    assert 295 * MEGABYTE <= large.usage.peak_memory - large.usage.memory_before < 400 * MEGABYTE
    assert small.usage.peak_memory - small.usage.memory_before < 100 * MEGABYTE


@linux_only
def test_the_memory_of_a_process_that_the_block_started_counts():
    size = max(process_usage._peak_of_children(), process_usage._resident(process_usage.PROC)) + 100 * MEGABYTE
    with UsageMeter() as meter:
        subprocess.run([sys.executable, "-c", ALLOCATE.format(size=size)], check=True)
    assert meter.usage.peak_memory >= size


def test_processor_time_is_that_of_the_block_and_of_its_processes_and_waiting_is_none():
    with UsageMeter() as burning:
        burn(0.3)
    with UsageMeter() as waiting:
        subprocess.run([sys.executable, "-c", "import time; time.sleep(0.5)"], check=True)
    program = "import time\nwhile time.process_time() < 0.4: pass"
    with UsageMeter() as starting:
        subprocess.run([sys.executable, "-c", program], check=True)
    assert 0.3 <= burning.usage.cpu_seconds <= burning.usage.seconds + 0.1
    assert waiting.usage.seconds >= 0.5 and waiting.usage.cpu_seconds < 0.4
    assert starting.usage.cpu_seconds >= 0.4


@linux_only
def test_bytes_are_those_that_the_block_reads_and_writes(tmp_path):
    file = tmp_path / "file"
    with UsageMeter() as writing:
        file.write_bytes(bytes(5_000_000))
    with UsageMeter() as reading:
        file.read_bytes()
    assert 5_000_000 <= writing.usage.written_bytes < 5_010_000 and writing.usage.read_bytes < 10_000
    assert 5_000_000 <= reading.usage.read_bytes < 5_010_000 and reading.usage.written_bytes < 10_000
    assert reading.usage.downloaded_bytes == reading.usage.uploaded_bytes == 0


@pytest.mark.slow
def test_files_on_s3_are_counted_apart(bucket, tmp_path):
    place, file = StoragePath.parse(bucket) / "file", tmp_path / "file"
    file.write_bytes(bytes(700_000))
    with UsageMeter() as writing:
        place.put(file)
        (place.parse(bucket) / "created").create(bytes(20_000))
        (place.parse(bucket) / "created").create(bytes(20_000))  # exists: nothing is written
    with UsageMeter() as reading:
        place.read()
    assert (writing.usage.uploaded_bytes, writing.usage.downloaded_bytes) == (720_000, 0)
    assert (reading.usage.uploaded_bytes, reading.usage.downloaded_bytes) == (0, 700_000)
    assert reading.usage.read_bytes < 100_000, "a socket is no file"


@pytest.mark.usefixtures("lake_home")
def test_where_the_peak_cannot_be_reset_it_is_that_of_the_process_and_says_so(tmp_path):
    (tmp_path / "status").symlink_to("/proc/self/status")
    with step_cost.measure_step(open_project(USE_CASE), "score", AS_OF, proc=tmp_path) as work:
        work.done(changed=True, amount=1)
    found = work.cost.figure_of(PEAK_MEMORY)
    assert (found.missing_reason, found.breached) == (step_cost.OF_PROCESS, None) and found.value > 0


def test_without_proc_the_rest_is_measured(tmp_path):
    with UsageMeter(tmp_path / "missing") as meter:
        burn(0.05)
    assert (meter.usage.read_bytes, meter.usage.written_bytes, meter.usage.peak_is_of_block) == (None, None, False)
    assert meter.usage.cpu_seconds >= 0.05 and meter.usage.peak_memory > 10 * MEGABYTE


@pytest.mark.usefixtures("lake_home")
def test_a_step_is_recorded_with_its_amount_and_announced():
    announced = []
    run = DataRun(open_project(USE_CASE), AS_OF, {}, announce_cost=announced.append)
    with run.measured("ingest") as work:
        burn(0.05)
        work.done(changed=True, amount=7)
    (found,) = durations.read_costs(run.project, AS_OF, AS_OF)
    assert announced == [found] and (found.step, found.amount, found.amount_text) == ("ingest", 7, "7 rows")
    assert found.figure_of(CPU_SECONDS).value >= 0.05 and found.figure_of(SECONDS).value >= 0.05


@pytest.mark.usefixtures("lake_home")
def test_a_step_that_found_its_work_done_or_failed_is_not_recorded():
    run = DataRun(open_project(USE_CASE), AS_OF, {}, announce_cost=lambda cost: pytest.fail("announced"))
    with run.measured("ingest") as work:
        work.done(changed=False, amount=7)

    def fail() -> None:
        with run.measured("ingest") as work:
            work.done(changed=True, amount=7)
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        fail()
    assert durations.read_costs(run.project, AS_OF, AS_OF) == []


@pytest.mark.usefixtures("lake_home")
def test_only_the_first_time_in_a_process_is_cold():
    step_cost._done.clear()
    project, found = open_project(USE_CASE), []
    for step in ("score", "score", "measure"):
        with step_cost.measure_step(project, step, AS_OF) as work:
            work.done(changed=True)
        found.append(work.cost.warm)
    assert found == [False, True, False]


def test_a_cost_that_cannot_be_written_does_not_fail_the_step(lake_home, caplog):
    (lake_home / "lake" / USE_CASE.name).mkdir(parents=True)
    (lake_home / "lake" / USE_CASE.name / "durations").write_text("no folder")
    with step_cost.measure_step(open_project(USE_CASE), "score", AS_OF) as work:
        work.done(changed=True)
    assert work.cost is None and "score of 2020-03-01" in caplog.text


def test_every_step_of_the_pipelines_is_measured_in_the_one_place():
    text = "".join((REPOSITORY / "include/pipelines" / f"{name}.py").read_text()
                   for name in ("data", "score", "monitor", "train"))  # fmt: skip
    assert [step for step in durations.STEPS if text.count(f'run.measured("{step}")') != 1] == []


@pytest.mark.usefixtures("lake_home")
def test_the_steps_of_a_feature_group_are_recorded_with_the_group_and_judged():
    project = open_data_project(GROUP)
    for day in range(4):
        figures = (CostFigure(CPU_SECONDS, 9.0 if day == 3 else 1.0),)
        cost = StepCost("ingest", AS_OF + day, BEGAN, False, 5, None, 0, figures)
        found = step_cost.record_cost(project, cost)
    assert found.figures[0].breached and found.figures[0].limit == 3.0
    assert (project.root / "durations/ingest").names() == ["2020"] and "_feature_groups" in project.root.uri
