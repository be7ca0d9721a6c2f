"""The reference profile."""

import numpy as np
import pyarrow as pa
import pytest

from include.logic import encoding, profile

FEATURES = {"kind": "category", "size": "float64"}


def of(kind, size) -> dict:
    table = pa.table({"kind": pa.array(kind, pa.string()), "size": pa.array(size, pa.float64())})
    learned = encoding.learn(FEATURES, table)
    return profile.of(learned, learned.encode(table), np.full(len(kind), 0.5))["features"]


def test_shares_and_nulls_add_up_to_one():
    found = of(["a", "b", None, "a"] * 25, [None, 1.0, 2.0, 3.0] * 25)
    for each in found.values():
        assert sum(each["shares"]) + each["null"] == pytest.approx(1)
    assert found["kind"] == {"values": ["a", "b"], "shares": [0.5, 0.25], "null": 0.25, "unseen": 0.0}


def test_numbers_are_cut_at_the_deciles_of_train():
    found = of(["a"] * 1000, np.arange(1000.0))["size"]
    assert len(found["edges"]) == 9
    assert found["shares"] == pytest.approx([0.1] * 10, abs=0.002)


def test_no_bin_is_empty_where_a_value_is_frequent():
    found = of(["a"] * 100, [0.0] * 80 + list(range(1, 21)))["size"]
    assert min(found["shares"]) > 0


def test_a_column_of_nulls_has_a_profile():
    found = of(["a", "b"], [None, None])["size"]
    assert found == {"edges": [], "shares": [0.0], "null": 1.0}
