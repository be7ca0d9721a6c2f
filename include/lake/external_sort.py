"""Order rows by columns in DuckDB."""

from __future__ import annotations

import pyarrow as pa


def sort_key(field: pa.Field) -> str:
    """Return the SQL to order by a column, with its name quoted (duckdb.ColumnExpression drops quotes).

    A column of floats is ordered by a copy: DuckDB returns 0 for -0 in a column that it orders by.
    """
    name = '"' + field.name.replace('"', '""') + '"'
    return f"{name} + 0.0" if pa.types.is_floating(field.type) else name
