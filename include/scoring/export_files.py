"""Write the predictions of a period to a file, on disk or on S3.

The file appears as a whole.
"""

from __future__ import annotations

import contextlib
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

import pyarrow.csv as pc_csv
import pyarrow.parquet as pq

from include.declaration.exports import ToFiles
from include.errors import in_words
from include.lake.object_store import unfinished_name
from include.scoring.export_errors import ExportRefusedError, ExportUnavailableError

if TYPE_CHECKING:
    from include.scoring.export import Delivery


def write_file(delivery: Delivery, export: ToFiles) -> None:
    """Create or replace the file of the period in one step.

    Raises:
        ExportUnavailableError: S3 does not answer; the file is unchanged.
        ExportRefusedError: the file cannot be written.
    """
    address, name = export.path_of(delivery.period), delivery.project.use_case.name
    if address.startswith("s3://"):
        with tempfile.TemporaryDirectory(prefix="airworthy-") as folder:
            file = Path(folder) / "predictions"
            _write(delivery, export, file)
            _upload(delivery, export, file, address)
        return
    path = Path(address)
    unfinished = path.with_name(unfinished_name())
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        _write(delivery, export, unfinished)
        unfinished.replace(path)
    except OSError as error:
        raise ExportRefusedError(name, export.target, in_words(error), "Correct the path or its rights.") from error
    finally:
        with contextlib.suppress(OSError):
            unfinished.unlink(missing_ok=True)


def _write(delivery: Delivery, export: ToFiles, file: Path) -> None:
    if export.format == "parquet":
        with pq.ParquetWriter(file, delivery.schema, compression="zstd") as parquet:
            for batch in delivery.batches():
                parquet.write_batch(batch)
        return
    with pc_csv.CSVWriter(str(file), delivery.schema) as lines:
        for batch in delivery.batches():
            lines.write_batch(batch)


def _upload(delivery: Delivery, export: ToFiles, file: Path, address: str) -> None:
    """Upload the file; an object becomes visible when it is complete."""
    from boto3.exceptions import Boto3Error
    from botocore.exceptions import BotoCoreError, ClientError

    names, parts = (delivery.project.use_case.name, export.target), urlsplit(address)
    connection = delivery.project.connections.s3_client(export.conn_id)
    try:
        connection.upload_file(str(file), parts.netloc, parts.path.lstrip("/"))
    except (BotoCoreError, Boto3Error, ClientError) as error:
        words = in_words(error).rstrip(".")
        lasting = ("NoSuchBucket", "AccessDenied", "InvalidAccessKeyId", "SignatureDoesNotMatch", "Credentials")
        if any(word in words for word in lasting):
            remedy = f"Correct the path, or keys and endpoint_url in the Connection {export.conn_id!r}."
            raise ExportRefusedError(*names, words, remedy) from error
        raise ExportUnavailableError(*names, words) from error
