"""Files of a partition that another program wrote are refused, whatever columns they have."""

from __future__ import annotations

import hashlib
import json
import shutil
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
import pytest
from deltalake import write_deltalake
from deltalake.transaction import AddAction

from include.declaration.period import Period, period_range
from include.evaluation import evaluate
from include.features import build
from include.ingestion import ingest, quarantine, validate
from include.lake import integrity
from include.lake.file_checksum import CHANGED, FOREIGN
from include.lake.file_signature import FORGED, NAME
from include.lake.integrity import PartitionCorruptedError
from include.lake.lake import Lake
from include.lake.range_reader import RangeReader, TableCorruptedError
from include.project import open_project
from include.promotion import promote, register
from include.registry.ledger import Ledger
from include.registry.mlflow_registry import Registry
from include.scoring import score
from include.scoring.score import FeaturesOutdatedError
from include.training import train
from tests.conftest import AS_OF, LAST, SIGNING_KEY
from tests.quarantined import land, spoil
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
    return next((Lake.open(USE_CASE).root / "features").path.glob(f"period={AS_OF}/*.parquet"))


@pytest.mark.parametrize("change", CHANGES)
def test_a_changed_file_is_refused_and_nothing_is_scored_from_it(champion, change: Callable[[pa.Table], pa.Table]):
    path = file_of_day()
    pq.write_table(change(pq.read_table(path, partitioning=None)), path)
    # A file without a column that the model reads looks as one of an older declaration: that is refused first.
    with pytest.raises(FeaturesOutdatedError if change is one_column_less else PartitionCorruptedError):
        score.score_period(open_project(USE_CASE), AS_OF)
    assert integrity.broken_periods(Lake.open(USE_CASE).as_of(AS_OF), "features", AS_OF, AS_OF) == {AS_OF: CHANGED}
    assert not Lake.open(USE_CASE).as_of(AS_OF).partitions("predictions", AS_OF, AS_OF)


@pytest.mark.parametrize("change", [other_values, other_metadata])
def test_a_day_that_another_writer_has_committed_is_refused(champion, change: Callable[[pa.Table], pa.Table]):
    lake = Lake.open(USE_CASE)
    rows = change(lake.delta("features").to_pyarrow_table(partitions=[("period", "=", str(AS_OF))]))
    place = str((lake.root / "features").path)
    write_deltalake(place, rows, mode="overwrite", predicate=f"period = '{AS_OF}'")
    with pytest.raises(PartitionCorruptedError) as refused:
        score.score_period(open_project(USE_CASE), AS_OF)
    assert (refused.value.table, refused.value.period, refused.value.damage) == ("features", AS_OF, FOREIGN)


def commit_as_ours(table: str, period: Period, path: Path, digest: str, rows: int) -> None:
    """Commit a file as the program does: by its naming, its partition values and its statistics."""
    delta = Lake.open(USE_CASE).delta(table)
    action = AddAction(
        path=f"period={period}/{path.name}",
        size=path.stat().st_size,
        partition_values={"period": period.key, "digest": digest},
        modification_time=int(path.stat().st_mtime * 1000),
        data_change=True,
        stats=json.dumps({"numRecords": rows}),
    )
    delta.create_write_transaction(
        [action], mode="overwrite", schema=delta.schema(), partition_by=["period", "digest"],
        partition_filters=[("period", "=", period.key)],
    )  # fmt: skip


def forged_file(table: str, period: Period, change: Callable[[pa.Table], pa.Table], mac: str) -> Path:
    """Write a changed file of a day next to the genuine one, under a name with the SHA-256 of its bytes."""
    [genuine] = (Lake.open(USE_CASE).root / table).path.glob(f"period={period}/*.parquet")
    sink = pa.BufferOutputStream()
    pq.write_table(change(pq.read_table(genuine, partitioning=None)), sink)
    content = sink.getvalue().to_pybytes()
    name = f"{hashlib.sha256(content).hexdigest()}-00000000-{mac or NAME.fullmatch(genuine.name)['mac']}.parquet"
    path = genuine.parent / name
    path.write_bytes(content)
    return path


def flipped(rows: pa.Table) -> pa.Table:
    others = pc.subtract(pa.scalar(1, pa.int8()), rows["failed"])
    return rows.set_column(rows.column_names.index("failed"), "failed", others)


@pytest.mark.parametrize("mac", ["", "0" * 32], ids=["the genuine file's signature", "none"])
def test_a_commit_that_looks_as_ours_and_keeps_the_digest_is_refused(champion, mac):
    lake = Lake.open(USE_CASE)
    there = lake.as_of(AS_OF).partitions("features", AS_OF, AS_OF)[AS_OF]
    commit_as_ours("features", AS_OF, forged_file("features", AS_OF, other_values, mac), there.digest, there.rows)
    assert lake.as_of(AS_OF).partitions("features", AS_OF, AS_OF) == {AS_OF: there}, "the log claims the same content"
    with pytest.raises(PartitionCorruptedError) as refused:
        score.score_period(open_project(USE_CASE), AS_OF)
    assert (refused.value.table, refused.value.period, refused.value.damage) == ("features", AS_OF, FORGED)


