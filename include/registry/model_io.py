"""A model as files: LightGBM's own text and JSON in the layout that MLflow knows. Nothing is ever pickled."""

from __future__ import annotations

import functools
import hashlib
import importlib.metadata
import json
from collections.abc import Mapping
from pathlib import Path, PurePosixPath
from typing import Any

import lightgbm
import pyarrow as pa
import requests
from lightgbm.basic import LightGBMError
from mlflow import MlflowClient
from mlflow.artifacts import download_artifacts, list_artifacts
from mlflow.entities import LoggedModel
from mlflow.exceptions import MlflowException
from mlflow.lightgbm import save_model
from mlflow.models import Model as ModelFile
from mlflow.models import ModelSignature
from mlflow.types.schema import AnyType, ColSpec, DataType, TensorSpec
from mlflow.types.schema import Schema as MlflowSchema

from include.errors import AirworthyError
from include.model import portable
from include.model.baselines import Logistic, Prior
from include.model.encoding import Encoding
from include.model.model import Model
from include.registry.artifact_listing import list_files
from include.registry.mlflow_runs import MlflowUnreachableError

_FOLDER = "airworthy"
"""Beside LightGBM's own files: what else scoring needs."""
_CODE = "code"
_PARTS = ("encoding", "baselines")
DECISION = "decision"
"""Name by which the threshold is kept with a model, as JSON."""
_REQUIREMENTS = [
    f"{name}=={importlib.metadata.version(name)}" for name in ("cffi", "lightgbm", "numpy", "pandas", "pyarrow")
]
"""What the code that is kept with a model imports; LightGBM reads Arrow by cffi."""
TREES = "model.lgb"
MOST_BYTES = 4 << 30
"""Of all files of a model, as MLflow lists them."""
_NO_ANSWER = "Failed to establish a new connection"
"""All that MLflow hands on of it when the server goes away between the list of files and the files."""


class ModelFilesCorruptedError(AirworthyError):
    """A file of a model is missing, cannot be read, or is not the one that was registered."""

    def __init__(self, path: str, what: str) -> None:
        super().__init__(f"{path}: {what}")


def fetch_model(model_id: str, files: Mapping[str, str], folder: Path, address: str) -> Path:
    """Download the files of a logged model below `folder`, never from the local copy; where they are.

    `files` are those on record: where others are listed, or too many bytes, nothing is downloaded. Knows no use case.

    Raises:
        MlflowUnreachableError: MLflow does not answer.
        MlflowException, OSError: the files are not there.
        Damaged: a file is listed that is not on record, or the files are too large.
    """
    try:
        # By its place: of `models:/<id>` MLflow asks the server of the process's environment, whatever it is told.
        place = MlflowClient(address, address).get_logged_model(model_id).artifact_location
        _require_listed(place, files, address)
        return Path(download_artifacts(artifact_uri=place, dst_path=str(folder), tracking_uri=address))
    except (MlflowException, requests.RequestException) as error:
        causes = (error, error.__cause__, error.__context__)
        silent = any(isinstance(cause, requests.ConnectionError | requests.Timeout) for cause in causes)
        if silent or _NO_ANSWER in str(error):
            raise MlflowUnreachableError(address, str(error).splitlines()[0][:300]) from error
        raise


def _require_listed(place: str, files: Mapping[str, str], address: str) -> None:
    """Check names and sizes of a model's files before any is downloaded; Damaged where they cannot be its own."""
    folders = {str(parent) for path in files for parent in PurePosixPath(path).parents}
    size = 0
    for found in list_files(lambda inside: list_artifacts(artifact_uri=f"{place}/{inside}", tracking_uri=address)):
        if found.path not in (folders if found.is_folder else files):
            raise ModelFilesCorruptedError(found.path, "it was not there when the model was trained")
        size += found.size
    if size > MOST_BYTES:
        raise ModelFilesCorruptedError("its files", f"they have {size:,} bytes, more than {MOST_BYTES:,}")


def write_model(
    folder: Path, model: Model, example: pa.Table, extra: Mapping[str, object], logged: LoggedModel
) -> None:
    """Write a model; `example` are some rows of features, `extra` is kept as JSON files by name.

    Whoever loads it as MLflow's `pyfunc` gives it features as they are in the lake, in pandas: the code that encodes
    them is kept with the model as text. Nothing here ever loads that code.
    """
    save_model(
        model.booster,
        folder,
        mlflow_model=ModelFile(
            artifact_path=logged.artifact_location,
            run_id=logged.source_run_id,
            model_uuid=logged.model_id,
            model_id=logged.model_id,
        ),
        signature=_signature(model),
        input_example=example.to_pandas(),
        pip_requirements=_REQUIREMENTS,  # named, or MLflow loads the model to guess
    )
    (folder / _CODE).mkdir()
    (folder / _code_path()).write_text(_code())
    _load_by_our_code(folder)
    (folder / _FOLDER).mkdir()
    for name, values in {**_contents(model), **extra}.items():
        (folder / _path(name)).write_text(json.dumps(values, indent=1))


