"""Convert the rows of corrections to the columns that the feed declares now."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass

import pyarrow as pa
import pyarrow.compute as pc

from include.declaration.column_types import TIMESTAMP
from include.declaration.personal import MASK
from include.ingestion.conversion import Column, NotConvertibleError, convert_columns
from include.ingestion.corrections import Correction
from include.lake.partition_reader import alias_of
from include.lake.storable_values import value_text

UNHELD = "the declared type does not hold the value that was sent back: "
"""Prefix of the reason of such a row, before the value and the remedy. This reason is never waived."""


@dataclass(frozen=True)
class BroughtRows:
    """The rows of a day's corrections, in their order."""

    rows: pa.Table
    """In the feed's columns. A value is null if its column was declared later, or cannot hold it."""
    unheld: list[list[str]]
    """Per row: the quarantine reasons for values that a column cannot hold."""


def add_corrections(
    delivered: pa.Table, schema: pa.Schema, corrections: Sequence[Correction], personal: Collection[str] = ()
) -> pa.Table:
    """Return the delivered rows and those of the day's corrections.

    They have the feed's columns. Delivered rows with other columns or types are returned alone and unchanged; the lake
    refuses them.
    """
    if {(field.name, field.type) for field in delivered.schema} != {(field.name, field.type) for field in schema}:
        return delivered
    return pa.concat_tables(
        [delivered.select(schema.names).cast(schema), brought_rows(schema, corrections, personal).rows]
    )


def brought_rows(schema: pa.Schema, corrections: Sequence[Correction], personal: Collection[str] = ()) -> BroughtRows:
    """Return the rows that corrections bring to their day, without changing a value.

    A correction cannot be taken back, so a value that a redeclared column cannot hold must not block its day. Its row
    gets a null and a quarantine reason, and can be corrected again in the new type. Reasons mask `personal` columns.
    """
    tables, unheld = [schema.empty_table()], list[list[str]]()
    for correction in corrections:
        reasons: list[list[str]] = [[] for _ in range(correction.rows.num_rows)]
        columns = [_column(correction, field, reasons, personal) for field in schema]
        tables.append(pa.table(columns, schema=schema))
        unheld += reasons
    return BroughtRows(pa.concat_tables(tables), unheld)


def _column(correction: Correction, field: pa.Field, reasons: list[list[str]], personal: Collection[str]) -> Column:
    """Return a column in its declared type, adding a reason for each unheld value."""
    if field.name not in correction.rows.column_names:
        return pa.nulls(correction.rows.num_rows, field.type)
    values = correction.rows[field.name].combine_chunks()
    held = _held(field, values)
    for row in pc.indices_nonzero(pc.and_(pc.is_valid(values), pc.is_null(held))).to_pylist():
        value = MASK if field.name in personal else value_text(values, row)
        reasons[row].append(
            f"{UNHELD}{field.name}={value} was {_declared(values.type)} in correction"
            f" {correction.number} and is declared {_declared(field.type)} now; correct the row with a value of that"
            " type"
        )
    return held


def _declared(kind: pa.DataType) -> str:
    return TIMESTAMP if pa.types.is_timestamp(kind) else alias_of(kind)


def _held(field: pa.Field, values: pa.Array) -> Column:
    """Convert the values to the declared type; those that it cannot hold become null."""
    try:
        return convert_columns(field.name, values, field.type)
    except NotConvertibleError as error:
        if error.row is None:
            return pa.nulls(len(values), field.type)
    distinct = values.dictionary_encode()
    single = [_single(field, distinct.dictionary.slice(place, 1)) for place in range(len(distinct.dictionary))]
    return pa.concat_arrays(single).take(distinct.indices)


def _single(field: pa.Field, value: pa.Array) -> Column:
    try:
        return convert_columns(field.name, value, field.type)
    except NotConvertibleError:
        return pa.nulls(1, field.type)
