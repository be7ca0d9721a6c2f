"""Damaged files of suppliers are read completely with the declared types, or refused with a reason."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import psutil
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given
from hypothesis import strategies as st

from include.declaration.landing import LEAST_MEMORY, LandingBucket
from include.ingestion import row_spool
from include.ingestion.row_spool import RowSpool, SpoolBrokenError
from include.untrusted.errors import UntrustedContentError
from include.untrusted.untrusted_process import UntrustedProcess
from tests.security.fuzzing import damaged, damages, examples, footer_damaged
from tests.security.valid_files import CSV, CSVS, GZIPS, PARQUETS, ROWS, SCHEMA, ZIPS, gzipped, zipped

pytestmark = [pytest.mark.security, pytest.mark.slow]
SECONDS = 60
"""Of a file: none of them is larger than some kilobytes."""
TEXTS = st.sampled_from(
    [b'"', b'""', b",", b"\n", b"\r", b"\r\n", b"\0", b"\xff", b"\xc3", b"\xef\xbb\xbf", b";", b"NaN"]
)
BYTES = st.one_of(st.binary(min_size=1, max_size=20), TEXTS)
IN_TEXT, IN_PACKED = damages(CSVS, BYTES), damages([*GZIPS, *ZIPS], BYTES)
IN_PARQUET = damages(PARQUETS, st.binary(min_size=1, max_size=20))
TEXT = damaged(CSVS, IN_TEXT)
FILES: dict[str, st.SearchStrategy[tuple[str, bytes]]] = {
    "csv": st.tuples(st.just("x.csv"), TEXT),
    "packed csv": st.one_of(
        st.tuples(st.just("x.csv.gz"), damaged(GZIPS, IN_PACKED)),
        st.tuples(st.just("x.zip"), damaged(ZIPS, IN_PACKED)),
        st.tuples(st.just("x.csv.gz"), TEXT.map(gzipped)),
        st.tuples(st.just("x.zip"), TEXT.map(zipped)),
    ),
    "parquet": st.tuples(st.just("x.parquet"), damaged(PARQUETS, IN_PARQUET)),
    "footers of parquet": st.tuples(st.just("x.parquet"), footer_damaged(PARQUETS, IN_PARQUET)),
    "anything": st.tuples(
        st.sampled_from(["x.csv", "x.csv.gz", "x.zip", "x.parquet"]),
        st.one_of(st.binary(max_size=500), st.sampled_from([*CSVS, *GZIPS, *ZIPS, *PARQUETS])),
    ),
}
FORMS = {"csv": "csv", "packed csv": "csv", "parquet": "parquet", "footers of parquet": "parquet"}
GOOD = {"csv": ("good.csv", CSV), "parquet": ("good.parquet", PARQUETS[0])}


class KeptProcess:
    """The process of one spool, which the next spool uses too: starting one takes most of an example's time."""

    kept: UntrustedProcess

    def __init__(self, *, memory_bytes: int, seconds: float) -> None:
        assert (memory_bytes, seconds) == (LEAST_MEMORY, SECONDS)
        self._is_used = False

    @property
    def pid(self) -> int | None:
        return self.kept.pid if self._is_used else None

    def call(self, function: str, *arguments: Any) -> Any:
        self._is_used = True
        return self.kept.call(function, *arguments)

    def close(self) -> None:
        self._is_used = False


@pytest.fixture(scope="module")
def process() -> Iterator[UntrustedProcess]:
    with UntrustedProcess(memory_bytes=LEAST_MEMORY, seconds=SECONDS) as kept, pytest.MonkeyPatch.context() as patch:
        patch.setattr(KeptProcess, "kept", kept, raising=False)
        patch.setattr(row_spool, "UntrustedProcess", KeptProcess)
        yield kept


def spool(folder: Path, form: str) -> RowSpool:
    limits: dict[str, Any] = {"max_memory": LEAST_MEMORY, "max_time": timedelta(seconds=SECONDS)}
    landing = LandingBucket("landing", "x/{period}/", format=form, max_rows=100_000, max_bytes=10_000_000, **limits)
    return RowSpool(folder / "rows.parquet", SCHEMA, landing)


def read(folder: Path, form: str, *files: tuple[str, bytes]) -> pa.Table:
    """Spool files as a landing does; the rows, which are as many as were said and have exactly the declared types."""
    with spool(folder, form) as opened:
        counted = 0
        for name, content in files:
            (folder / "file").write_bytes(content)
            counted += opened.append(folder / "file", name)
        (path,) = opened.finish()
    rows = pq.read_table(path)
    rows.validate(full=True)
    assert (rows.num_rows, rows.schema.remove_metadata()) == (counted, SCHEMA)
    return rows


@pytest.mark.parametrize("kind", FILES)
def test_a_damaged_file_is_read_whole_or_refused_and_the_next_one_is_read(kind, process, tmp_path):
    refused = set[bool]()

    @examples(40)
    @given(file=FILES[kind])
    def fuzz(file):
        form = FORMS.get(kind, "parquet" if file[0].endswith(".parquet") else "csv")
        said = ""
        try:
            rows = read(tmp_path, form, GOOD[form], file)
        except UntrustedContentError as error:
            said = str(error)
            rows = read(tmp_path, form, GOOD[form])
        assert rows.slice(0, ROWS.num_rows).equals(ROWS) and len(said) < 10_000
        refused.add(bool(said))

    fuzz()
    # Few numbers of a footer can be others without a contradiction.
    assert refused == {True, False} or (kind, refused) == ("footers of parquet", {True})


@pytest.mark.parametrize("content", [*CSVS[:3], *GZIPS, *ZIPS, *PARQUETS[:6]])
def test_the_files_that_are_damaged_are_valid(content, process, tmp_path):
    endings = {b"\x1f\x8b": ("csv", ".csv.gz"), b"PK": ("csv", ".zip"), b"PA": ("parquet", ".parquet")}
    form, ending = endings.get(content[:2], ("csv", ".csv"))
    assert read(tmp_path, form, (f"x{ending}", content)).slice(0, ROWS.num_rows).equals(ROWS)


@pytest.mark.parametrize("how", ["refused", "crashed"])
def test_a_spool_that_has_refused_a_file_takes_no_other_and_has_no_end(how, tmp_path, monkeypatch):
    """Its rows would be incomplete: those of earlier files are lost with the process, and of the refused one some are
    written."""
    (tmp_path / "file").write_bytes(CSV)
    with spool(tmp_path, "csv") as opened:
        opened.append(tmp_path / "file", "x.csv")
        if how == "crashed":
            psutil.Process(opened._process.pid).send_signal(11)
        else:
            (tmp_path / "file").write_bytes(CSV + b"x,,,,,,\n")
        with pytest.raises(UntrustedContentError):
            opened.append(tmp_path / "file", "x.csv")
        (tmp_path / "file").write_bytes(CSV)
        with pytest.raises(SpoolBrokenError):
            opened.append(tmp_path / "file", "x.csv")
        with pytest.raises(SpoolBrokenError):
            opened.finish()
    assert read(tmp_path, "csv", ("x.csv", CSV)).equals(ROWS)
