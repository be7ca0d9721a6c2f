"""Versions of models in MLflow, and the models themselves: with runs.py all that talks to its server."""

from __future__ import annotations

import json
import shutil
import tempfile
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date
from functools import partial
from pathlib import Path
from typing import Any

import pyarrow as pa
from mlflow.entities import LoggedModelOutput, LoggedModelStatus
from mlflow.entities.model_registry import ModelVersion
from mlflow.exceptions import MlflowException

from include import settings
from include.errors import AirworthyError, BadRequest
from include.logic.model import Model
from include.storage import model_files
from include.storage.model_files import fetch
from include.storage.place import Place
from include.storage.runs import ALREADY, FINGERPRINT, UNKNOWN, Runs, clear, insist

CHAMPION = "champion"
IDENTITY = ("trees", "parts")
"""Tags of a run and its version: digests by which a model is known again when it is loaded."""
LEDGER_HEAD = "ledger.head"
"""Tag of the registered model: number and hash of the ledger's last entry, so that cutting it short shows."""


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

    @property
    def trees(self) -> str:
        """Digest of its trees."""
        return self.tags["trees"]

    @property
    def fingerprint(self) -> str:
        """Digest of all that it was trained from."""
        return self.tags[FINGERPRINT]

    @property
    def verdicts(self) -> tuple[dict[str, Any], ...]:
        """What its gates say; none where it was not judged."""
        return tuple(json.loads(self.tags.get("verdicts", "[]")))

    @property
    def report(self) -> dict[str, Any]:
        """How its training went: `splits` with their days, rows without label, missing days."""
        return dict(json.loads(self.tags["report"]))


