"""Build links to Airflow, MLflow and Data Docs from the settings.

MLflow is not asked.
"""

from __future__ import annotations

from dataclasses import dataclass
from urllib.parse import urlsplit

from include import page_addresses, settings
from include.page_addresses import page_path
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
    found = [Link(kind, page_addresses.dag_address(airflow, f"{name}__{kind}"), group="DAGs") for kind in kinds]
    model = overview.champion.number if overview.champion else ""
    if address := page_addresses.model_address(where.mlflow_shown, name, model):
        found.append(Link(f"MLflow, version {model}" if model else "MLflow", address))
    if model:
        card = page_path(page_addresses.CARD, name=name, version=model)
        found.append(Link(f"model card, version {model}", f"{base}{card}", leaves=False))
    pages = {"validation": page_path(page_addresses.VALIDATIONS, name=name)}
    if where.writes_data_docs:
        pages["Data Docs"] = page_path(page_addresses.DATA_DOCS, name=name, path="index.html")
    pages["predictions"] = page_path(page_addresses.PREDICTION, {"period": overview.period}, name=name)
    pages["features"] = page_path(page_addresses.CATALOGUE, {"q": name})
    found += [Link(text, f"{base}{path}", leaves=False) for text, path in pages.items()]
    declared = [(text, address) for text, address in overview.use_case.links.items() if _plain(address)]
    elsewhere = [Link(text, address, hint=f"opens {_host(address)}", group="elsewhere") for text, address in declared]
    return [*found, *elsewhere]


def _host(address: str) -> str:
    try:
        return urlsplit(address).hostname or "another site"
    except ValueError:
        return "another site"


def _plain(address: str) -> bool:
    return address.startswith(("http://", "https://"))
