"""Building features of a larger day takes no more memory than putting rows in order may; nor does building them again.

What Delta's writer holds while it writes is not ours: some 300 MB more at nine million rows than at three.
"""

import os
import subprocess
import sys
from datetime import date, timedelta
from pathlib import Path

import pyarrow as pa
import pytest

from include import settings
from include.storage import schemas
from include.storage.lake import Lake
from tests.toy_use_case import USE_CASE, source

DAY = date(2020, 1, 10)
SORTING_MB = 256
"""What DuckDB may use to put rows in order before it spills: only this may grow with the number of rows."""
MEASURED = f"""
import sys, threading, time
from datetime import date
from include.stages import derive
from include.storage.lake import Lake
from tests.toy_use_case import USE_CASE
peak = 0
def watch():
    global peak
    while True:
        status = dict(line.split(":", 1) for line in open("/proc/self/status"))
        peak = max(peak, int(status["RssAnon"].split()[0]) // 1024)
        time.sleep(0.02)
threading.Thread(target=watch, daemon=True).start()
day = date.fromisoformat(sys.argv[1])
view = Lake.of(USE_CASE).as_of(day, "{SORTING_MB}MB")
print(derive.write(USE_CASE, "features", "build", view, since=day).partition.rows, peak)
"""


@pytest.mark.slow
@pytest.mark.skipif(not Path("/proc/self/status").exists(), reason="memory is read from /proc")
def test_three_times_the_rows_take_no_more_memory_than_sorting_may(lake_home):
    lake, peaks = Lake.of(USE_CASE), []
    for day, rows in ((DAY, 3_000_000), (DAY + timedelta(days=1), 9_000_000)):
        events = source.everything(day, rows).drop_columns(["failed"])
        clean = pa.repeat(pa.scalar([], schemas.REASONS.type), rows)
        lake.replace("checked/events", day, events.append_column(schemas.REASONS, clean), inputs={}, stage="test")
        del events, clean
        command = [sys.executable, "-c", MEASURED, day.isoformat()]
        environment = {**os.environ, "PYTHONPATH": str(settings.REPOSITORY)}
        # The lesser of two, the first of which writes: on a busy machine DuckDB's threads hold their parts longer.
        peaks.append(min(_peak(command, environment, rows) for _ in range(2)))
    # The rows are 200 MB more. From 3 million on, the sort spills and the writer's row group is full.
    assert peaks[1] < peaks[0] + 180, f"{peaks} MB for 3 and 9 million rows"


def _peak(command: list[str], environment: dict[str, str], rows: int) -> int:
    said = subprocess.run(command, env=environment, capture_output=True, text=True, check=True).stdout.split()
    assert int(said[-2]) == rows
    return int(said[-1])
