"""The splits that are read from LightGBM's text are those that LightGBM itself dumps."""

import lightgbm
import numpy as np
import pytest

from include.model import tree_text
from tests import boosters


def dumped(node, splits):
    """The splits of a dumped tree, by their number."""
    if "split_index" in node:
        splits[node["split_index"]] = node
        dumped(node["left_child"], splits)
        dumped(node["right_child"], splits)
    return splits


@pytest.mark.parametrize("name", ["regression", "one to one", "multiclass"])
def test_every_split_is_read(name):
    trees = boosters.trees_of(name)
    own = [dumped(tree["tree_structure"], {}) for tree in boosters.booster_of(name).dump_model()["tree_info"]]
    assert [len(tree) for tree in trees] == [len(tree) for tree in own]
    for tree, nodes in zip(trees, own, strict=True):
        for number, split in enumerate(tree):
            node = nodes[number]
            assert split.feature == node["split_feature"]
            if split.categories is None:
                assert split.threshold == node["threshold"]
            else:
                assert split.categories == set(map(int, node["threshold"].split("||")))
    assert any(split.categories for tree in trees for split in tree)


def test_a_tree_that_is_one_leaf_has_no_splits():
    constant = lightgbm.train({"verbosity": -1}, lightgbm.Dataset(np.zeros((50, 1)), np.ones(50)), 2)
    assert {len(tree) for tree in tree_text.read_trees(constant.model_to_string())} == {0}
