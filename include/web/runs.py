"""Read the newest runs of a use case's DAGs, and the waiting questions.

They are in Airflow's database. The page is served by Airflow's API server, which has the database; tasks have not.
Users see what Airflow's own pages show them. No more than a row per DAG is read.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from airflow.api_fastapi.app import get_auth_manager
from airflow.api_fastapi.auth.managers.models.base_user import BaseUser
from airflow.api_fastapi.auth.managers.models.resource_details import DagAccessEntity, DagDetails
from airflow.models.dag import DagModel
from airflow.models.dagrun import DagRun
from airflow.models.hitl import HITLDetail
from airflow.models.taskinstance import TaskInstance
from airflow.utils.session import create_session
from airflow.utils.state import TaskInstanceState
from sqlalchemy import select
from sqlalchemy.exc import SQLAlchemyError
from sqlalchemy.orm import Session

from include import page_addresses
from include.declaration.period import Period
from include.declaration.use_case import UseCase
from include.printable import printable_logger

log = printable_logger(__name__)
KINDS = ("data", "train", "score", "monitor", "retrain")
"""The DAGs whose newest runs are shown, in the order of a period's life."""
WAITING = (TaskInstanceState.DEFERRED, TaskInstanceState.AWAITING_INPUT)
QUESTIONS = 5
"""Waiting questions that are listed, the newest first."""
SIGNS = {"success": "✓", "failed": "✗", "running": "…", "queued": "…"}


@dataclass(frozen=True)
class RunView:
    """The newest run of a DAG; without a state if there was none."""

    kind: str
    state: str
    is_today: bool
    """Whether it is the run of the present period."""
    period: str
    """Key of its period; empty if it has none."""
    began: datetime | None
    address: str
    is_paused: bool

    @property
    def sign(self) -> str:
        """Return the state in one character."""
        return SIGNS.get(self.state, "·")

    @property
    def words(self) -> str:
        """Return the state in words."""
        if not self.state:
            return "paused, no run yet" if self.is_paused else "no run yet"
        of_period = f" for {self.period}" if self.period else ""
        began = f", {self.began.astimezone(UTC):%Y-%m-%d %H:%M} UTC" if self.began else ""
        return f"{self.state}{of_period}{began}{', paused' if self.is_paused else ''}"


@dataclass(frozen=True)
class Question:
    """A question that waits for a person."""

    subject: str
    since: datetime
    address: str


@dataclass(frozen=True)
class RunsView:
    """What Airflow does for a use case now."""

    runs: tuple[RunView, ...]
    questions: tuple[Question, ...]
    more_questions: bool = False


def read_runs(user: BaseUser, use_case: UseCase, airflow: str) -> RunsView | None:
    """Return the newest runs and the waiting questions.

    `airflow` is the path of Airflow's pages. None if the user may not read the runs, or the database does not answer:
    the rest of the page does not need them.
    """
    try:
        if not _may_read_runs(user, use_case.name):  # it may ask the database too
            return None
        with create_session() as session:
            return read_from(session, use_case, airflow)
    except SQLAlchemyError:
        log.exception("The runs of %s could not be read", use_case.name)
        return None


def read_from(session: Session, use_case: UseCase, airflow: str) -> RunsView:
    """Return the same from a session of Airflow's database."""
    today = use_case.newest_period()
    runs = tuple(_newest(session, f"{use_case.name}__{kind}", kind, today, airflow) for kind in KINDS)
    questions = list(_questions(session, use_case.name, airflow))
    return RunsView(runs, tuple(questions[:QUESTIONS]), len(questions) > QUESTIONS)


def _may_read_runs(user: BaseUser, name: str) -> bool:
    """Return whether the user may read runs and questions.

    Airflow's own pages require the same.
    """
    dag_ids = [f"{name}__{kind}" for kind in KINDS]
    teams = DagModel.get_dag_id_to_team_name_mapping(dag_ids)
    manager: Any = get_auth_manager()
    return all(
        manager.is_authorized_dag(
            method="GET", access_entity=entity, details=DagDetails(id=dag_id, team_name=teams.get(dag_id)), user=user
        )
        for dag_id in dag_ids
        for entity in (DagAccessEntity.RUN, DagAccessEntity.HITL_DETAIL)
    )


def _newest(session: Session, dag_id: str, kind: str, today: Period, airflow: str) -> RunView:
    """Return the newest run of the present period; else the newest of all."""
    of_dag = select(DagRun).where(DagRun.dag_id == dag_id).order_by(DagRun.id.desc()).limit(1)
    found = session.scalar(of_dag.where(DagRun.partition_key == today.key)) or session.scalar(of_dag)
    paused = bool(session.scalar(select(DagModel.is_paused).where(DagModel.dag_id == dag_id)))
    page = page_addresses.dag_address(airflow, dag_id)
    if found is None:
        return RunView(kind, "", is_today=False, period="", began=None, address=page, is_paused=paused)
    period = found.partition_key or _named_period(found.conf)
    began = found.start_date or found.run_after
    address = page_addresses.run_address(airflow, dag_id, found.run_id)
    return RunView(kind, str(found.state), period == today.key, period, began, address, paused)


def _named_period(conf: object) -> str:
    """Return the period that a form named."""
    named = conf.get("period") or conf.get("day") if isinstance(conf, dict) else None
    return named if isinstance(named, str) else ""


def _questions(session: Session, name: str, airflow: str) -> Iterator[Question]:
    waiting = (
        select(
            HITLDetail.subject, HITLDetail.created_at, TaskInstance.dag_id, TaskInstance.run_id, TaskInstance.task_id
        )
        .join(TaskInstance, HITLDetail.ti_id == TaskInstance.id)
        .where(
            TaskInstance.dag_id.in_([f"{name}__{kind}" for kind in KINDS]),
            HITLDetail.responded_at.is_(None),
            TaskInstance.state.in_(WAITING),
        )
        .order_by(HITLDetail.created_at.desc())
        .limit(QUESTIONS + 1)
    )
    for subject, created_at, dag_id, run_id, task_id in session.execute(waiting):
        yield Question(subject, created_at, page_addresses.question_address(airflow, dag_id, run_id, task_id))
