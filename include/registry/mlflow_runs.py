"""Read and write the runs of a use case in MLflow."""

from __future__ import annotations

import functools
import logging
import os
import re
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path, PurePosixPath
from typing import Any, Concatenate, ParamSpec, TypeVar

import requests
from mlflow import MlflowClient, artifacts
from mlflow.entities import DatasetInput, LifecycleStage, Metric, Param, Run, RunTag
from mlflow.exceptions import MlflowException
from mlflow.utils.mlflow_tags import MLFLOW_GIT_COMMIT, MLFLOW_RUN_NOTE, MLFLOW_SOURCE_NAME, MLFLOW_SOURCE_TYPE

from include import settings
from include.declaration.use_case import UseCase
from include.errors import AirworthyError, NotReadyError
from include.registry.artifact_listing import list_files
from include.registry.registry_errors import RunIncompleteError, RunUnknownError
from include.registry.tags import COMMIT, COMPLETE, FINGERPRINT, from_mlflow, mlflow_name, to_mlflow

# By default MLflow tries a request seven times, over minutes. Airflow retries whole tasks and shows that to users.
os.environ.setdefault("MLFLOW_HTTP_REQUEST_MAX_RETRIES", "3")
os.environ.setdefault("MLFLOW_ENABLE_ARTIFACTS_PROGRESS_BAR", "false")
# Links and waits that MLflow prints would stand between the lines of a task or a command.
os.environ.setdefault("MLFLOW_SUPPRESS_PRINTING_URL_TO_STDOUT", "true")
logging.getLogger("mlflow.store").setLevel(logging.WARNING)

ARTIFACT_BYTES, ARTIFACT_FILES = 1 << 30, 1_000
"""Limits of a file or folder that is downloaded from a run, by MLflow's listing."""
ALREADY, UNKNOWN, RACED = "RESOURCE_ALREADY_EXISTS", "RESOURCE_DOES_NOT_EXIST", "BAD_REQUEST"
INACTIVE = re.compile(r"[Tt]he (run|experiment) '?([\w-]+)'? must be in (?:the )?'active'")
"""MLflow's error for a write to a deleted run or experiment."""
P = ParamSpec("P")
R = TypeVar("R")
S = TypeVar("S", bound="Runs")


class MlflowUnreachableError(NotReadyError):
    """The MLflow server does not answer."""

    retryable = True  # a server that restarts is back before the last try

    def __init__(self, address: str, cause: object) -> None:
        self.address = address
        where = settings.shown_address(address) or "its address"
        super().__init__(
            f"MLflow does not answer at {where}: {cause}. Start it with `make up`, or set MLFLOW_TRACKING_URI to"
            " its address."
        )


class DeletedInMlflowError(AirworthyError):
    """A run or experiment was deleted in MLflow, which refuses writes to it."""

    def __init__(self, use_case: str, kind: str, identifier: str, address: str) -> None:
        self.use_case, self.kind, self.identifier = use_case, kind, identifier
        where = settings.shown_address(address)
        super().__init__(
            f"{use_case}: the {kind} {identifier} was deleted in MLflow{f' at {where}' if where else ''}, and nothing"
            f" can be written to it. Restore it with: mlflow {kind}s restore --{kind}-id"
            f" {identifier} (with MLFLOW_TRACKING_URI set to that MLflow), and run the task again."
        )


def translate_mlflow_errors(method: Callable[Concatenate[S, P], R]) -> Callable[Concatenate[S, P], R]:
    """Translate MLflow's errors for no answer and for a deleted run or experiment."""

    @functools.wraps(method)
    def translated(self: S, *args: P.args, **kwargs: P.kwargs) -> R:
        try:
            return method(self, *args, **kwargs)
        except (MlflowException, requests.RequestException) as error:
            causes = [error, error.__cause__, error.__context__]
            if any(isinstance(cause, requests.ConnectionError | requests.Timeout) for cause in causes):
                raise MlflowUnreachableError(self.address, str(error).splitlines()[0][:300]) from error
            if deleted := INACTIVE.search(str(error)):
                kind, identifier = deleted.groups()
                raise DeletedInMlflowError(self.use_case.name, kind.lower(), identifier, self.address) from error
            raise

    return translated  # type: ignore[return-value]  # as a method it is the same


