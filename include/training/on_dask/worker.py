"""What a worker does: read its partitions, and train and predict on them."""

from __future__ import annotations

import re
import socket
import traceback
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from multiprocessing import AuthenticationError
from typing import Any

import lightgbm
import numpy as np
import numpy.typing as npt
import pyarrow as pa
from lightgbm.basic import LightGBMError

from include.declaration.period import Period
from include.declaration.use_case import UseCase
from include.errors import AirworthyError, in_words
from include.lake.lake import Lake
from include.model import data_parallel
from include.model.arrays import Numbers
from include.model.data_parallel import Network
from include.model.encoding import Encoding, learn_encoding
from include.model.lightgbm_params import Parameters
from include.model.model import Model
from include.model.trainer import BoostedTrees, EncodedRows, TrainingRows
from include.training import dataset, provenance
from include.training.on_dask.errors import PartRefusedError
from include.training.on_dask.loss_exchange import joined_exchange
from include.training.training_errors import SampleWeightError

_LAST_SPLIT = "partition"
"""Name of the rows that a partition reads; the checks of a whole split are made where all of it is known."""


_OF_NETWORK = (OSError, EOFError, AuthenticationError)
_SOCKETS = re.compile("socket|port|connect|network", re.IGNORECASE)


@dataclass(frozen=True)
class PartitionRequest:
    """Which rows a worker reads: some periods, at fixed versions of the tables."""

    lake: Lake
    as_of: Period
    versions: Mapping[str, int]
    """Table to Delta version."""
    periods: tuple[Period, ...]
    number: int

    def __str__(self) -> str:
        return f"partition {self.number} ({self.periods[0]} to {self.periods[-1]})"


@dataclass(frozen=True)
class PartitionSummary:
    """What the training process keeps of a partition; no features."""

    labels: Numbers
    periods: npt.NDArray[np.datetime64]
    weighs: bool
    """Whether a row has a weight above 0; true without weights."""
    vocabulary: Mapping[str, tuple[str, ...]]
    season_ago: pa.ChunkedArray | None


@dataclass(frozen=True)
class ShareRequest:
    """What the processes of one fit are given."""

    encoding: Encoding
    parameters: Parameters
    threads: int
    network: Network
    exchange: tuple[str, int, bytes]
    """Host, port and secret of the exchange of losses."""


@dataclass(frozen=True)
class ValidationShare:
    """Encoded validation rows that one process evaluates."""

    rows: pa.Table
    labels: Numbers
    weights: Numbers | None


@dataclass(frozen=True)
class ShareResult:
    """The trees of one process, as LightGBM's text."""

    trees: str
    best_round: int
    validation_loss: list[float]

    def as_boosted(self) -> BoostedTrees:
        """Return the trees as a booster."""
        return BoostedTrees(lightgbm.Booster(model_str=self.trees), self.best_round, self.validation_loss)


@dataclass(frozen=True)
class WorkerCode:
    """What must be equal in all processes that train together."""

    code: str
    lightgbm: str
    processor: str


@contextmanager
def _plain_errors(part: str) -> Iterator[None]:
    """Turn any error into one that crosses processes.

    The frames of the error let go of what they hold: a booster would keep its network open, and the other processes
    waiting.
    """
    try:
        yield
    except Exception as error:
        retryable = isinstance(error, _OF_NETWORK) or getattr(error, "retryable", False)
        # Of LightGBM's own errors, those of its sockets follow from a worker that ended, or a port that was taken.
        retryable = retryable or (isinstance(error, LightGBMError) and _SOCKETS.search(str(error)) is not None)
        text = str(error) if isinstance(error, AirworthyError) else in_words(error)
        kind = type(error).__name__
        traceback.clear_frames(error.__traceback__)
        raise PartRefusedError(part, kind, text, retryable) from None


