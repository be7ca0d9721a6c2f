"""Encoding of categories, nulls and numbers."""

import json

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from include.model import encoding
from include.model.encoding import Encoding

FEATURES = {"kind": "category", "size": "float64", "count": "int64", "urgent": "bool", "ratio": "float32"}


def rows(kind, size=None) -> pa.Table:
    n = len(kind)
    return pa.table(
        {
            "ratio": pa.array([0.1] * n, pa.float32()),
            "kind": pa.array(kind, pa.string()),
            "size": pa.array(size or [1.5] * n, pa.float64()),
            "count": pa.array([2**40 + 1] * n, pa.int64()),
            "urgent": pa.array([True] * n),
        }
    )


LEARNED = encoding.learn_encoding(FEATURES, rows(["nut", "bolt", None, "nut"]))


def test_the_vocabulary_does_not_depend_on_the_order_of_rows():
    assert LEARNED.vocabulary == {"kind": ("bolt", "nut")}
    assert encoding.learn_encoding(FEATURES, rows([None, "bolt", "nut"])).vocabulary == LEARNED.vocabulary


def test_nulls_and_unseen_categories_are_missing():
    assert LEARNED.encode(rows(["nut", "screw", None, "bolt"]))["kind"].to_pylist() == [1, None, None, 0]


def test_columns_come_in_the_declared_order_and_lose_no_bit():
    encoded = LEARNED.encode(rows(["nut"]))
    assert encoded.column_names == list(FEATURES)
    assert encoded["count"].to_pylist() == [2**40 + 1]
    assert encoded["ratio"].to_pylist() == [float(np.float32(0.1))]
    assert encoded["urgent"].to_pylist() == [1]


@given(st.lists(st.sampled_from(["nut", "bolt", "screw", None]), min_size=1, max_size=30), st.integers(0, 30))
def test_batches_are_encoded_as_the_whole(kinds, cut):
    whole = rows(kinds)
    parts = [LEARNED.encode(whole.slice(0, cut)), LEARNED.encode(whole.slice(cut))]
    assert pa.concat_tables(parts).combine_chunks() == LEARNED.encode(whole).combine_chunks()


def test_an_encoding_survives_json():
    again = Encoding.from_json(json.loads(json.dumps(LEARNED.to_json())))
    assert again == LEARNED
    assert list(again.features) == list(FEATURES)


def test_a_category_that_train_never_saw_filled_is_all_missing():
    empty = encoding.learn_encoding(FEATURES, rows([None, None]))
    assert empty.encode(rows(["nut"]))["kind"].to_pylist() == [None]


def test_an_integer_that_no_float_holds_becomes_the_nearest_one():
    table = rows(["nut"] * 3).set_column(3, "count", pa.array([2**53 + 1, 2**63 - 1, None], pa.int64()))
    assert LEARNED.encode(table)["count"].to_pylist() == [2.0**53, 2.0**63, None]


def test_a_declared_int32_is_announced_as_a_float64():
    assert Encoding({"n": "int32", "m": "int16"}, {}).schema() == pa.schema({"n": pa.float64(), "m": pa.float32()})


@pytest.mark.parametrize("declared", ["int32", "int16"])
def test_an_int32_is_read_as_a_float64_also_where_a_narrower_type_was_declared(declared):
    found = encoding.learn_encoding(
        {"n": declared}, table := pa.table({"n": pa.array([2**24 + 1, 2**31 - 1], pa.int32())})
    ).encode(table)["n"]
    assert found.type == pa.float64()
    assert found.to_pylist() == [2**24 + 1, 2**31 - 1]


def test_a_name_that_lightgbm_would_change_is_a_number_to_it():
    assert Encoding({"a_b": "int8", "c": "int8"}, {}).booster_names == ["a_b", "c"]
    assert Encoding({"a_b": "int8", "a b": "int8"}, {}).booster_names == ["feature_0", "feature_1"]
