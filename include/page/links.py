"""Links: where else a person looks. Addresses come from the settings; nothing is asked of MLflow."""

from __future__ import annotations

from dataclasses import dataclass
from urllib.parse import quote

from include import settings
from include.settings import Settings
from include.stages.overview import Overview


@dataclass(frozen=True)
class Link:
    """A place elsewhere: an address, or, without one, words that say where it is."""

    name: str
    address: str = ""
    where: str = ""


def of(seen: Overview, airflow: str, where: Settings | None = None) -> list[Link]:
    """The use case's DAGs, model, Data Docs and declared links. `airflow` is Airflow's path, without a slash."""
    where = where or settings.current()
    name = seen.use_case.name
    found = [Link(kind, f"{airflow}/dags/{name}__{kind}") for kind in ("monitor", "retrain", "train", "score", "data")]
    model = seen.champion.version if seen.champion else ""
    if address := version(where, name, model):
        found.append(Link(f"MLflow, version {model}" if model else "MLflow", address))
        found.append(Link("model card", where="model_card/model_card.html among the artifacts of the version's run"))
    found.append(Link("Data Docs", where=docs(where, name)))
    return [*found, *(Link(text, address) for text, address in seen.use_case.links.items() if _plain(address))]


def version(where: Settings, name: str, number: str) -> str:
    """MLflow's page of a version, or of the model; empty where MLflow is no server."""
    if not _plain(where.mlflow):
        return ""
    last = f"/versions/{quote(number)}" if number else ""
    return f"{where.mlflow.rstrip('/')}/#/models/{quote(name)}{last}"


def docs(where: Settings, name: str) -> str:
    """Where the validation pages are: files, named as seen from the project's home if they are in it."""
    index = where.data_docs / name / "index.html"
    inside = index.is_relative_to(where.home)
    return f"{index.relative_to(where.home)} in AIRWORTHY_HOME" if inside else f"{index}"


def _plain(address: str) -> bool:
    return address.startswith(("http://", "https://"))
