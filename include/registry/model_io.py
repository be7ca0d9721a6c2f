"""Write and read a model as LightGBM's text and JSON, without pickle."""

from __future__ import annotations

import functools
import hashlib
import importlib.metadata
import json
from collections.abc import Mapping
from pathlib import Path, PurePosixPath
from typing import Any

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
from include.model.model import Model
from include.registry.artifact_listing import list_files
from include.registry.mlflow_runs import MlflowUnreachableError

_FOLDER = "airworthy"
"""Folder with the other files that scoring needs, next to LightGBM's own."""
_CODE = "code"
_PARTS, _OPTIONAL = ("encoding", "baselines"), ("bounds",)
"""Names of the files with the parts of every model, and of some."""
DECISION = "decision"
"""Name of the JSON file with the rule that makes the columns of a prediction, stored with a model."""
_REQUIREMENTS = [
    f"{name}=={importlib.metadata.version(name)}" for name in ("cffi", "lightgbm", "numpy", "pandas", "pyarrow")
]
"""Imports of the code that is stored with a model; LightGBM needs cffi to read Arrow."""
TREES = "model.lgb"
_OUTPUTS = {"float64": DataType.double, "bool": DataType.boolean, "string": DataType.string}
"""Type of a column of predictions to MLflow's."""
MOST_BYTES = 4 << 30
"""Limit of the size of all files of a model, by MLflow's listing."""
_NO_ANSWER = "Failed to establish a new connection"
"""In MLflow's error when the server stops between the listing and the download; no other cause is given."""


class ModelFilesCorruptedError(AirworthyError):
    """A file of a model is missing, unreadable, or not the one that was registered."""

    def __init__(self, path: str, what: str) -> None:
        self.path, self.what = path, what
        super().__init__(f"{path}: {what}")


def fetch_model(model_id: str, files: Mapping[str, str], folder: Path, address: str) -> Path:
    """Download the files of a logged model below `folder`; return their folder.

    `files` are those on record: if others are listed, or too many bytes, nothing is downloaded.

    Raises:
        MlflowUnreachableError: MLflow does not answer.
        MlflowException: the files are missing.
        OSError: the files are missing.
        ModelFilesCorruptedError: a listed file is not on record, or the files are too large.
    """
    try:
        # Not by `models:/<id>`: for that MLflow ignores the given address and uses the process's environment.
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
    """Check names and sizes of a model's files before the download.

    Raises:
        ModelFilesCorruptedError: a listed file is not on record, or the files are too large.
    """
    folders = {str(parent) for path in files for parent in PurePosixPath(path).parents}
    size = 0
    for listed in list_files(lambda inside: list_artifacts(artifact_uri=f"{place}/{inside}", tracking_uri=address)):
        if listed.path not in (folders if listed.is_folder else files):
            raise ModelFilesCorruptedError(listed.path, "it was not there when the model was trained")
        size += listed.size
    if size > MOST_BYTES:
        raise ModelFilesCorruptedError("its files", f"they have {size:,} bytes, more than {MOST_BYTES:,}")


def write_model(
    folder: Path, model: Model, example: pa.Table, extra: Mapping[str, object], logged: LoggedModel
) -> None:
    """Write a model, rows of features as its example, and `extra` as JSON files.

    Loaded as MLflow's `pyfunc`, the model takes a pandas frame of features as they are in the lake: the code that
    encodes them is stored with the model. This project never loads that code.
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
        signature=_signature(model, extra[DECISION]),
        input_example=example.to_pandas(),
        pip_requirements=_REQUIREMENTS,  # without them MLflow loads the model to infer them
    )
    (folder / _CODE).mkdir()
    (folder / _code_path()).write_text(_code())
    _load_by_our_code(folder)
    (folder / _FOLDER).mkdir()
    for name, values in {**model.parts(), **extra}.items():
        (folder / _path(name)).write_text(json.dumps(values, indent=1))


def _signature(model: Model, rule: Any) -> ModelSignature:
    """Return a signature with the columns' names; their types are left to our code.

    With types MLflow would refuse columns of integers or booleans with nulls, for which pandas uses another type.
    """
    anything = AnyType()  # type: ignore[no-untyped-call]
    columns: list[ColSpec | TensorSpec] = [ColSpec(anything, name) for name in model.encoding.features]
    outputs: list[ColSpec | TensorSpec] = [
        ColSpec(_OUTPUTS[kind], name) for name, kind in portable.output_columns(rule).items()
    ]
    return ModelSignature(inputs=MlflowSchema(columns), outputs=MlflowSchema(outputs))


def _load_by_our_code(folder: Path) -> None:
    """Make MLflow's `pyfunc` load the model by the stored code."""
    described = ModelFile.load(str(folder))
    flavour = described.flavors["python_function"]
    flavour |= {"loader_module": Path(_code_path()).stem, "code": _CODE}
    del flavour["data"]  # the whole folder is the model
    described.save(str(folder / "MLmodel"))


@functools.cache
def _code() -> str:
    return Path(portable.__file__).read_text()


def _code_path() -> str:
    """Return the path of the code; one module of a name loads per process."""
    return f"{_CODE}/airworthy_model_{_code_digest(_code())[:12]}.py"


def _code_digest(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()


def digests_of_files(folder: Path) -> dict[str, str]:
    """Return the SHA-256 of every file below `folder`, by relative path."""
    files = (path for path in sorted(folder.rglob("*")) if path.is_file())
    return {path.relative_to(folder).as_posix(): sha256(path) for path in files}


def require_model_files(folder: Path, files: Mapping[str, str]) -> None:
    """Check that `folder` contains exactly these files, byte for byte.

    Raises:
        ModelFilesCorruptedError: a file is missing, changed or added.
    """
    digests = digests_of_files(folder)
    for path in sorted(files.keys() | digests.keys()):
        if path not in digests:
            raise ModelFilesCorruptedError(path, "it is missing")
        if path not in files:
            raise ModelFilesCorruptedError(path, "it was not there when the model was trained")
        if digests[path] != files[path]:
            raise ModelFilesCorruptedError(path, "its content is not what was trained")


def load_companion(folder: Path, name: str) -> Any:
    """Return stored plain values by name; call `require_model_files` first.

    Raises:
        ModelFilesCorruptedError: there are none.
    """
    return _values(folder, name)


def read_model(folder: Path) -> Model:
    """Read a model from its files; call `require_model_files` first.

    Raises:
        ModelFilesCorruptedError: a file is missing or cannot be read.
    """
    text = _text(folder, TREES)
    names = [*_PARTS, *(name for name in _OPTIONAL if (folder / _path(name)).is_file())]
    contents = {name: _values(folder, name) for name in names}
    try:
        return Model.from_parts(text, contents)
    except (ValueError, KeyError, TypeError, AttributeError, AssertionError, LightGBMError) as error:
        raise ModelFilesCorruptedError(
            " or ".join((TREES, *map(_path, names))), f"{type(error).__name__}: {error}"
        ) from error


def sha256(path: Path) -> str:
    """Return the SHA-256 of a file."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


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
        raise ModelFilesCorruptedError(_path(name), f"it is not JSON ({error})") from error
