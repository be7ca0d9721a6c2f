"""Decide how the columns of a table follow those that are declared: what is added, kept, widened or refused."""

from __future__ import annotations

from collections.abc import Callable

import pyarrow as pa

from include.declaration.column_types import exact_bound, widens
from include.errors import AirworthyError
from include.lake.partition_reader import alias_of, is_same_type


class SchemaNarrowedError(AirworthyError):
    """A declared column cannot hold the values that its table holds already."""

    def __init__(self, use_case: str, table: str, column: str, stored: pa.DataType, declared: pa.DataType) -> None:
        self.use_case, self.table, self.column = use_case, table, column
        self.stored, self.declared = str(stored), str(declared)
        super().__init__(
            f"{use_case}: table {table} holds column {column!r} as {stored}, and it is declared {declared} now, which"
            " does not hold the same values. Nothing was written. Give the new column another name, or rebuild the"
            f" table from a period on: python -m include.cli rebuild {use_case} {table} --from PERIOD; its old"
            " versions stay readable."
        )


def evolve(
    use_case: str, table: str, stored: pa.Schema, declared: pa.Schema, is_exact: Callable[[str, int], bool]
) -> pa.Schema:
    """Return the columns that the table has from now on: the declared ones, then those no longer declared.

    New columns are null in old periods. Columns that are no longer declared stay, so that one that returns with a
    clashing type is noticed. A type is widened where no stored value changes; `is_exact(column, bound)` says whether
    all stored values of a column of integers lie within the bound.

    Raises:
        SchemaNarrowedError: a declared type does not hold what is stored.
    """
    for field in declared:
        if field.name in stored.names:
            old, new = stored.field(field.name).type, field.type
            if is_same_type(old, new) or widens(alias_of(old), alias_of(new)):
                continue
            bound = exact_bound(alias_of(old), alias_of(new))
            if bound is None or not is_exact(field.name, bound):
                raise SchemaNarrowedError(use_case, table, field.name, old, new)
    kept = [field for field in stored if field.name not in declared.names]
    return pa.schema([*declared, *kept])
