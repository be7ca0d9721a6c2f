"""Store signed records of trainings, evaluations, limits and cards in the lake.

MLflow has no access control: any client that reaches it can change every tag and file. Its tags are copies of these
records, for people to read.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

from include.errors import AirworthyError
from include.lake import record_store
from include.lake.lake_format import lake_root, mark_format
from include.lake.object_store import StoragePath
from include.lake.record_store import ATTEMPTS, FlawedRecordError, RecordCorruptedError, RecordStore, encode_record
from include.lake.signing import load_signing_keys

Kind = Literal["training", "evaluation", "limits", "card"]
_KEY = re.compile(r"([0-9a-f]{32})\.([0-9]{6,18})")


class UnprovenRecordError(RecordCorruptedError):
    """A record was changed, or was not written by this installation."""

    damaged = "The record of a model is not genuine"
    consequence = "No model is promoted and no period is scored from it."

    def __init__(self, place: StoragePath, flaw: str) -> None:
        self.flaw = flaw
        super().__init__(
            place,
            flaw,
            " If it was signed with another key, set AIRWORTHY_SIGNING_KEYS to all keys, the newest first.",
        )


@dataclass(frozen=True)
class Records:
    """The records of one use case: of each kind and run the last one is valid."""

    use_case: str
    folder: StoragePath
    lake: StoragePath | None = None
    """The use case's lake, whose format is marked with the first record; None for records elsewhere."""

    @classmethod
    def open(cls, use_case: str, lake: str = "") -> Records:
        """Return the records of `lake`, or else of the one that the settings name.

        Raises:
            LakeFormatError: the lake has another format.
        """
        root = lake_root(use_case, lake)
        return cls(use_case, root / "records", root)

    def latest(self, kind: Kind, run_ids: Sequence[str]) -> dict[str, Mapping[str, Any] | RecordCorruptedError]:
        """Return the last record of each run that has one, or its error.

        It is an error if the record is not genuine.
        """
        numbers = self._numbers(kind)
        keys = {_key(run_id, numbers[run_id]): run_id for run_id in run_ids if run_id in numbers}
        return {keys[key]: record for key, record in self.store(kind).read_each(list(keys)).items()}

    def run_ids(self, kind: Kind) -> list[str]:
        """Return the runs that have a record of this kind."""
        return list(self._numbers(kind))

    def store(self, kind: Kind) -> RecordStore[Mapping[str, Any]]:
        """Return the files of one kind of records."""
        return RecordStore(
            self.folder / kind, lambda key, content: self._proven(kind, key, content), UnprovenRecordError
        )

    def append(self, kind: Kind, run_id: str, values: Mapping[str, Any]) -> None:
        """Append `values` as the record of a run, unless the last record is equal.

        Raises:
            SigningKeysError: there is no key to sign with.
        """
        if self.lake is not None:
            mark_format(self.lake)
        wanted = encode_record(values)  # compared as text, since NaN is not equal to itself
        for _ in range(ATTEMPTS):
            last = self.latest(kind, [run_id]).get(run_id)
            if isinstance(last, Mapping) and encode_record(last) == wanted:
                return
            number = self._numbers(kind).get(run_id, 0) + 1
            body = {"kind": kind, "run_id": run_id, "number": number, "values": values}
            content = encode_record(record_store.seal_record(self._purpose, body))
            if self.store(kind).create(_key(run_id, number), content):
                return
        raise AirworthyError(
            f"{self.use_case}: other processes kept writing records of run {run_id}; run the task again."
        )

    def _numbers(self, kind: Kind) -> dict[str, int]:
        """Return the number of each run's last record."""
        matches = map(_KEY.fullmatch, self.store(kind).list_keys())
        numbers: dict[str, int] = {}
        for match in filter(None, matches):
            if match[0] != _key(match[1], int(match[2])):
                continue
            numbers[match[1]] = max(numbers.get(match[1], 0), int(match[2]))
        return numbers

    def _proven(self, kind: Kind, key: str, content: bytes) -> Mapping[str, Any]:
        body = json.loads(content)
        values: Mapping[str, Any] = body["values"]
        identity = (body["kind"], _key(body["run_id"], int(body["number"])))
        if flaw := record_store.seal_flaw(load_signing_keys(), self._purpose, body):
            raise FlawedRecordError(flaw)
        if identity != (kind, key):
            raise FlawedRecordError("it belongs to another run, kind or number")
        return values

    @property
    def _purpose(self) -> str:
        return f"records of {self.use_case}"


def _key(run_id: str, number: int) -> str:
    return f"{run_id}.{number:06d}"
