"""Define which runs and versions cannot be used."""

from __future__ import annotations

from collections.abc import Sequence

from include.errors import InvalidRequestError, NotReadyError, shorten_names


class VersionUnknownError(InvalidRequestError):
    """The registered model has no version of that number."""

    def __init__(self, use_case: str, version: str, versions: Sequence[str]) -> None:
        self.use_case, self.version, self.versions = use_case, version, tuple(versions)
        super().__init__(f"{use_case}: there is no version {version!r}. Versions: {shorten_names(versions)}.")


class RunUnknownError(InvalidRequestError):
    """MLflow has no run of that id."""

    def __init__(self, use_case: str, run_id: str, address: str) -> None:
        self.use_case, self.run_id, self.address = use_case, run_id, address
        super().__init__(f"{use_case}: MLflow at {address} has no run {run_id!r}.")


class RunIncompleteError(NotReadyError):
    """A run did not end its training, so it has no model."""

    def __init__(self, use_case: str, run_id: str, status: str) -> None:
        self.use_case, self.run_id, self.status = use_case, run_id, status
        super().__init__(
            f"{use_case}: run {run_id} is {status} and not complete, so it has no model. Train again: trigger"
            f" {use_case}__train."
        )
