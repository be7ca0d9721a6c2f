"""Read and write registered versions and their models in MLflow."""

from __future__ import annotations

import tempfile
from collections.abc import Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import Any

import pyarrow as pa
from mlflow.entities import LoggedModelOutput, LoggedModelStatus
from mlflow.entities.model_registry import ModelVersion
from mlflow.exceptions import MlflowException

from include.declaration.use_case import UseCase
from include.errors import InvalidRequestError
from include.model.model import Model
from include.printable import printable_logger
from include.registry import model_copies, model_io, model_record
from include.registry.mlflow_runs import ALREADY, UNKNOWN, Runs, retry_on_conflict, translate_mlflow_errors
from include.registry.model_copies import ArtifactMissingError
from include.registry.model_record import ModelRecord, Version
from include.registry.records import Records
from include.registry.registry_errors import VersionUnknownError
from include.registry.tags import FINGERPRINT, LEDGER_HEAD, copies_to_version, from_mlflow, mlflow_name, to_mlflow

log = printable_logger(__name__)
CHAMPION = "champion"


class UnprovenVersionError(InvalidRequestError):
    """This installation has no genuine record of a version or run in MLflow."""

    def __init__(self, use_case: str, name: str, flaw: str) -> None:
        self.use_case, self.name, self.flaw = use_case, name, flaw
        super().__init__(
            f"{use_case}: {name} cannot be used: {flaw}. Its values in MLflow prove nothing, because every client that"
            f" reaches MLflow can change them. Trigger {use_case}__train to train a new version."
        )


