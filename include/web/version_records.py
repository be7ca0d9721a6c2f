"""Find what is stored about a version's model, without asking MLflow.

The ledger names a version's fingerprint, and the signed records in the lake have the training of each fingerprint. Only
if this machine has no copy of a version's files are these fetched from MLflow.
"""

from __future__ import annotations

import functools
import hashlib
import json
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass

from include import settings
from include.errors import AirworthyError
from include.lake.object_store import StoragePath
from include.model import metrics
from include.monitoring import reference_profile
from include.monitoring.reference_profile import ProfileUnreadableError, ReferenceProfile
from include.printable import printable_logger
from include.project import Project
from include.registry.ledger_entry import LedgerEntry
from include.registry.model_record import ModelRecord, Version, read_model_record
from include.registry.tags import FINGERPRINT

log = printable_logger(__name__)


class NoReferenceError(AirworthyError):
    """Nothing stored says how the training data of a version were distributed."""

    def __init__(self, version: str, reason: str) -> None:
        self.version, self.reason = version, reason
        super().__init__(f"Version {version} has no reference distribution here: {reason}.")


@dataclass(frozen=True)
class StoredModel:
    """A version's model, as its signed record of the training describes it."""

    version: Version

    @property
    def test(self) -> Mapping[str, Mapping[str, float]]:
        """Return subject (model or baseline) to metric to value, on its own test periods."""
        return metrics.split_metrics(self.version.metrics, "test")

    @property
    def judged(self) -> Mapping[str, Mapping[str, float]]:
        """Return subject to metric to value, on the test rows that its gates judged."""
        return self.version.judged


def read_models(
    project: Project, entries: Sequence[LedgerEntry], numbers: Collection[str] | None = None
) -> dict[str, StoredModel]:
    """Return the ledger's version numbers, or only these, with their models.

    Those without a genuine record are left out. If several models had one number, that of the newest entry counts.
    `entries` are newest first.
    """
    fingerprints: dict[str, str] = {}
    for entry in entries:
        if numbers is None or entry.version in numbers:
            fingerprints.setdefault(entry.version, entry.fingerprint)
    if not fingerprints:
        return {}
    records = project.records
    runs: dict[str, str] = {}
    for run_id, training in records.latest("training", records.run_ids("training")).items():
        if isinstance(training, Mapping):
            tags = ModelRecord(training, {}, "").tags()
            runs[tags.get(FINGERPRINT, "")] = run_id
    found = {number: runs[printed] for number, printed in fingerprints.items() if printed in runs}
    whole = read_model_record(records, list(found.values()))
    return {
        number: StoredModel(record.version(number, run_id, {}, ""))
        for number, run_id in found.items()
        if not isinstance(record := whole[run_id], str)
    }


def read_reference(project: Project, number: str, entries: Sequence[LedgerEntry]) -> ReferenceProfile:
    """Return the reference profile of a version.

    Raises:
        NoReferenceError: the ledger does not name the version, or its record or files cannot be read.
    """
    stored = read_models(project, entries, [number]).get(number)
    if stored is None:
        unknown = "neither the ledger nor a record of a training names it. Choose a version that the ledger lists"
        raise NoReferenceError(number, unknown)
    version = stored.version
    path = next((path for path in version.files if path.endswith(f"/{reference_profile.NAME}.json")), "")
    if not path:
        raise NoReferenceError(number, "it was stored without one. Versions that are trained from now on have one")
    try:
        kept = _kept_profile(version.model_id, path, version.files[path])
        return kept or ReferenceProfile.from_json(project.registry.load_companion(version, reference_profile.NAME))
    except ProfileUnreadableError as error:
        raise NoReferenceError(number, error.what) from error
    except (AirworthyError, OSError, ValueError) as error:  # the text of the error may name a path of the server
        log.exception("The reference profile of version %s of %s", number, project.use_case.name)
        raise NoReferenceError(
            number, "its files cannot be read from MLflow; the reason is in the API server's log"
        ) from error


def _kept_profile(model_id: str, path: str, digest: str) -> ReferenceProfile | None:
    """Return the profile from this machine's copy; None if it is missing or changed."""
    folder = (StoragePath.parse(settings.current_settings().home / "models") / model_id).path
    try:
        content = (folder / path).read_bytes()
    except OSError:
        return None
    return _parse_profile(content) if hashlib.sha256(content).hexdigest() == digest else None


@functools.lru_cache(maxsize=16)
def _parse_profile(content: bytes) -> ReferenceProfile:
    return ReferenceProfile.from_json(json.loads(content))
