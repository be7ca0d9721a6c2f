"""Files of a partition that somebody else has put there are refused, whatever columns they have."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
import pytest
from deltalake import write_deltalake

from include.lake.file_checksum import CHANGED, FOREIGN
from include.stages import score
from include.stages.score import FeaturesOutdatedError
from include.storage import integrity
from include.storage.integrity import DayDamaged
from include.storage.lake import Lake
from tests.conftest import AS_OF
from tests.toy_use_case import USE_CASE

pytestmark = pytest.mark.security


def other_values(rows: pa.Table) -> pa.Table:
    place = rows.column_names.index("size")
    return rows.set_column(place, rows.schema.field("size"), pc.multiply(rows["size"], 2.0))


def one_more_column(rows: pa.Table) -> pa.Table:
    return other_values(rows).append_column("added", pa.nulls(rows.num_rows, pa.int64()))


def one_column_less(rows: pa.Table) -> pa.Table:
    return other_values(rows).drop_columns(["urgent"])


def other_metadata(rows: pa.Table) -> pa.Table:
    return rows.replace_schema_metadata({"writer": "somebody else"})


def fewer_rows(rows: pa.Table) -> pa.Table:
    return rows.slice(1)


def a_wider_type(rows: pa.Table) -> pa.Table:
    place = rows.column_names.index("hour")
    return rows.set_column(place, "hour", rows["hour"].cast(pa.int64()))


CHANGES = [other_values, one_more_column, one_column_less, other_metadata, fewer_rows, a_wider_type]


def file_of_day() -> Path:
    return next((Lake.of(USE_CASE).root / "features").path.glob(f"day={AS_OF}/*.parquet"))


@pytest.mark.parametrize("change", CHANGES)
def test_a_changed_file_is_refused_and_nothing_is_scored_from_it(champion, change: Callable[[pa.Table], pa.Table]):
    path = file_of_day()
    pq.write_table(change(pq.read_table(path, partitioning=None)), path)
    # A file without a column that the model reads looks as one of an older declaration: that is refused first.
    with pytest.raises(FeaturesOutdatedError if change is one_column_less else DayDamaged):
        score.run(USE_CASE, AS_OF)
    assert integrity.broken_days(Lake.of(USE_CASE).as_of(AS_OF), "features", AS_OF, AS_OF) == {AS_OF: CHANGED}
    assert not Lake.of(USE_CASE).as_of(AS_OF).partitions("predictions", AS_OF, AS_OF)


@pytest.mark.parametrize("change", [other_values, other_metadata])
def test_a_day_that_another_writer_has_committed_is_refused(champion, change: Callable[[pa.Table], pa.Table]):
    lake = Lake.of(USE_CASE)
    rows = change(lake.delta("features").to_pyarrow_table(partitions=[("day", "=", str(AS_OF))]))
    place = str((lake.root / "features").path)
    write_deltalake(place, rows, mode="overwrite", predicate=f"day = '{AS_OF}'")
    with pytest.raises(DayDamaged, match=rf"features of {AS_OF} is damaged: {FOREIGN}"):
        score.run(USE_CASE, AS_OF)
