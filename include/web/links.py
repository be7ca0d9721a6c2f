"""Build links to Airflow, MLflow and Data Docs from the settings.

MLflow is not asked.
"""

from __future__ import annotations

from dataclasses import dataclass
from urllib.parse import quote, urlsplit

from include import settings
from include.settings import Settings
from include.web.overview import Overview


@dataclass(frozen=True)
class Link:
    """A link with its name."""

    name: str
    address: str
    leaves: bool = True
    """Whether it leads outside these pages."""
    hint: str = ""


def links_of(overview: Overview, base: str, where: Settings | None = None) -> list[Link]:
    """Return links to the use case's DAGs, model, Data Docs and declared links.

    `base` is the path of these pages, below Airflow's.
    """
    where, airflow = where or settings.current_settings(), base.rpartition("/")[0]
    name = overview.use_case.name
    found = [Link(kind, f"{airflow}/dags/{name}__{kind}") for kind in ("monitor", "retrain", "train", "score", "data")]
    model = overview.champion.number if overview.champion else ""
    if address := version_link(where, name, model):
        found.append(Link(f"MLflow, version {model}" if model else "MLflow", address))
    if model:
        found.append(Link(f"model card, version {model}", f"{base}/card/{quote(name)}/{quote(model)}", leaves=False))
    found.append(Link("Data Docs", f"{base}/data_docs/{quote(name)}/index.html", leaves=False))
    found.append(Link("features", f"{base}/catalogue?q={quote(name)}", leaves=False))
    return [*found, *(_declared(text, address) for text, address in overview.use_case.links.items() if _plain(address))]


def _declared(text: str, address: str) -> Link:
    """Return a declared link, marked as leading to another host."""
    return Link(f"{text} ↗", address, hint=f"Outside Airflow: {urlsplit(address).hostname or address}")


def version_link(where: Settings, name: str, number: str) -> str:
    """Return MLflow's page of a version, or of the model.

    Empty if MLflow is not a server.
    """
    if not where.mlflow_shown:
        return ""
    last = f"/versions/{quote(number)}" if number else ""
    return f"{where.mlflow_shown}/#/models/{quote(name)}{last}"


def _plain(address: str) -> bool:
    return address.startswith(("http://", "https://"))