def worker_code(lake: Lake) -> WorkerCode:
    """Return what of this process the trees depend on."""
    with _plain_errors("the comparison of code"):
        made = provenance.current_provenance(use_case_of(lake))
        return WorkerCode(made.code, lightgbm.__version__, made.processor)


def use_case_of(lake: Lake) -> UseCase:
    """Return the use case of a lake."""
    assert isinstance(lake.use_case, UseCase)
    return lake.use_case


def read_partition(request: PartitionRequest) -> TrainingRows:
    """Return the labelled rows of a partition, in order of periods and keys."""
    with _plain_errors(str(request)):
        periods = request.periods
        view, use_case = request.lake.at_versions(request.as_of, request.versions), use_case_of(request.lake)
        rows = dataset.labelled_rows(use_case, view, periods[0], periods[-1])
        try:
            return dataset.split_rows(use_case, rows, periods, _LAST_SPLIT, request.as_of)
        except SampleWeightError as error:
            if error.wrong:
                raise
        # All weights are 0 here, and may be above it in other partitions.
        unweighted = replace(use_case, training=replace(use_case.training, sample_weight=None))
        found = dataset.split_rows(unweighted, rows, periods, _LAST_SPLIT, request.as_of)
        return replace(found, weights=np.zeros(len(found.labels)))


def summarise_partition(features: Mapping[str, str], rows: TrainingRows) -> PartitionSummary:
    """Return what the training process needs of a partition's rows."""
    weighs = rows.weights is None or bool(rows.weights.any())
    vocabulary = learn_encoding(features, rows.features).vocabulary
    return PartitionSummary(rows.labels, rows.periods, weighs, vocabulary, rows.season_ago)


def take_rows(rows: TrainingRows, places: npt.NDArray[np.int64]) -> pa.Table:
    """Return these rows as stored, with what the baselines read besides."""
    return rows.inputs.take(places)


def take_column(rows: TrainingRows, name: str) -> pa.ChunkedArray:
    """Return one feature of all rows."""
    return rows.features[name]


def predict_partition(rows: TrainingRows, trees: str, parts: Mapping[str, Any], threads: int) -> dict[str, Numbers]:
    """Return the predictions of the model and its baselines, by subject."""
    return Model.from_parts(trees, parts).predict_all(rows.inputs, threads)


def free_ports(host: str, count: int) -> list[int]:
    """Return ports that are free at this moment."""
    opened = [socket.socket() for _ in range(count)]
    try:
        for each in opened:
            each.bind((host, 0))
        return [each.getsockname()[1] for each in opened]
    finally:
        for each in opened:
            each.close()


def fit_share(
    request: ShareRequest, sample: pa.Table, validation: ValidationShare, partitions: Sequence[TrainingRows]
) -> ShareResult:
    """Fit trees on these partitions, together with the other workers.

    All return equal trees.
    """
    network = request.network
    with _plain_errors(f"share {network.share} of {len(network.machines)}"):
        lightgbm.register_logger(_Silent())
        rows = EncodedRows(
            encoding=request.encoding,
            train=pa.concat_tables(request.encoding.encode(part.features) for part in partitions),
            train_labels=np.concatenate([part.labels for part in partitions]),
            validation=validation.rows,
            validation_labels=validation.labels,
            train_weights=_joined([part.weights for part in partitions]),
            validation_weights=validation.weights,
        )
        host, port, secret = request.exchange
        with joined_exchange(host, port, secret, network.share, len(network.machines)) as combine:
            fitted = data_parallel.boost_share(rows, sample, request.parameters, request.threads, network, combine)
        return ShareResult(fitted.booster.model_to_string(), fitted.best_round, fitted.validation_loss)


def _joined(weights: Sequence[Numbers | None]) -> Numbers | None:
    present = [each for each in weights if each is not None]
    return np.concatenate(present) if present else None


class _Silent:
    """A logger for LightGBM, whose messages about sockets are dropped."""

    def info(self, message: str) -> None:
        """Drop a message."""

    def warning(self, message: str) -> None:
        """Drop a warning."""
