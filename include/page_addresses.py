"""Build the addresses of pages, in Airflow and in MLflow.

Each route of the page is written here once: the application registers it, and every link is made of it.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from urllib.parse import quote, urlencode

MOUNT = "/airworthy"
"""Path of the pages below Airflow's."""
FRAMED = "/plugin/airworthy"
"""Path of Airflow's page that shows one of them within its navigation; the path of that page follows."""

INDEX = "/"
USE_CASE = "/use_case/{name}"
FEATURES = f"{USE_CASE}/features"
FEATURE = f"{USE_CASE}/feature/{{feature_name:path}}"
PERFORMANCE = f"{USE_CASE}/performance"
METRICS = f"{USE_CASE}/metrics"
METRIC = f"{USE_CASE}/metric/{{metric_name:path}}"
COMPARISON = f"{USE_CASE}/compare"
PREDICTION = f"{USE_CASE}/prediction"
CATALOGUE = "/catalogue"
DAG_TAB = "/dag/{dag_id}"
VALIDATIONS = "/validation/{name}"
VALIDATION = "/validation/{name}/{table}/{period}"
CARD = "/card/{name}/{version}"
DATA_DOCS = "/data_docs/{name}/{path:path}"
PROMETHEUS = "/metrics"
STATIC = "/static/{name}"

_VALUE = re.compile(r"\{(\w+)(:path)?\}")
Query = Mapping[str, object] | Iterable[tuple[str, object]]


def page_path(route: str, query: Query = (), **values: object) -> str:
    """Return the path of a page below that of the pages.

    `values` are those of the route, in plain text; parts of the query without a value are left out.
    """
    path = _VALUE.sub(lambda part: quote(str(values[part[1]]), safe="/" if part[2] else ""), route)
    named = query.items() if isinstance(query, Mapping) else query
    given = [(name, value) for name, value in named if value is not None and str(value)]
    return f"{path}?{urlencode(given)}" if given else path


def framed_page(airflow: str, route: str, query: Query = (), **values: object) -> str:
    """Return the address of a page within Airflow's navigation.

    `airflow` is Airflow's address, without a trailing slash; if it is empty, this is a path on Airflow's server.
    """
    return f"{airflow}{FRAMED}{MOUNT}{page_path(route, query, **values)}"


def dag_address(airflow: str, dag_id: str) -> str:
    """Return the address of a DAG in Airflow."""
    return f"{airflow}/dags/{quote(dag_id, safe='')}"


def run_address(airflow: str, dag_id: str, run_id: str) -> str:
    """Return the address of a run of a DAG in Airflow."""
    return f"{dag_address(airflow, dag_id)}/runs/{quote(run_id, safe='')}"


def question_address(airflow: str, dag_id: str, run_id: str, task_id: str) -> str:
    """Return the address at which a person answers the question of a task."""
    return f"{run_address(airflow, dag_id, run_id)}/tasks/{quote(task_id, safe='')}/required_actions"


def model_address(mlflow: str, use_case: str, version: str = "") -> str:
    """Return the address of a registered model in MLflow, or of one of its versions.

    Empty if MLflow has no address for a browser.
    """
    model = f"{mlflow}/#/models/{quote(use_case, safe='')}"
    return (f"{model}/versions/{quote(version, safe='')}" if version else model) if mlflow else ""
