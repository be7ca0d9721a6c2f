"""A perturbed table has another value in every cell but the keys."""

import datetime

import pyarrow as pa
import pyarrow.compute as pc
import pytest

from include.evaluation.checks.perturbation import randomise_future_rows

KEYS = ("id",)
DAY = datetime.date(2020, 1, 1)


def table(rows: int = 60) -> pa.Table:
    """Every declarable type, each with nulls, and each integer type at both its ends."""

    def column(kind, *values):
        return pa.array([values[n % len(values)] for n in range(rows)], kind)

    return pa.table(
        {
            "id": pa.array(range(rows), pa.int64()),
            "status": column(pa.string(), "landed", "cancelled", None),
            "constant": column(pa.string(), "perturbed"),
            "urgent": column(pa.bool_(), True, False, None),
            "day_off": column(pa.date32(), DAY, None),
            "seen": column(pa.timestamp("us", "UTC"), datetime.datetime(2020, 1, 1, tzinfo=datetime.UTC), None),
            "reasons": column(pa.list_(pa.string()), [], ["hour is out of range"], []),
            **{
                f"int{bits}": column(pa.type_for_alias(f"int{bits}"), -(2 ** (bits - 1)), 0, None, 2 ** (bits - 1) - 1)
                for bits in (8, 16, 32, 64)
            },
            "float32": column(pa.float32(), 0.5, None, 3.4e38, -3.4e38),
            "float64": column(pa.float64(), 0.0, None, 1.7e308, -1e18, 1e-9),
        }
    )


def pairs(name: str):
    """Each value that was kept, and what it has become."""
    before, after = table(), randomise_future_rows(table(), KEYS, seed=1)
    kept = after["id"].to_pylist()
    return list(zip([before[name].to_pylist()[place] for place in kept], after[name].to_pylist(), strict=True))


@pytest.mark.parametrize("name", [name for name in table().column_names if name not in KEYS])
def test_every_value_becomes_another_every_null_a_value_and_some_values_null(name):
    changed = pairs(name)
    assert all(before != after for before, after in changed)
    assert any(after is None for _, after in changed)


def test_the_types_stay_and_numbers_stay_finite():
    after = randomise_future_rows(table(), KEYS, seed=1)
    assert after.schema == table().schema
    assert all(pc.all(pc.is_finite(after[name])).as_py() for name in ("float32", "float64"))


def test_keys_stay_and_some_rows_are_missing():
    after = randomise_future_rows(table(), KEYS, seed=1)
    assert set(after["id"].to_pylist()) < set(range(60))
    assert after.num_rows > 30


def test_the_rows_with_the_least_and_the_greatest_key_are_missing():
    for seed in range(5):
        left = randomise_future_rows(table(), KEYS, seed=seed)["id"].to_pylist()
        assert 0 not in left and 59 not in left


def grouped(groups: int) -> pa.Table:
    return table().append_column("group", pa.array([n % groups for n in range(60)]))


@pytest.mark.parametrize("groups", [2, 3, 20])
def test_of_a_key_that_rows_share_one_value_is_missing_and_it_is_another_by_the_seed(groups):
    left = [
        set(randomise_future_rows(grouped(groups), ("id", "group"), seed=seed)["group"].to_pylist())
        for seed in range(40)
    ]
    assert all(each < set(range(groups)) for each in left)
    if groups < 20:
        assert set().union(*(set(range(groups)) - each for each in left)) == set(range(groups))


def test_a_key_that_all_rows_share_leaves_them():
    assert set(randomise_future_rows(grouped(1), ("id", "group"), seed=1)["group"].to_pylist()) == {0}


@pytest.mark.parametrize("kinds", [2, 3, 8])
def test_the_number_of_distinct_strings_changes(kinds):
    before = pa.table({"id": range(400), "kind": [f"kind {n % kinds}" for n in range(400)]})
    for seed in range(10):
        after = randomise_future_rows(before, ("id",), seed=seed)
        assert len(set(after["kind"].drop_null().to_pylist())) == kinds - 1


def test_even_of_a_single_row_nothing_stays_as_it_is():
    assert randomise_future_rows(table(1), KEYS, seed=1).num_rows == 0


def test_no_rows_stay_no_rows():
    assert randomise_future_rows(table(0), KEYS, seed=1).equals(table(0))


def test_a_string_becomes_a_known_one_so_that_filters_see_it_too_or_one_never_seen():
    assert {after for _, after in pairs("status")} == {"landed", "cancelled", "perturbed", None}
    assert {after for _, after in pairs("constant")} == {"perturbed'", None}


def test_rows_are_moved_in_and_out_of_quarantine():
    assert {(bool(before), bool(after)) for before, after in pairs("reasons") if after is not None} == {
        (True, False),
        (False, True),
    }


def test_the_seed_alone_decides():
    assert randomise_future_rows(table(), KEYS, seed=1).equals(randomise_future_rows(table(), KEYS, seed=1))
    assert not randomise_future_rows(table(), KEYS, seed=1).equals(randomise_future_rows(table(), KEYS, seed=2))


def test_a_type_that_no_feed_declares_is_named():
    with pytest.raises(TypeError, match=r"'blob' .*binary"):
        randomise_future_rows(pa.table({"blob": pa.array([b"x"])}), (), seed=1)