class Registry(Runs):
    """One use case's experiment and registered model, both of its name."""

    # -- models

    @clear
    def log_model(self, run_id: str, model: Model, example: pa.Table, extra: Mapping[str, object]) -> str:
        """Keep a model with the run, as LightGBM's text and JSON, no pickle; `example` are rows of features.

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

    @clear
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

    @clear
    def version(self, number: str) -> Version:
        """The version of that number; BadRequest, with the list, where there is none."""
        try:
            return _version(self._client.get_model_version(self.use_case.name, number))
        except MlflowException as error:
            if error.error_code not in (UNKNOWN, "INVALID_PARAMETER_VALUE"):
                raise
            known = [version.number for version in self.versions()]
            raise BadRequest(
                f"{self.use_case.name}: there is no version {number!r}; there are {known or 'none'}."
            ) from error

    def version_of(self, fingerprint: str) -> Version | None:
        """The version with that fingerprint, if it is registered; of several, the first."""
        return next((version for version in self.versions() if version.tags.get(FINGERPRINT) == fingerprint), None)

    def candidate(self, run_id: str) -> Version:
        """The model of a complete run, as if it were a version: it has no number before it is registered."""
        tags = self.run(run_id).data.tags
        return Version(f"(run {run_id})", run_id, tags["model_id"], dict(tags), "")

    @clear
    def register(self, run_id: str, model_id: str, tags: Mapping[str, str], description: str) -> Version:
        """Make a version of a run's model, with its tags at once: there is never a version without them.

        The run's tags of IDENTITY are always among them: without these it could never be loaded.
        """
        recorded = self.run(run_id).data.tags
        identity = {name: recorded[name] for name in IDENTITY if name in recorded}
        try:
            self._client.create_registered_model(self.use_case.name, description=self.use_case.objective)
        except MlflowException as error:
            if error.error_code != ALREADY:
                raise
        source = f"models:/{model_id}"
        return _version(
            self._client.create_model_version(
                self.use_case.name,
                source,
                run_id,
                tags=identity | dict(tags),
                description=description,
                model_id=model_id,
            )
        )

    @clear
    def tag_version(self, number: str, tags: Mapping[str, str], description: str | None = None) -> None:
        """Replace the description of a version, then its tags: whoever compares tags repairs what was cut short."""
        if description is not None:
            self._client.update_model_version(self.use_case.name, number, description)
        for key, value in tags.items():
            insist(partial(self._client.set_model_version_tag, self.use_case.name, number, key, value))

    @clear
    def untag_version(self, number: str, tag: str) -> None:
        """Remove a tag of a version, if it is there."""
        if tag in self.version(number).tags:
            self._client.delete_model_version_tag(self.use_case.name, number, tag)

    @clear
    def champion(self) -> str | None:
        """The version that the alias `champion` points to, if it is set."""
        try:
            return str(self._client.get_model_version_by_alias(self.use_case.name, CHAMPION).version)
        except MlflowException as error:
            if error.error_code in (UNKNOWN, "INVALID_PARAMETER_VALUE"):
                return None
            raise

    @clear
    def set_champion(self, number: str) -> None:
        """Point the alias `champion` to a version."""
        insist(partial(self._client.set_registered_model_alias, self.use_case.name, CHAMPION, number))

    @clear
    def unset_champion(self) -> None:
        """Remove the alias `champion`."""
        self._client.delete_registered_model_alias(self.use_case.name, CHAMPION)

    @clear
    def ledger_head(self) -> str | None:
        """What the registered model says the ledger's last entry is, as `number:hash`; None if it says nothing."""
        try:
            tags = dict(self._client.get_registered_model(self.use_case.name).tags)
        except MlflowException as error:
            if error.error_code != UNKNOWN:
                raise
            return None
        return tags.get(LEDGER_HEAD)

    @clear
    def set_ledger_head(self, head: str) -> None:
        """Let the registered model say which is the ledger's last entry."""
        insist(partial(self._client.set_registered_model_tag, self.use_case.name, LEDGER_HEAD, head))

    # -- loading

    @clear
    def load(self, version: Version) -> Model:
        """The model of a version, from the local copy if there is one; ArtifactMissing where it cannot be had."""
        folder = self._folder(version)
        try:
            return self._read(version, folder)
        except ArtifactMissing:
            shutil.rmtree(folder, ignore_errors=True)  # so that a mended artifact is fetched anew
            raise

    @clear
    def beside(self, version: Version, name: str) -> Any:
        """The plain values that were kept with a version's model by that name; ArtifactMissing where they are not there
        as they were registered."""
        try:
            return model_files.beside(self._folder(version), name, version.tags.get("parts", ""))
        except model_files.Damaged as error:
            raise ArtifactMissing(self.use_case.name, version.number, str(error)) from error

    def _folder(self, version: Version) -> Path:
        """The local copy of a version's files, fetched if it is not there. Whoever may write to MLflow names the model:
        the name must not lead out of the copies' folder."""
        folder = (Place.of(settings.current().home / "models") / version.model_id).path
        if not folder.exists():
            self._download(version, folder)
        return folder

    @clear
    def load_anew(self, version: Version) -> Model:
        """The model of a version as MLflow has it now, whatever the local copy says; ArtifactMissing as in `load`."""
        with tempfile.TemporaryDirectory(prefix="airworthy-") as temporary:
            folder = Path(temporary) / "model"
            self._download(version, folder)
            return self._read(version, folder)

    def loadable(self, version: Version) -> bool:
        """Whether MLflow has the model of a version as it was registered."""
        return not self.unloadable(version)

    def unloadable(self, version: Version) -> str:
        """Why MLflow's files of a version's model cannot be loaded; empty where they can."""
        try:
            self.load_anew(version)
        except ArtifactMissing as error:
            return str(error)
        return ""

    def _read(self, version: Version, folder: Path) -> Model:
        if "parts" not in version.tags:
            what = "it has no tag `parts`, so nothing tells whether its encoding and baselines are those it was made of"
            raise ArtifactMissing(self.use_case.name, version.number, what)
        try:
            return model_files.read(folder, version.trees, version.tags["parts"])
        except model_files.Damaged as error:
            raise ArtifactMissing(self.use_case.name, version.number, str(error)) from error

    def _download(self, version: Version, folder: Path) -> None:
        folder.parent.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(dir=folder.parent, prefix=".") as temporary:
            try:
                there = fetch(version.model_id, Path(temporary), self.address)
            except (MlflowException, OSError) as error:
                raise ArtifactMissing(self.use_case.name, version.number, str(error)) from error
            try:
                there.rename(folder)
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
