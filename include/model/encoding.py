"""Encode feature columns as the numbers that a model reads; the same in training and scoring, bit for bit.

A category becomes its place in a vocabulary that is fixed from the train days. A value outside it, like a null, is a
missing value, which LightGBM handles itself. An integer beyond 2^53 becomes the nearest float64.
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
    """Which columns a model reads, in which order, and what a category's codes mean."""

    features: Mapping[str, str]
    """Feature name to declared type, in the order of the model's columns."""
    vocabulary: Mapping[str, tuple[str, ...]]
    """Category feature to its values; a value's place is its code."""

    @property
    def categories(self) -> list[str]:
        """The category features, in the model's order."""
        return [name for name, kind in self.features.items() if kind == CATEGORY]

    @property
    def booster_names(self) -> list[str]:
        """What LightGBM calls the features, in the model's order.

        It refuses or changes some characters, so that `a b` and `a_b` would be one: then each has a number for a name.
        """
        if all(_PLAIN.fullmatch(name) for name in self.features):
            return list(self.features)
        return [f"feature_{place}" for place in range(len(self.features))]

    def only(self, names: Collection[str]) -> Encoding:
        """The encoding of these features alone, in the same order."""
        return Encoding(
            {name: kind for name, kind in self.features.items() if name in names},
            {name: words for name, words in self.vocabulary.items() if name in names},
        )

    def schema(self) -> pa.Schema:
        """The columns that `encode` returns."""
        return portable.encoded_schema(self.features)

    def encode(self, rows: pa.Table | pa.RecordBatch) -> pa.Table:
        """Return the features as float32 or float64 columns; nulls, and categories never seen in training, are null.

        A feature whose type was widened since the training is a float64 column where a float32 would not hold it.
        """
        return portable.encode(self.features, self.vocabulary, rows)

    def to_json(self) -> dict[str, object]:
        """Plain values, from which `from_json` makes an equal encoding."""
        return {
            "features": [{"name": name, "type": kind} for name, kind in self.features.items()],
            "vocabulary": {name: list(values) for name, values in self.vocabulary.items()},
        }

    @classmethod
    def from_json(cls, values: Mapping[str, object]) -> Encoding:
        """The encoding that `to_json` wrote down."""
        features, vocabulary = values["features"], values["vocabulary"]
        assert isinstance(features, list) and isinstance(vocabulary, dict)
        return cls({f["name"]: f["type"] for f in features}, {name: tuple(v) for name, v in vocabulary.items()})


def learn_encoding(features: Mapping[str, str], train: pa.Table) -> Encoding:
    """Fix the vocabulary of every category from the train rows, sorted, so that row order cannot change it."""
    vocabulary = {
        name: tuple(sorted(value for value in pc.unique(train[name]).to_pylist() if value is not None))
        for name, kind in features.items()
        if kind == CATEGORY
    }
    return Encoding(dict(features), vocabulary)
