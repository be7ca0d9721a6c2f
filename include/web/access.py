"""Check access: a user of Airflow sees use cases whose DAGs they may read."""

from __future__ import annotations

from collections.abc import Sequence

from airflow.api_fastapi.app import get_auth_manager
from airflow.api_fastapi.auth.managers.models.base_user import BaseUser
from airflow.api_fastapi.auth.managers.models.batch_apis import IsAuthorizedDagRequest
from airflow.api_fastapi.auth.managers.models.resource_details import DagDetails
from airflow.models.dag import DagModel
from fastapi import HTTPException

from include.declaration.feature_group import FeatureGroup
from include.declaration.feature_group_discovery import all_feature_groups
from include.declaration.names import DAG_KINDS, GROUP_KINDS, GROUP_PREFIX
from include.declaration.use_case import UseCase
from include.declaration.use_case_discovery import all_use_cases, broken_use_cases
from include.notifications.redaction import redact
from include.printable import printable_logger
from include.project import DataProject, open_data_project, open_project

log = printable_logger(__name__)


def readable_use_cases(user: BaseUser) -> dict[str, UseCase]:
    """Return the use cases that the user may read and that load, by name."""
    return {name: use_case for name, use_case in all_use_cases().items() if may_read(user, name)}


def readable_feature_groups(user: BaseUser) -> dict[str, FeatureGroup]:
    """Return the feature groups that the user may read and that load, by name."""
    groups = all_feature_groups()
    return {name: group for name, group in groups.items() if may_read(user, group.name, GROUP_KINDS)}


def broken_use_cases_of(user: BaseUser) -> dict[str, str]:
    """Return why each use case that the user may read cannot be loaded.

    The reasons have no secrets; the log has the traceback.
    """
    found = {name: error for name, error in broken_use_cases().items() if may_read(user, name)}
    for name, error in found.items():
        log.error("The use case %s cannot be loaded", name, exc_info=error)
    return {name: redact(str(error)) for name, error in found.items()}


def require_readable(user: BaseUser, name: str) -> UseCase:
    """Return the use case of that name.

    Raises:
        HTTPException: 404 if it does not exist or the user may not read all its DAGs: the answer does not reveal which;
            503, with the reason, if it cannot be loaded.
    """
    if may_read(user, name):
        if found := all_use_cases().get(name):
            return found
        if reason := broken_use_cases_of(user).get(name):
            raise HTTPException(503, reason)
    raise HTTPException(404, f"There is no use case {name!r} that you may read.")


def require_readable_data(user: BaseUser, name: str) -> DataProject:
    """Return the context of the use case, or of the feature group, of that name.

    Raises:
        HTTPException: as for `require_readable`.
    """
    for group in readable_feature_groups(user).values() if name.startswith(GROUP_PREFIX) else ():
        if group.name == name:
            return open_data_project(group)
    return open_project(require_readable(user, name))


def may_read(user: BaseUser, name: str, kinds: Sequence[str] = DAG_KINDS) -> bool:
    """Return whether the user may read every DAG of the use case or feature group."""
    dag_ids = [f"{name}__{kind}" for kind in kinds]
    teams = DagModel.get_dag_id_to_team_name_mapping(dag_ids)
    requests: list[IsAuthorizedDagRequest] = [
        {"method": "GET", "details": DagDetails(id=dag_id, team_name=teams.get(dag_id))} for dag_id in dag_ids
    ]
    return get_auth_manager().batch_is_authorized_dag(requests, user=user)
