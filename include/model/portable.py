"""Predict from a model's files alone, through MLflow's `pyfunc`.

This file is stored unchanged with every model and imports nothing of the project, so the model also predicts where the
project is not installed. The project itself encodes with the same function.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import lightgbm
import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc

CATEGORY = "category"
EXACT_IN_FLOAT32 = frozenset({"bool", "int8", "int16", "float32", CATEGORY})
"""Types whose values all fit into float32; the others need float64, which takes twice the memory."""
_NEED_FLOAT64 = (pa.int32(), pa.int64(), pa.float64())


def encoded_schema(features: Mapping[str, str]) -> pa.Schema:
    """Return the columns that a model reads, for features with these declared types."""
    kinds = features.items()
    return pa.schema([(name, pa.float32() if kind in EXACT_IN_FLOAT32 else pa.float64()) for name, kind in kinds])


def encode(
    features: Mapping[str, str], vocabulary: Mapping[str, Sequence[str]], rows: pa.Table | pa.RecordBatch
) -> pa.Table:
    """Return the features as float32 or float64 columns.

    Nulls, and categories outside the vocabulary, are null. A feature with a wider type than declared is a float64
    column if float32 cannot hold its type.
    """
    return pa.table({field.name: _floats(vocabulary, rows, field) for field in encoded_schema(features)})


def _floats(
    vocabulary: Mapping[str, Sequence[str]], rows: pa.Table | pa.RecordBatch, field: pa.Field
) -> pa.Array | pa.ChunkedArray:
    numbers = _numbers(vocabulary, rows, field.name)
    is_wide = field.name not in vocabulary and numbers.type in _NEED_FLOAT64
    # Not a safe cast: one integer that float64 cannot represent would leave a whole day without predictions.
    return numbers.cast(pa.float64() if is_wide else field.type, safe=False)


def _numbers(
    vocabulary: Mapping[str, Sequence[str]], rows: pa.Table | pa.RecordBatch, name: str
) -> pa.Array | pa.ChunkedArray:
    if name not in vocabulary:
        return rows[name]
    return pc.index_in(rows[name], value_set=pa.array(vocabulary[name], pa.string()), skip_nulls=True)


class PortableModel:
    """A model loaded from its files: LightGBM's text, the encoding, and its rule."""

    def __init__(self, folder: Path) -> None:
        self._booster = lightgbm.Booster(model_str=(folder / "model.lgb").read_text())
        encoding = json.loads((folder / "airworthy" / "encoding.json").read_text())
        self._features = {feature["name"]: feature["type"] for feature in encoding["features"]}
        self._vocabulary = encoding["vocabulary"]
        self._rule = json.loads((folder / "airworthy" / "decision.json").read_text())
        bounds = folder / "airworthy" / "bounds.json"
        self._bounds = json.loads(bounds.read_text()) if bounds.is_file() else None

    def predict(self, model_input: pd.DataFrame, params: Mapping[str, Any] | None = None) -> pd.DataFrame:
        """Return the columns of a prediction for every row of features, with the same index.

        These are `probability` and `predicted_positive`; `prediction`, and with an interval `lower` and `upper`; or a
        probability per class and `predicted_class`.

        Raises:
            ValueError: a column cannot be read as its declared type.
        """
        del params
        rows = pa.table({name: _column(model_input, name, kind) for name, kind in self._features.items()})
        encoded = encode(self._features, self._vocabulary, rows)
        if not encoded.num_rows:
            return pd.DataFrame(columns=list(output_columns(self._rule)), index=model_input.index)
        predicted = np.asarray(self._booster.predict(encoded, num_threads=1), dtype=np.float64)
        if self._bounds is not None:
            predicted = _with_bounds(self._bounds, predicted, encoded)
        return pd.DataFrame(_columns(self._rule, predicted), index=model_input.index)


def output_columns(rule: Mapping[str, Any]) -> dict[str, str]:
    """Return column to type of a prediction, by the rule stored with a model."""
    if "threshold" in rule:
        return {"probability": "float64", "predicted_positive": "bool"}
    chosen = {"predicted_class": "string"} if "classes" in rule else {}
    return dict.fromkeys(rule["columns"], "float64") | chosen


def _columns(rule: Mapping[str, Any], predicted: Any) -> dict[str, Any]:
    if "threshold" in rule:
        return {"probability": predicted, "predicted_positive": predicted >= rule["threshold"]}
    table = predicted[:, None] if predicted.ndim == 1 else predicted
    columns = dict(zip(rule["columns"], table.T, strict=True))
    if "classes" in rule:
        columns["predicted_class"] = np.array(rule["classes"], dtype=object)[np.argmax(predicted, axis=1)]
    return columns


def _with_bounds(bounds: Mapping[str, Any], point: Any, encoded: pa.Table) -> Any:
    """Return (rows, 3): prediction, lower and upper end, as the project does."""
    if bounds["kind"] == "conformal":
        positive = np.maximum(point, 1e-6)
        scales = {"one": np.ones(len(point)), "root": np.sqrt(positive), "value": positive}[bounds["scale"]]
        least = -np.inf if bounds["least"] is None else bounds["least"]
        return np.column_stack(
            [point, *(np.maximum(point + bounds[end] * scales, least) for end in ("lower", "upper"))]
        )
    models = [lightgbm.Booster(model_str=bounds[end]) for end in ("lower", "upper")]
    lower, upper = (np.asarray(model.predict(encoded, num_threads=1)) for model in models)
    if bounds["with_point"]:
        return np.sort(np.column_stack([lower, point, upper]), axis=1)[:, [1, 0, 2]]
    return np.column_stack([point, np.sort(np.column_stack([lower, upper]), axis=1)])


def _column(frame: pd.DataFrame, name: str, kind: str) -> pa.Array:
    """Convert a pandas column of any type to its declared Arrow type.

    Missing values become null.
    """
    column = frame[name]
    if isinstance(column.dtype, pd.CategoricalDtype):
        column = column.astype(object)
    wanted = pa.type_for_alias("string" if kind == CATEGORY else kind)
    try:
        if pa.types.is_boolean(wanted) and not pd.api.types.is_bool_dtype(column.dtype):
            # pandas converts a boolean column with nulls to numbers or objects
            return pa.array([_truth(value) for value in column], wanted)
        converted = pa.array(column, type=wanted, from_pandas=True)
    except (pa.ArrowInvalid, pa.ArrowTypeError, TypeError, ValueError) as error:
        raise ValueError(f"Feature {name!r} cannot be read as {kind}: {error}") from error
    return converted.combine_chunks() if isinstance(converted, pa.ChunkedArray) else converted


def _truth(value: Any) -> bool | None:
    """Convert True, False, 1 or 0 to a boolean, and a missing value to None.

    Raises:
        ValueError: the value is another one, such as a text.
    """
    if pd.isna(value):
        return None
    if isinstance(value, (bool, int, float, np.generic)) and value in (0, 1):
        return bool(value)
    raise ValueError(f"{value!r} is neither True nor False")


def _load_pyfunc(path: str) -> PortableModel:
    """Load the model of a folder; MLflow calls this function."""
    return PortableModel(Path(path))
