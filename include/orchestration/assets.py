"""Name the assets that tasks read and write."""

from __future__ import annotations

from urllib.parse import urlsplit

from airflow.sdk import Asset

from include.declaration.data_declaration import DataDeclaration

# For a scheme that does not begin with x-, Airflow imports the providers' code for addresses: Amazon's, with boto3.
_SCHEME = "x-airworthy"


def asset(use_case: DataDeclaration, name: str) -> Asset:
    """Return the asset that a task reads or writes, as the asset graph shows it."""
    return Asset(name=f"{use_case.name}/{name}", uri=f"{_SCHEME}://{use_case.name}/{name}", group=use_case.name)


def asset_parts(asset: Asset) -> tuple[str, str]:
    """Return the use case or feature group of an asset, and the name of what it is."""
    parts = urlsplit(asset.uri)
    return parts.netloc, parts.path.lstrip("/")
