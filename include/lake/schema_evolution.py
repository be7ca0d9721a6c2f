"""Adapt a table's stored columns to the declared ones, or refuse them.

Columns are added, kept or widened.
"""

from __future__ import annotations

from collections.abc import Callable

import pyarrow as pa

from include.declaration.column_types import exact_bound, widens
from include.errors import AirworthyError
from include.lake.partition_reader import alias_of, is_same_type


class SchemaNarrowedError(AirworthyError):
    """A declared column cannot hold the values that are stored in its table."""

    def __init__(self, use_case: str, table: str, column: str, stored: pa.DataType, declared: pa.DataType) -> None:
        self.use_case, self.table, self.column = use_case, table, column
        self.stored, self.declared = str(stored), str(declared)
        super().__init__(
            f"{use_case}: table {table} stores column {column!r} as {stored}, but it is declared as {declared}, which"
            " does not hold the same values. Nothing was written. Give the new column another name, or rebuild the"
            f" table from a period on: airworthy rebuild {use_case} {table} --from PERIOD; its old versions stay"
            " readable."
        )


class ColumnCaseError(AirworthyError):
    """A declared column differs from a stored one in case only.

    Delta does not distinguish them.
    """

    def __init__(self, use_case: str, table: str, stored: str, declared: str) -> None:
        self.use_case, self.table, self.stored, self.declared = use_case, table, stored, declared
        super().__init__(
            f"{use_case}: table {table} has a column {stored!r}, but {declared!r} is declared. They differ in case"
            " only, which Delta does not distinguish. Nothing was written. Keep the old spelling, give the column"
            " another name, or rebuild the table from its first period on:"
            f" airworthy rebuild {use_case} {table} --from PERIOD."
        )


def require_cases(use_case: str, table: str, stored: pa.Schema, declared: pa.Schema) -> None:
    """Check that no declared column differs from a stored one in case only.

    Raises:
        ColumnCaseError: a column does.
    """
    dropped = {name.lower(): name for name in stored.names if name not in declared.names}
    for name in declared.names:
        if name not in stored.names and name.lower() in dropped:
            raise ColumnCaseError(use_case, table, dropped[name.lower()], name)


def evolve(
    use_case: str, table: str, stored: pa.Schema, declared: pa.Schema, is_exact: Callable[[str, int], bool]
) -> pa.Schema:
    """Return a table's new columns: declared ones, then those not declared now.

    New columns are null in old periods. Columns that are no longer declared are kept, so that one that is declared
    again with a conflicting type is detected. A type is widened only if no stored value changes; `is_exact(column,
    bound)` returns whether all stored integers of a column lie from -bound to bound.

    Raises:
        ColumnCaseError: a declared name differs from a stored one in case only.
        SchemaNarrowedError: a declared type does not hold the stored values.
    """
    require_cases(use_case, table, stored, declared)
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
