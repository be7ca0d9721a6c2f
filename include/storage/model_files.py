"""A model as files: LightGBM's own text and JSON in the layout that MLflow knows. Nothing is ever pickled."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import lightgbm
from mlflow.entities import LoggedModel
from mlflow.lightgbm import save_model
from mlflow.models import Model as ModelFile
from mlflow.models import infer_signature

from include.logic.baselines import Logistic, Prior
from include.logic.encoding import Encoding
from include.logic.model import Model, trees_digest

_FOLDER = "airworthy"
"""Beside LightGBM's own files: what else scoring needs."""
_PARTS = ("encoding", "baselines")


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
    contents = {
        "encoding": model.encoding.to_json(),
        "baselines": {"prior": model.prior.rate, "logistic": model.logistic.to_json()},
        **extra,
    }
    (folder / _FOLDER).mkdir()
    for name, values in contents.items():
        (folder / _FOLDER / f"{name}.json").write_text(json.dumps(values, indent=1))


def read(folder: Path, trees: str) -> Model:
    """Read a model whose trees have that digest; OSError, KeyError or ValueError where files are missing or others."""
    text = (folder / "model.lgb").read_text()
    encoding, baselines = (json.loads((folder / _FOLDER / f"{name}.json").read_text()) for name in _PARTS)
    if trees_digest(text) != trees:
        raise ValueError("its trees are not those that were registered")
    return Model(
        booster=lightgbm.Booster(model_str=text),
        encoding=Encoding.from_json(encoding),
        prior=Prior(baselines["prior"]),
        logistic=Logistic.from_json(baselines["logistic"]),
    )
