"""Hold the train rows of a training on Dask workers, and fit on them there.

This process holds the validation and test rows, as evaluation does, a sample of the train rows, and of these all labels
and predictions; of their features only one column at a time.
"""

from __future__ import annotations

import copyreg
import secrets
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass, replace
from functools import cached_property
from itertools import pairwise
from types import MappingProxyType
from typing import Any, cast

import numpy as np
import numpy.typing as npt
import pyarrow as pa
from distributed import Future

from include.declaration.feeds import Feed
from include.declaration.field_types import frozen
from include.declaration.monitoring import Monitoring
from include.declaration.period import Period
from include.declaration.training_engine import Dask
from include.declaration.use_case import UseCase
from include.lake.lake import Lake
from include.lake.snapshot import AsOfSnapshot
from include.model import data_parallel, splits, trainer
from include.model.arrays import Numbers
from include.model.baselines import FIT_ROWS
from include.model.data_parallel import Network
from include.model.encoding import Encoding
from include.model.lightgbm_params import Parameters
from include.model.model import Model
from include.model.splits import Splits
from include.model.tasks import task_model
from include.model.trainer import BoostedTrees, EncodedRows, FittedModel, TrainingRows
from include.project import Project
from include.threads import threads_for
from include.training import dataset
from include.training.on_dask import partitions, worker
from include.training.on_dask.cluster import Workers, dask_workers
from include.training.on_dask.errors import DaskCodeError, ValidationTooSmallError
from include.training.on_dask.worker import (
    PartitionRequest,
    PartitionSummary,
    ShareRequest,
    ShareResult,
    ValidationShare,
)
from include.training.training_errors import OneLabelError, SampleWeightError

_TABLES = ("features", "labels")


def _as_frozen(mapping: MappingProxyType[str, Any]) -> tuple[Any, ...]:
    return frozen, (dict(mapping),)


copyreg.pickle(MappingProxyType, _as_frozen)  # declarations hold them, and Python itself does not pickle them


@contextmanager
def load_into_workers(project: Project, view: AsOfSnapshot, first: Period, last: Period) -> Iterator[RowsOnWorkers]:
    """Yield the labelled rows of a window, those of train on Dask workers.

    Raises:
        DaskClusterError: there are too few workers.
        DaskTrainingError: a worker could not read its rows.
        DaskWorkerLostError: a worker ended.
        NotReadyError: days or labels are missing or wrong.
    """
    use_case = project.use_case
    engine = _engine_of(use_case)
    counts = partitions.count_labelled_rows(use_case, view, first, last)
    cut = splits.split_periods(use_case, view.period, first, list(counts))
    rest = dataset.labelled_rows(use_case, view, cut.validation[0], last)
    parts = {
        name: dataset.split_rows(use_case, rest, periods, name, view.period)
        for name, periods in cut.items()
        if name != "train"
    }
    if len(parts["validation"].labels) < engine.workers:
        rows = len(parts["validation"].labels)
        raise ValidationTooSmallError(use_case.name, view.period, rows, engine.workers)
    requests = _requests(use_case, view, {period: counts[period] for period in cut.train}, engine)
    with dask_workers(use_case, view.period, engine, project.settings.dask_scheduler) as workers:
        if workers.scheduler:
            _require_equal_code(workers, requests[0].lake)
        held = [
            workers.submit(partitions.share_of(request.number, engine.workers), worker.read_partition, request)
            for request in requests
        ]
        summaries = workers.results(
            [
                workers.submit(
                    partitions.share_of(number, engine.workers),
                    worker.summarise_partition,
                    dict(use_case.features),
                    rows,
                )
                for number, rows in enumerate(held)
            ]
        )
        loaded = RowsOnWorkers(use_case, engine, workers, cut, sum(counts.values()), parts, held, summaries)
        loaded.require_fit(view.period, rest)
        yield loaded


def _requests(
    use_case: UseCase, view: AsOfSnapshot, rows: Mapping[Period, int], engine: Dask
) -> list[PartitionRequest]:
    """Return what each partition reads.

    The versions of the tables are fixed, so that a commit meanwhile changes nothing.
    """
    lake = replace(view.lake, use_case=_for_workers(use_case))  # without the tables that are open here
    versions = {table: view.version(table) for table in _TABLES}
    return [
        PartitionRequest(lake, view.period, versions, periods, number)
        for number, periods in enumerate(partitions.split_into_partitions(rows, engine.parts))
    ]


