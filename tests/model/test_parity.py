"""The rows of a certificate: every leaf, every threshold and its neighbours, every category, null and extremes."""

import numpy as np
import pyarrow as pa
import pytest

from include.model import parity
from include.model.arrays import Numbers
from tests import boosters

COLUMNS = {name: number for number, name in enumerate(boosters.ENCODING.features)}


def values(name: str, tables) -> Numbers:
    return np.concatenate([table[name].to_numpy() for table in tables])


@pytest.mark.parametrize("name", ["regression", "monotone", "one to one", "smoothed", "multiclass"])
def test_rows_that_lightgbm_need_not_predict_reach_every_leaf(name):
    trees = boosters.trees_of(name)
    (rows,) = parity.rows_of_trees(trees, boosters.ENCODING)
    compared = rows.filter(pa.array(~parity.needs_lightgbm(rows)))
    reached = boosters.booster_of(name).predict(compared, pred_leaf=True, num_threads=1)
    assert [len(set(reached[:, number])) for number in range(len(trees))] == [len(tree) + 1 for tree in trees]


@pytest.mark.parametrize("column", ["size", "share", "hour"])
def test_each_threshold_is_a_value_and_so_are_the_numbers_next_to_it(column):
    trees = boosters.trees_of("regression", rounds=20)
    found = set(values(column, parity.rows_of_trees(trees, boosters.ENCODING)).tolist())
    thresholds = {split.threshold for tree in trees for split in tree if split.feature == COLUMNS[column]}
    assert thresholds
    kind = np.float64 if column == "size" else np.float32
    for threshold in thresholds:
        at = kind(threshold)
        assert {float(at)} <= found
        above = at if at > threshold else np.nextafter(at, kind(np.inf))
        below = at if at < threshold else np.nextafter(at, kind(-np.inf))
        assert {float(above), float(below)} <= found


def test_a_large_model_is_made_rows_of_in_chunks():
    whole = [*parity.rows_of_trees(boosters.trees_of("regression"), boosters.ENCODING)]
    chunks = [*parity.rows_of_trees(boosters.trees_of("regression"), boosters.ENCODING, chunk_splits=20)]
    assert len(whole) == 1 < len(chunks)
    assert sum(chunk.num_rows for chunk in chunks) == whole[0].num_rows


def test_each_category_and_null_and_extreme_number_is_among_the_other_rows():
    tables = [*parity.other_rows(boosters.trees_of("regression"), boosters.ENCODING)]
    towns = values("town", tables)
    assert {*map(float, range(61)), -1.0} <= set(towns.tolist()) and np.isnan(towns).any()
    sizes = values("size", tables)
    extremes = np.array(parity.EXTREMES)
    assert set(extremes.view(np.uint64).tolist()) <= set(sizes.view(np.uint64).tolist())
    as_null, as_nan = tables
    assert as_null["size"].null_count > 0 == as_nan["size"].null_count


def test_the_same_rows_are_made_again():
    first, again = ([*parity.other_rows(boosters.trees_of("regression"), boosters.ENCODING)] for _ in range(2))
    assert first[0].equals(again[0])


def test_infinite_and_tiny_numbers_are_left_to_lightgbm():
    tiny, below = parity.ALMOST_ZERO, np.nextafter(parity.ALMOST_ZERO, 1)
    plain = [0.0, -0.0, 1.0, None, np.nan, below, -below, 1e308]
    special = [np.inf, -np.inf, tiny, -tiny, 5e-324, -5e-324]
    found = parity.needs_lightgbm(pa.table({"one": plain + special, "other": [1.0] * len(plain + special)}))
    assert found.tolist() == [False] * len(plain) + [True] * len(special)


def test_any_bit_makes_a_row_differ():
    truth = np.array([0.0, 1.0, np.nan, 3.0])
    assert parity.differing_rows(truth, truth.copy()).tolist() == []
    assert parity.differing_rows(truth, np.array([-0.0, np.nextafter(1, 2), np.nan, 3.0])).tolist() == [0, 1]
    classes = np.array([[0.5, 0.5], [0.1, 0.9]])
    assert parity.differing_rows(classes, classes + np.array([[0, 0], [0, 4e-16]])).tolist() == [1]


def test_predictions_of_another_shape_differ_in_every_row():
    assert parity.differing_rows(np.zeros(3), np.zeros((3, 1))).tolist() == [0, 1, 2]
    assert parity.differing_rows(np.zeros(3), np.zeros(3, dtype=np.float32)).tolist() == [0, 1, 2]
