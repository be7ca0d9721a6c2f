"""An auth manager for tests: Airflow's simple one, with users who may not read every DAG."""

from __future__ import annotations

from typing import Any

from airflow.api_fastapi.auth.managers.models.resource_details import DagDetails
from airflow.api_fastapi.auth.managers.simple.simple_auth_manager import SimpleAuthManager
from airflow.api_fastapi.auth.managers.simple.user import SimpleAuthManagerUser

FORBIDDEN = {
    "tina": ("idle__",),
    "sven": ("toy__retrain", "idle__", "broken__"),
    "gerda": ("feature_group_kind_quality__data",),
}
"""User to how the names begin of the DAGs that this user may not read: sven lacks one of the seven of toy, and gerda
one of the two of the feature group."""


class PickyAuthManager(SimpleAuthManager):
    """Rights per DAG, which the simple one does not know."""

    def is_authorized_dag(
        self, *, user: SimpleAuthManagerUser, details: DagDetails | None = None, **asked: Any
    ) -> bool:
        dag_id = (details.id if details else None) or ""
        if dag_id.startswith(FORBIDDEN.get(user.username, ("\0",))):
            return False
        return super().is_authorized_dag(user=user, details=details, **asked)
