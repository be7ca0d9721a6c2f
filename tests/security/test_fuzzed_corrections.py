"""Damaged correction files are read as a table with the feed's columns, or are a bad request."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from include.errors import InvalidRequestError
from include.ingestion import correction_file, correction_reader
from include.untrusted.untrusted_process import UntrustedProcess
from tests.ingestion.hostile_files import parquet
from tests.security.fuzzing import damaged, damages, examples, footer_damaged
from tests.security.valid_files import PARQUETS, ROWS, SCHEMA

pytestmark = [pytest.mark.security, pytest.mark.slow]
IDS = ["a", "b", "c", "d"]
EXPORTED = correction_file.correction_csv(ROWS, IDS, [["=cmd()"], [], [], []])
CSVS = [EXPORTED, EXPORTED.partition(b"\n")[2], b"id,name\n1,=1+1\n", EXPORTED.replace(b"\n", b"\r\n")]
PACKED = [*PARQUETS, parquet(ROWS.append_column(correction_file.ROW, [IDS]))]
BYTES = st.one_of(
    st.binary(min_size=1, max_size=20), st.sampled_from([b'"', b",", b"\n", b"\r", b"\0", b"'=", b"\xff"])
)
IN_PARQUET = damages(PACKED, BYTES)
FILES = {
    "csv": st.tuples(st.just("rows.csv"), damaged(CSVS, damages(CSVS, BYTES), least=0)),
    "parquet": st.tuples(
        st.just("rows.parquet"), st.one_of(damaged(PACKED, IN_PARQUET, least=0), footer_damaged(PACKED, IN_PARQUET))
    ),
    "anything": st.tuples(
        st.one_of(st.text(max_size=20), st.sampled_from(["x.csv", "x.parquet", "../x.csv", "\x1b.csv", "x\n.parquet"])),
        st.one_of(st.binary(max_size=300), st.sampled_from([*CSVS, *PACKED])),
    ),
}


@pytest.fixture(scope="module")
def one_process() -> Iterator[None]:
    """All examples are read by one process: starting one takes most of an example's time."""
    limits: dict[str, Any] = {"memory_bytes": correction_reader.MEMORY_BYTES, "seconds": 60.0}
    with UntrustedProcess(**limits) as process, pytest.MonkeyPatch.context() as patch:

        class Kept:
            def __init__(self, **_: Any) -> None: ...

            def __enter__(self) -> UntrustedProcess:
                return process

            def __exit__(self, *_: object) -> None: ...

        patch.setattr(correction_reader, "UntrustedProcess", Kept)
        yield


@pytest.mark.parametrize("kind", FILES)
def test_a_damaged_file_of_corrections_is_rows_of_the_feed_or_a_bad_request(kind, one_process):
    refused = set[bool]()

    @examples(40)
    @given(file=FILES[kind])
    def fuzz(file):
        said = ""
        try:
            rows, ids = correction_reader.read_corrections(*file, SCHEMA)
        except InvalidRequestError as error:
            said = str(error)
        else:
            rows.validate(full=True)
            assert rows.schema == SCHEMA and rows.num_rows and (ids is None or len(ids) == rows.num_rows)
        assert len(said) < 10_000
        refused.add(bool(said))

    fuzz()
    assert refused == {True, False}, "some examples are accepted, and some are refused"
