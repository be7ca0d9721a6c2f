"""Who may look: a user whom Airflow knows, at the use cases whose DAGs that user may read."""

from __future__ import annotations

from airflow.api_fastapi.app import get_auth_manager
from airflow.api_fastapi.auth.managers.models.base_user import BaseUser
from airflow.api_fastapi.auth.managers.models.batch_apis import IsAuthorizedDagRequest
from airflow.api_fastapi.auth.managers.models.resource_details import DagDetails
from airflow.models.dag import DagModel
from fastapi import HTTPException

from include import dag_text
from include.use_case import UseCase
from include.use_cases import all_use_cases


def readable(user: BaseUser) -> dict[str, UseCase]:
    """The use cases that the user may read, by name."""
    return {name: use_case for name, use_case in all_use_cases().items() if may_read(user, name)}


def require(user: BaseUser, name: str) -> UseCase:
    """The use case of that name; HTTPException 404 if there is none, 403 if the user may not read all of its DAGs."""
    known = all_use_cases()
    if name not in known:
        raise HTTPException(404, f"There is no use case {name!r}.")
    if not may_read(user, name):
        raise HTTPException(403, f"You may not read the DAGs of {name}. Ask whoever gives out Airflow's roles.")
    return known[name]


def may_read(user: BaseUser, name: str) -> bool:
    """Whether the user may read every DAG of the use case."""
    dag_ids = [f"{name}__{kind}" for kind in dag_text.DESCRIPTIONS]
    teams = DagModel.get_dag_id_to_team_name_mapping(dag_ids)
    requests: list[IsAuthorizedDagRequest] = [
        {"method": "GET", "details": DagDetails(id=dag_id, team_name=teams.get(dag_id))} for dag_id in dag_ids
    ]
    return get_auth_manager().batch_is_authorized_dag(requests, user=user)
