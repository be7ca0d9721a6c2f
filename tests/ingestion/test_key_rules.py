"""Keys are never null and occur once in a day, independent of a feed's expectations."""

from __future__ import annotations

from datetime import date

import pyarrow as pa

from include.ingestion.key_rules import broken_keys

BIG = 2**53


def reasons(rows: pa.Table, *keys: str) -> list[list[str]]:
    found = broken_keys(rows, keys)
    return [[reason for reason, places in found if row in places] for row in range(rows.num_rows)]


def test_a_null_in_a_key_is_named():
    rows = pa.table({"customer": [1, None, None], "month": ["a", "b", None], "x": [None, 1, 1]})
    assert reasons(rows, "customer", "month") == [
        [],
        ["keys must not be null: customer"],
        ["keys must not be null: customer", "keys must not be null: month"],
    ]


def test_all_rows_of_equal_keys_are_named_and_neighbours_beyond_2_to_the_53_are_not_equal():
    rows = pa.table({"id": [BIG, BIG + 1, None, BIG + 1, None], "on": pa.array([date(2020, 1, 1)] * 5)})
    once = "keys must occur only once in the day: id, on"
    null = "keys must not be null: id"
    assert reasons(rows, "id", "on") == [[], [once], [null], [once], [null]]


def test_keys_of_any_type_are_compared_together():
    rows = pa.table({"a": ["x", "x", "y", "x"], "b": [True, False, True, True], "c": [0.5, 0.5, 0.5, 0.5]})
    assert [bool(each) for each in reasons(rows, "a", "b", "c")] == [True, False, False, True]
    assert reasons(rows.slice(0, 0), "a", "b") == []
    assert [len(each) for each in reasons(pa.table({"a": pa.nulls(2, pa.string())}), "a")] == [1, 1]