class Registry(Runs):
    """The MLflow experiment and registered model of a use case, which have its name."""

    def __init__(self, use_case: UseCase, address: str | None = None, lake: str = "") -> None:
        """Connect to MLflow.

        The signed records are in `lake`, or else where the settings say.
        """
        super().__init__(use_case, address)
        self._lake = lake

    @property
    def records(self) -> Records:
        """The signed records of the use case's models.

        Raises:
            LakeFormatError: the lake has another format.
        """
        return Records.open(self.use_case.name, self._lake)

    # -- models

    @translate_mlflow_errors
    def log_model(
        self, run_id: str, model: Model, example: pa.Table, extra: Mapping[str, object]
    ) -> tuple[str, dict[str, str]]:
        """Log a model of the run, as LightGBM's text and JSON, without pickle.

        `example` are rows of features, `extra` values stored as JSON files by name. Returns the logged model's id, and
        the SHA-256 of each of its files by path. `mlflow.lightgbm.log_model` is not used, since it needs a process-wide
        tracking address.
        """
        logged = self._client.create_logged_model(self._experiment(), "model", source_run_id=run_id)
        with tempfile.TemporaryDirectory(prefix="airworthy-") as temporary:
            folder = Path(temporary) / "model"
            model_io.write_model(folder, model, example, extra, logged)
            files = model_io.digests_of_files(folder)
            self._client.log_model_artifacts(logged.model_id, str(folder))
        self._client.finalize_logged_model(logged.model_id, LoggedModelStatus.READY)
        self._client.log_outputs(run_id, [LoggedModelOutput(logged.model_id, step=0)])
        return str(logged.model_id), files

    # -- versions

    def versions(self) -> list[Version]:
        """Return all versions that have a signed record, oldest first."""
        registered = self._registered()
        proven = self._proven([str(version.run_id) for version in registered])
        known = [version for version in registered if not isinstance(proven[str(version.run_id)], str)]
        for version in registered:
            if isinstance(flaw := proven[str(version.run_id)], str):
                log.warning("%s: version %s of MLflow is left out: %s.", self.use_case.name, version.version, flaw)
        return [self._version(version, proven) for version in known]

    def runs_and_models(self) -> tuple[set[str], set[str]]:
        """Return the run ids and model ids of all versions, with or without record."""
        registered = self._registered()
        return {str(version.run_id) for version in registered}, {_model_id(version) for version in registered}

    @translate_mlflow_errors
    def _registered(self) -> list[ModelVersion]:
        found: list[ModelVersion] = []
        token = None
        while True:
            page = self._client.search_model_versions(f"name = '{self.use_case.name}'", page_token=token)
            found.extend(page)
            token = page.token
            if not token:
                return sorted(found, key=lambda version: int(version.version))

    @translate_mlflow_errors
    def version(self, number: str) -> Version:
        """Return the version of this number.

        Raises:
            InvalidRequestError: there is none; the error names the existing numbers.
            UnprovenVersionError: it has no genuine record.
        """
        try:
            found = self._client.get_model_version(self.use_case.name, number)
        except MlflowException as error:
            if error.error_code not in (UNKNOWN, "INVALID_PARAMETER_VALUE"):
                raise
            known = [version.number for version in self.versions()]
            raise VersionUnknownError(self.use_case.name, number, known) from error
        proven = self._proven([str(found.run_id)])
        if isinstance(flaw := proven[str(found.run_id)], str):
            raise UnprovenVersionError(self.use_case.name, f"version {number}", flaw)
        return self._version(found, proven)

    def version_of(self, fingerprint: str) -> Version | None:
        """Return the first version with this fingerprint; None if there is none."""
        return next((version for version in self.versions() if version.tags.get(FINGERPRINT) == fingerprint), None)

    def candidate(self, run_id: str) -> Version:
        """Return the model of a complete run as a version without a number.

        Raises:
            NotReadyError: the run is not complete.
            InvalidRequestError: there is no such run.
            UnprovenVersionError: it has no genuine record.
        """
        tags = from_mlflow(self.get_run(run_id).data.tags)
        if isinstance(record := self._proven([run_id])[run_id], str):
            raise UnprovenVersionError(self.use_case.name, f"run {run_id}", record)
        return record.version(f"(run {run_id})", run_id, tags, "")

    def _proven(self, run_ids: Sequence[str]) -> dict[str, ModelRecord | str]:
        return model_record.read_model_record(self.records, run_ids)

    def _version(self, stored: ModelVersion, proven: Mapping[str, ModelRecord | str]) -> Version:
        record = proven[str(stored.run_id)]
        assert not isinstance(record, str)
        return record.version(
            str(stored.version), str(stored.run_id), from_mlflow(stored.tags), stored.description or ""
        )

    @translate_mlflow_errors
    def register(self, candidate: Version, description: str) -> Version:
        """Register a run's model as a version, in one request with copies of its tags."""
        try:
            self._client.create_registered_model(self.use_case.name, description=self.use_case.objective)
        except MlflowException as error:
            if error.error_code != ALREADY:
                raise
        made = self._client.create_model_version(
            self.use_case.name,
            f"models:/{candidate.model_id}",
            candidate.run_id,
            tags=to_mlflow(copies_to_version(candidate.tags)),
            description=description,
            model_id=candidate.model_id,
        )
        return self.version(str(made.version))

    @translate_mlflow_errors
    def tag_version(self, number: str, tags: Mapping[str, str], description: str | None = None) -> None:
        """Set the description of a version, then its tags.

        In this order an interrupted write is found by comparing tags, and repaired.
        """
        if description is not None:
            self._client.update_model_version(self.use_case.name, number, description)
        for key, value in to_mlflow(tags).items():
            retry_on_conflict(partial(self._client.set_model_version_tag, self.use_case.name, number, key, value))

    @translate_mlflow_errors
    def untag_version(self, number: str, tag: str) -> None:
        """Remove a tag of a version if it has it."""
        if tag in self.version(number).copies:
            self._client.delete_model_version_tag(self.use_case.name, number, mlflow_name(tag))

    @translate_mlflow_errors
    def champion(self) -> str | None:
        """Return the number of the version with the alias `champion`, or None."""
        try:
            return str(self._client.get_model_version_by_alias(self.use_case.name, CHAMPION).version)
        except MlflowException as error:
            if error.error_code in (UNKNOWN, "INVALID_PARAMETER_VALUE"):
                return None
            raise

    @translate_mlflow_errors
    def set_champion(self, number: str) -> None:
        """Set the alias `champion` to a version."""
        retry_on_conflict(partial(self._client.set_registered_model_alias, self.use_case.name, CHAMPION, number))

    @translate_mlflow_errors
    def unset_champion(self) -> None:
        """Remove the alias `champion`."""
        self._client.delete_registered_model_alias(self.use_case.name, CHAMPION)

    @translate_mlflow_errors
    def ledger_head(self) -> str | None:
        """Return the ledger's head, `number:hash`, from MLflow; None if not set."""
        try:
            tags = from_mlflow(self._client.get_registered_model(self.use_case.name).tags)
        except MlflowException as error:
            if error.error_code != UNKNOWN:
                raise
            return None
        return tags.get(LEDGER_HEAD)

    @translate_mlflow_errors
    def set_ledger_head(self, head: str) -> None:
        """Store the ledger's head as a tag of the registered model."""
        retry_on_conflict(partial(self._client.set_registered_model_tag, self.use_case.name, LEDGER_HEAD.name, head))

    # -- loading

    def load(self, version: Version) -> Model:
        """Return the model of a version, from the local copy if there is one.

        Raises:
            ArtifactMissingError: its files are missing or are not those that were trained.
        """
        return self._read(version, self._folder(version))

    def load_companion(self, version: Version, name: str) -> Any:
        """Return the plain values that were stored under a name with a version's model.

        Raises:
            ArtifactMissingError: they are missing or are not those that were trained.
        """
        try:
            return model_io.load_companion(self._folder(version), name)
        except model_io.ModelFilesCorruptedError as error:
            raise ArtifactMissingError(self.use_case.name, version.number, str(error)) from error

    @translate_mlflow_errors
    def reload(self, version: Version) -> Model:
        """Return the model of a version from MLflow, without the local copy.

        Raises:
            ArtifactMissingError: its files are missing or are not those that were trained.
        """
        with tempfile.TemporaryDirectory(prefix="airworthy-") as temporary:
            return self._read(
                version, model_copies.download(self.use_case.name, version, Path(temporary), self.address)
            )

    def loadable(self, version: Version) -> bool:
        """Return whether MLflow has the files of a version as they were trained."""
        return not self.unloadable(version)

    def unloadable(self, version: Version) -> str:
        """Return why a version's model cannot be loaded from MLflow; empty if it can."""
        try:
            self.reload(version)
        except ArtifactMissingError as error:
            return str(error)
        return ""

    @translate_mlflow_errors
    def _folder(self, version: Version) -> Path:
        return model_copies.local_copy(self.use_case.name, version, self.address)

    def _read(self, version: Version, folder: Path) -> Model:
        try:
            return model_io.read_model(folder)
        except model_io.ModelFilesCorruptedError as error:
            raise ArtifactMissingError(self.use_case.name, version.number, str(error)) from error


def _model_id(stored: ModelVersion) -> str:
    # MLflow's server omits model_id in its answers; the source always has it.
    return str(stored.model_id or str(stored.source).removeprefix("models:/"))
