"""Describe the data of a training as datasets of its MLflow run.

They are shown on the run's page only: what decides is in the signed record of the training.
"""

from __future__ import annotations

import json

from mlflow.entities import Dataset, DatasetInput, InputTag
from mlflow.utils.mlflow_tags import MLFLOW_DATASET_CONTEXT

from include.declaration.use_case import UseCase
from include.registry.tags import FEATURES_DIGEST, FEATURES_VERSION, LABELS_DIGEST, LABELS_VERSION
from include.training.spec import TrainingInputs

DIGEST_LENGTH = 36
"""Characters of a dataset's digest that MLflow stores."""
_TYPES = {"category": "string", "bool": "boolean", "float32": "float", "float64": "double", "int64": "long"}
"""Declared type to MLflow's, if it is not `integer`."""


def training_datasets(use_case: UseCase, made_from: TrainingInputs, rows: int) -> list[DatasetInput]:
    """Return the tables `features` and `labels` as the training read them.

    `rows` is the number of labelled rows of all splits. A source names the table within the lake, not the lake's
    address.
    """
    tables = {
        "features": (FEATURES_VERSION, FEATURES_DIGEST, dict(use_case.features)),
        "labels": (LABELS_VERSION, LABELS_DIGEST, {use_case.label.name: use_case.task.label_type}),
    }
    return [
        DatasetInput(
            Dataset(
                name=f"{use_case.name}/{table}",
                digest=made_from.data[digest][:DIGEST_LENGTH],
                source_type="delta",
                source=json.dumps({"path": f"{use_case.name}/{table}", "delta_table_version": made_from.data[version]}),
                schema=json.dumps({"mlflow_colspec": [_column(*column) for column in columns.items()]}),
                profile=json.dumps({"rows": rows, "periods": made_from.window}),
            ),
            [InputTag(MLFLOW_DATASET_CONTEXT, "training")],
        )
        for table, (version, digest, columns) in tables.items()
    ]


def _column(name: str, kind: str) -> dict[str, object]:
    return {"name": name, "type": _TYPES.get(kind, "integer"), "required": True}
