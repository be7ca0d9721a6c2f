"""Store signed records of a model's training, evaluation and limits in the lake.

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
from include.lake.lake_format import lake_root, mark_format
from include.lake.object_store import StoragePath
from include.lake.signing import Signature, load_signing_keys, require_signing_keys

Kind = Literal["training", "evaluation", "limits"]
UNREADABLE = (ValueError, TypeError, KeyError, AttributeError, RecursionError, OverflowError)
"""Errors raised by reading content that is not JSON, or JSON without the expected values."""
ATTEMPTS = 100
"""Attempts at one record; an attempt fails only if another process wrote that number first."""
_NAME = re.compile(r"([0-9a-f]{32})\.([0-9]{6,18})\.json")


class UnprovenRecordError(AirworthyError):
    """A record was changed, or was not written by this installation."""

    def __init__(self, use_case: str, place: StoragePath, flaw: str) -> None:
        self.use_case, self.place, self.flaw = use_case, place, flaw
        super().__init__(
            f"{use_case}: the record {place} is not genuine: {flaw}. No model is promoted and no day is scored from it."
            " Restore the folder from a backup; never edit records by hand. If it was signed with another key, set"
            " AIRWORTHY_SIGNING_KEYS to all keys, the newest first."
        )


@dataclass(frozen=True)
class Records:
    """The records of one use case: of each kind and run the last one is valid."""

    use_case: str
    folder: StoragePath
    lake: StoragePath | None = None
    """The use case's lake, whose format is marked with the first record; None for records elsewhere."""

    @classmethod
    def of(cls, use_case: str) -> Records:
        """Return the records of the lake that the settings name.

        Raises:
            LakeFormatError: the lake has another format.
        """
        root = lake_root(use_case)
        return cls(use_case, root / "records", root)

    def latest(self, kind: Kind, run_ids: Sequence[str]) -> dict[str, Mapping[str, Any] | UnprovenRecordError]:
        """Return the last record of each run that has one, or the error if it is not genuine."""
        numbers = self._numbers(kind)
        names = {run_id: _name(run_id, numbers[run_id]) for run_id in run_ids if run_id in numbers}
        folder, found = self.folder / kind, dict[str, Mapping[str, Any] | UnprovenRecordError]()
        for (run_id, name), content in zip(names.items(), folder.read_all(list(names.values())), strict=True):
            try:
                found[run_id] = self._proven(folder / name, kind, run_id, content)
            except UnprovenRecordError as error:
                found[run_id] = error
        return found

    def append(self, kind: Kind, run_id: str, values: Mapping[str, Any]) -> None:
        """Append `values` as the record of a run, unless the last record is equal.

        Raises:
            SigningKeysError: there is no key to sign with.
        """
        if self.lake is not None:
            mark_format(self.lake)
        wanted = _encoded(values)  # compared as text, since NaN is not equal to itself
        for _ in range(ATTEMPTS):
            last = self.latest(kind, [run_id]).get(run_id)
            if isinstance(last, Mapping) and _encoded(last) == wanted:
                return
            number = self._numbers(kind).get(run_id, 0) + 1
            body = {"kind": kind, "run_id": run_id, "number": number, "values": values}
            signature = require_signing_keys().sign(self._purpose, _encoded(body))
            content = _encoded(body | {"key_id": signature.key_id, "mac": signature.mac})
            if (self.folder / kind / _name(run_id, number)).create(content):
                return
        raise AirworthyError(
            f"{self.use_case}: other processes kept writing records of run {run_id}; run the task again."
        )

    def _numbers(self, kind: Kind) -> dict[str, int]:
        """Return the number of each run's last record."""
        matches = (_NAME.fullmatch(name) for name in (self.folder / kind).names())
        numbers: dict[str, int] = {}
        for match in filter(None, matches):
            if match[0] != _name(match[1], int(match[2])):
                continue
            numbers[match[1]] = max(numbers.get(match[1], 0), int(match[2]))
        return numbers

    def _proven(self, place: StoragePath, kind: Kind, run_id: str, content: bytes) -> Mapping[str, Any]:
        try:
            body = json.loads(content)
            signature = Signature(str(body.pop("key_id", "")), str(body.pop("mac", "")))
            signed = _encoded(body)
            values: Mapping[str, Any] = body["values"]
            identity = (body["kind"], body["run_id"], _name(run_id, int(body["number"])))
        except UNREADABLE as error:
            raise UnprovenRecordError(self.use_case, place, f"it cannot be read ({error})") from error
        if flaw := load_signing_keys().flaw(self._purpose, signed, signature):
            raise UnprovenRecordError(self.use_case, place, flaw)
        if identity != (kind, run_id, place.name):
            raise UnprovenRecordError(self.use_case, place, "it belongs to another run, kind or number")
        return values

    @property
    def _purpose(self) -> str:
        return f"records of {self.use_case}"


def _encoded(values: Mapping[str, Any]) -> bytes:
    return (json.dumps(values, indent=1, sort_keys=True) + "\n").encode()


def _name(run_id: str, number: int) -> str:
    return f"{run_id}.{number:06d}.json"
