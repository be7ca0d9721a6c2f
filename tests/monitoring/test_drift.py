"""The distance of a sample from a reference, compared with values computed by hand."""

import math

import numpy as np
import pyarrow as pa
import pytest

from include.monitoring import drift
from include.monitoring.drift import Bins

SIZES, KINDS = Bins(edges=(10.0, 20.0)), Bins(values=("bolt", "nut"))


def test_numbers_fall_into_the_bin_whose_lower_edge_they_reach():
    found = SIZES.count(pa.array([9.9, 10.0, 19.9, 20.0, 1e9, -1e9, None, math.nan, math.inf]))
    assert found.tolist() == [2, 2, 2, 3, 0]  # below, between, above; nulls, NaN and infinity; unseen


def test_categories_have_a_bin_each_and_those_never_seen_one_together():
    found = KINDS.count(pa.array(["nut", "bolt", "nut", "screw", None, "rivet"]))
    assert found.tolist() == [1, 2, 1, 2]


@pytest.mark.parametrize("kind", [pa.int8(), pa.int64(), pa.float32(), pa.float64()])
def test_every_type_of_number_is_counted_alike_with_nulls_and_in_chunks(kind):
    chunks = pa.chunked_array([pa.array([5, None], kind), pa.array([15, 25, 25], kind)])
    assert SIZES.count(chunks).tolist() == [1, 1, 2, 1, 0]


def test_truth_values_are_counted():
    assert Bins(edges=(1.0,)).count(pa.array([True, False, None, True])).tolist() == [1, 2, 1, 0]


def test_a_column_without_rows_and_one_of_nulls_only_are_counted():
    assert SIZES.count(pa.array([], pa.float64())).tolist() == [0, 0, 0, 0, 0]
    assert KINDS.count(pa.array([None, None], pa.string())).tolist() == [0, 0, 2, 0]
    assert Bins(edges=()).count(pa.array([None, None], pa.float64())).tolist() == [0, 2, 0]


def test_counts_add_up_over_batches_of_any_cut():
    rng = np.random.default_rng(5)
    table = pa.table(
        {"size": rng.normal(15, 9, 1000), "kind": rng.choice(["bolt", "nut", "saw"], 1000), "more": [0] * 1000}
    )
    bins = {"size": SIZES, "kind": KINDS, "gone": SIZES}
    whole, cut = drift.count_bins(bins, [table]), drift.count_bins(bins, table.to_batches(max_chunksize=7))
    assert set(whole) == {"size", "kind"}  # a column that is not there is left out, not counted as empty
    assert all(np.array_equal(whole[name], cut[name]) for name in whole)
    assert whole["size"].sum() == whole["kind"].sum() == 1000


def test_psi_is_the_sum_over_bins_worked_out_by_hand():
    by_hand = (0.3 - 0.5) * math.log(0.3 / 0.5) + (0.4 - 0.3) * math.log(0.4 / 0.3) + (0.3 - 0.2) * math.log(0.3 / 0.2)
    assert drift.psi([50, 30, 20], [300, 400, 300]) == pytest.approx(by_hand)
    assert by_hand == pytest.approx(0.1715, abs=1e-4)


def test_equal_shares_have_no_drift_whatever_their_size():
    assert drift.psi([50, 30, 20], [500, 300, 200]) == pytest.approx(0, abs=1e-12)


def test_psi_does_not_care_which_sample_is_which():
    assert drift.psi([5, 90, 5], [40, 20, 40]) == pytest.approx(drift.psi([40, 20, 40], [5, 90, 5]))


def test_a_bin_that_is_empty_in_one_sample_counts_as_half_a_row_and_in_both_not_at_all():
    by_hand = (0.005 - 0.5) * math.log(0.005 / 0.5) + (1.0 - 0.5) * math.log(1.0 / 0.5)
    assert drift.psi([50, 50], [0, 100]) == pytest.approx(by_hand)
    assert drift.psi([50, 0, 50], [0, 0, 100]) == pytest.approx(by_hand)


def test_disjoint_samples_drift_a_lot():
    assert drift.psi([100, 0], [0, 100]) == pytest.approx(2 * (1 - 0.005) * math.log(1 / 0.005))


def test_a_constant_column_and_one_of_nulls_are_compared_like_any_other():
    assert drift.psi([0, 100, 0], [0, 7, 0]) == 0
    assert drift.psi([100, 0], [0, 100]) > 5  # every value has become null


def test_without_rows_there_is_no_drift_to_speak_of_rather_than_none():
    for one, other in (([1, 2], [0, 0]), ([0, 0], [1, 2]), ([0, 0], [0, 0])):
        assert drift.psi(one, other) is None
        assert drift.psi_null_quantile(one, other) == math.inf


def test_one_row_stays_under_what_one_row_shows_by_chance():
    train = [100] * 10
    for place in range(10):
        one = np.eye(10)[place]
        assert 1 < drift.psi(train, one) < drift.psi_null_quantile(train, one)


@pytest.mark.parametrize("bins", [3, 5, 10])
@pytest.mark.parametrize("rows", [30, 50, 100])
def test_few_rows_over_even_categories_exceed_the_bound_in_at_most_one_of_100_days(rows, bins):
    rng, train = np.random.default_rng(5), np.full(bins, 2000)
    periods = rng.multinomial(rows, np.full(bins, 1 / bins), size=20_000)
    # The bound depends on a day's own counts by almost nothing: the pooled shares are those of the 2,000 rows.
    bound = drift.psi_null_quantile(train, periods[0])
    found = np.array([drift.psi(train, period) for period in periods[:4000]])
    assert np.mean(found > bound) <= 0.0125, "one in a hundred, and the error of 4,000 days"


def test_the_level_of_chance_is_broken_as_often_as_it_says():
    rng, train, broken = np.random.default_rng(11), np.full(10, 1000), 0
    shares = np.full(10, 0.1)
    for _ in range(2000):
        period = rng.multinomial(500, shares)
        broken += drift.psi(train, period) > drift.psi_null_quantile(rng.multinomial(10_000, shares), period, 0.95)
    assert 0.035 < broken / 2000 < 0.065


def test_weighted_drift_is_the_mean_of_psi_by_importance_each_cut_at_one():
    found = drift.weighted_drift({"size": 0.75, "kind": 0.25, "idle": 0.0}, {"size": 0.2, "kind": 8.0, "idle": 8.0})
    assert found == pytest.approx(0.75 * 0.2 + 0.25 * 1.0)


def test_a_feature_that_is_missing_hides_nothing_of_the_others():
    assert drift.weighted_drift({"size": 0.2, "kind": 0.8}, {"size": 0.5}) == pytest.approx(0.5)
    assert drift.weighted_drift({"size": 0.2, "kind": 0.8}, {}) is None
