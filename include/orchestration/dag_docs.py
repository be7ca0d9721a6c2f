"""Render a DAG's documentation from its kind's template and declaration.

The declaration is that of its use case.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from pathlib import Path

from jinja2 import Environment, FileSystemLoader, StrictUndefined

from include.declaration.calendars import describe_start, describe_time
from include.declaration.data_declaration import DataDeclaration
from include.declaration.feature_group import FeatureGroup
from include.declaration.names import lake_folder

TEMPLATES = Path(__file__).parent / "docs"


@dataclass(frozen=True)
class DagDocumentation:
    """The texts that Airflow shows for a DAG."""

    description: str
    """One line, for the list of DAGs."""
    markdown: str
    """The DAG's documentation page."""


def render_dag_documentation(use_case: DataDeclaration, kind: str) -> DagDocumentation:
    """Render `docs/<kind>.md` of a use case or feature group.

    The template also sets the description.
    """
    is_group = isinstance(use_case, FeatureGroup)
    rendered = (
        _environment()
        .get_template(f"{kind}.md")
        .make_module({"use_case": use_case, "is_group": is_group, "kind": kind})
    )
    return DagDocumentation(description=rendered.description, markdown=str(rendered))  # type: ignore[attr-defined]


@cache
def _environment() -> Environment:
    # Markdown, which Airflow sanitizes.
    environment = Environment(  # noqa: S701 # nosec B701
        loader=FileSystemLoader(TEMPLATES), undefined=StrictUndefined, trim_blocks=True, lstrip_blocks=True
    )
    environment.filters["lake_folder"] = lake_folder
    environment.filters["start"] = describe_start
    environment.filters["time_in"] = describe_time
    environment.filters["percent"] = lambda share: f"{share:.0%}"
    return environment