def _require_equal_code(workers: Workers, lake: Lake) -> None:
    """Check that the workers of another cluster run this process's code.

    Raises:
        DaskCodeError: they do not.
    """
    own = asdict(worker.worker_code(lake))
    shares = range(len(workers.addresses))
    for found in workers.results([workers.submit(share, worker.worker_code, lake) for share in shares]):
        if differing := [name for name, value in asdict(found).items() if own[name] != value]:
            raise DaskCodeError(workers.use_case.name, workers.scheduler, ", ".join(differing))


def _for_workers(use_case: UseCase) -> UseCase:
    """Return the declaration without what no worker reads, such as sources."""
    keys = use_case.key_types()
    return replace(
        use_case,
        feeds=(Feed("keys", columns=keys, keys=tuple(keys)),),
        feature_groups=(),
        task=replace(use_case.task, custom_metrics=()),
        gates=(),
        monitoring=Monitoring(),
        exports=(),
    )


def _engine_of(use_case: UseCase) -> Dask:
    engine = use_case.training.engine
    assert engine is not None
    return engine


@dataclass(frozen=True)
class ColumnsOnWorkers:
    """The features of the train rows, whose columns are fetched one by one."""

    workers: Workers
    held: Sequence[Future]
    encoding: Encoding
    num_rows: int

    @property
    def column_names(self) -> list[str]:
        return list(self.encoding.features)

    def __getitem__(self, name: str) -> pa.ChunkedArray:
        """Fetch a column from all partitions, in order."""
        columns = _of_each(self.workers, self.held, worker.take_column, name)
        return pa.chunked_array([chunk for column in columns for chunk in column.chunks], type=columns[0].type)

    def slice(self, offset: int, length: int) -> pa.Table:
        """Fetch some of the first rows; the first partition has them."""
        places = np.arange(offset, offset + length)
        (rows,) = self.workers.results([self.workers.submit(0, worker.take_rows, self.held[0], places)])
        return rows.select(self.column_names)


