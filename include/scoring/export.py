"""Deliver the predictions of a period to the declared destinations.

Each delivery has a receipt in the lake.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass
from typing import Any

import pyarrow as pa

from include.declaration import clock
from include.declaration.exports import Export, ToFiles, ToSql, Webhook, name_of_export
from include.declaration.period import Period
from include.errors import AirworthyError, PartitionMissingError
from include.lake import schemas
from include.lake.object_store import StoragePath
from include.lake.record_store import RecordCorruptedError, RecordStore, encode_record
from include.project import Project
from include.scoring import export_files, export_sql, export_webhook, score
from include.scoring.export_errors import ExportsFailedError

BATCH_ROWS = 10_000
"""Rows that are delivered at once."""


class ReceiptCorruptedError(RecordCorruptedError):
    """A receipt of an export cannot be read."""

    damaged = "The receipts of an export are damaged"
    consequence = "Nothing is delivered."


@dataclass(frozen=True)
class Receipt:
    """What a destination got for a period; plain values."""

    period: str
    target: str
    digest: str
    """Digest of the delivered predictions."""
    rows: int
    model_version: str
    delivered_at: str
    """UTC, ISO 8601."""


@dataclass(frozen=True)
class Delivery:
    """The predictions of a period, for one destination."""

    project: Project
    period: Period
    digest: str
    rows: int
    model_version: str

    @property
    def schema(self) -> pa.Schema:
        """Return the columns of the predictions."""
        return schemas.content_schema(self.project.use_case, "predictions")

    def batches(self, rows: int = BATCH_ROWS) -> Iterator[pa.RecordBatch]:
        """Yield the predictions in the order of their keys, in batches of at most `rows`."""
        keys, names = list(self.project.use_case.keys), self.schema.names
        view = self.project.lake.as_of(self.period)
        for batch in view.batches("predictions", self.period, self.period, order_by=keys, batch_rows=rows):
            for start in range(0, batch.num_rows, rows):
                yield batch.slice(start, rows).select(names)


def export_period(project: Project, period: Period) -> list[Receipt]:
    """Deliver the predictions of a period to every declared destination.

    Return the receipts. A repeated delivery replaces the earlier one; a webhook gets the same predictions only once. A
    destination that fails does not keep the others from being delivered to.

    Raises:
        PartitionMissingError: the period has no predictions.
        ExportUnavailableError, ExportRefusedError: a destination failed; the predictions are unchanged.
        ExportsFailedError: several destinations failed.
        ConnectionMissingError, ConnectionInvalidError: a Connection cannot be used.
    """
    use_case = project.use_case
    view = project.lake.as_of(period)
    partition = view.partitions("predictions", period, period).get(period)
    if partition is None:
        raise PartitionMissingError(use_case.name, "predictions", period)
    version = " and ".join(score.prediction_versions(view, period))
    delivery = Delivery(project, period, partition.digest, partition.rows, version)
    receipts, failed = list[Receipt](), list[AirworthyError]()
    for export in use_case.exports:
        try:
            receipts.append(_deliver(delivery, export))
        except AirworthyError as error:
            failed.append(error)
    if len(failed) > 1:
        raise ExportsFailedError(failed)
    if failed:
        raise failed[0]
    return receipts


def receipts_of(project: Project, export: Export, period: Period) -> list[Receipt]:
    """Return the receipts of a destination for a period, oldest first.

    Raises:
        ReceiptCorruptedError: one cannot be read.
    """
    return _store(project, export, period).numbered()


def is_delivered(project: Project, period: Period, digest: str) -> bool:
    """Return whether every destination has these predictions of a period.

    Raises:
        ReceiptCorruptedError: a receipt cannot be read.
    """
    newest = [(receipts_of(project, export, period)[-1:], export.target) for export in project.use_case.exports]
    return all(receipts and (receipts[0].digest, receipts[0].target) == (digest, target) for receipts, target in newest)


def _deliver(delivery: Delivery, export: Export) -> Receipt:
    """Deliver to one destination and write the receipt.

    If the newest receipt says the same, none is written, and nothing is sent to a webhook.
    """
    store = _store(delivery.project, export, delivery.period)
    before = store.numbered()
    is_same = bool(before) and (before[-1].digest, before[-1].target) == (delivery.digest, export.target)
    if is_same and isinstance(export, Webhook):
        return before[-1]
    _WRITERS[type(export)](delivery, export)
    if is_same:
        return before[-1]
    receipt = Receipt(
        delivery.period.key,
        export.target,
        delivery.digest,
        delivery.rows,
        delivery.model_version,
        clock.now().isoformat(),
    )
    number = len(before) + 1
    while not store.append(number, encode_record(asdict(receipt))):  # another process has delivered meanwhile
        number += 1
    return receipt


_WRITERS: dict[type, Callable[[Any, Any], None]] = {
    ToSql: export_sql.write_table,
    ToFiles: export_files.write_file,
    Webhook: export_webhook.post_rows,
}
"""Destination to the function that delivers to it."""


def _store(project: Project, export: Export, period: Period) -> RecordStore[Receipt]:
    folder: StoragePath = project.lake.root / "exports" / name_of_export(export) / period.key
    return RecordStore(folder, _decode_receipt, ReceiptCorruptedError)


def _decode_receipt(_: str, content: bytes) -> Receipt:
    return Receipt(**json.loads(content))
