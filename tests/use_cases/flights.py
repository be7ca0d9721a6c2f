"""Frames of the use cases that share New York's flights: real days, and rows written by hand."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from types import ModuleType
from typing import Any

import ibis
import pyarrow as pa

from include.ingestion import expectations as validation
from include.use_case import Period, UseCase

Row = dict[str, Any]


def table(use_case: UseCase, feed: str, rows: Sequence[Row]) -> pa.Table:
    """Rows of a feed, with the period on which each became known; a missing column is null."""
    columns = use_case.feed(feed).columns.items()
    schema = pa.schema([(name, pa.type_for_alias(kind)) for name, kind in columns])
    dated = [{n: v.start_date if isinstance(v, Period) else v for n, v in row.items()} for row in rows]
    return pa.Table.from_pylist(dated, schema.append(pa.field("period", pa.date32())))


def written(use_case: UseCase, rows: Mapping[str, Sequence[Row]]) -> dict[str, pa.Table]:
    """Every feed of a use case, from rows by feed; empty without rows."""
    return {feed.name: table(use_case, feed.name, rows.get(feed.name, ())) for feed in use_case.feeds}


def real(use_case: UseCase, last: Period, days: int) -> dict[str, pa.Table]:
    """The feeds of the days up to `last`, as the lake holds them."""
    found = {}
    for feed in use_case.feeds:
        periods = [last - n for n in range(days - 1, -1, -1)]
        tables = [use_case.function("source", feed.name)(period) for period in periods]
        known = [period.start_date for period, rows in zip(periods, tables, strict=True) for _ in range(rows.num_rows)]
        found[feed.name] = pa.concat_tables(tables).append_column("period", pa.array(known, pa.date32()))
    return found


def call(function: Any, period: Period, feeds: Mapping[str, pa.Table], keys: Sequence[str]) -> pa.Table:
    """What `build` or `labels` makes of the feeds, in the order of the keys."""
    expression = function(period, **{name: ibis.memtable(rows) for name, rows in feeds.items()})
    return expression.order_by(list(keys)).to_pyarrow()


def build(features: ModuleType, period: Period, feeds: Mapping[str, pa.Table]) -> pa.Table:
    return call(features.build, period, feeds, features.USE_CASE.keys)


def labels(features: ModuleType, period: Period, feeds: Mapping[str, pa.Table]) -> pa.Table:
    return call(features.labels, period, feeds, features.USE_CASE.keys)


def turned(feeds: Mapping[str, pa.Table]) -> dict[str, pa.Table]:
    """The same rows in another order."""
    return {name: rows.take(pa.array(range(rows.num_rows - 1, -1, -1))) for name, rows in feeds.items()}


def require_declared_columns(use_case: UseCase, rows: pa.Table) -> None:
    """Check names, order and types of features, and that no number is NaN."""
    kinds = use_case.key_types() | {n: "string" if k == "category" else k for n, k in use_case.features.items()}
    assert rows.schema.names == list(kinds)
    assert [field.type for field in rows.schema] == [pa.type_for_alias(kind) for kind in kinds.values()]
    floats = [name for name in rows.schema.names if pa.types.is_floating(rows.schema.field(name).type)]
    assert not any(pa.compute.any(pa.compute.is_nan(rows[name])).as_py() for name in floats)


def judge(use_case: UseCase, feed: str, rows: pa.Table) -> validation.ExpectationResults:
    """Judge rows by the feed's own suite."""
    suite = use_case.function("expectations", feed)()
    judgement = validation.judge_rows(suite, rows, feed, use_case.feed(feed).keys)
    assert judgement.raised == ()
    return judgement


Fault = tuple[str, Row]
"""The beginning of the reason, and what makes a good row break that expectation and no other."""
FLIGHT_FAULTS: tuple[Fault, ...] = (
    ("origin must be one of", {"origin": "BOS"}),
    ("dest must be the code", {"dest": "???"}),
    ("carrier must be the code", {"carrier": "ZZZ"}),
    ("flight must be", {"flight": 0}),
    ("sched_dep_time must be", {"sched_dep_time": -5}),
)
WEATHER_FAULTS: tuple[Fault, ...] = (
    ("origin must be", {"origin": "BOS"}),
    ("hour must be", {"hour": 24}),
    ("utc_offset must be", {"utc_offset": -6}),
    ("temp must be", {"temp": 200.0}),
    ("dewp must be", {"dewp": -70.0}),
    ("humid must be", {"humid": 101.0}),
    ("wind_speed must be", {"wind_speed": 1048.36}),
    ("precip must be", {"precip": -0.1}),
    ("pressure must be", {"pressure": 9.9}),
    ("visib must be", {"visib": 11.0}),
)


def require_each_fault_caught(use_case: UseCase, feed: str, day: Period, faults: Sequence[Fault]) -> None:
    """Check that each fault is caught in its row for its reason alone, and that none of the suite is untried."""
    rows = use_case.function("source", feed)(day)
    changed = rows.to_pylist()
    for place, (_, fault) in enumerate(faults):
        changed[place] |= fault
    found = judge(use_case, feed, pa.Table.from_pylist(changed, rows.schema)).reasons.to_pylist()
    due = [reason for reason, _ in faults]
    for place, reasons in enumerate(found):
        expected = due[place : place + 1]
        assert len(reasons) == len(expected) and all(map(str.startswith, reasons, expected)), (place, reasons, expected)
    suite = use_case.function("expectations", feed)()
    assert [each.description for each in suite.rows if not each.description.startswith(tuple(due))] == []
