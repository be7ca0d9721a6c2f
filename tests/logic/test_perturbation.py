"""A perturbed table says something else wherever it may, and nothing else about its keys."""

import datetime

import pyarrow as pa
import pyarrow.compute as pc
import pytest

from include.logic import perturbation

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
    before, after = table(), perturbation.perturb(table(), KEYS, seed=1)
    kept = after["id"].to_pylist()
    return list(zip([before[name].to_pylist()[place] for place in kept], after[name].to_pylist(), strict=True))


@pytest.mark.parametrize("name", [name for name in table().column_names if name not in KEYS])
def test_every_value_becomes_another_every_null_a_value_and_some_values_null(name):
    changed = pairs(name)
    assert all(before != after for before, after in changed)
    assert any(after is None for _, after in changed)


def test_the_types_stay_and_numbers_stay_finite():
    after = perturbation.perturb(table(), KEYS, seed=1)
    assert after.schema == table().schema
    assert all(pc.all(pc.is_finite(after[name])).as_py() for name in ("float32", "float64"))


def test_keys_stay_and_some_rows_are_missing():
    after = perturbation.perturb(table(), KEYS, seed=1)
    assert set(after["id"].to_pylist()) < set(range(60))
    assert after.num_rows > 30


def test_even_of_a_single_row_nothing_stays_as_it_is():
    assert perturbation.perturb(table(1), KEYS, seed=1).num_rows == 0


def test_no_rows_stay_no_rows():
    assert perturbation.perturb(table(0), KEYS, seed=1).equals(table(0))


def test_a_string_becomes_a_known_one_so_that_filters_see_it_too_or_one_never_seen():
    assert {after for _, after in pairs("status")} == {"landed", "cancelled", "perturbed", None}
    assert {after for _, after in pairs("constant")} == {"perturbed'", None}


def test_rows_are_moved_in_and_out_of_quarantine():
    assert {(bool(before), bool(after)) for before, after in pairs("reasons") if after is not None} == {
        (True, False),
        (False, True),
    }


def test_the_seed_alone_decides():
    assert perturbation.perturb(table(), KEYS, seed=1).equals(perturbation.perturb(table(), KEYS, seed=1))
    assert not perturbation.perturb(table(), KEYS, seed=1).equals(perturbation.perturb(table(), KEYS, seed=2))


def test_a_type_that_no_feed_declares_is_named():
    with pytest.raises(TypeError, match="'blob' is binary"):
        perturbation.perturb(pa.table({"blob": pa.array([b"x"])}), (), seed=1)
