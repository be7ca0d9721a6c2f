"""Links: where else a person looks. Addresses come from the settings; nothing is asked of MLflow."""

from __future__ import annotations

from dataclasses import dataclass
from urllib.parse import quote

from include import settings
from include.settings import Settings
from include.web.overview import Overview


@dataclass(frozen=True)
class Link:
    """A place elsewhere."""

    name: str
    address: str
    leaves: bool = True
    """Whether it leads out of these pages."""
    hint: str = ""


def links_of(seen: Overview, base: str, where: Settings | None = None) -> list[Link]:
    """The use case's DAGs, model, Data Docs and declared links. `base` is the path of these pages, below Airflow's."""
    where, airflow = where or settings.current_settings(), base.rpartition("/")[0]
    name = seen.use_case.name
    found = [Link(kind, f"{airflow}/dags/{name}__{kind}") for kind in ("monitor", "retrain", "train", "score", "data")]
    model = seen.champion.version if seen.champion else ""
    if address := version_link(where, name, model):
        found.append(Link(f"MLflow, version {model}" if model else "MLflow", address))
        if model:
            # Only MLflow knows the version's run: its page names the card in a tag.
            found.append(Link("model card", address, hint="The tag model_card of the version says where its card is."))
    found.append(Link("Data Docs", f"{base}/data_docs/{quote(name)}/index.html", leaves=False))
    return [*found, *(Link(text, address) for text, address in seen.use_case.links.items() if _plain(address))]


def version_link(where: Settings, name: str, number: str) -> str:
    """MLflow's page of a version, or of the model; empty where MLflow is no server."""
    if not where.mlflow_shown:
        return ""
    last = f"/versions/{quote(number)}" if number else ""
    return f"{where.mlflow_shown}/#/models/{quote(name)}{last}"


def _plain(address: str) -> bool:
    return address.startswith(("http://", "https://"))
