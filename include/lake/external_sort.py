"""Sort rows in DuckDB."""

from __future__ import annotations

import pyarrow as pa


def sort_key(field: pa.Field) -> str:
    """Return the SQL that orders by a column, with its name quoted.

    duckdb.ColumnExpression drops quotes. A float column is ordered by a copy: DuckDB changes -0 to 0 in a column that
    it orders by.
    """
    name = '"' + field.name.replace('"', '""') + '"'
    return f"{name} + 0.0" if pa.types.is_floating(field.type) else name
