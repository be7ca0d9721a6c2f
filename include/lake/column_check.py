"""Check that rows have the columns of their table before they are written."""

from __future__ import annotations

from collections import Counter

import pyarrow as pa

from include.declaration.data_declaration import DataDeclaration
from include.declaration.period import Period
from include.errors import ColumnsError
from include.lake import schemas


def require_declared_columns(use_case: DataDeclaration, table: str, period: Period, schema: pa.Schema) -> list[str]:
    """Return the declared column names of a table, in order.

    Raises:
        ColumnsError: the schema of the rows has other columns or types.
    """
    declared, counts = schemas.content_schema(use_case, table), Counter(schema.names)
    missing, extra = set(declared.names) - counts.keys(), counts.keys() - set(declared.names)
    types = [
        f"{f.name} is {schema.field(f.name).type}, declared {f.type}"
        for f in declared
        if counts[f.name] == 1 and schema.field(f.name).type != f.type
    ]
    types += [f"{name} is there more than once" for name in declared.names if counts[name] > 1]
    if missing or extra or types:
        hint = _columns_hint(use_case.name, table)
        raise ColumnsError(f"{use_case.name}: {table}", period, missing, extra, types, hint)
    return list(declared.names)


def _columns_hint(use_case: str, table: str) -> str:
    """Return what to do about rows with other columns than the declared ones."""
    if table.partition("/")[0] in schemas.DECLARED_TABLES:
        return "Correct the function that returns the rows, or the declaration (Delta would cast silently)."
    return (
        "The use case does not declare these columns: the lake may have been stored by code of another layout. Restore"
        f" a backup of this layout, or rebuild the table: airworthy rebuild {use_case} {table} --from PERIOD."
    )
