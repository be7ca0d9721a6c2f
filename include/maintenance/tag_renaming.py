"""Add the product's prefix to the MLflow tags of a use case."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from functools import partial

from mlflow.entities import Run
from mlflow.exceptions import MlflowException

from include.project import Project
from include.registry.mlflow_runs import UNKNOWN, Runs, retry_on_conflict, translate_mlflow_errors
from include.registry.tags import PREFIX, find_tag, mlflow_name


class TagRenaming(Runs):
    """The tags of a use case's runs, of its versions and of its registered model."""

    @classmethod
    def open(cls, project: Project) -> TagRenaming:
        """Return the tags of the project's use case, in the project's MLflow."""
        return cls(project.use_case, project.settings.mlflow)

    @translate_mlflow_errors
    def add_prefix(self) -> None:
        """Rename every tag of format 1. An interrupted call can be repeated.

        Deleted runs keep their old tags, since MLflow refuses new ones.
        """
        client, model = self._client, self.use_case.name
        for run in self._active_runs():
            run_id = run.info.run_id
            _rename(run.data.tags, partial(client.set_tag, run_id), partial(client.delete_tag, run_id))
        try:
            registered = client.get_registered_model(model)
        except MlflowException as error:
            if error.error_code != UNKNOWN:
                raise
            return
        for version in client.search_model_versions(f"name = '{model}'", max_results=10_000):
            number = str(version.version)
            _rename(
                version.tags,
                partial(client.set_model_version_tag, model, number),
                partial(client.delete_model_version_tag, model, number),
            )
        _rename(
            registered.tags,
            partial(client.set_registered_model_tag, model),
            partial(client.delete_registered_model_tag, model),
        )

    def _active_runs(self) -> Iterator[Run]:
        experiment = self._client.get_experiment_by_name(self.use_case.name)
        token = None
        while experiment is not None:
            page = self._client.search_runs([experiment.experiment_id], page_token=token)
            yield from page
            if not (token := page.token):
                return


def _rename(tags: Mapping[str, str], write: Callable[[str, str], object], delete: Callable[[str], object]) -> None:
    for name, value in dict(tags).items():
        if name.startswith(PREFIX) or find_tag(name) is None:
            continue
        if mlflow_name(name) not in tags:
            retry_on_conflict(partial(write, mlflow_name(name), value))
        delete(name)
