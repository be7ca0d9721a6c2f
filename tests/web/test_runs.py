"""The newest runs and the waiting questions, from a database of Airflow."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta

import pytest
from airflow import models
from airflow.models.base import Base
from airflow.models.dagrun import DagRun
from airflow.utils.types import DagRunType
from sqlalchemy import create_engine, insert
from sqlalchemy.orm import Session

from include.web import runs
from tests.toy import USE_CASE

pytestmark = pytest.mark.slow
TODAY = USE_CASE.newest_period()
NOW = datetime(2026, 11, 30, 12, tzinfo=UTC)


@pytest.fixture
def session() -> Iterator[Session]:
    engine = create_engine("sqlite://")
    models.import_all_models()
    Base.metadata.create_all(engine)
    with Session(engine) as found:
        yield found


def add_run(session: Session, kind: str, state: str, number: int, key: str | None, conf: object = None) -> None:
    session.execute(
        insert(DagRun).values(
            id=number, dag_id=f"toy__{kind}", run_id=f"r/{number}", run_type=DagRunType.MANUAL, state=state,
            run_after=NOW + timedelta(minutes=number), partition_key=key, conf=conf, log_template_id=None,
        )
    )  # fmt: skip


def run_of(session: Session, kind: str) -> runs.RunView:
    seen = runs.read_from(session, USE_CASE, "")
    return next(run for run in seen.runs if run.kind == kind)


def test_without_runs_each_dag_has_none(session):
    seen = runs.read_from(session, USE_CASE, "/af")
    assert [(run.kind, run.sign, run.words) for run in seen.runs] == [(kind, "·", "no run yet") for kind in runs.KINDS]
    assert seen.runs[0].address == "/af/dags/toy__data" and seen.questions == ()


def test_the_run_of_today_is_shown_and_else_the_newest(session):
    add_run(session, "data", "failed", 1, TODAY.key)
    add_run(session, "data", "success", 2, (TODAY - 9).key)
    add_run(session, "score", "success", 3, (TODAY - 2).key)
    add_run(session, "score", "running", 4, (TODAY - 1).key)
    data, score = run_of(session, "data"), run_of(session, "score")
    assert (data.sign, data.is_today, data.period, data.address) == ("✗", True, TODAY.key, "/dags/toy__data/runs/r%2F1")
    assert (score.sign, score.is_today, score.period) == ("…", False, (TODAY - 1).key)


def test_the_period_of_a_form_is_named_too(session):
    add_run(session, "data", "success", 1, None, {"period": "2020-01-05"})
    assert run_of(session, "data").period == "2020-01-05"
