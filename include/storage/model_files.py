"""A model as files: LightGBM's own text and JSON in the layout that MLflow knows. Nothing is ever pickled."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import lightgbm
import requests
from lightgbm.basic import LightGBMError
from mlflow import MlflowClient
from mlflow.artifacts import download_artifacts
from mlflow.entities import LoggedModel
from mlflow.exceptions import MlflowException
from mlflow.lightgbm import save_model
from mlflow.models import Model as ModelFile
from mlflow.models import infer_signature

from include.errors import AirworthyError
from include.logic import digests
from include.logic.baselines import Logistic, Prior
from include.logic.encoding import Encoding
from include.logic.model import Model, trees_digest
from include.storage.runs import MlflowUnreachable

_FOLDER = "airworthy"
"""Beside LightGBM's own files: what else scoring needs."""
_PARTS = ("encoding", "baselines")
TREES = "model.lgb"
_NO_ANSWER = "Failed to establish a new connection"
"""All that MLflow hands on of it when the server goes away between the list of files and the files."""


class Damaged(AirworthyError):
    """A file of a model is missing, cannot be read, or is not the one that was registered."""

    def __init__(self, path: str, what: str) -> None:
        super().__init__(f"{path}: {what}")


def fetch(model_id: str, folder: Path, address: str) -> Path:
    """Download all files of a logged model below `folder`, never from the local copy; where they are.

    Knows no use case. Raises MlflowUnreachable; MlflowException or OSError where the files are not there.
    """
    try:
        # By its place: of `models:/<id>` MLflow asks the server of the process's environment, whatever it is told.
        place = MlflowClient(address, address).get_logged_model(model_id).artifact_location
        return Path(download_artifacts(artifact_uri=place, dst_path=str(folder), tracking_uri=address))
    except (MlflowException, requests.RequestException) as error:
        causes = (error, error.__cause__, error.__context__)
        silent = any(isinstance(cause, requests.ConnectionError | requests.Timeout) for cause in causes)
        if silent or _NO_ANSWER in str(error):
            raise MlflowUnreachable(address, str(error).splitlines()[0][:300]) from error
        raise


def write(folder: Path, model: Model, example: Any, extra: Mapping[str, object], logged: LoggedModel) -> None:
    """Write a model; `example` are some encoded rows (pandas), `extra` is kept as JSON files by name."""
    save_model(
        model.booster,
        folder,
        mlflow_model=ModelFile(
            artifact_path=logged.artifact_location,
            run_id=logged.source_run_id,
            model_uuid=logged.model_id,
            model_id=logged.model_id,
        ),
        signature=infer_signature(example, model.booster.predict(example)),
        input_example=example,
        pip_requirements=[f"lightgbm=={lightgbm.__version__}"],  # named, or MLflow loads the model to guess
    )
    (folder / _FOLDER).mkdir()
    for name, values in {**_contents(model), **extra}.items():
        (folder / _path(name)).write_text(json.dumps(values, indent=1))


def parts(model: Model, extra: Mapping[str, object] | None = None) -> str:
    """Digests, by name, of what stands beside the trees, as plain values: encoding and baselines, on which predictions
    depend, and the `extra` that `write` keeps."""
    return " ".join(_part(name, values) for name, values in {**_contents(model), **(extra or {})}.items())


def beside(folder: Path, name: str, parts: str) -> Any:
    """The plain values that were kept by that name; Damaged unless their digest is among the `parts`."""
    if not any(part.startswith(f"{name}=") for part in parts.split()):
        raise Damaged(_path(name), "the version was registered without it, by older code; train a new version")
    values = _values(folder, name)
    if _part(name, values) not in parts.split():
        raise Damaged(_path(name), "its content is not that which was registered")
    return values


def read(folder: Path, trees: str, parts: str | None = None) -> Model:
    """Read a model whose trees, and `parts` unless None, have those digests; Damaged, naming the file, if not."""
    text = _text(folder, TREES)
    if trees_digest(text) != trees:
        raise Damaged(TREES, "its trees are not those that were registered")
    contents = {name: _values(folder, name) for name in _PARTS}
    for name, values in contents.items():
        if parts is not None and _part(name, values) not in parts.split():
            raise Damaged(_path(name), "its content is not that which was registered")
    try:
        return Model(
            booster=lightgbm.Booster(model_str=text),
            encoding=Encoding.from_json(contents["encoding"]),
            prior=Prior(contents["baselines"]["prior"]),
            logistic=Logistic.from_json(contents["baselines"]["logistic"]),
        )
    except (ValueError, KeyError, TypeError, AttributeError, AssertionError, LightGBMError) as error:
        raise Damaged(" or ".join((TREES, *map(_path, _PARTS))), f"{type(error).__name__}: {error}") from error


def _contents(model: Model) -> dict[str, Any]:
    """What stands beside the trees, by name, as it is read back from JSON."""
    return {
        "encoding": model.encoding.to_json(),
        "baselines": {"prior": model.prior.rate, "logistic": model.logistic.to_json()},
    }


def _part(name: str, values: Any) -> str:
    # Of the text: of_values sorts by name, but sums of the baseline's weights follow the order of the features.
    return f"{name}={digests.of_values([json.dumps(values)])}"


def _path(name: str) -> str:
    return f"{_FOLDER}/{name}.json"


def _text(folder: Path, path: str) -> str:
    try:
        return (folder / path).read_text()
    except (OSError, UnicodeDecodeError) as error:
        why = "it is missing" if isinstance(error, FileNotFoundError) else f"it cannot be read ({error})"
        raise Damaged(path, why) from error


def _values(folder: Path, name: str) -> Any:
    try:
        return json.loads(_text(folder, _path(name)))
    except ValueError as error:
        raise Damaged(_path(name), f"it is no JSON ({error})") from error
