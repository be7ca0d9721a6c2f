import json
from datetime import date
from functools import partial
from itertools import pairwise

import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from include.lake import content_digest

ROWS = pa.table(
    {
        "n": pa.array([1, None, 3], pa.int32()),
        "text": pa.array(["a", None, "ü"]),
        "flag": pa.array([True, None, False]),
        "period": pa.array([date(2013, 1, 1), None, date(2013, 1, 3)], pa.date32()),
        "list": pa.array([["x", "y"], [], None], pa.list_(pa.string())),
    }
)


@given(st.lists(st.integers(0, 3), max_size=4))
def test_a_digest_does_not_depend_on_how_the_rows_are_cut(cuts):
    edges = [0, *sorted(cuts), 3]
    parts = [ROWS.slice(a, b - a) for a, b in pairwise(edges)]
    assert content_digest.digest_table(pa.concat_tables(parts)) == content_digest.digest_table(ROWS)


@pytest.mark.parametrize("name", ROWS.column_names)
def test_a_digest_changes_with_any_value(name):
    changed = ROWS.set_column(ROWS.schema.get_field_index(name), name, ROWS[name].take([0, 0, 2]))
    assert content_digest.digest_table(changed) != content_digest.digest_table(ROWS)


def test_null_differs_from_zero_and_from_empty_text():
    nulls = pa.table({"n": pa.array([None], pa.int32()), "s": pa.array([None], pa.string())})
    blanks = pa.table({"n": pa.array([0], pa.int32()), "s": pa.array([""])})
    assert content_digest.digest_table(nulls) != content_digest.digest_table(blanks)


def test_text_that_moves_between_rows_changes_the_digest():
    assert content_digest.digest_table(pa.table({"s": ["ab", "c"]})) != content_digest.digest_table(
        pa.table({"s": ["a", "bc"]})
    )


def test_the_type_and_the_name_are_content_too():
    ints = pa.table({"a": pa.array([1], pa.int32())})
    wider, renamed = ints.cast(pa.schema([("a", pa.int64())])), ints.rename_columns(["b"])
    assert len({content_digest.digest_table(table) for table in (ints, wider, renamed)}) == 3


def test_what_lies_under_a_null_does_not_matter():
    values, mask = pa.py_buffer(b"\x01\x00\x00\x00\x63\x00\x00\x00"), pa.py_buffer(b"\x01")
    garbage = pa.Array.from_buffers(pa.int32(), 2, [mask, values])
    clean = pa.array([1, None], pa.int32())
    assert content_digest.digest_table(pa.table({"n": garbage})) == content_digest.digest_table(pa.table({"n": clean}))


class NoText:
    """An object without a text of its own."""

    def __init__(self, value: int) -> None:
        self.value = value


@pytest.mark.parametrize("value", [pairwise, len, NoText(1), partial(max, default=NoText), lambda: None])
def test_a_value_without_a_text_of_its_own_has_no_address_in_its_digest(value):
    assert " at 0x" not in json.dumps(content_digest.text_of(value), default=content_digest.text_of)


def test_objects_without_a_text_differ_by_their_values():
    digests = {content_digest.digest_values([value]) for value in (NoText(1), NoText(2), len, max)}
    assert len(digests) == 4
    assert content_digest.digest_values([NoText(1)]) in digests
