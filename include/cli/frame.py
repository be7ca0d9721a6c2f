"""`airworthy frame`: a day of a table, or a training set, printed or in a file."""

from __future__ import annotations

from pathlib import Path

import pyarrow as pa
import pyarrow.csv
import pyarrow.parquet as pq
from rich.console import Console
from rich.table import Table

from include.cli.escaping import print_line
from include.declaration.period import Period
from include.declaration.personal import mask_values
from include.errors import InvalidRequestError
from include.ingestion.formula_marks import mark_formulas
from include.notebook import load
from include.printable import escape_line

TRAINING_SET = "train"
"""Name of the training set among those of the tables."""


def print_frame(console: Console, name: str, table: str, period: Period, rows: int, out: Path | None) -> None:
    """Print a day's first rows in key order, or write all as CSV or Parquet.

    Personal columns are masked in print; a file holds them as the lake does.

    The table `train` is what a training as of the day reads. In CSV, a text that a spreadsheet would run as a formula
    gets an apostrophe in front.

    Raises:
        InvalidRequestError: there is no such table or day, or the file cannot be written.
        NotReadyError: neither the lake nor the data that `check` kept have the day.
    """
    frames = load(name, period)
    if out and (out.suffix not in (".csv", ".parquet") or not out.parent.is_dir()):
        raise InvalidRequestError(f"{out} cannot be written: name a .csv or .parquet file in an existing folder.")
    found = frames.read_training_set() if table == TRAINING_SET else frames.read(table)
    if out:
        if out.suffix == ".parquet":
            pq.write_table(found, out)
        else:
            pyarrow.csv.write_csv(mark_formulas(_flat(found)), out)
        print_line(console, f"{found.num_rows:,} rows of {table} of {period} are in {out}")
        return
    printed = Table(
        *map(escape_line, found.column_names), box=None, title=f"{name}: {table} of {period}", title_justify="left"
    )
    for row in (mask_values(row, frames.use_case.personal_columns) for row in found.slice(0, rows).to_pylist()):
        printed.add_row(*(f"{value:.4g}" if isinstance(value, float) else escape_line(value) for value in row.values()))
    console.print(printed, f"{min(rows, found.num_rows):,} of {found.num_rows:,} rows")


def _flat(rows: pa.Table) -> pa.Table:
    """Return the rows with lists of strings joined, since CSV has no lists."""
    for place, column in enumerate(rows.schema):
        if pa.types.is_list(column.type):
            joined = ["; ".join(each or []) for each in rows[column.name].to_pylist()]
            rows = rows.set_column(place, column.name, pa.array(joined, pa.string()))
    return rows
