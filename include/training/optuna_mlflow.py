"""Store Optuna studies in MLflow: a run per study, with a nested run per trial."""

from __future__ import annotations

import contextlib
import dataclasses
import json
import math
import os
import time
from collections.abc import Iterator, Mapping

from mlflow import MlflowClient
from mlflow.entities import Metric, RunTag
from mlflow.optuna.storage import MlflowStorage
from optuna.study import StudyDirection
from optuna.trial import FrozenTrial

from include.model import metrics
from include.model.tasks import task_model
from include.printable import printable_logger
from include.project import Project
from include.registry.mlflow_runs import Runs, translate_mlflow_errors
from include.registry.tags import COMPLETE, FINGERPRINT, FOUND, MINUTES, from_mlflow
from include.training.search import SearchResult

log = printable_logger(__name__)
_PROCESS_WIDE = "MLFLOW_TRACKING_URI"


class Studies(Runs):
    """The studies of a use case, in its experiment.

    Optuna can load them by the name of their run.
    """

    _storage: _TrialRuns | None = None

    @classmethod
    def open(cls, project: Project) -> Studies:
        """Return the studies of the project's use case, in the project's MLflow."""
        return cls(project.use_case, project.settings.mlflow)

    @translate_mlflow_errors
    def start_study(self, name: str, tags: Mapping[str, str]) -> str:
        """Start a study and return the id of its run, which `end_run` closes."""
        self._storage = _TrialRuns(self._experiment(), self.address)
        study = str(self._storage.create_new_study([StudyDirection.MINIMIZE], name))
        self.log(study, tags=tags)
        return study

    @translate_mlflow_errors
    def keep(self, study: str, trial: FrozenTrial) -> None:
        """Write a finished trial as a nested run.

        It has parameters, value, intermediate values and state.
        """
        storage = self._storage or _TrialRuns(self._experiment(), self.address)
        storage.write(study, trial)

    def conclude(self, study: str, result: SearchResult, minutes: float) -> None:
        """Write the result of the study to its run."""
        loss = task_model(self.use_case).loss_name
        losses = {
            metrics.metric_name("validation", loss, "tuned"): result.loss,
            metrics.metric_name("validation", loss, "declared"): result.declared_loss,
        }
        counts = {"trials": float(result.trials), "pruned": float(result.pruned), "failed": float(result.failed)}
        record: dict[str, str] = {FOUND: json.dumps(dataclasses.asdict(result)), MINUTES: f"{minutes:g}"}
        self.log(study, params=result.parameters, metrics=losses | counts, tags=record)

    @translate_mlflow_errors
    def concluded(self, fingerprint: str, minutes: float) -> tuple[str, SearchResult] | None:
        """Return run and result of the first complete study of that fingerprint, or None.

        A study that ran out of time with fewer `minutes` is skipped. An interrupted study is never complete.
        """
        wanted = f"tags.`{FINGERPRINT.name}` = '{fingerprint}' and tags.`{COMPLETE.name}` = 'true'"
        for run in self._client.search_runs([self._experiment()], wanted, order_by=["attributes.start_time ASC"]):
            tags = from_mlflow(run.data.tags)
            try:
                result = SearchResult(**json.loads(tags[FOUND]))
                if not isinstance(result.parameters, dict):
                    raise TypeError("its parameters are not names and values")
                lasted = float(tags[MINUTES])
            except (ValueError, TypeError, KeyError, RecursionError) as error:
                log.warning("The study of run %s is left out: its tags cannot be read (%s).", run.info.run_id, error)
                continue
            if result.stopped_by == "trials" or lasted >= minutes:
                return str(run.info.run_id), result
        return None


class _TrialRuns(MlflowStorage):
    """Optuna's storage in MLflow at a given address, written once per trial.

    While a study runs, its trials are kept in memory. Reading them from MLflow at every round of every trial took 36 s
    instead of 0.04 s on SQLite for 24 trials of 20 rounds, and the time grows with the square of the trials.
    """

    def __init__(self, experiment: str, address: str) -> None:
        with _process_wide(address):
            # No automatic flush: it would drop what it cannot write, and only log a warning.
            super().__init__(experiment, batch_flush_interval=math.inf, batch_size_threshold=1_000_000)
        self._mlflow_client = MlflowClient(tracking_uri=address, registry_uri=address)

    def write(self, study: str, trial: FrozenTrial) -> None:
        """Write a finished trial, or raise."""
        run = str(self.create_new_trial(study, template_trial=trial))
        seconds = trial.duration.total_seconds() if trial.duration else 0.0
        self._queue_batch_operation(
            run,
            metrics=[Metric("seconds", seconds, int(time.time() * 1000), 0)],
            tags=[RunTag("mlflow.runName", f"trial {trial.number}")],
        )
        self._flush_batch(run, raise_on_error=True)


@contextlib.contextmanager
def _process_wide(address: str) -> Iterator[None]:
    """Set the process's tracking address within the block.

    MlflowStorage has no parameter for it.
    """
    before = os.environ.get(_PROCESS_WIDE)
    os.environ[_PROCESS_WIDE] = address
    try:
        yield
    finally:
        if before is None:
            del os.environ[_PROCESS_WIDE]
        else:
            os.environ[_PROCESS_WIDE] = before
