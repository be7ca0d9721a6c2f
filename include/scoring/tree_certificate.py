"""Certify that an engine returns LightGBM's bits for the rows of parity.py."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass
from functools import cached_property

import lightgbm
import pyarrow as pa

from include.model import parity
from include.model.arrays import Numbers
from include.model.encoding import Encoding
from include.model.predictor import LIGHTGBM
from include.model.tree_text import Tree
from include.scoring.compiled_predictor import PredictionsDifferError, predict_rows
from include.scoring.tree_compiler import TreeEngine

SPLITS_AT_LOAD = 5_000
"""Most splits whose rows are predicted again whenever an engine is loaded. The library is the same, bit by bit, so this
looks for changes of the machine."""


@dataclass(frozen=True)
class Certificate:
    """What was compared, and what is compared again at each load."""

    rows: int
    """Rows that got LightGBM's bits when the engine was made."""
    rows_at_load: str
    """Digest of the rows that are compared again."""
    predictions_at_load: str
    """Digest of LightGBM's predictions of these."""

    def to_json(self) -> dict[str, str | int]:
        return asdict(self)


@dataclass(frozen=True)
class Subject:
    """The trees to certify, and the columns that they read."""

    booster: lightgbm.Booster
    trees: Sequence[Tree]
    encoding: Encoding

    def rows(self) -> Iterator[pa.Table]:
        """Yield all rows to compare."""
        yield from parity.rows_of_trees(self.trees, self.encoding)
        yield from parity.other_rows(self.trees, self.encoding)

    @cached_property
    def rows_at_load(self) -> list[pa.Table]:
        """The rows to compare again at each load; of a large model those of some trees."""
        step = -(-sum(map(len, self.trees)) // SPLITS_AT_LOAD) or 1
        some = self.trees[::step]
        return [*parity.rows_of_trees(some, self.encoding), *parity.other_rows(some, self.encoding)]


def certify(subject: Subject, engine: TreeEngine) -> Certificate:
    """Compare the engine with LightGBM on all rows.

    Raises:
        PredictionsDifferError: a bit differs.
        TreeEngineError: the engine cannot predict them.
    """
    rows = differing = 0
    for encoded in subject.rows():
        truth = LIGHTGBM.predict(subject.booster, encoded, 1)
        differing += len(parity.differing_rows(truth, predict_rows(subject.booster, engine, encoded, 1)))
        rows += encoded.num_rows
    if differing:
        raise PredictionsDifferError(differing, rows)
    at_load = subject.rows_at_load
    truths = [LIGHTGBM.predict(subject.booster, encoded, 1) for encoded in at_load]
    return Certificate(rows, _digest_of_rows(at_load), parity.digest_of_numbers(truths))


def is_current(subject: Subject, certificate: Certificate) -> bool:
    """Return whether the certificate is about the rows that would be compared now."""
    return _digest_of_rows(subject.rows_at_load) == certificate.rows_at_load


def require_certified(subject: Subject, engine: TreeEngine, certificate: Certificate) -> None:
    """Compare the engine with what LightGBM predicted when it was certified.

    Raises:
        PredictionsDifferError: a bit differs.
        TreeEngineError: the engine cannot predict the rows.
    """
    at_load = subject.rows_at_load
    predictions = [predict_rows(subject.booster, engine, encoded, 1) for encoded in at_load]
    if parity.digest_of_numbers(predictions) != certificate.predictions_at_load:
        truths = [LIGHTGBM.predict(subject.booster, encoded, 1) for encoded in at_load]
        differing = sum(map(_differing, truths, predictions))
        raise PredictionsDifferError(differing, sum(encoded.num_rows for encoded in at_load))


def _differing(truth: Numbers, predictions: Numbers) -> int:
    return len(parity.differing_rows(truth, predictions))


def _digest_of_rows(tables: Sequence[pa.Table]) -> str:
    return parity.digest_of_numbers([parity.numbers_of_rows(table) for table in tables])
