"""Keep local copies of versions' model files, checked against their records."""

from __future__ import annotations

import shutil
import tempfile
from pathlib import Path

from mlflow.exceptions import MlflowException

from include import settings
from include.errors import AirworthyError
from include.lake.object_store import StoragePath
from include.registry import model_io
from include.registry.model_record import Version


class ArtifactMissingError(AirworthyError):
    """A version's files are missing, or are not those that were registered."""

    def __init__(self, use_case: str, version: str, what: str) -> None:
        self.use_case, self.version, self.what = use_case, version, what
        super().__init__(
            f"{use_case}: version {version} cannot be loaded: {what}. Restore MLflow's artifacts from a backup, or"
            f" name another version."
        )


def local_copy(use_case: str, version: Version, address: str) -> Path:
    """Return the local copy of a version's files, checked against the record.

    A damaged copy is downloaded again from MLflow at `address`. Files from MLflow are checked before they are stored.

    Raises:
        ArtifactMissingError: its files are missing or are not those that were trained.
    """
    folder = (StoragePath.parse(settings.current_settings().home / "models") / version.model_id).path
    if folder.exists():
        try:
            model_io.require_model_files(folder, version.files)
            return folder
        except model_io.ModelFilesCorruptedError:
            shutil.rmtree(folder, ignore_errors=True)
    folder.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=folder.parent, prefix=".") as temporary:
        downloaded = download(use_case, version, Path(temporary), address)
        try:
            downloaded.rename(folder)
        except OSError:
            if not folder.exists():  # otherwise another process stored the same content first
                raise
    return folder


def download(use_case: str, version: Version, folder: Path, address: str) -> Path:
    """Download a version's files below `folder`; return their folder.

    Raises:
        ArtifactMissingError: they are missing or are not those that were trained.
    """
    try:
        downloaded = model_io.fetch_model(version.model_id, version.files, folder, address)
        model_io.require_model_files(downloaded, version.files)
    except (MlflowException, OSError, model_io.ModelFilesCorruptedError) as error:
        raise ArtifactMissingError(use_case, version.number, str(error)) from error
    return downloaded
