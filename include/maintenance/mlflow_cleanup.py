"""Upkeep of a use case's experiment in MLflow: what is there, how large it is, and removing some of it.

All of it over the server's REST interface and its proxy for artifacts. What only `mlflow gc` can do, beside the
database, is left to it: the rows of deleted runs, which are small.
"""

from __future__ import annotations

from datetime import UTC, datetime
from functools import partial
from typing import Any

from mlflow.entities import LoggedModel, Run, ViewType
from mlflow.exceptions import MlflowException
from mlflow.store.artifact.artifact_repo import ArtifactRepository
from mlflow.store.artifact.artifact_repository_registry import get_artifact_repository
from mlflow.utils.mlflow_tags import MLFLOW_PARENT_RUN_ID

from include.maintenance.mlflow_rules import StoredRun
from include.registry.mlflow_runs import UNKNOWN, Runs, retry_on_conflict, translate_mlflow_errors
from include.registry.tags import COMPLETE, DELETED_ON, OWNERLESS, RESTORED_ON, from_mlflow, mlflow_name

_MODELS = "models"
"""The folder of logged models among the folders of runs."""
_INVALID = "INVALID_PARAMETER_VALUE"


class MlflowCleanup(Runs):
    """What a use case's experiment holds."""

    @translate_mlflow_errors
    def experiment(self) -> str | None:
        """Its id; None where there is none, and none is made."""
        found = self._client.get_experiment_by_name(self.use_case.name)
        return str(found.experiment_id) if found else None

    @translate_mlflow_errors
    def runs(self, experiment: str) -> list[StoredRun]:
        """All runs, deleted ones too, the oldest first."""
        found: list[Run] = []
        token = None
        while True:
            page = self._client.search_runs(
                [experiment], run_view_type=ViewType.ALL, order_by=["attributes.start_time ASC"], page_token=token
            )
            found.extend(page)
            token = page.token
            if not token:
                return [_stored(run) for run in found]

    @translate_mlflow_errors
    def logged_models(self, experiment: str) -> dict[str, str]:
        """Logged model that is not deleted to the run that made it."""
        found: list[LoggedModel] = []
        token = None
        while True:
            page = self._client.search_logged_models([experiment], page_token=token)
            found.extend(page)
            token = page.token
            if not token:
                return {str(model.model_id): str(model.source_run_id or "") for model in found}

    @translate_mlflow_errors
    def artifact_folders(self, experiment: str) -> dict[str, list[str]]:
        """The names of the folders of `runs` and of `models` that there are; each belongs to one, or to none.

        Nothing where the artifacts are not in a folder of the experiment's id, which is its own.
        """
        if not self._place(experiment).rstrip("/").endswith(f"/{experiment}"):
            return {"runs": [], "models": []}
        top = self._repository(experiment)
        names = [_name(each.path) for each in top.list_artifacts() if each.is_dir]
        models = [_name(each.path) for each in top.list_artifacts(_MODELS)] if _MODELS in names else []
        return {"runs": sorted(set(names) - {_MODELS}), "models": sorted(models)}

    @translate_mlflow_errors
    def size(self, experiment: str, path: str) -> int:
        """Bytes below a folder of artifacts; 0 where there is none."""
        return _size(self._repository(experiment), path)

    @translate_mlflow_errors
    def delete_run(self, run_id: str, now: datetime) -> None:
        """Mark a run as deleted, and when: it can be restored. Done before, or by another just now, it changes
        nothing."""
        if self._is_deleted(run_id):
            return
        try:
            retry_on_conflict(partial(self._client.set_tag, run_id, DELETED_ON.name, now.isoformat(timespec="seconds")))
            self._client.delete_run(run_id)
        except MlflowException:
            if not self._is_deleted(run_id):
                raise

    def _is_deleted(self, run_id: str) -> bool:
        return bool(self._client.get_run(run_id).info.lifecycle_stage == "deleted")

    @translate_mlflow_errors
    def restore_run(self, run_id: str) -> None:
        """Take the deletion of a run back."""
        self._client.restore_run(run_id)

    @translate_mlflow_errors
    def reset_retention(self, run_id: str, now: datetime) -> None:
        """Of a run that was restored, keep when that was found, and forget the deletion; done before, nothing."""
        if self._is_deleted(run_id) or DELETED_ON.name not in self._client.get_run(run_id).data.tags:
            return
        try:
            retry_on_conflict(
                partial(self._client.set_tag, run_id, RESTORED_ON.name, now.isoformat(timespec="seconds"))
            )
            self._client.delete_tag(run_id, DELETED_ON.name)
        except MlflowException:  # deleted, or done by another, just now
            if not self._is_deleted(run_id) and DELETED_ON.name in self._client.get_run(run_id).data.tags:
                raise

    @translate_mlflow_errors
    def remove_artifacts(self, experiment: str, path: str) -> None:
        """Remove a folder of artifacts for good; one that is gone already, or that another removes now, is no error."""
        repository = self._repository(experiment)
        try:
            repository.delete_artifacts(path)  # type: ignore[no-untyped-call]
        except (OSError, MlflowException):
            if _size(repository, path):
                raise

    @translate_mlflow_errors
    def ownerless(self, experiment: str) -> dict[str, datetime]:
        """Folder of artifacts to when it was first seen to belong to no run or model."""
        tags = from_mlflow(self._client.get_experiment(experiment).tags)
        return {
            name.removeprefix(OWNERLESS): datetime.fromisoformat(told)
            for name, told in tags.items()
            if name.startswith(OWNERLESS)
        }

    @translate_mlflow_errors
    def mark_orphans(self, experiment: str, path: str, now: datetime) -> None:
        """Keep since when a folder belongs to nothing; the first time stands."""
        if path not in self.ownerless(experiment):
            name, told = mlflow_name(f"{OWNERLESS}{path}"), now.isoformat(timespec="seconds")
            retry_on_conflict(partial(self._client.set_experiment_tag, experiment, name, told))

    @translate_mlflow_errors
    def unmark_orphans(self, experiment: str, path: str) -> None:
        """Take that note away; none there is no error."""
        try:
            self._client.delete_experiment_tag(experiment, mlflow_name(f"{OWNERLESS}{path}"))
        except MlflowException:
            if path in self.ownerless(experiment):
                raise

    @translate_mlflow_errors
    def delete_model(self, model_id: str) -> None:
        """Mark a logged model as deleted, which nobody can take back; one that is gone already is no error."""
        try:
            self._client.delete_logged_model(model_id)
        except MlflowException as error:
            if error.error_code not in (UNKNOWN, _INVALID):  # else it is deleted already
                raise

    def _repository(self, experiment: str) -> ArtifactRepository:
        return get_artifact_repository(self._place(experiment), tracking_uri=self.address)

    def _place(self, experiment: str) -> str:
        return str(self._client.get_experiment(experiment).artifact_location)


