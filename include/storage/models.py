"""Runs and versions of models, in MLflow: the only module that talks to it, always to an address it is told."""

from __future__ import annotations

import functools
import os
import shutil
import tempfile
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import Any, Concatenate, ParamSpec, TypeVar

import requests
from lightgbm.basic import LightGBMError
from mlflow import MlflowClient
from mlflow.artifacts import download_artifacts
from mlflow.entities import LoggedModelOutput, LoggedModelStatus, Metric, Param, Run, RunTag
from mlflow.entities.model_registry import ModelVersion
from mlflow.exceptions import MlflowException

from include import settings
from include.errors import AirworthyError, BadRequest, NotReady
from include.logic.model import Model
from include.storage import model_files
from include.use_case import UseCase

# MLflow tries a request seven times, over minutes; Airflow retries whole tasks, and says so where a person looks.
os.environ.setdefault("MLFLOW_HTTP_REQUEST_MAX_RETRIES", "3")
os.environ.setdefault("MLFLOW_ENABLE_ARTIFACTS_PROGRESS_BAR", "false")

CHAMPION = "champion"
FINGERPRINT = "airworthy.fingerprint"
COMPLETE = "airworthy.complete"
"""Set as the last step of training: a run without it broke half-way and is never used."""
_ALREADY, _UNKNOWN = "RESOURCE_ALREADY_EXISTS", "RESOURCE_DOES_NOT_EXIST"
P = ParamSpec("P")
R = TypeVar("R")


class MlflowUnreachable(NotReady):
    """The MLflow server does not answer."""

    def __init__(self, address: str, cause: object) -> None:
        super().__init__(
            f"MLflow does not answer at {address}: {cause}. Start it with `make up`, or set MLFLOW_TRACKING_URI to"
            " where it is."
        )


class ArtifactMissing(AirworthyError):
    """A version's files are not there, or are not those that were registered."""

    def __init__(self, use_case: str, version: str, what: str) -> None:
        super().__init__(
            f"{use_case}: version {version} cannot be loaded: {what}. Restore MLflow's artifacts from a backup, or"
            f" name another version."
        )


@dataclass(frozen=True)
class Version:
    """A registered version, as the registry knows it."""

    number: str
    run_id: str
    model_id: str
    tags: Mapping[str, str]
    description: str

    @property
    def as_of(self) -> date:
        """The day as of which it was trained: nothing from that day's partition of features was seen."""
        return date.fromisoformat(self.tags["as_of"])


def _clear(method: Callable[Concatenate[Registry, P], R]) -> Callable[Concatenate[Registry, P], R]:
    """Turn "the server does not answer" into an error that says where it was looked for and what to do."""

    @functools.wraps(method)
    def asked(self: Registry, *args: P.args, **kwargs: P.kwargs) -> R:
        try:
            return method(self, *args, **kwargs)
        except (MlflowException, requests.RequestException) as error:
            causes = [error, error.__cause__, error.__context__]
            if any(isinstance(cause, requests.ConnectionError | requests.Timeout) for cause in causes):
                raise MlflowUnreachable(self.address, str(error).splitlines()[0][:300]) from error
            raise

    return asked  # type: ignore[return-value]  # as a method it is the same


