"""Send what a task read and wrote as OpenLineage events, by Airflow's provider.

Nothing is sent, and nothing is imported, unless a transport of the provider is configured.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from airflow.sdk import Asset

from include.connections import Connection, Connections
from include.declaration.data_declaration import DataDeclaration
from include.declaration.landing import LandingBucket
from include.declaration.sources import Files, Http, Sql
from include.declaration.use_case_discovery import load_declaration
from include.orchestration.airflow_connections import open_data_project
from include.orchestration.assets import asset_parts
from include.printable import printable_logger

if TYPE_CHECKING:
    from openlineage.client.event_v2 import Dataset

    from include.declaration.feeds import Feed
    from include.project import DataProject

log = printable_logger(__name__)

PER_FEED = ("raw", "checked")
"""Assets that are one table of the lake for each feed."""
TABLES = ("features", "labels", "predictions", "metrics", "decisions", "retrainings")
"""Assets that are the table of that name."""


def emit_lineage(context: Mapping[str, Any]) -> None:
    """Send the tables that a successful task read and wrote.

    It is the `on_success_callback` of every task. The tables are those of the task's assets. A failure is logged, and
    never fails the task.
    """
    if not _is_active():
        return
    try:
        _emit(context)
    except Exception:
        log.warning("The lineage of this task was not sent.", exc_info=True)


def _is_active() -> bool:
    try:
        from airflow.providers.openlineage import conf
    except ImportError:  # the provider is not installed
        return False
    if conf.is_disabled():  # without the client, whose import each task would pay
        return False
    from airflow.providers.openlineage.api import is_openlineage_active

    return is_openlineage_active()


def _emit(context: Mapping[str, Any]) -> None:
    from airflow.providers.openlineage.api import emit_dataset_lineage

    task = context["task"]
    inputs = [dataset for asset in task.inlets for dataset in datasets_of(asset)]
    outputs = [dataset for asset in task.outlets for dataset in datasets_of(asset)]
    inputs += [dataset for asset in task.outlets for dataset in sources_of(asset)]
    if inputs or outputs:
        emit_dataset_lineage(inputs=inputs, outputs=outputs, task_instance=context["ti"])


def datasets_of(asset: Asset) -> Iterator[Dataset]:
    """Yield the tables of the lake, or the registered model, behind an asset.

    A table that was never written is left out.
    """
    from include.lake import history

    name, what = asset_parts(asset)
    declared = load_declaration(name)
    project = open_data_project(declared)
    if what == "model":
        yield _registered_model(name)
    for table in _tables_of(declared, what):
        if history.is_table(project.lake.uri(table)):
            yield _table(project, table)


def _tables_of(declared: DataDeclaration, what: str) -> list[str]:
    if what in PER_FEED:
        return [f"{what}/{feed.name}" for feed in declared.feeds]
    return [what] if what in TABLES else []


def _table(project: DataProject, table: str) -> Dataset:
    """Return a Delta table with its columns, owner and version."""
    from openlineage.client.event_v2 import Dataset
    from openlineage.client.facet_v2 import (
        dataset_version_dataset,
        ownership_dataset,
        schema_dataset,
        storage_dataset,
    )

    from include.lake import schemas

    columns = schemas.stored_schema(project.use_case, table)
    namespace, name = dataset_name(project.lake.uri(table))
    facets = {
        "schema": schema_dataset.SchemaDatasetFacet(
            fields=[schema_dataset.SchemaDatasetFacetFields(field.name, str(field.type)) for field in columns]
        ),
        "storage": storage_dataset.StorageDatasetFacet(storageLayer="delta", fileFormat="parquet"),
        "version": dataset_version_dataset.DatasetVersionDatasetFacet(
            datasetVersion=str(project.lake.peek_delta(table).version())
        ),
        "ownership": ownership_dataset.OwnershipDatasetFacet(owners=[ownership_dataset.Owner(project.use_case.owner)]),
    }
    return Dataset(namespace, name, facets=facets)


def _registered_model(name: str) -> Dataset:
    from openlineage.client.event_v2 import Dataset

    return Dataset("mlflow", f"models/{name}")


def dataset_name(uri: str) -> tuple[str, str]:
    """Return namespace and name of a file or folder.

    They follow OpenLineage's naming rules.

    Source: https://openlineage.io/docs/spec/naming
    """
    scheme, separator, rest = uri.partition("://")
    if not separator:
        return "file", uri
    server, _, path = rest.partition("/")
    return f"{scheme}://{server}", path


def sources_of(asset: Asset) -> Iterator[Dataset]:
    """Yield the sources of feeds that have an address, for the asset `raw`."""
    from openlineage.client.event_v2 import Dataset

    name, what = asset_parts(asset)
    if what != "raw":
        return
    project = open_data_project(load_declaration(name))
    for feed in project.use_case.feeds:
        address = address_of(feed, project.connections)
        if address is not None:
            yield Dataset(*address)


def address_of(feed: Feed, connections: Connections) -> tuple[str, str] | None:
    """Return namespace and name of a source.

    None for a function, a query, and files in the use case's folder.
    """
    source = feed.source
    if isinstance(source, LandingBucket):
        return f"s3://{source.bucket}", _fixed_part(source.prefix)
    if isinstance(source, Files):
        path = source.path.removeprefix("file://")
        return dataset_name(_fixed_part(path)) if "://" in path or path.startswith("/") else None
    if isinstance(source, Sql) and source.table:
        connection = connections.connection(source.conn_id)
        return _server(connection.conn_type, connection), ".".join(filter(None, [connection.schema, source.table]))
    if isinstance(source, Http):
        address = urlsplit(connections.connection(source.conn_id).http_address(source.endpoint))
        return f"{address.scheme}://{address.netloc.rpartition('@')[2]}", address.path
    return None


def _fixed_part(path: str) -> str:
    """Return the folders of a path that are the same for every period."""
    fixed = itertools.takewhile(lambda part: not set(part) & set("{*?["), path.split("/"))
    return "/".join(fixed)


def _server(kind: str, connection: Connection) -> str:
    port = f":{connection.port}" if connection.port else ""
    return f"{kind}://{connection.host}{port}"
