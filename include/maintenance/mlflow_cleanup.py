"""List, measure and remove what a use case has stored in MLflow.

Uses only the server's REST interface and its proxy for artifacts. The database rows of deleted runs stay; they are
small, and only `mlflow gc` can remove them.
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
from include.project import Project
from include.registry.mlflow_runs import UNKNOWN, Runs, retry_on_conflict, translate_mlflow_errors
from include.registry.tags import COMPLETE, DELETED_ON, OWNERLESS, RESTORED_ON, from_mlflow, mlflow_name

_MODELS = "models"
"""The folder of logged models, next to the folders of runs."""
_INVALID = "INVALID_PARAMETER_VALUE"


class MlflowCleanup(Runs):
    """The MLflow experiment of a use case, for maintenance."""

    @classmethod
    def open(cls, project: Project) -> MlflowCleanup:
        """Return the experiment of the project's use case, in the project's MLflow."""
        return cls(project.use_case, project.settings.mlflow)

    @translate_mlflow_errors
    def experiment(self) -> str | None:
        """Return the experiment's id; None if there is none, which creates none."""
        found = self._client.get_experiment_by_name(self.use_case.name)
        return str(found.experiment_id) if found else None

    @translate_mlflow_errors
    def runs(self, experiment: str) -> list[StoredRun]:
        """Return all runs, including deleted ones, the oldest first."""
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
        """Return for each logged model that is not deleted the run that made it."""
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
        """Return the names of the existing folders of `runs` and of `models`.

        Empty if the experiment's artifacts are not in a folder of its own, named by its id.
        """
        if not self._place(experiment).rstrip("/").endswith(f"/{experiment}"):
            return {"runs": [], "models": []}
        top = self._repository(experiment)
        names = [_name(entry.path) for entry in top.list_artifacts() if entry.is_dir]
        models = [_name(entry.path) for entry in top.list_artifacts(_MODELS)] if _MODELS in names else []
        return {"runs": sorted(set(names) - {_MODELS}), "models": sorted(models)}

    @translate_mlflow_errors
    def size(self, experiment: str, path: str) -> int:
        """Return the bytes below a folder of artifacts; 0 if there is none."""
        return _size(self._repository(experiment), path)

    @translate_mlflow_errors
    def delete_run(self, run_id: str, now: datetime) -> None:
        """Mark a run as deleted, with the time; it can be restored.

        A run that is deleted already, also by a concurrent process, does not change.
        """
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
        """Restore a deleted run."""
        self._client.restore_run(run_id)

    @translate_mlflow_errors
    def reset_retention(self, run_id: str, now: datetime) -> None:
        """Replace the deletion time of a restored run with the restoration's."""
        if self._is_deleted(run_id) or DELETED_ON.name not in self._client.get_run(run_id).data.tags:
            return
        try:
            retry_on_conflict(
                partial(self._client.set_tag, run_id, RESTORED_ON.name, now.isoformat(timespec="seconds"))
            )
            self._client.delete_tag(run_id, DELETED_ON.name)
        except MlflowException:  # another process has deleted or reset it meanwhile
            if not self._is_deleted(run_id) and DELETED_ON.name in self._client.get_run(run_id).data.tags:
                raise

    @translate_mlflow_errors
    def remove_artifacts(self, experiment: str, path: str) -> None:
        """Remove a folder of artifacts for good; a missing one is no error."""
        repository = self._repository(experiment)
        try:
            repository.delete_artifacts(path)  # type: ignore[no-untyped-call]
        except (OSError, MlflowException):
            if _size(repository, path):
                raise

    @translate_mlflow_errors
    def find_orphans(self, experiment: str) -> dict[str, datetime]:
        """Return since when each marked artifact folder has no run or model."""
        tags = from_mlflow(self._client.get_experiment(experiment).tags)
        return {
            name.removeprefix(OWNERLESS): datetime.fromisoformat(time)
            for name, time in tags.items()
            if name.startswith(OWNERLESS)
        }

    @translate_mlflow_errors
    def mark_orphans(self, experiment: str, path: str, now: datetime) -> None:
        """Mark since when a folder has no owner; an earlier mark stays."""
        if path not in self.find_orphans(experiment):
            name, time = mlflow_name(f"{OWNERLESS}{path}"), now.isoformat(timespec="seconds")
            retry_on_conflict(partial(self._client.set_experiment_tag, experiment, name, time))

    @translate_mlflow_errors
    def unmark_orphans(self, experiment: str, path: str) -> None:
        """Remove the mark of a folder; a missing mark is no error."""
        try:
            self._client.delete_experiment_tag(experiment, mlflow_name(f"{OWNERLESS}{path}"))
        except MlflowException:
            if path in self.find_orphans(experiment):
                raise

    @translate_mlflow_errors
    def delete_model(self, model_id: str) -> None:
        """Mark a logged model as deleted, which is final.

        It cannot be undone. A missing model is no error.
        """
        try:
            self._client.delete_logged_model(model_id)
        except MlflowException as error:
            if error.error_code not in (UNKNOWN, _INVALID):  # these codes mean that it is deleted already
                raise

    def _repository(self, experiment: str) -> ArtifactRepository:
        return get_artifact_repository(self._place(experiment), tracking_uri=self.address)

    def _place(self, experiment: str) -> str:
        return str(self._client.get_experiment(experiment).artifact_location)


def run_folder(run_id: str) -> str:
    """Return the path of a run's artifacts below the experiment's artifacts."""
    return run_id


def model_folder(model_id: str) -> str:
    """Return the path of a logged model's files below the experiment's artifacts."""
    return f"{_MODELS}/{model_id}"


def _stored(run: Run) -> StoredRun:
    tags = from_mlflow(run.data.tags)
    return StoredRun(
        run_id=str(run.info.run_id),
        name=str(run.info.run_name or ""),
        ended_at=datetime.fromtimestamp((run.info.end_time or run.info.start_time) / 1000, UTC),
        tags=tags,
        complete=tags.get(COMPLETE) == "true",
        deleted=run.info.lifecycle_stage == "deleted",
        deleted_on=datetime.fromisoformat(tags[DELETED_ON]) if DELETED_ON in tags else None,
        restored_on=datetime.fromisoformat(tags[RESTORED_ON]) if RESTORED_ON in tags else None,
        parent=run.data.tags.get(MLFLOW_PARENT_RUN_ID),
    )


def _size(repository: ArtifactRepository, path: str) -> int:
    entries: list[Any] = repository.list_artifacts(path)
    return sum(_size(repository, entry.path) if entry.is_dir else int(entry.file_size or 0) for entry in entries)


def _name(path: str) -> str:
    return path.rstrip("/").rpartition("/")[2]
