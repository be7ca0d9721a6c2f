"""Slices of rows that can be counted by hand."""

import numpy as np
import pyarrow as pa
import pytest

from include.model import slices
from include.model.slices import SliceGroup
from include.use_case import Binary, DecisionCosts

TASK = Binary(costs=DecisionCosts(false_negative=3, false_positive=1, unit="points"))
CARRIER = pa.array(["AA", "UA", "AA", None, "UA", "AA", None, "ZZ"])
LABELS = np.array([1.0, 0.0, 0.0, 1.0, 0.0, 0.0, 0.0, 1.0])
PROBABILITIES = np.array([0.9, 0.4, 0.2, 0.5, 0.4, 0.1, 0.5, 0.9])


def of(column=CARRIER, metric="brier", reference=0.1, min_rows=2, labels=LABELS):
    return slices.slice_metrics(
        column, labels, PROBABILITIES, metric, reference=reference, task=TASK, min_rows=min_rows
    )


def test_each_group_is_held_against_the_number_worst_first():
    found = of()
    assert [(group.name, group.rows) for group in found.judged] == [("null", 2), ("UA", 2), ("AA", 3)]
    assert [group.value for group in found.judged] == pytest.approx([0.25, 0.16, 0.02])
    assert [group.worse for group in found.judged] == pytest.approx([0.15, 0.06, -0.08])


def test_rows_without_a_value_are_a_group_of_their_own():
    assert found_group(of(), "null").rows == 2


def found_group(found, name) -> SliceGroup:
    return next(group for group in found.judged if group.name == name)


def test_a_group_with_too_few_rows_is_listed_apart():
    assert of().small == {"ZZ": 1}
    assert of(min_rows=1).small == {}


def test_another_models_probabilities_are_compared_on_the_groups_own_rows():
    other = np.array([0.5, 0.0, 0.5, 0.5, 0.0, 0.5, 0.5, 0.5])
    found = of(reference=other)
    assert found_group(found, "AA").compared == pytest.approx(0.25)
    assert found_group(found, "UA").worse == pytest.approx(0.16)
    assert found_group(found, "null").worse == 0


def test_of_auc_lower_is_worse():
    group = found_group(of(metric="auc", reference=0.9), "null")
    assert (group.value, group.worse) == (0.5, pytest.approx(0.4))


def test_where_one_class_only_is_there_auc_is_not_defined():
    found = of(metric="auc", reference=0.9)
    assert found.undefined == {"UA": 2}
    assert [group.name for group in found.judged] == ["null", "AA"]


@pytest.mark.parametrize(
    "column",
    [
        CARRIER.dictionary_encode(),
        pa.chunked_array([CARRIER[:3], CARRIER[3:]]),
        pa.chunked_array([CARRIER[:3].dictionary_encode(), CARRIER[3:].dictionary_encode()]),
    ],
    ids=["dictionary", "chunks", "chunks of dictionaries"],
)
def test_how_a_column_is_stored_does_not_matter(column):
    assert of(column) == of()


@pytest.mark.parametrize(
    ("column", "names"),
    [
        (pa.array([True, False] * 4), {"True", "False"}),
        (pa.array([5, 6] * 4, pa.int8()), {"5", "6"}),
        (pa.array([15_000] * 8, pa.date32()), {"2011-01-26"}),
    ],
)
def test_whole_numbers_truths_and_dates_group_rows_too(column, names):
    assert {group.name for group in of(column).judged} == names


def test_groups_are_each_counted_once_whatever_their_order():
    random = np.random.default_rng(1)
    values = random.integers(0, 50, 5000)
    labels, probabilities = (random.random(5000) < 0.3).astype(float), random.random(5000)
    found = slices.slice_metrics(pa.array(values), labels, probabilities, "brier", reference=0.0, task=TASK, min_rows=1)
    expected = {str(v): np.mean((probabilities - labels)[values == v] ** 2) for v in range(50)}
    assert {group.name: group.value for group in found.judged} == pytest.approx(expected)