def _signature(model: Model) -> ModelSignature:
    """Name the columns and leave their types to our code.

    MLflow would refuse an integer or a boolean beside a null, which pandas keeps as another type.
    """
    anything = AnyType()  # type: ignore[no-untyped-call]
    columns: list[ColSpec | TensorSpec] = [ColSpec(anything, name) for name in model.encoding.features]
    return ModelSignature(
        inputs=MlflowSchema(columns),
        outputs=MlflowSchema([ColSpec(DataType.double, "probability"), ColSpec(DataType.boolean, "warning")]),
    )


def _load_by_our_code(folder: Path) -> None:
    """Let MLflow's `pyfunc` load the model by the code beside it; its flavour for LightGBM stays as it is."""
    described = ModelFile.load(str(folder))
    flavour = described.flavors["python_function"]
    flavour |= {"loader_module": Path(_code_path()).stem, "code": _CODE}
    del flavour["data"]  # the whole folder is the model
    described.save(str(folder / "MLmodel"))


@functools.cache
def _code() -> str:
    return Path(portable.__file__).read_text()


def _code_path() -> str:
    """Return where the code is: named by its content, since Python keeps one module of a name per process."""
    return f"{_CODE}/airworthy_model_{_code_digest(_code())[:12]}.py"


def _code_digest(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()


def digests_of_files(folder: Path) -> dict[str, str]:
    """Return the SHA-256 of every file below `folder`, by its path there."""
    files = (path for path in sorted(folder.rglob("*")) if path.is_file())
    return {path.relative_to(folder).as_posix(): sha256(path) for path in files}


def require_model_files(folder: Path, files: Mapping[str, str]) -> None:
    """Check that below `folder` are exactly these files, byte for byte.

    Raises:
        Damaged: a file is missing, is another, or was added.
    """
    there = digests_of_files(folder)
    for path in sorted(files.keys() | there.keys()):
        if path not in there:
            raise ModelFilesCorruptedError(path, "it is missing")
        if path not in files:
            raise ModelFilesCorruptedError(path, "it was not there when the model was trained")
        if there[path] != files[path]:
            raise ModelFilesCorruptedError(path, "its content is not that which was trained")


def load_companion(folder: Path, name: str) -> Any:
    """Return the plain values that were kept by that name; Damaged where there are none. Call `require` first."""
    return _values(folder, name)


def read_model(folder: Path) -> Model:
    """Read a model whose files are those that were trained: call `require` first. Damaged, naming the file, if not."""
    text = _text(folder, TREES)
    contents = {name: _values(folder, name) for name in _PARTS}
    try:
        return Model(
            booster=lightgbm.Booster(model_str=text),
            encoding=Encoding.from_json(contents["encoding"]),
            prior=Prior(contents["baselines"]["prior"]),
            logistic=Logistic.from_json(contents["baselines"]["logistic"]),
        )
    except (ValueError, KeyError, TypeError, AttributeError, AssertionError, LightGBMError) as error:
        raise ModelFilesCorruptedError(
            " or ".join((TREES, *map(_path, _PARTS))), f"{type(error).__name__}: {error}"
        ) from error


def sha256(path: Path) -> str:
    """Return the SHA-256 of a file."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _contents(model: Model) -> dict[str, Any]:
    """What stands beside the trees, by name, as it is read back from JSON."""
    return {
        "encoding": model.encoding.to_json(),
        "baselines": {"prior": model.prior.rate, "logistic": model.logistic.to_json()},
    }


def _path(name: str) -> str:
    return f"{_FOLDER}/{name}.json"


def _text(folder: Path, path: str) -> str:
    try:
        return (folder / path).read_text()
    except (OSError, UnicodeDecodeError) as error:
        reason = "it is missing" if isinstance(error, FileNotFoundError) else f"it cannot be read ({error})"
        raise ModelFilesCorruptedError(path, reason) from error


def _values(folder: Path, name: str) -> Any:
    try:
        return json.loads(_text(folder, _path(name)))
    except ValueError as error:
        raise ModelFilesCorruptedError(_path(name), f"it is no JSON ({error})") from error
