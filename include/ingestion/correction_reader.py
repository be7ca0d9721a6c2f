"""Read a file of corrections in the process for untrusted content.

The file's editor may not be its only author. The second half runs in that process.
"""

from __future__ import annotations

import tempfile
from pathlib import Path

import pyarrow as pa

from include.declaration import form_limits
from include.ingestion import file_readers, parquet_reader
from include.ingestion.correction_errors import CorrectionFileError, CorrectionKindError, CorrectionsEmptyError
from include.ingestion.correction_file import REASONS, ROW
from include.ingestion.file_readers import CsvFormat
from include.ingestion.formula_marks import unmark_formulas
from include.ingestion.read_budget import Budget
from include.ingestion.row_spool import decoded, encoded, read_batches
from include.untrusted.errors import UntrustedContentError
from include.untrusted.untrusted_process import UntrustedProcess

MAX_BYTES, MAX_ROWS = 500_000_000, 1_000_000
"""Limits of a file, uncompressed: each of its rows is compared with the quarantined ones."""
MEMORY_BYTES, SECONDS = 1_000_000_000, 300.0
"""Limits of the process that reads it."""


def read_corrections(name: str, content: bytes, schema: pa.Schema) -> tuple[pa.Table, list[str | None] | None]:
    """Return the rows of the file `name`, and the ids of the rows that they correct.

    The rows have the feed's columns. The ids are None if the file has no column of ids.

    Raises:
        InvalidRequestError: the file cannot be read, has other columns or types, is too large, or has no rows.
        UntrustedProcessError: reading failed for a reason other than the file.
    """
    form_limits.require_name("file", name)
    if not name.endswith((".csv", ".parquet")):
        raise CorrectionKindError(name)
    with tempfile.TemporaryDirectory(prefix="airworthy-") as folder:
        file, spool = Path(folder) / "file", Path(folder) / "rows.arrow"
        file.write_bytes(content)
        try:
            with UntrustedProcess(memory_bytes=MEMORY_BYTES, seconds=SECONDS) as process:
                process.call(f"{__name__}:spool_corrections", str(file), name, encoded(schema), str(spool))
        except UntrustedContentError as error:
            raise CorrectionFileError(name, error.reason, [ROW, REASONS]) from error
        rows = pa.ipc.open_file(spool.read_bytes()).read_all()
    if not rows.num_rows:
        raise CorrectionsEmptyError(name)
    if name.endswith(".csv"):
        rows = unmark_formulas(rows, rows.column_names)
    ids = rows[ROW].to_pylist() if ROW in rows.column_names else None
    return rows.select(schema.names).combine_chunks(), ids


def spool_corrections(file: str, name: str, schema: str, to: str) -> None:
    """Write the rows of a file, and its ids if any, as an Arrow file."""
    path, declared = Path(file), decoded(schema)
    csv_format = CsvFormat() if name.endswith(".csv") else None
    try:
        names = file_readers.read_header(path, name, ",") if csv_format else parquet_reader.read_column_names(path)
    except file_readers.BROKEN as error:
        raise file_readers.library_error(error) from error
    fields = [*declared, *([pa.field(ROW, pa.string())] if ROW in names else [])]
    expected, budget = pa.schema(fields), Budget(MAX_BYTES, MAX_ROWS)
    with pa.OSFile(to, "wb") as sink, pa.ipc.new_file(sink, expected) as writer:
        for batch in read_batches(path, name, csv_format, expected, budget, ignored=(REASONS,)):
            writer.write_batch(batch)
