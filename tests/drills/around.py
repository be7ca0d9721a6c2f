"""Steps of the drills in addition to the life cycle: correction, landing, maintenance and approval."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pyarrow.compute as pc
import pytest

from include.ingestion import ingest, resubmit
from include.ingestion.correction_log import CorrectionLog
from include.lake.lake import Lake
from include.maintenance import apply, plan
from include.project import open_project
from include.promotion import approve
from include.reproduction import reproduce
from tests import quarantined
from tests.conftest import AS_OF
from tests.drills import life
from tests.drills.life import DAY, Step
from tests.landing_bucket import Bucket, deliver, landing_toy, make_bucket
from tests.toy_use_case import USE_CASE

SPOILED, LANDED = DAY + 1, DAY + 2
"""A day with two quarantined events, and the next one: there they become known, and its files are landed."""
BUCKET = "landing-of-drills"
LANDING = landing_toy(BUCKET)
MENDED = Path("mended.csv")
"""In the home."""


def put_files(server: str) -> Bucket:
    """The files of LANDED, in a bucket of that server."""
    bucket = make_bucket(server, BUCKET)
    deliver(bucket, LANDED)
    return bucket


def _spoil() -> None:
    with pytest.MonkeyPatch.context() as patch:
        quarantined.spoil(patch, "events", "hour", [25, -1], SPOILED)
        quarantined.land("events", SPOILED)
    text = quarantined.exported("events", SPOILED)
    for wrong, right in quarantined.BOTH:
        assert wrong in text
        text = text.replace(wrong, right)
    MENDED.write_text(text)


def _correct() -> object:
    return resubmit.resubmit_corrected(
        open_project(USE_CASE), "events", MENDED.name, MENDED.read_bytes(), actor="a drill", comment="mistyped"
    )


def _corrections() -> list[tuple[Any, ...]]:
    found = CorrectionLog.open(open_project(USE_CASE), "events").accepted()
    return [(each.number, each.kind, each.actor, each.comment, each.known_on, each.content) for each in found]


def _files_landed() -> dict[str, Any]:
    return {name: periods for name, periods in life.tables(LANDING).items() if name.startswith("deliveries/")}


def _wear() -> None:
    """A day of features is corrected twice after the training, and a writer has left a file: two files too many."""
    lake, period = Lake.open(USE_CASE), AS_OF - 30
    for _ in range(2):
        rows = lake.as_of(period).read("features", since=period).drop_columns(["period"])
        place = rows.schema.get_field_index("size")
        doubled = rows.set_column(place, rows.schema.field("size"), pc.multiply(rows["size"], 2.0))
        lake.replace("features", period, doubled, inputs={}, stage="a drill")
    (lake.root / "features" / "part-0.parquet").write(b"half a file")
    kinds = {item.kind for item in plan.build_cleanup_plan(open_project(USE_CASE), _later()).items}
    assert {"superseded file", "orphan file"} <= kinds, kinds


def _later() -> datetime:
    return datetime.now(UTC) + timedelta(days=400)


def _kept() -> str:
    """How the champion is built again, of what was kept; nothing more is to be removed."""
    planned = plan.build_cleanup_plan(open_project(USE_CASE), _later()).counts()
    assert not planned, planned
    return reproduce.reproduce_version(open_project(USE_CASE), "1").outcome


STEPS = {
    **life.STEPS,
    "approve": Step(
        lambda: approve.record_approval(
            open_project(USE_CASE), "1", approved=True, actor="a drill", reason="it is good"
        ),
        2,
    ),
    "reproduce": Step(lambda: reproduce.reproduce_version(open_project(USE_CASE), "1"), 2),
    "spoil": Step(_spoil, 0),
    "correct": Step(_correct, 4, _corrections),
    "collect": Step(lambda: ingest.ingest_period(open_project(LANDING), LANDED), 4, _files_landed),
    "wear": Step(_wear, 0),
    "maintain": Step(lambda: apply.maintain(open_project(USE_CASE), apply_changes=True, now=_later()), 4, _kept),
}
"""The whole life. `collect` needs `put_files` before it, and the Airflow Connection `aws_default` to that server."""
