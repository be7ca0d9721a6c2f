"""The distribution of a column over the train days, per bin."""

import numpy as np
import pyarrow as pa
import pytest

from include.monitoring import drift, reference_histogram

NUMBERS = [pa.int8(), pa.int32(), pa.int64(), pa.float32(), pa.float64()]


def spread(values, kind=None) -> dict:
    words = tuple(sorted({value for value in values if value})) if kind else None
    return reference_histogram.reference_histogram(
        pa.array(values, pa.string() if kind else pa.float64()), words
    ).to_json()


def test_shares_and_nulls_add_up_to_one():
    for each in (spread(["a", "b", None, "a"] * 25, "category"), spread([None, 1.0, 2.0, 3.0] * 25)):
        assert sum(each["shares"]) + each["null"] == pytest.approx(1)
    assert spread(["a", "b", None, "a"], "category") == {
        "values": ["a", "b"],
        "shares": [0.5, 0.25],
        "null": 0.25,
        "unseen": 0.0,
    }


def test_numbers_are_cut_at_the_deciles_of_train():
    each = spread(np.arange(1000.0))
    assert len(each["edges"]) == 9
    assert each["shares"] == pytest.approx([0.1] * 10, abs=0.002)


def test_a_value_that_fills_several_deciles_has_a_bin_of_its_own():
    assert spread([0.0] * 80 + list(range(1, 21)))["edges"] == [0, 1, 10]
    assert spread([-1.0] * 5 + [0.0] * 90 + [3.0, 5.0] * 3)["edges"] == [0, 3]
    assert spread([0.0] * 95 + [2.0] * 5)["edges"] == [0, 2]


def test_a_column_of_nulls_and_a_constant_one_have_a_profile():
    assert spread([None, None]) == {"edges": [], "shares": [0.0], "null": 1.0}
    assert spread([4.0, 4.0]) == {"edges": [4.0, np.nextafter(4.0, 5)], "shares": [0.0, 1.0, 0.0], "null": 0.0}


@pytest.mark.parametrize("kind", NUMBERS)
@pytest.mark.parametrize("value", [-3, 0, 7])
def test_a_constant_that_becomes_another_drifts_wholly_in_both_directions(kind, value):
    was = reference_histogram.reference_histogram(pa.array([value] * 1000, kind), None)
    for other in (value - 1, value + 1):
        period = was.bins.count(pa.array([other] * 100, kind))
        assert drift.psi(was.counts, period) > 5
    assert drift.psi(was.counts, was.bins.count(pa.array([value] * 100, kind))) == 0


@pytest.mark.parametrize("kind", [*NUMBERS, pa.bool_()])
def test_a_flag_however_rare_or_never_seen_drifts_where_it_is_always_set(kind):
    for often in (0, 1, 99, 100):
        was = reference_histogram.reference_histogram(
            pa.array([0] * (100 - often) + [1] * often, pa.int8()).cast(kind), None
        )
        period = was.bins.count(pa.array([int(often < 50)] * 50, pa.int8()).cast(kind))
        assert drift.psi(was.counts, period) > 2, often


def test_a_count_that_is_mostly_nought_drifts_where_its_other_values_grow_common():
    rng = np.random.default_rng(0)
    was = reference_histogram.reference_histogram(
        pa.array(np.where(rng.random(10_000) < 0.92, 0.0, rng.exponential(1, 10_000))), None
    )
    assert drift.psi(was.counts, was.bins.count(pa.array(rng.exponential(1, 1000)))) > 1


def test_no_bin_begins_at_the_least_value_unless_it_is_frequent():
    assert spread([0.0] * 9 + [float(n) for n in range(1, 92)])["edges"][0] > 0
    eleven = spread([0.0] * 11 + [float(n) for n in range(1, 90)])
    assert eleven["edges"][0] > 0 and eleven["shares"][0] > 0