def retry_on_conflict(write: Callable[[], object]) -> None:
    """Retry a write of a tag or alias once on BAD_REQUEST.

    Two concurrent inserts of the same key conflict in MLflow's database; the retry becomes an update.
    """
    try:
        write()
    except MlflowException as error:
        if error.error_code != RACED:
            raise
        write()


class Runs:
    """The MLflow experiment of a use case, which has its name."""

    def __init__(self, use_case: UseCase, address: str | None = None) -> None:
        self.use_case = use_case
        self.address = address or settings.current_settings().mlflow
        self._client = MlflowClient(tracking_uri=self.address, registry_uri=self.address)

    @translate_mlflow_errors
    def start_run(self, name: str, tags: Mapping[str, str]) -> str:
        """Start a run in the use case's experiment, created if missing; return its id."""
        source = {MLFLOW_SOURCE_NAME: f"{self.use_case.name}__train", MLFLOW_SOURCE_TYPE: "JOB"}
        tagged = to_mlflow(tags) | source | ({MLFLOW_GIT_COMMIT: tags[COMMIT]} if COMMIT in tags else {})
        return str(self._client.create_run(self._experiment(), tags=tagged, run_name=name).info.run_id)

    def run_path(self, run_id: str) -> str:
        """Return the path of a run's page in MLflow."""
        return f"experiments/{self._experiment()}/runs/{run_id}"

    def _experiment(self) -> str:
        found = self._client.get_experiment_by_name(self.use_case.name)
        if found is None:
            try:
                return str(self._client.create_experiment(self.use_case.name))
            except MlflowException as error:
                found = self._client.get_experiment_by_name(self.use_case.name)
                if error.error_code != ALREADY or found is None:
                    raise
        if found.lifecycle_stage != LifecycleStage.ACTIVE:
            raise DeletedInMlflowError(self.use_case.name, "experiment", str(found.experiment_id), self.address)
        return str(found.experiment_id)

    @translate_mlflow_errors
    def end_run(self, run_id: str, *, failed: bool) -> None:
        """End a run; mark it complete unless it failed."""
        if not failed:
            self._client.set_tag(run_id, COMPLETE.name, "true")
        self._client.set_terminated(run_id, "FAILED" if failed else "FINISHED")

    @translate_mlflow_errors
    def complete_runs(self, fingerprint: str) -> list[str]:
        """Return the ids of complete runs with this fingerprint, the oldest first."""
        condition = f"tags.`{FINGERPRINT.name}` = '{fingerprint}' and tags.`{COMPLETE.name}` = 'true'"
        runs = self._client.search_runs([self._experiment()], condition, order_by=["attributes.start_time ASC"])
        return [str(run.info.run_id) for run in runs]

    @translate_mlflow_errors
    def get_run(self, run_id: str) -> Run:
        """Return the complete run of this id.

        Raises:
            RunIncompleteError: the run is not complete.
            RunUnknownError: there is no such run.
        """
        try:
            found = self._client.get_run(run_id)
        except MlflowException as error:
            if error.error_code in (UNKNOWN, "INVALID_PARAMETER_VALUE"):
                where = settings.shown_address(self.address) or "its address"
                raise RunUnknownError(self.use_case.name, run_id, where) from error
            raise
        if from_mlflow(found.data.tags).get(COMPLETE) != "true":
            raise RunIncompleteError(self.use_case.name, run_id, found.info.status)
        return found

    @translate_mlflow_errors
    def log(
        self,
        run_id: str,
        *,
        params: Mapping[str, object] | None = None,
        metrics: Mapping[str, float] | None = None,
        tags: Mapping[str, str] | None = None,
        model_id: str | None = None,
    ) -> None:
        """Log params, metrics and tags of a run in one request.

        With `model_id` the metrics belong to that logged model too.
        """
        now = int(time.time() * 1000)
        self._client.log_batch(
            run_id,
            metrics=[Metric(key, value, now, 0, model_id=model_id) for key, value in (metrics or {}).items()],
            params=[Param(key, str(value)) for key, value in (params or {}).items()],
            tags=[RunTag(key, value) for key, value in to_mlflow(tags or {}).items()],
        )

    @translate_mlflow_errors
    def log_datasets(self, run_id: str, datasets: Sequence[DatasetInput]) -> None:
        """Log the datasets that a run was made from."""
        self._client.log_inputs(run_id, list(datasets))

    @translate_mlflow_errors
    def describe_run(self, run_id: str, description: str) -> None:
        """Set the description of a run, in Markdown."""
        self._client.set_tag(run_id, MLFLOW_RUN_NOTE, description)

    @translate_mlflow_errors
    def untag(self, run_id: str, tags: Sequence[str]) -> None:
        """Remove tags of a run."""
        for tag in tags:
            self._client.delete_tag(run_id, mlflow_name(tag))

    @translate_mlflow_errors
    def log_series(self, run_id: str, name: str, values: list[float]) -> None:
        """Add a metric with one value per step."""
        now = int(time.time() * 1000)
        for first in range(0, len(values), 1000):  # MLflow's limit of one request
            steps = enumerate(values[first : first + 1000], start=first)
            self._client.log_batch(run_id, metrics=[Metric(name, value, now, step) for step, value in steps])

    @translate_mlflow_errors
    def log_folder(self, run_id: str, folder: Path) -> None:
        """Store a folder's files as artifacts of the run."""
        self._client.log_artifacts(run_id, str(folder))

    @translate_mlflow_errors
    def log_json(self, run_id: str, name: str, values: Any) -> None:
        """Store plain values as a JSON artifact of the run, or replace it."""
        self._client.log_dict(run_id, values, name)

    @translate_mlflow_errors
    def artifact(self, run_id: str, path: str, folder: Path, most_bytes: int | None = None) -> Path:
        """Download a file or folder of a run's artifacts into `folder`; return its path.

        Raises:
            FileNotFoundError: there is no such artifact, or it is too large (`most_bytes`, or the general limit).
        """
        try:
            self._require_size(run_id, path, most_bytes or ARTIFACT_BYTES)
            # Not by the run's id: MLflow then hides why a download failed, such as a full disk.
            place = f"{self._client.get_run(run_id).info.artifact_uri}/{path}"
            return Path(
                artifacts.download_artifacts(artifact_uri=place, dst_path=str(folder), tracking_uri=self.address)
            )
        except (MlflowException, OSError) as error:
            if any(
                isinstance(each, requests.ConnectionError | requests.Timeout) for each in (error, error.__context__)
            ):
                raise
            raise FileNotFoundError(f"Run {run_id} of {self.use_case.name} has no artifact {path!r}.") from error

    def _require_size(self, run_id: str, path: str, most_bytes: int) -> None:
        """Check the size of a file or folder before it is downloaded.

        Raises:
            OSError: it is too large.
        """
        parent = str(PurePosixPath(path).parent)
        siblings = self._client.list_artifacts(run_id, None if parent == "." else parent)
        found = next((sibling for sibling in siblings if sibling.path == path), None)
        if found is None or not found.is_dir:
            sizes: Iterable[int] = [found.file_size or 0] if found else []
        else:
            sizes = (file.size for file in list_files(lambda inside: self._client.list_artifacts(run_id, inside), path))
        size = 0
        for count, file_size in enumerate(sizes, start=1):
            size += file_size
            if size > most_bytes or count > ARTIFACT_FILES:
                raise OSError(f"{path} has more than {most_bytes:,} bytes or {ARTIFACT_FILES:,} files")