class Registry:
    """One use case's experiment and registered model, both of its name."""

    def __init__(self, use_case: UseCase, address: str | None = None) -> None:
        self.use_case = use_case
        self.address = address or settings.current().mlflow
        self._client = MlflowClient(tracking_uri=self.address, registry_uri=self.address)

    # -- runs

    @_clear
    def start_run(self, name: str, tags: Mapping[str, str]) -> str:
        """Begin a run in the use case's experiment, made when it is not there yet; the run's id."""
        return str(self._client.create_run(self._experiment(), tags=dict(tags), run_name=name).info.run_id)

    def _experiment(self) -> str:
        found = self._client.get_experiment_by_name(self.use_case.name)
        if found is None:
            try:
                return str(self._client.create_experiment(self.use_case.name))
            except MlflowException as error:
                found = self._client.get_experiment_by_name(self.use_case.name)
                if error.error_code != _ALREADY or found is None:
                    raise
        return str(found.experiment_id)

    @_clear
    def end_run(self, run_id: str, *, failed: bool) -> None:
        """Close a run; only one that is complete is ever used again."""
        if not failed:
            self._client.set_tag(run_id, COMPLETE, "true")
        self._client.set_terminated(run_id, "FAILED" if failed else "FINISHED")

    @_clear
    def complete_run(self, fingerprint: str) -> str | None:
        """The first complete run with that fingerprint, if there is one."""
        wanted = f"tags.`{FINGERPRINT}` = '{fingerprint}' and tags.`{COMPLETE}` = 'true'"
        found = self._client.search_runs([self._experiment()], wanted, order_by=["attributes.start_time ASC"])
        return str(found[0].info.run_id) if found else None

    @_clear
    def run(self, run_id: str) -> Run:
        """The complete run of that id; NotReady for one that broke half-way, BadRequest for one unknown."""
        try:
            found = self._client.get_run(run_id)
        except MlflowException as error:
            if error.error_code in (_UNKNOWN, "INVALID_PARAMETER_VALUE"):
                raise BadRequest(f"{self.use_case.name}: MLflow at {self.address} has no run {run_id!r}.") from error
            raise
        if found.data.tags.get(COMPLETE) != "true":
            raise NotReady(
                f"{self.use_case.name}: run {run_id} is {found.info.status} and not complete, so it is no model."
                f" Train again: trigger {self.use_case.name}__train."
            )
        return found

    @_clear
    def log(
        self,
        run_id: str,
        *,
        params: Mapping[str, object] | None = None,
        metrics: Mapping[str, float] | None = None,
        tags: Mapping[str, str] | None = None,
        model_id: str | None = None,
    ) -> None:
        """Add to a run, in one request; metrics belong to the logged model too where its id is given."""
        now = int(time.time() * 1000)
        self._client.log_batch(
            run_id,
            metrics=[Metric(key, value, now, 0, model_id=model_id) for key, value in (metrics or {}).items()],
            params=[Param(key, str(value)) for key, value in (params or {}).items()],
            tags=[RunTag(key, value) for key, value in (tags or {}).items()],
        )

    @_clear
    def log_series(self, run_id: str, name: str, values: list[float]) -> None:
        """Add a metric with one value per step."""
        now = int(time.time() * 1000)
        for first in range(0, len(values), 1000):  # the most that MLflow takes at once
            steps = enumerate(values[first : first + 1000], start=first)
            self._client.log_batch(run_id, metrics=[Metric(name, value, now, step) for step, value in steps])

    @_clear
    def log_folder(self, run_id: str, folder: Path) -> None:
        """Keep a folder's files as artifacts of the run."""
        self._client.log_artifacts(run_id, str(folder))

    @_clear
    def log_json(self, run_id: str, name: str, values: Any) -> None:
        """Keep plain values as a JSON artifact of the run; the same name again replaces it."""
        self._client.log_dict(run_id, values, name)

    # -- models

    @_clear
    def log_model(self, run_id: str, model: Model, example: Any, extra: Mapping[str, object]) -> str:
        """Keep a model with the run, as LightGBM's text and JSON, no pickle; `example` are encoded rows (pandas).

        What `mlflow.lightgbm.log_model` does, but without its process-wide address. Returns the logged model's id.
        """
        logged = self._client.create_logged_model(self._experiment(), "model", source_run_id=run_id)
        with tempfile.TemporaryDirectory(prefix="airworthy-") as temporary:
            folder = Path(temporary) / "model"
            model_files.write(folder, model, example, extra, logged)
            self._client.log_model_artifacts(logged.model_id, str(folder))
        self._client.finalize_logged_model(logged.model_id, LoggedModelStatus.READY)
        self._client.log_outputs(run_id, [LoggedModelOutput(logged.model_id, step=0)])
        return str(logged.model_id)

    # -- versions

    @_clear
    def versions(self) -> list[Version]:
        """All registered versions, oldest first; none where nothing was registered yet."""
        found: list[ModelVersion] = []
        token = None
        while True:
            page = self._client.search_model_versions(f"name = '{self.use_case.name}'", page_token=token)
            found.extend(page)
            token = page.token
            if not token:
                return sorted(map(_version, found), key=lambda version: int(version.number))

    @_clear
    def version(self, number: str) -> Version:
        """The version of that number; BadRequest, with the list, where there is none."""
        try:
            return _version(self._client.get_model_version(self.use_case.name, number))
        except MlflowException as error:
            if error.error_code not in (_UNKNOWN, "INVALID_PARAMETER_VALUE"):
                raise
            known = [version.number for version in self.versions()]
            raise BadRequest(
                f"{self.use_case.name}: there is no version {number!r}; there are {known or 'none'}."
            ) from error

    def version_of(self, fingerprint: str) -> Version | None:
        """The version with that fingerprint, if it is registered."""
        return next((version for version in self.versions() if version.tags.get(FINGERPRINT) == fingerprint), None)

    @_clear
    def register(self, run_id: str, model_id: str, tags: Mapping[str, str], description: str) -> Version:
        """Make a version of a run's model, with its tags at once: there is never a version without them."""
        try:
            self._client.create_registered_model(self.use_case.name, description=self.use_case.objective)
        except MlflowException as error:
            if error.error_code != _ALREADY:
                raise
        source = f"models:/{model_id}"
        return _version(
            self._client.create_model_version(
                self.use_case.name, source, run_id, tags=dict(tags), description=description, model_id=model_id
            )
        )

    @_clear
    def tag_version(self, number: str, tags: Mapping[str, str], description: str | None = None) -> None:
        """Add tags, and replace the description, of a version."""
        for key, value in tags.items():
            self._client.set_model_version_tag(self.use_case.name, number, key, value)
        if description is not None:
            self._client.update_model_version(self.use_case.name, number, description)

    @_clear
    def champion(self) -> str | None:
        """The version that the alias `champion` points to, if it is set."""
        try:
            return str(self._client.get_model_version_by_alias(self.use_case.name, CHAMPION).version)
        except MlflowException as error:
            if error.error_code in (_UNKNOWN, "INVALID_PARAMETER_VALUE"):
                return None
            raise

    @_clear
    def set_champion(self, number: str) -> None:
        """Point the alias `champion` to a version."""
        self._client.set_registered_model_alias(self.use_case.name, CHAMPION, number)

    # -- loading

    @_clear
    def load(self, version: Version) -> Model:
        """The model of a version, from the local copy if there is one; ArtifactMissing where it cannot be had."""
        folder = settings.current().home / "models" / version.model_id
        if not folder.exists():
            self._download(version, folder)
        try:
            return model_files.read(folder, version.tags["trees"])
        except (OSError, ValueError, KeyError, LightGBMError) as error:
            shutil.rmtree(folder, ignore_errors=True)  # so that a mended artifact is fetched anew
            raise ArtifactMissing(self.use_case.name, version.number, str(error)) from error

    def _download(self, version: Version, folder: Path) -> None:
        folder.parent.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(dir=folder.parent, prefix=".") as temporary:
            try:
                source = f"models:/{version.model_id}"
                there = download_artifacts(artifact_uri=source, dst_path=temporary, tracking_uri=self.address)
            except (MlflowException, OSError) as error:
                if isinstance(error.__context__, requests.ConnectionError | requests.Timeout):
                    raise
                raise ArtifactMissing(self.use_case.name, version.number, str(error)) from error
            try:
                Path(there).rename(folder)
            except OSError:
                if not folder.exists():  # else another process was first, with the same content
                    raise


def _version(found: ModelVersion) -> Version:
    return Version(
        number=str(found.version),
        run_id=str(found.run_id),
        # MLflow's server leaves model_id out of its answers; the source always names it.
        model_id=str(found.model_id or str(found.source).removeprefix("models:/")),
        tags=dict(found.tags),
        description=found.description or "",
    )
