"""Encode feature columns as numbers for the model, identically in training and scoring.

A category becomes its index in a vocabulary that is fixed on the train days. A value outside it, like a null, is a
missing value, which LightGBM handles. An integer beyond 2^53 becomes the nearest float64.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Mapping
from dataclasses import dataclass

import pyarrow as pa
import pyarrow.compute as pc

from include.declaration.column_types import CATEGORY
from include.model import portable

_PLAIN = re.compile(r"[A-Za-z0-9_]+")


@dataclass(frozen=True)
class Encoding:
    """The columns that a model reads, in order, and the codes of categories."""

    features: Mapping[str, str]
    """Feature name to declared type, in the order of the model's columns."""
    vocabulary: Mapping[str, tuple[str, ...]]
    """Category feature to its values; the index of a value is its code."""

    @property
    def categories(self) -> list[str]:
        """The category features, in the model's order."""
        return [name for name, kind in self.features.items() if kind == CATEGORY]

    @property
    def booster_names(self) -> list[str]:
        """The names of the features in LightGBM, in the model's order.

        LightGBM refuses or replaces some characters, so `a b` and `a_b` would be equal; then the features are numbered.
        """
        if all(_PLAIN.fullmatch(name) for name in self.features):
            return list(self.features)
        return [f"feature_{index}" for index in range(len(self.features))]

    def only(self, names: Collection[str]) -> Encoding:
        """Return the encoding of these features alone, in the same order."""
        return Encoding(
            {name: kind for name, kind in self.features.items() if name in names},
            {name: words for name, words in self.vocabulary.items() if name in names},
        )

    def schema(self) -> pa.Schema:
        """Return the columns that `encode` returns."""
        return portable.encoded_schema(self.features)

    def encode(self, rows: pa.Table | pa.RecordBatch) -> pa.Table:
        """Return the features as float32 or float64 columns.

        Nulls, and categories never seen in training, are null. A feature whose type was widened since the training is a
        float64 column if float32 cannot hold the new type.
        """
        return portable.encode(self.features, self.vocabulary, rows)

    def to_json(self) -> dict[str, object]:
        """Return plain values from which `from_json` restores an equal encoding."""
        return {
            "features": [{"name": name, "type": kind} for name, kind in self.features.items()],
            "vocabulary": {name: list(values) for name, values in self.vocabulary.items()},
        }

    @classmethod
    def from_json(cls, values: Mapping[str, object]) -> Encoding:
        """Return the encoding from the values of `to_json`."""
        features, vocabulary = values["features"], values["vocabulary"]
        assert isinstance(features, list) and isinstance(vocabulary, dict)
        return cls({f["name"]: f["type"] for f in features}, {name: tuple(v) for name, v in vocabulary.items()})


def learn_encoding(features: Mapping[str, str], train: pa.Table) -> Encoding:
    """Learn the sorted vocabulary of every category from the train rows.

    Row order has no effect.
    """
    vocabulary = {
        name: tuple(sorted(value for value in pc.unique(train[name]).to_pylist() if value is not None))
        for name, kind in features.items()
        if kind == CATEGORY
    }
    return Encoding(dict(features), vocabulary)
