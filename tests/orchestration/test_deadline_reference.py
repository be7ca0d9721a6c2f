"""The reference time of a deadline, read from a database as the scheduler does it."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest
from sqlalchemy import create_engine, insert
from sqlalchemy.orm import Session

from include.orchestration.deadline_reference import ScheduledRunQueuedAt

QUEUED = datetime(2020, 1, 5, 0, 0, 1, tzinfo=UTC)


@pytest.fixture
def session():
    from airflow.models import DagRun

    engine = create_engine("sqlite://")
    DagRun.__table__.create(engine)
    with Session(engine) as session:
        for run_type in ("scheduled", "manual", "backfill", "asset_triggered"):
            values = {
                "dag_id": "toy__score",
                "run_id": run_type,
                "run_type": run_type,
                "state": "queued",
                "log_template_id": 1,
            }
            session.execute(
                insert(DagRun.__table__).values(
                    **values, queued_at=QUEUED, run_after=QUEUED, clear_number=0, span_status="not_started"
                )
            )
        yield session


def test_a_scheduled_run_has_one_from_the_moment_it_was_queued(session):
    found = ScheduledRunQueuedAt()._evaluate_with(session=session, dag_id="toy__score", run_id="scheduled")
    assert found == QUEUED


@pytest.mark.parametrize("run_type", ["manual", "backfill", "asset_triggered", "gone"])
def test_no_other_run_has_one(session, run_type):
    assert ScheduledRunQueuedAt()._evaluate_with(session=session, dag_id="toy__score", run_id=run_type) is None


def test_airflow_finds_it_by_the_plugin_under_the_name_that_is_stored():
    from airflow.serialization.encoders import encode_deadline_reference

    from plugins.deadline import DeadlinePlugin

    stored = encode_deadline_reference(ScheduledRunQueuedAt())
    assert stored["__class_path"] == "include.orchestration.deadline_reference.ScheduledRunQueuedAt"
    assert DeadlinePlugin.deadline_references == [ScheduledRunQueuedAt]


def test_the_page_of_a_dag_says_in_words_what_is_watched():
    from airflow.serialization.definitions.deadline import SerializedReferenceModels
    from airflow.serialization.encoders import encode_deadline_reference

    words = encode_deadline_reference(ScheduledRunQueuedAt())["reference_type"]
    assert "by the schedule" in words and "not watched" in words
    assert not set(words) & {".", ":"}, "Airflow's page looks the words up as a key, which these signs would split"
    assert SerializedReferenceModels.SerializedCustomReference(ScheduledRunQueuedAt()).reference_name == words
    assert not SerializedReferenceModels.is_builtin_reference(words)
