"""Which LightGBM parameters a declaration and a form may set."""

from dataclasses import replace

import lightgbm
import pytest

from include.declaration import lightgbm_parameters
from include.errors import InvalidRequestError
from include.model import lightgbm_params
from tests.toy_use_case import USE_CASE


def test_overrides_replace_what_is_declared():
    merged = lightgbm_params.merge_parameters(USE_CASE, {"learning_rate": 1, "rounds": 5, "early_stopping_rounds": 2})
    assert merged.lightgbm["learning_rate"] == 1.0
    assert merged.lightgbm["num_leaves"] == 15
    assert (merged.rounds, merged.early_stopping_rounds) == (5, 2)


def test_determinism_and_seed_are_always_set():
    found = lightgbm_params.merge_parameters(USE_CASE, None).lightgbm
    assert (found["deterministic"], found["force_row_wise"], found["seed"]) == (True, True, USE_CASE.training.seed)


@pytest.mark.parametrize("name", ["seed", "objective", "deterministic", "num_threads", "device", "metric"])
def test_what_the_trainer_sets_itself_cannot_be_overridden(name):
    with pytest.raises(
        InvalidRequestError, match=rf"'{name}' is set by the trainer itself.*may be set: bagging_fraction, "
    ):
        lightgbm_params.merge_parameters(USE_CASE, {name: "gpu"})


def test_a_misspelt_name_gets_a_suggestion():
    with pytest.raises(InvalidRequestError, match=r"'num_leafs' is unknown .did you mean 'num_leaves'"):
        lightgbm_params.merge_parameters(USE_CASE, {"num_leafs": 10})


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("num_leaves", 3.5),
        ("num_leaves", "31"),
        ("num_leaves", True),
        ("num_leaves", 1),
        ("learning_rate", "0.1"),
        ("learning_rate", float("nan")),
        ("bagging_fraction", 2),
        ("rounds", 0),
        ("rounds", None),
    ],
)
def test_a_wrong_type_or_range_is_refused_with_what_is_allowed(name, value):
    with pytest.raises(InvalidRequestError, match=rf"'{name}' must be a (whole )?number from .*, not"):
        lightgbm_params.merge_parameters(USE_CASE, {name: value})


def test_all_mistakes_are_told_at_once():
    with pytest.raises(InvalidRequestError, match=r"'a' is unknown.*'seed' is set.*'rounds' must be"):
        lightgbm_params.merge_parameters(USE_CASE, {"a": 1, "seed": 1, "rounds": -1})


@pytest.mark.parametrize(
    ("declared", "words"),
    [
        ({"num_leafs": 3}, r"'num_leafs' is unknown .did you mean 'num_leaves'.*These may be set: bagging_fraction, "),
        ({"objective": "regression"}, "'objective' is set by the trainer itself"),
        ({"num_leaves": 3.5}, "'num_leaves' must be a whole number"),
        ({"rounds": 3}, "'rounds' is a field of Training"),
    ],
)
def test_a_declared_mistake_is_refused_when_it_is_declared(declared, words):
    with pytest.raises(ValueError, match=f"Training: parameter {words}"):
        replace(USE_CASE.training, parameters=declared)


def test_what_the_trainer_sets_may_be_declared_as_it_sets_it():
    declared = replace(USE_CASE, training=replace(USE_CASE.training, parameters={"objective": "binary"}))
    assert lightgbm_params.merge_parameters(declared, None).lightgbm["objective"] == "binary"


def test_lightgbm_knows_every_parameter_that_may_be_set():
    aliases = lightgbm.basic._ConfigAliases._get_all_param_aliases()
    known = {*aliases, *(alias for of_one in aliases.values() for alias in of_one)}
    assert set(lightgbm_parameters.TUNABLE) <= set(aliases)
    assert {*lightgbm_parameters.OWN, *lightgbm_parameters.ALSO_OWN} <= known