@dataclass(frozen=True)
class RowsOnWorkers:
    """The rows of a training: those of `train` on the workers, the others here."""

    use_case: UseCase
    engine: Dask
    workers: Workers
    cut: Splits
    rows: int
    evaluated: Mapping[str, TrainingRows]
    """The rows of validation and test."""
    held: Sequence[Future]
    """The rows of each partition, on its worker."""
    summaries: Sequence[PartitionSummary]

    def require_fit(self, as_of: Period, rest: pa.Table) -> None:
        """Check what a partition alone cannot tell.

        Raises:
            OneLabelError: all train rows have the same label.
            SampleWeightError: all weights are 0.
        """
        use_case, labels, ends = self.use_case, self.labels, (self.cut.train[0], self.cut.train[-1])
        if len(np.unique(labels)) < 2:
            task, name = task_model(use_case), use_case.label.name
            value = f"{name} = {task.label_text(labels[0])}"
            others = int(np.sum(task.encode_labels(rest[name]) != labels[0]))
            raise OneLabelError(
                *(use_case.name, as_of, task.needs_variety, value, len(labels), ends),
                others=others,
                window_rows=self.rows,
            )
        if not any(summary.weighs for summary in self.summaries):
            raise SampleWeightError(use_case.name, str(use_case.training.sample_weight), 0, len(labels), *ends)

    @cached_property
    def labels(self) -> Numbers:
        """Return the labels of the train rows, in order of periods and keys."""
        return np.concatenate([summary.labels for summary in self.summaries])

    @cached_property
    def encoding(self) -> Encoding:
        """Return the encoding of the train rows."""
        words = data_parallel.merged_vocabulary([summary.vocabulary for summary in self.summaries])
        return Encoding(dict(self.use_case.features), words)

    @cached_property
    def parts(self) -> Mapping[str, TrainingRows]:
        """Return the rows of each split; features of `train` are fetched when read."""
        columns = ColumnsOnWorkers(self.workers, self.held, self.encoding, len(self.labels))
        periods = np.concatenate([summary.periods for summary in self.summaries])
        earlier = [summary.season_ago for summary in self.summaries if summary.season_ago is not None]
        season = pa.chunked_array([chunk for each in earlier for chunk in each.chunks]) if earlier else None
        train = TrainingRows(cast("pa.Table", columns), self.labels, periods, None, season)
        return {"train": train, **self.evaluated}

    def fit(self, parameters: Parameters) -> FittedModel:
        """Fit the trees on the workers, and the baselines here, on the sample."""
        validation, (sample, places) = self.evaluated["validation"], self._sample
        rows = EncodedRows(
            encoding=self.encoding,
            train=self.encoding.encode(sample),
            train_labels=self.labels[places],
            validation=self.encoding.encode(validation.features),
            validation_labels=validation.labels,
            validation_weights=validation.weights,
        )
        shared = self._share(rows)
        training = self.use_case.training
        return trainer.fit_with(
            lambda chosen: self._boost(chosen, *shared),
            rows,
            sample,
            parameters,
            threads_for(len(rows.validation_labels)),
            task_model(self.use_case),
            training.baseline_features,
        )

    @cached_property
    def _sample(self) -> tuple[pa.Table, npt.NDArray[np.int64]]:
        """Return evenly spaced train rows as they are stored, and their places.

        They are all rows if there are few.
        """
        places = np.arange(0, len(self.labels), -(-len(self.labels) // FIT_ROWS))
        ends = np.cumsum([len(summary.labels) for summary in self.summaries])
        own = np.split(places, np.searchsorted(places, ends[:-1]))
        taken = [
            self._submit(number, worker.take_rows, rows, mine - (ends[number] - len(self.summaries[number].labels)))
            for number, (rows, mine) in enumerate(zip(self.held, own, strict=True))
        ]
        return pa.concat_tables(self.workers.results(taken)), places

    def _share(self, rows: EncodedRows) -> tuple[list[Future], list[Future]]:
        """Send each worker the encoded sample, and its share of the validation rows."""
        bounds = np.linspace(0, rows.validation.num_rows, self.engine.workers + 1).astype(int).tolist()
        weights = rows.validation_weights
        shares = [
            ValidationShare(
                rows.validation.slice(start, end - start),
                rows.validation_labels[start:end],
                None if weights is None else weights[start:end],
            )
            for start, end in pairwise(bounds)
        ]
        return self.workers.send([rows.train] * self.engine.workers), self.workers.send(shares)

    def _boost(self, parameters: Parameters, samples: list[Future], validation: list[Future]) -> BoostedTrees:
        hosts, count = self.workers.hosts, self.engine.workers
        ports = self.workers.results(
            [self.workers.submit(share, worker.free_ports, hosts[share], 2) for share in range(count)]
        )
        machines = tuple(f"{host}:{first}" for host, (first, _) in zip(hosts, ports, strict=True))
        exchange = hosts[0], ports[0][1], secrets.token_bytes(32)
        dealt = partitions.dealt(range(len(self.held)), count)
        results: list[ShareResult] = self.workers.results(
            [
                self.workers.submit(
                    share,
                    worker.fit_share,
                    ShareRequest(self.encoding, parameters, self.engine.threads, Network(machines, share), exchange),
                    samples[share],
                    validation[share],
                    [self.held[number] for number in dealt[share]],
                )
                for share in range(count)
            ]
        )
        return results[0].as_boosted()

    def predict(self, model: Model) -> dict[str, dict[str, Numbers]]:
        """Return the predictions of all splits; train rows are predicted where held."""
        sent = model.booster.model_to_string(), model.parts(), self.engine.threads
        found = _of_each(self.workers, self.held, worker.predict_partition, *sent)
        train = {subject: np.concatenate([part[subject] for part in found]) for subject in found[0]}
        rest = {
            split: model.predict_all(part.inputs, threads_for(len(part.labels)))
            for split, part in self.evaluated.items()
        }
        return {"train": train, **rest}

    def _submit(self, number: int, function: Any, *arguments: Any) -> Future:
        return self.workers.submit(partitions.share_of(number, self.engine.workers), function, *arguments)


def _of_each(workers: Workers, held: Sequence[Future], function: Any, *arguments: Any) -> list[Any]:
    """Return the result of a function for each partition, called where it is held."""
    count = len(workers.addresses)
    return workers.results(
        [
            workers.submit(partitions.share_of(number, count), function, rows, *arguments)
            for number, rows in enumerate(held)
        ]
    )
