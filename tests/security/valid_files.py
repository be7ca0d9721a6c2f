"""Small valid files in every accepted format, for the fuzzers to damage."""

from __future__ import annotations

import gzip
import io
import zipfile
from datetime import UTC, date, datetime

import pyarrow as pa

from tests.ingestion.hostile_files import parquet

SCHEMA = pa.schema(
    [
        ("id", pa.int64()),
        ("name", pa.string()),
        ("size", pa.float64()),
        ("on", pa.date32()),
        ("at", pa.timestamp("us", "UTC")),
        ("ok", pa.bool_()),
        ("small", pa.int8()),
    ]
)
ROWS = pa.table(
    {
        "id": [1, 2, None, 2**63 - 1],
        "name": ['a "b",\nc', "ü", None, ""],
        "size": [0.5, None, 1e308, -0.0],
        "on": [date(2020, 1, 1), None, date(1, 1, 1), date(9999, 12, 31)],
        "at": [datetime(2020, 1, 1, 12, tzinfo=UTC), None, datetime(1970, 1, 1, tzinfo=UTC), None],
        "ok": [True, None, False, True],
        "small": [1, None, -128, 127],
    },
    SCHEMA,
)
CSV = (
    "id,name,size,on,at,ok,small\n"
    '1,"a ""b"",\nc",0.5,2020-01-01,2020-01-01T12:00:00Z,true,1\n'
    "2,ü,,,,,\n"
    ",,1e308,0001-01-01,1970-01-01T00:00:00Z,false,-128\n"
    '9223372036854775807,"",-0.0,9999-12-31,,true,127\n'
).encode()


def zipped(content: bytes, method: int = zipfile.ZIP_DEFLATED) -> bytes:
    """Return a zip with one CSV file in it."""
    sink = io.BytesIO()
    with zipfile.ZipFile(sink, "w", method) as archive:
        archive.writestr(zipfile.ZipInfo("a.csv"), content, method)
    return sink.getvalue()


def gzipped(content: bytes) -> bytes:
    """Return it as gzip writes it, the same each time."""
    return gzip.compress(content, mtime=0)


CSVS = [
    CSV,
    b"\xef\xbb\xbf" + CSV,
    CSV.replace(b"\n", b"\r\n").replace(b",\r\nc", b",\nc"),
    CSV.partition(b"\n")[0] + b"\n",
]
GZIPS = [gzipped(CSV), gzipped(CSV) + gzipped(b"5,x,,,,,\n")]
ZIPS = [zipped(CSV), *(zipped(CSV, how) for how in (zipfile.ZIP_STORED, zipfile.ZIP_BZIP2, zipfile.ZIP_LZMA))]


def _parquets() -> list[bytes]:
    many = pa.concat_tables([ROWS] * 50).combine_chunks()
    plain: dict[str, object] = {"use_dictionary": False}
    lists, structs = pa.array([[1, 2]] * 4), pa.array([{"a": 1}] * 4)
    delta = {"id": "DELTA_BINARY_PACKED", "name": "DELTA_BYTE_ARRAY", "size": "BYTE_STREAM_SPLIT"}
    text = ROWS.set_column(1, "name", ROWS["name"].combine_chunks().dictionary_encode())
    return [
        *(parquet(ROWS, compression=codec) for codec in ("none", "snappy", "gzip", "brotli", "zstd", "lz4")),
        parquet(many, row_group_size=37, data_page_size=64),
        parquet(many, data_page_version="2.0", compression="zstd", data_page_size=64, write_page_index=True),
        parquet(ROWS, **plain, column_encoding=delta, version="2.6"),
        parquet(many, **plain, column_encoding=delta | {"name": "DELTA_LENGTH_BYTE_ARRAY"}),
        parquet(text, compression="none"),
        parquet(text, store_schema=False, write_statistics=False),
        parquet(ROWS.slice(0, 0)),
        parquet(ROWS.select(SCHEMA.names[::-1]), compression="none"),
        parquet(ROWS.append_column("list", lists).append_column("struct", structs)),
        parquet(pa.table({"id": lists, **{name: ROWS[name] for name in SCHEMA.names[1:]}})),
    ]


PARQUETS = _parquets()