def run_folder(run_id: str) -> str:
    """Where a run's artifacts are, from the experiment's on."""
    return run_id


def model_folder(model_id: str) -> str:
    """Where a logged model's files are, from the experiment's artifacts on."""
    return f"{_MODELS}/{model_id}"


def _stored(run: Run) -> StoredRun:
    told, tags, deleted = run.info.end_time or run.info.start_time, from_mlflow(run.data.tags), run.info.lifecycle_stage
    return StoredRun(
        run_id=str(run.info.run_id),
        name=str(run.info.run_name or ""),
        ended_at=datetime.fromtimestamp(told / 1000, UTC),
        tags=tags,
        complete=tags.get(COMPLETE) == "true",
        deleted=deleted == "deleted",
        deleted_on=datetime.fromisoformat(tags[DELETED_ON]) if DELETED_ON in tags else None,
        restored_on=datetime.fromisoformat(tags[RESTORED_ON]) if RESTORED_ON in tags else None,
        parent=run.data.tags.get(MLFLOW_PARENT_RUN_ID),
    )


def _size(repository: ArtifactRepository, path: str) -> int:
    found: list[Any] = repository.list_artifacts(path)
    return sum(_size(repository, each.path) if each.is_dir else int(each.file_size or 0) for each in found)


def _name(path: str) -> str:
    return path.rstrip("/").rpartition("/")[2]
