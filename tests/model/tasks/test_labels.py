"""Which labels each task accepts, and how it says what is wrong with others."""

from __future__ import annotations

import math

import numpy as np
import pyarrow as pa
import pytest

from include.model.tasks import task_model
from include.model.tasks.labels import label_tally
from include.use_case import Binary, Multiclass, Regression

CLASSES = Multiclass(classes=("a", "b", "c"))


def problem(task, *batches: pa.Array) -> str:
    tally = label_tally(task, "y")
    for batch in batches:
        if refused := tally.refused_type(batch.type):
            return refused
        tally.add(batch)
    return tally.problem


@pytest.mark.parametrize(
    ("task", "labels"),
    [
        (Binary(), pa.array([0, 1, None])),
        (Binary(), pa.array([True, False])),
        (Binary(), pa.array([0.0, 1.0])),
        (Regression(), pa.array([-1.5, 0.0, None])),
        (Regression(), pa.array([None, None])),
        (Regression(objective="poisson"), pa.array([0, 3])),
        (Regression(objective="gamma"), pa.array([0.1, 3.0])),
        (Regression(objective="tweedie"), pa.array([0.0, 3.0])),
        (CLASSES, pa.array(["a", "c", None])),
        (CLASSES, pa.array(["a", "b"]).dictionary_encode()),
        (CLASSES, pa.array([], pa.string())),
    ],
)
def test_labels_of_the_task_are_accepted(task, labels):
    assert problem(task, labels) == ""


@pytest.mark.parametrize(
    ("task", "labels", "words"),
    [
        (Binary(), pa.array([0, 2, 2]), "'y' is 2 in 2 rows"),
        (Binary(), pa.array([[1]]), "which is not a number"),
        (Regression(), pa.array([1.0, math.nan, math.inf]), "have 2 labels that are not finite"),
        (Regression(), pa.array(["1"]), "labels that are not numbers: 'y' is string"),
        (Regression(), pa.array([[1.0]]), "labels that are not numbers"),
        (Regression(objective="poisson"), pa.array([-1, 0, 2]), "have 1 labels that are negative"),
        (Regression(objective="tweedie"), pa.array([-0.5]), "have 1 labels that are negative"),
        (Regression(objective="gamma"), pa.array([0.0, -1.0, 2.0]), "have 2 labels that are 0 or negative"),
        (CLASSES, pa.array(["a", "d", "d"]), "'y' is 'd' in 2 rows. The classes are ['a', 'b', 'c']"),
        (CLASSES, pa.array([0, 1]), "labels that are not text"),
    ],
)
def test_other_labels_are_refused_in_words(task, labels, words):
    assert words in problem(task, labels)


def test_a_wrong_label_of_a_later_batch_counts_too():
    assert "have 2 labels that are negative" in problem(
        Regression(objective="poisson"), pa.array([-1]), pa.array([1, -2])
    )


def test_classes_become_their_index_and_null_is_unknown():
    model = task_model(CLASSES)
    codes = model.encode_labels(pa.chunked_array([["c", None], ["a"]]))
    assert codes[[0, 2]].tolist() == [2.0, 0.0] and math.isnan(codes[1])
    assert model.encode_labels(pa.chunked_array([codes])).tolist()[2] == 0.0
    assert model.label_text(2.0) == "c"


def test_labels_are_described_and_odd_ones_are_marked():
    rare = task_model(Binary()).describe_labels(np.array([0.0] * 999 + [1.0]), "late")
    assert rare.text == "0.10% of them have late = 1" and rare.is_odd
    counts = task_model(Regression()).describe_labels(np.array([0.0, 2.0, 4.0]), "visits")
    assert counts.text == "visits is 2 on average, from 0 to 4 with a median of 2; 33.33% of them are 0"
    assert task_model(Regression()).describe_labels(np.ones(3), "visits").is_odd
    shares = task_model(CLASSES).describe_labels(np.array([0.0, 0.0, 1.0, 1.0]), "grade")
    assert shares.text == "grade is 50.00% a, 50.00% b, 0.00% c" and shares.is_odd
