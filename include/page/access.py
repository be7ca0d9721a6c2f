"""Who may look: a user whom Airflow knows, at the use cases whose DAGs that user may read."""

from __future__ import annotations

import logging

from airflow.api_fastapi.app import get_auth_manager
from airflow.api_fastapi.auth.managers.models.base_user import BaseUser
from airflow.api_fastapi.auth.managers.models.batch_apis import IsAuthorizedDagRequest
from airflow.api_fastapi.auth.managers.models.resource_details import DagDetails
from airflow.models.dag import DagModel
from fastapi import HTTPException

from include import dag_text
from include.use_case import UseCase
from include.use_cases import importable

log = logging.getLogger(__name__)


def readable(user: BaseUser) -> dict[str, UseCase]:
    """The use cases that the user may read, by name, but for those that cannot be imported."""
    return {name: use_case for name, use_case in importable()[0].items() if may_read(user, name)}


def broken(user: BaseUser) -> list[str]:
    """Names of the use cases that the user may read and that cannot be imported; the log says why."""
    found = {name: error for name, error in importable()[1].items() if may_read(user, name)}
    for name, error in found.items():
        log.error("The use case %s cannot be imported", name, exc_info=error)
    return list(found)


def require(user: BaseUser, name: str) -> UseCase:
    """The use case of that name; HTTPException 404 if there is none whose DAGs the user may all read, 503 if it cannot
    be imported. Whoever may not read it is not told that it is there."""
    if may_read(user, name):
        if found := importable()[0].get(name):
            return found
        if name in broken(user):
            raise HTTPException(503, f"The use case {name} cannot be imported. The API server's log says why.")
    raise HTTPException(404, f"There is no use case {name!r} that you may read.")


def may_read(user: BaseUser, name: str) -> bool:
    """Whether the user may read every DAG of the use case."""
    dag_ids = [f"{name}__{kind}" for kind in dag_text.DESCRIPTIONS]
    teams = DagModel.get_dag_id_to_team_name_mapping(dag_ids)
    requests: list[IsAuthorizedDagRequest] = [
        {"method": "GET", "details": DagDetails(id=dag_id, team_name=teams.get(dag_id))} for dag_id in dag_ids
    ]
    return get_auth_manager().batch_is_authorized_dag(requests, user=user)
