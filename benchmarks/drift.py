"""What measuring drift costs: 30 features of 10 million rows in Parquet against a stored profile, beside reading the
same file and doing nothing with it.

Run it with `.venv/bin/python -m benchmarks.drift [rows]`. Each is measured in a process of its own, reading first:
trust the ratio. Memory is the most that the process holds for itself (RssAnon).
"""

from __future__ import annotations

import json
import subprocess
import sys
import tempfile
import threading
import time
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from include.lake import batch_reader
from include.monitoring import drift, reference_histogram
from include.monitoring.drift import Bins

ROWS = 10_000_000
NUMBERS, CATEGORIES = 25, 5
WORDS = tuple(f"word {number}" for number in range(20))


def batch(rng: np.random.Generator, rows: int) -> pa.Table:
    """Half the numbers are whole, a tenth of each fraction is null, and a category has words that train never saw."""
    columns: dict[str, pa.Array] = {}
    for number in range(NUMBERS):
        values = rng.normal(number, 10, rows)
        null = rng.random(rows) < 0.1
        columns[f"number {number}"] = pa.array(values, mask=null) if number % 2 else pa.array(values.astype(np.int32))
    for number in range(CATEGORIES):
        columns[f"category {number}"] = pa.array(np.array([*WORDS, "new"])[rng.integers(0, 21, rows)])
    return pa.table(columns)


def write(path: Path, rows: int) -> None:
    rng = np.random.default_rng(1)
    with pq.ParquetWriter(path, batch(rng, 1).schema) as writer:
        for first in range(0, rows, 1_000_000):
            writer.write_table(batch(rng, min(1_000_000, rows - first)))


def reference() -> dict[str, reference_histogram.ReferenceHistogram]:
    train = batch(np.random.default_rng(2), 100_000)
    return {
        name: reference_histogram.reference_histogram(train[name], WORDS if "category" in name else None)
        for name in train.column_names
    }


def read(path: Path) -> int:
    with batch_reader.open_files(path) as file:
        return sum(each.num_rows for each in file.iter_batches(batch_reader.BATCH_ROWS))


def measure(path: Path) -> int:
    spreads = reference()
    bins: dict[str, Bins] = {name: spread.bins for name, spread in spreads.items()}
    with batch_reader.open_files(path) as file:
        counts = drift.count_bins(bins, file.iter_batches(batch_reader.BATCH_ROWS))
    found = [drift.psi(spreads[name].counts, each) for name, each in counts.items()]
    assert all(value is not None for value in found)
    return int(next(iter(counts.values())).sum())


def child(what: str, path: Path) -> None:
    peak = 0

    def watch() -> None:
        nonlocal peak
        while True:
            status = dict(line.split(":", 1) for line in Path("/proc/self/status").read_text().splitlines())
            peak = max(peak, int(status["RssAnon"].split()[0]) // 1024)
            time.sleep(0.02)

    threading.Thread(target=watch, daemon=True).start()
    start, cpu = time.monotonic(), time.process_time()
    rows = {"read": read, "measure": measure}[what](path)
    took = {"seconds": time.monotonic() - start, "cpu_seconds": time.process_time() - cpu}
    print(json.dumps({"rows": rows, "megabytes": peak, **took}))


def main(rows: int) -> None:
    with tempfile.TemporaryDirectory(prefix="airworthy-") as folder:
        path = Path(folder) / "features.parquet"
        write(path, rows)
        found = {}
        for what in ("read", "measure"):
            command = [sys.executable, "-m", "benchmarks.drift", what, str(path)]
            found[what] = json.loads(subprocess.run(command, capture_output=True, text=True, check=True).stdout)
            told = found[what]
            print(
                f"{what:8} {told['rows']:,} rows × {NUMBERS + CATEGORIES} features: {told['seconds']:.1f} s,"
                f" {told['cpu_seconds']:.1f} CPU-s, {told['megabytes']} MB"
            )
        for of in ("seconds", "cpu_seconds", "megabytes"):
            print(f"measuring takes {found['measure'][of] / found['read'][of]:.2f} times the {of} of reading")


if __name__ == "__main__":
    if sys.argv[1:2] and sys.argv[1] in ("read", "measure"):
        child(sys.argv[1], Path(sys.argv[2]))
    else:
        main(int(sys.argv[1]) if sys.argv[1:] else ROWS)
