"""Small files that state, or unpack to, much more; and a meter of the memory used to read them."""

from __future__ import annotations

import io
from typing import Any

import psutil
import pyarrow as pa
import pyarrow.parquet as pq


def parquet(table: pa.Table, **options: Any) -> bytes:
    sink = io.BytesIO()
    pq.write_table(table, sink, **options)
    return sink.getvalue()


def repeated(rows: int, size: int, name: str = "name", /, *, plain: bool = False, **others: Any) -> bytes:
    """Write a file with one text of `size` bytes in a dictionary, and this number of rows that have it."""
    text = pa.DictionaryArray.from_arrays(pa.array([0] * rows, pa.int32()), pa.array(["x" * size]))
    columns = {name: text, **{other: pa.array([value] * rows) for other, value in others.items()}}
    # `store_schema=False`: nothing in the file says that Arrow wrote a dictionary, as in files of other writers.
    return parquet(pa.table(columns), compression="zstd", store_schema=not plain, write_statistics=False)


class Meter:
    """The largest memory of any process for untrusted content."""

    bytes = 0


def measure(meter: Meter, monkeypatch: Any) -> None:
    """Let the meter see what the limit of memory sees."""

    class Watched(psutil.Process):
        def memory_info(self) -> Any:
            found = super().memory_info()
            meter.bytes = max(meter.bytes, found.rss)
            return found

    monkeypatch.setattr(psutil, "Process", Watched)
