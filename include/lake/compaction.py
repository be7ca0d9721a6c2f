"""Care for a table: keep its log quick to open. No content, and no old version, is changed by it."""

from __future__ import annotations

from include.lake import history, s3
from include.lake.lake import Lake


def write_checkpoint(lake: Lake, table: str) -> None:
    """Write the table's state next to its log, so that opening it reads one file and not every commit.

    Only for a table whose log clean-up is off, or old versions would go.
    """
    uri = lake.uri(table)
    with s3.translate_s3_errors(uri):
        history.open_table(uri).create_checkpoint()
