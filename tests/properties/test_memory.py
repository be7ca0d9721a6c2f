"""Building, or rebuilding, features of a larger day takes no more memory than sorting rows may take.

The memory of Delta's writer is not ours: some 300 MB more at nine million rows than at three.
"""

import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest

from include import settings
from include.declaration.period import Period
from include.lake import schemas
from include.lake.lake import Lake
from tests.customers_use_case import source as customers_source
from tests.toy_use_case import source as toy_source
from tests.toys import CUSTOMERS, EVENTS

SORTING_MB = 256
"""What DuckDB may use to put rows in order before it spills: only this may grow with the number of rows."""
MEASURED = """
import sys, threading, time
from include.declaration.period import Period
from include.features import materialize
from include.lake.lake import Lake
from {package} import USE_CASE
peak = 0
def watch():
    global peak
    while True:
        status = dict(line.split(":", 1) for line in open("/proc/self/status"))
        peak = max(peak, int(status["RssAnon"].split()[0]) // 1024)
        time.sleep(0.02)
threading.Thread(target=watch, daemon=True).start()
day = Period(sys.argv[1])
view = Lake.open(USE_CASE).as_of(day, "{megabytes}MB")
print(materialize.materialize(USE_CASE, "features", "build", view, since=day).partition.rows, peak)
"""


def many_events(period: Period, rows: int) -> pa.Table:
    return toy_source.everything(period, rows).drop_columns(["failed"])


def many_customers(period: Period, rows: int) -> pa.Table:
    """The day's customers again and again, each under a number of its own."""
    some = customers_source.customers(period)
    there = some.take(pa.array(np.arange(rows) % some.num_rows))
    return there.set_column(0, "customer_id", pa.array(customers_source.FIRST_ID + np.arange(rows)))


@pytest.mark.slow
@pytest.mark.skipif(not Path("/proc/self/status").exists(), reason="memory is read from /proc")
@pytest.mark.parametrize(
    ("toy", "many"), [(EVENTS, many_events), (CUSTOMERS, many_customers)], ids=[EVENTS.name, CUSTOMERS.name]
)
def test_three_times_the_rows_take_no_more_memory_than_sorting_may(lake_home, toy, many):
    lake, peaks, first = Lake.open(toy.use_case), [], toy.periods[3]
    for period, number in ((first, 3_000_000), (first + 1, 9_000_000)):
        for feed in toy.use_case.feeds:
            rows = many(period, number) if feed.name == toy.main_feed else getattr(toy.source, feed.name)(period)
            # Arrow cannot repeat a list no times.
            clean = pa.repeat(pa.scalar([], schemas.REASONS.type), max(rows.num_rows, 1)).slice(0, rows.num_rows)
            checked = rows.append_column(schemas.REASONS, clean)
            lake.replace(f"checked/{feed.name}", period, checked, inputs={}, stage="test")
            del rows, clean, checked
        code = MEASURED.format(megabytes=SORTING_MB, package=toy.use_case.package)
        command = [sys.executable, "-c", code, period.key]
        environment = {**os.environ, "PYTHONPATH": str(settings.REPOSITORY)}
        # The lesser of two; the first one writes: on a busy machine DuckDB's threads hold their parts longer.
        peaks.append(min(_peak(command, environment, number) for _ in range(2)))
    # The rows are 200 MB more. From 3 million on, the sort spills and the writer's row group is full.
    assert peaks[1] < peaks[0] + 180, f"{peaks} MB for 3 and 9 million rows"


def _peak(command: list[str], environment: dict[str, str], rows: int) -> int:
    said = subprocess.run(command, env=environment, capture_output=True, text=True, check=True).stdout.split()
    assert int(said[-2]) == rows
    return int(said[-1])
