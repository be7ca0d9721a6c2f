"""What building features costs against the same query in hand-written DuckDB, side by side in one run.

`.venv/bin/python -m benchmarks.features [rows a day] [look-back days]`: a synthetic feed, by default 100,000 rows on
each of 28 look-back days. Each is measured in a process of its own, libraries imported, the rows written beforehand:
trust the ratio of the CPU-seconds. By hand, nothing is verified, digested or committed: files are read, the same sums
are made, one file is written.
"""

from __future__ import annotations

import json
import os
import resource
import subprocess
import sys
import tempfile
from dataclasses import replace
from pathlib import Path

import duckdb
import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from include.declaration.period import Period
from include.features import materialize
from include.lake import schemas
from include.lake.lake import Lake
from include.use_case import Feed, UseCase
from tests.toy_use_case import USE_CASE as TOY

ROWS, LOOK_BACK = 100_000, 28
FIRST = Period("2020-01-01")
COLUMNS = {
    "event_date": "date32",
    "id": "int64",
    "customer": "int32",
    "kind": "string",
    "cents": "int64",
    "size": "float64",
}
QUERY = """
copy (
    with past as (
        select customer, count(*) as count, sum(cents)::bigint as amount, max(cents) as largest
        from read_parquet({past}) group by customer
    )
    select event_date, id, cents, count, amount, largest
    from read_parquet({today}) left join past using (customer) order by event_date, id
) to '{target}' (format parquet)
"""


def use_case(look_back: int) -> UseCase:
    events = Feed(name="events", columns=COLUMNS, keys=("event_date", "id"))
    kinds = {"cents": "int64", "count": "int64", "amount": "int64", "largest": "int64"}
    feeds = (events, *(feed for feed in TOY.feeds if feed.name != "events"))
    return replace(TOY, feeds=feeds, features=kinds, look_back_periods=look_back, package="benchmarks.features_case")


def rows_of(period: Period, rows: int) -> pa.Table:
    rng = np.random.default_rng(period.start_date.toordinal())
    columns = {
        "event_date": pa.repeat(pa.scalar(period.start_date), rows),
        "id": np.arange(rows),
        "customer": pa.array(rng.integers(0, max(rows // 5, 1), rows), pa.int32()),
        "kind": rng.choice(["a", "bb", "ccc"], rows),
        "cents": rng.integers(0, 100_000, rows),
        "size": rng.normal(0, 1, rows),
    }
    return pa.table(columns, schema=pa.schema({name: pa.type_for_alias(kind) for name, kind in COLUMNS.items()}))


def fill(folder: Path, rows: int, look_back: int) -> None:
    lake, last = Lake.open(use_case(look_back)), FIRST + look_back
    (folder / "by_hand").mkdir()
    for period in (FIRST + n for n in range(look_back + 1)):
        landed = rows_of(period, rows)
        pq.write_table(landed, folder / "by_hand" / f"{period}.parquet")
        clean = pa.repeat(pa.scalar([], schemas.REASONS.type), rows)
        checked = landed.append_column(schemas.REASONS, clean)
        lake.replace("checked/events", period, checked, inputs={}, stage="benchmark")
    assert last == period


def by_hand(folder: Path, look_back: int) -> int:
    last = FIRST + look_back
    *past, today = sorted(str(path) for path in (folder / "by_hand").glob("2*.parquet"))
    assert today.endswith(f"{last}.parquet")
    with duckdb.connect(config={"memory_limit": "2GB"}) as connection:
        target = folder / "by_hand" / "features.out"
        connection.execute(QUERY.format(past=past, today=[today], target=target))
        return pq.read_metadata(target).num_rows


def ours(look_back: int) -> int:
    last = FIRST + look_back
    lake = Lake.open(use_case(look_back))
    return materialize.materialize(use_case(look_back), "features", "build", lake.as_of(last), FIRST).partition.rows


def measured(what: str, folder: Path, look_back: int) -> dict[str, float]:
    command = [sys.executable, "-m", "benchmarks.features", "--only", what, str(folder), str(look_back)]
    said = subprocess.run(command, env=dict(os.environ), check=True, capture_output=True, text=True).stdout
    found: dict[str, float] = json.loads(said.splitlines()[-1])
    return found


def only(what: str, folder: Path, look_back: int) -> None:
    """In a process of its own: print rows and CPU-seconds of one of them."""
    before = resource.getrusage(resource.RUSAGE_SELF)
    rows = by_hand(folder, look_back) if what == "hand" else ours(look_back)
    after = resource.getrusage(resource.RUSAGE_SELF)
    spent = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
    print(json.dumps({"rows": rows, "seconds": spent}))


def main() -> None:
    if sys.argv[1:2] == ["--only"]:
        only(sys.argv[2], Path(sys.argv[3]), int(sys.argv[4]))
        return
    rows, look_back = (int(each) for each in [*sys.argv[1:], *(ROWS, LOOK_BACK)[len(sys.argv) - 1 :]])
    with tempfile.TemporaryDirectory(prefix="airworthy-benchmark-") as temporary:
        os.environ["AIRWORTHY_HOME"] = temporary
        fill(Path(temporary), rows, look_back)
        hand, own = (measured(what, Path(temporary), look_back) for what in ("hand", "ours"))
    print(f"{rows:,} rows a day, {look_back} look-back days")
    for name, found in (("DuckDB by hand", hand), ("features", own)):
        print(f"{name:>16}: {found['seconds']:6.2f} CPU-s, {found['rows']:,.0f} rows")
    print(f"{'ratio':>16}: {own['seconds'] / hand['seconds']:.2f} (wanted: at most 2)")


if __name__ == "__main__":
    main()
