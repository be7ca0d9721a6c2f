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
    group: str = ""
    """What it belongs to, in a word: DAGs or elsewhere."""


def links_of(overview: Overview, base: str, where: Settings | None = None) -> list[Link]:
    """Return links to the use case's DAGs, model, Data Docs and declared links.

    `base` is the path of these pages, below Airflow's.
    """
    where, airflow = where or settings.current_settings(), base.rpartition("/")[0]
    name = overview.use_case.name
    kinds = ("monitor", "retrain", "train", "score", "data")
    found = [Link(kind, f"{airflow}/dags/{name}__{kind}", group="DAGs") for kind in kinds]
    model = overview.champion.number if overview.champion else ""
    if address := version_link(where, name, model):
        found.append(Link(f"MLflow, version {model}" if model else "MLflow", address))
    if model:
        found.append(Link(f"model card, version {model}", f"{base}/card/{quote(name)}/{quote(model)}", leaves=False))
    found.append(Link("validation", f"{base}/validation/{quote(name)}", leaves=False))
    if where.writes_data_docs:
        found.append(Link("Data Docs", f"{base}/data_docs/{quote(name)}/index.html", leaves=False))
    found.append(
        Link("predictions", f"{base}/use_case/{quote(name)}/prediction?period={overview.period}", leaves=False)
    )
    found.append(Link("features", f"{base}/catalogue?q={quote(name)}", leaves=False))
    declared = [(text, address) for text, address in overview.use_case.links.items() if _plain(address)]
    elsewhere = [Link(text, address, hint=f"opens {_host(address)}", group="elsewhere") for text, address in declared]
    return [*found, *elsewhere]


def version_link(where: Settings, name: str, number: str) -> str:
    """Return MLflow's page of a version, or of the model.

    Empty if MLflow is not a server.
    """
    if not where.mlflow_shown:
        return ""
    last = f"/versions/{quote(number)}" if number else ""
    return f"{where.mlflow_shown}/#/models/{quote(name)}{last}"


def _host(address: str) -> str:
    try:
        return urlsplit(address).hostname or "another site"
    except ValueError:
        return "another site"


def _plain(address: str) -> bool:
    return address.startswith(("http://", "https://"))
