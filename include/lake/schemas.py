"""Define the columns of every table of the lake, from the declaration."""

from __future__ import annotations

from collections.abc import Mapping

import pyarrow as pa

from include.declaration.column_types import CATEGORY, TIMESTAMP
from include.declaration.data_declaration import DataDeclaration
from include.declaration.names import VERSION_COLUMN
from include.declaration.period import HOUR, Unit
from include.declaration.use_case import UseCase

PARTITION = ("period", "digest")
"""Partition columns. The digest of a day's content is one of them, so that the table's state alone shows whether a day
exists and whether a rerun would change it."""
REASONS = pa.field("reasons", pa.list_(pa.field("element", pa.string())))
METRICS = pa.schema(
    [
        *((name, pa.string()) for name in ("metric", "subject")),
        *((name, pa.float64()) for name in ("value", "lower", "upper", "limit")),
        ("breached", pa.bool_()),  # null: not judged
        ("model_version", pa.string()),
        ("measured_period", pa.date32()),  # the measured day, or the last of `days` measured days
        ("periods", pa.int32()),
        ("missing_reason", pa.string()),  # why there is no value; empty if there is one
    ]
)
"""A row is stored on the day on which it became known, so that metrics of D use only what was known at D."""
DECISIONS = pa.schema(
    [
        ("outcome", pa.string()),  # retrain or hold
        ("reason", pa.string()),
        ("signals", pa.string()),  # JSON: the value of each signal
        ("model_version", pa.string()),
    ]
)
RETRAININGS = pa.schema([(name, pa.string()) for name in ("outcome", "reason", "model_version", "run_id")])
GATE_RESULTS = pa.schema(
    [
        *((name, pa.string()) for name in ("model_version", "gate", "kind", "metric", "outcome", "reason")),
        *((name, pa.float64()) for name in ("value", "limit")),
        ("blocks", pa.bool_()),
    ]
)
DELIVERIES = pa.schema(
    [
        ("key", pa.string()),
        ("size", pa.int64()),  # bytes, as stored
        *((name, pa.string()) for name in ("etag", "sha256", "version_id")),
    ]
)
"""The files from which a day of a feed was landed, if it has a landing bucket."""

DECLARED_TABLES = ("raw", "checked", "features", "labels")
"""Kinds of tables whose columns the use case declares; those of the others are fixed."""
_OWN = {"metrics": METRICS, "gate_results": GATE_RESULTS, "decisions": DECISIONS, "retrainings": RETRAININGS}


def period_field(unit: Unit) -> pa.Field:
    """Return the partition column that holds the start of a period."""
    return pa.field("period", arrow_type(TIMESTAMP) if unit is HOUR else pa.date32())


def table_names(use_case: DataDeclaration) -> list[str]:
    """Return the names of all tables."""
    feeds = [f"{kind}/{feed.name}" for kind in ("raw", "checked") for feed in use_case.feeds]
    feeds += [f"deliveries/{feed.name}" for feed in use_case.feeds if feed.landing]
    if not isinstance(use_case, UseCase):
        return [*feeds, "features"]
    return [*feeds, "features", "labels", "predictions", "shadow_predictions", *_OWN]


def content_schema(use_case: DataDeclaration, table: str) -> pa.Schema:
    """Return the columns that a step writes: all but the partition columns.

    Raises:
        KeyError: the use case has no such table.
    """
    kind, _, feed = table.partition("/")
    if kind in ("raw", "checked"):
        schema = _schema(use_case.feed(feed).columns)
        return schema.append(REASONS) if kind == "checked" else schema
    if kind == "deliveries" and use_case.feed(feed).landing:
        return DELIVERIES
    if table == "features":
        return _schema(use_case.key_types() | dict(use_case.features))
    if isinstance(use_case, UseCase) and (schema := _model_schema(use_case, table)) is not None:
        return schema
    raise KeyError(f"{use_case.name} has no table {table!r}; it has {table_names(use_case)}.")


def _model_schema(use_case: UseCase, table: str) -> pa.Schema | None:
    """Return the columns of a table that only a use case has; None if it is none."""
    keys = use_case.key_types()
    if table == "labels":
        types = dict.fromkeys(use_case.label_keys, use_case.calendar.column_type) | keys
        return _schema(types | {use_case.label.name: use_case.task.label_type})
    if table in ("predictions", "shadow_predictions"):
        return _schema({**keys, **use_case.task.prediction_columns, VERSION_COLUMN: "string"})
    if table == "metrics":
        place = METRICS.get_field_index("measured_period")
        return METRICS.set(place, period_field(use_case.calendar.unit).with_name("measured_period"))
    return _OWN.get(table)


def own_schema(use_case: DataDeclaration, table: str) -> pa.Schema:
    """Return the columns that the use case's function returns.

    They are the content without the features of feature groups.
    """
    joined = use_case.features.keys() - use_case.own_features.keys()
    schema = content_schema(use_case, table)
    return schema if table != "features" else pa.schema([field for field in schema if field.name not in joined])


def stored_schema(use_case: DataDeclaration, table: str) -> pa.Schema:
    """Return the stored columns: the content and the partition columns."""
    return with_partition(content_schema(use_case, table), use_case.calendar.unit)


def with_partition(schema: pa.Schema, unit: Unit) -> pa.Schema:
    """Return the schema with the partition columns added."""
    return schema.append(period_field(unit)).append(pa.field("digest", pa.string()))


def table_schema(use_case: DataDeclaration, table: str) -> pa.Schema:
    """Return the columns that readers get: the content and its day."""
    return content_schema(use_case, table).append(period_field(use_case.calendar.unit))


def sort_keys(use_case: DataDeclaration, table: str) -> tuple[str, ...]:
    """Return the columns by which a partition is sorted."""
    kind, _, feed = table.partition("/")
    if kind == "raw":
        # Raw rows may have duplicate keys: sort by all columns, so that equal content has an equal digest.
        columns = use_case.feed(feed).columns
        return (*use_case.feed(feed).keys, *(name for name in columns if name not in use_case.feed(feed).keys))
    if kind == "checked":
        return sort_keys(use_case, f"raw/{feed}")
    own = {
        "metrics": ("metric", "subject", "measured_period", "model_version"),
        "gate_results": ("model_version", "gate"),
        "decisions": ("outcome",),
        "retrainings": ("outcome",),
        "labels": use_case.label_keys if isinstance(use_case, UseCase) else use_case.keys,
    }
    return ("key",) if kind == "deliveries" else own.get(table, use_case.keys)


def row_keys(use_case: DataDeclaration, table: str) -> tuple[str, ...]:
    """Return the columns that identify a row: its feed's or its table's keys."""
    kind, _, feed = table.partition("/")
    return use_case.feed(feed).keys if kind in ("raw", "checked") else sort_keys(use_case, table)


def identity_columns(use_case: DataDeclaration, table: str) -> tuple[str, ...]:
    """Return the columns needed to read a row: keys, and for labels the label."""
    label = [use_case.label.name] if isinstance(use_case, UseCase) and table == "labels" else []
    return (*row_keys(use_case, table), *label)


def _schema(columns: Mapping[str, str]) -> pa.Schema:
    return pa.schema([(name, arrow_type(kind)) for name, kind in columns.items()])


def arrow_type(kind: str) -> pa.DataType:
    """Return the Arrow type of a declared column or feature."""
    if kind == TIMESTAMP:
        return pa.timestamp("us", "UTC")
    return pa.type_for_alias("string" if kind == CATEGORY else kind)