def test_labels_that_somebody_has_exchanged_are_judged_by_no_gate(trained_toy):
    for period, there in Lake.open(USE_CASE).as_of(AS_OF).partitions("labels").items():
        if there.rows:
            commit_as_ours("labels", period, forged_file("labels", period, flipped, ""), there.digest, there.rows)
    with pytest.raises(PartitionCorruptedError) as refused:
        evaluate.evaluate_run(open_project(replace(USE_CASE, gates=USE_CASE.gates[1:])), trained_toy)
    assert (refused.value.table, refused.value.damage) == ("labels", FORGED)


def test_a_file_of_another_day_or_table_is_signed_for_that_alone(champion):
    lake = Lake.open(USE_CASE)
    period = AS_OF - 1
    [(_, path)] = lake.as_of(period).files("features", period, period)
    there = lake.as_of(period).partitions("features", period, period)[period]
    moved = shutil.copy(path, (lake.root / "features").path / f"period={AS_OF}")
    commit_as_ours("features", AS_OF, Path(moved), there.digest, there.rows)
    with pytest.raises(PartitionCorruptedError) as refused:
        score.score_period(open_project(USE_CASE), AS_OF)
    assert refused.value.damage == FORGED


def test_running_the_day_again_writes_again_what_was_forged(champion):
    lake = Lake.open(USE_CASE)
    there = lake.as_of(AS_OF).partitions("features", AS_OF, AS_OF)[AS_OF]
    commit_as_ours("features", AS_OF, forged_file("features", AS_OF, other_values, ""), there.digest, there.rows)
    assert build.build_features(open_project(USE_CASE), AS_OF).changed
    assert score.score_period(open_project(USE_CASE), AS_OF).rows
    assert not lake.as_of(AS_OF).forged_periods("features")


def test_quarantined_rows_that_somebody_has_put_there_are_not_shown_and_not_sent_back(champion, monkeypatch):
    period = LAST + 1
    spoil(monkeypatch, "events", "hour", [25, -1], period)
    land("events", period)
    table = "checked/events"
    there = Lake.open(USE_CASE).as_of(period).partitions(table, period, period)[period]
    commit_as_ours(table, period, forged_file(table, period, other_values, ""), there.digest, there.rows)
    for checked in (True, False):
        with pytest.raises(PartitionCorruptedError) as refused:
            quarantine.read_quarantine(open_project(USE_CASE), "events", checked=checked)
        assert refused.value.damage == FORGED


def test_without_the_keys_no_file_is_believed(champion, configure):
    configure(signing_keys="another key that is long enough to be one")
    with pytest.raises(PartitionCorruptedError, match="AIRWORTHY_SIGNING_KEYS"):
        Lake.open(USE_CASE).as_of(AS_OF).require_whole("features")
    configure(signing_keys=f"another key that is long enough to be one,{SIGNING_KEY}")
    Lake.open(USE_CASE).as_of(AS_OF).require_whole("features")


def test_a_forged_day_of_what_the_page_draws_is_named_with_what_to_do(champion):
    score.score_period(open_project(USE_CASE), AS_OF)
    there = Lake.open(USE_CASE).as_of(AS_OF).partitions("predictions", AS_OF, AS_OF)[AS_OF]
    assert RangeReader.open(Lake.open(USE_CASE), "predictions", AS_OF).periods == (AS_OF,)
    forged = forged_file("predictions", AS_OF, fewer_rows, "")
    commit_as_ours("predictions", AS_OF, forged, there.digest, there.rows)
    with pytest.raises(TableCorruptedError, match="AIRWORTHY_SIGNING_KEYS"):
        RangeReader.open(Lake.open(USE_CASE), "predictions", AS_OF)


@pytest.mark.slow
@pytest.mark.long
def test_what_a_retired_key_has_signed_is_made_again_by_running_the_day_and_the_training(champion, configure):
    lake, new = Lake.open(USE_CASE), "a key that was made after the other one leaked"
    configure(signing_keys=f"{new},ledger:{SIGNING_KEY}")
    with pytest.raises(PartitionCorruptedError) as refused:
        lake.as_of(AS_OF).require_whole("features", AS_OF)
    assert refused.value.damage == FORGED
    assert Registry(USE_CASE).versions() == []
    for period in period_range(USE_CASE.first_period, AS_OF):
        (
            ingest.ingest_period(open_project(USE_CASE), period),
            validate.validate_period(open_project(USE_CASE), period),
            build.build_features(open_project(USE_CASE), period),
        )
    lake.as_of(AS_OF).require_whole("features")
    made = register.register_run(
        open_project(USE_CASE),
        evaluate.evaluate_run(open_project(USE_CASE), train.train_model(open_project(USE_CASE), AS_OF).run_id).run_id,
    ).version
    assert promote.promote_version(open_project(USE_CASE), made, actor="a test").promoted
    assert score.score_period(open_project(USE_CASE), AS_OF).rows
    assert [entry.action for entry in Ledger.open(USE_CASE).entries()] == ["promotion", "restoration"]
