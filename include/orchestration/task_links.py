"""Link a task in Airflow to the pages of what it made.

A task sets the addresses while it runs; Airflow keeps them as XComs when it ends, so the API server runs no code for
them.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from airflow.sdk import DAG, BaseOperator, BaseOperatorLink, get_current_context
from airflow.sdk.configuration import conf

from include import page_addresses, settings
from include.page_addresses import framed_page
from include.printable import printable_logger
from include.project import Project

log = printable_logger(__name__)
_ADDRESSES = "airworthy_addresses"
"""Attribute of a running operator: name of a link to its address."""


class _Link(BaseOperatorLink):
    """A link whose address the task has set; empty if it has not."""

    def get_link(self, operator: Any, *, ti_key: Any) -> str:
        return str(getattr(operator, _ADDRESSES, {}).get(self.name, ""))


class MlflowRunLink(_Link):
    name = "MLflow run"


class MlflowVersionLink(_Link):
    name = "MLflow version"


class ModelCardLink(_Link):
    name = "Model card"


class ValidationLink(_Link):
    name = "Validation"


class PageLink(_Link):
    name = "Monitoring"


RUN: tuple[BaseOperatorLink, ...] = (MlflowRunLink(),)
VERSION: tuple[BaseOperatorLink, ...] = (MlflowVersionLink(), ModelCardLink())
PAGE: tuple[BaseOperatorLink, ...] = (PageLink(),)
VALIDATION: tuple[BaseOperatorLink, ...] = (ValidationLink(),)
LINKS: Mapping[str, Mapping[str, tuple[BaseOperatorLink, ...]]] = {
    "data": {"validate": VALIDATION, "build_features": PAGE},
    "train": {
        "tune": RUN,
        "train": RUN,
        "evaluate": RUN,
        "register": VERSION,
        "approve": VERSION,
        "promote": VERSION + PAGE,
    },
    "score": {"score": PAGE, "score_shadow": PAGE},
    "monitor": {"measure": PAGE},
    "retrain": {"decide": PAGE},
    "rollback": {"roll_back": VERSION + PAGE},
    "trial": {
        "change_trial": VERSION + PAGE,
        "judge": VERSION + PAGE,
        "approve": VERSION,
        "promote": VERSION + PAGE,
    },
    "reproduce": {"reproduce": VERSION},
    "quarantine": {"resubmit": VALIDATION},
    "backfill": {"reconcile": PAGE},
    "go_live": {"report": PAGE},
}
"""Kind of DAG to its tasks that have links."""


def add_links(dag: DAG, kind: str) -> None:
    """Give the tasks of a DAG their links."""
    for task_id, links in LINKS.get(kind, {}).items():
        task = dag.task_dict[task_id]
        if isinstance(task, BaseOperator):
            task.operator_extra_links = links


def set_links(task: Any = None, **addresses: str) -> None:
    """Set addresses of the running task, by the name of its link in lower case.

    `task` is its operator, where the caller has it.
    """
    task = task or get_current_context().get("task")
    if task is not None:
        named = {link.name: addresses.get(_key(link), "") for link in task.operator_extra_links}
        setattr(task, _ADDRESSES, getattr(task, _ADDRESSES, {}) | {name: to for name, to in named.items() if to})


def _key(link: BaseOperatorLink) -> str:
    return str(link.name).lower().replace(" ", "_")


def set_version_links(use_case: str, version: str, task: Any = None) -> None:
    """Set the links to a version, its card and the monitoring page."""
    set_links(
        task,
        mlflow_version=version_address(use_case, version),
        model_card=card_address(use_case, version),
        monitoring=page_address(use_case),
    )


def set_run_link(project: Project, run_id: str) -> None:
    """Set the link to a run in MLflow.

    There is none if MLflow does not answer: the task has done its work.
    """
    try:
        set_links(mlflow_run=run_address(project, run_id))
    except Exception as error:
        log.warning("The link to the run %s cannot be made: %s", run_id, error)


def page_address(use_case: str, period: str = "") -> str:
    """Return the address of the monitoring page, of a period or of the newest one."""
    return framed_page(_airflow(), page_addresses.USE_CASE, {"period": period}, name=use_case)


def card_address(use_case: str, version: str) -> str:
    """Return the address of a version's model card."""
    return framed_page(_airflow(), page_addresses.CARD, name=use_case, version=version)


def validation_address(use_case: str, feed: str, period: str) -> str:
    """Return the address of the validation page of a feed."""
    return framed_page(_airflow(), page_addresses.VALIDATION, name=use_case, table=feed, period=period)


def version_address(use_case: str, version: str) -> str:
    """Return the address of a version in MLflow; empty without one for a browser."""
    return page_addresses.model_address(settings.current_settings().mlflow_shown, use_case, version)


def run_address(project: Project, run_id: str) -> str:
    """Return the address of a run in MLflow; empty without one for a browser."""
    server = settings.current_settings().mlflow_shown
    return f"{server}/#/{project.registry.run_path(run_id)}" if server else ""


def dag_run_address(dag_id: str, run_id: str) -> str:
    """Return the address of a run of a DAG."""
    return page_addresses.run_address(_airflow(), dag_id, run_id)


def _airflow() -> str:
    return str(conf.get("api", "base_url", fallback="http://localhost:8080")).rstrip("/")
