"""Which LightGBM parameters a declaration and a form may set."""

from dataclasses import replace

import lightgbm
import numpy as np
import pytest

from include.declaration.lightgbm_rules import ALIASES, ALSO_OWN, OF_THE_TASK, OWN, ROUNDS, TUNABLE, Range
from include.declaration.problems import DeclarationError
from include.model import lightgbm_params
from include.use_case import Binary, Multiclass, Regression, SearchRange
from tests.refusals import invalid
from tests.toy_use_case import USE_CASE


def test_overrides_replace_what_is_declared():
    merged = lightgbm_params.merge_parameters(
        USE_CASE, {"learning_rate": 1, "num_boost_round": 5, "early_stopping_rounds": 2}
    )
    assert merged.lightgbm["learning_rate"] == 1.0
    assert merged.lightgbm["num_leaves"] == 15
    assert (merged.num_boost_round, merged.early_stopping_rounds) == (5, 2)


def test_determinism_and_seed_are_always_set():
    found = lightgbm_params.merge_parameters(USE_CASE, None).lightgbm
    assert (found["deterministic"], found["force_row_wise"], found["seed"]) == (True, True, USE_CASE.training.seed)


def refused(overrides: dict[str, object]) -> list[tuple[str, str]]:
    """The names of the refused parameters, each with its hint."""
    with pytest.raises(lightgbm_params.InvalidParametersError) as error:
        lightgbm_params.merge_parameters(USE_CASE, overrides)
    return [
        (problem.path.removeprefix("parameters['").removesuffix("']"), problem.hint) for problem in error.value.problems
    ]


@pytest.mark.parametrize("name", ["seed", "deterministic", "num_threads", "device"])
def test_what_the_trainer_sets_itself_cannot_be_overridden(name):
    assert refused({name: "gpu"}) == [(name, "Leave it out.")]


def test_a_misspelt_name_gets_a_suggestion():
    assert refused({"num_leafs": 10}) == [("num_leafs", "Did you mean 'num_leaves'?")]


def test_a_name_like_no_other_gets_those_that_may_be_set():
    ((name, hint),) = refused({"qqqq": 10})
    assert name == "qqqq" and all(each in hint for each in TUNABLE)


@pytest.mark.parametrize("name", ["objective", "loss", "metric", "num_class", "alpha"])
def test_what_follows_from_the_task_cannot_be_overridden(name):
    assert [wrong for wrong, _ in refused({name: 1})] == [name]


@pytest.mark.parametrize(
    ("name", "instead"),
    [("eta", "learning_rate"), ("min_child_samples", "min_data_in_leaf"), ("reg_lambda", "lambda_l2")],
)
def test_another_name_of_a_parameter_gets_the_one_to_write(name, instead):
    assert refused({name: 10}) == [(name, f"Write {instead!r}.")]
    with pytest.raises(DeclarationError) as declared:
        replace(USE_CASE.training, parameters={name: 10}, search_space={name: SearchRange(1, 2)})
    written = [(problem.path, problem.hint) for problem in declared.value.problems]
    assert written == [(f"{field}[{name!r}]", f"Write {instead!r}.") for field in ("parameters", "search_space")]


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
        ("min_data_in_leaf", 2**31),
        ("lambda_l1", float("inf")),
        ("num_boost_round", 0),
        ("num_boost_round", None),
    ],
)
def test_a_wrong_type_or_range_is_refused_with_what_is_allowed(name, value):
    assert refused({name: value}) == [(name, "")]


def test_all_mistakes_are_reported_at_once():
    assert [name for name, _ in refused({"a": 1, "seed": 1, "num_boost_round": -1})] == ["a", "seed", "num_boost_round"]


@pytest.mark.parametrize(
    ("declared", "hint"),
    [
        ({"num_leafs": 3}, "Did you mean 'num_leaves'?"),
        ({"objective": "regression"}, "Leave it out."),
        ({"num_leaves": 3.5}, ""),
        ({"num_boost_round": 3}, "Write Training(num_boost_round=…)."),
    ],
)
def test_a_declared_mistake_is_refused_when_it_is_declared(declared, hint):
    (name,) = declared
    with invalid(f"parameters[{name!r}]") as refused:
        replace(USE_CASE.training, parameters=declared)
    assert refused.value.problems[0].hint == hint


def test_lightgbms_names_of_the_rounds_get_ours():
    assert refused({"n_estimators": 10}) == [("n_estimators", "Write 'num_boost_round'.")]


def test_what_the_trainer_sets_may_be_declared_as_it_sets_it():
    declared = replace(USE_CASE, training=replace(USE_CASE.training, parameters={"boosting": "gbdt"}))
    assert lightgbm_params.merge_parameters(declared, None).lightgbm["boosting"] == "gbdt"


@pytest.mark.parametrize(
    ("task", "expected"),
    [
        (Binary(), {"objective": "binary", "metric": "binary_logloss"}),
        (Regression(objective="poisson"), {"objective": "poisson", "metric": "poisson"}),
        (
            Regression(objective="quantile", quantile=0.3),
            {"objective": "quantile", "metric": "quantile", "alpha": 0.3},
        ),
        (
            Multiclass(classes=("a", "b", "c")),
            {"objective": "multiclass", "metric": "multi_logloss", "num_class": 3},
        ),
    ],
)
def test_the_task_sets_the_objective(task, expected):
    declared = replace(USE_CASE, task=task, gates=())
    assert expected.items() <= lightgbm_params.merge_parameters(declared, None).lightgbm.items()


OF_LIGHTGBM = {"num_boost_round": "num_iterations", "early_stopping_rounds": "early_stopping_round"}
"""Names of our own to LightGBM's."""


def test_each_parameter_and_all_its_other_names_are_those_of_lightgbm():
    known = lightgbm.basic._ConfigAliases._get_all_param_aliases()
    for name in {*TUNABLE, *ROUNDS, *OWN, *ALSO_OWN, *OF_THE_TASK}:
        ours = {alias for alias, meant in ALIASES.items() if meant == name}
        assert {name, *ours} == {name, *known[OF_LIGHTGBM.get(name, name)]}
    assert set(ALIASES.values()) <= {*TUNABLE, *ROUNDS, *OWN, *ALSO_OWN, *OF_THE_TASK}


def train_with(name: str, value: object) -> int:
    """How many rounds LightGBM really trains with a parameter of that value."""
    rows = np.random.default_rng(0).normal(size=(200, 2))
    params = {**OWN, "num_threads": 1, "min_data_in_leaf": 5, name: value}
    return lightgbm.train(params, lightgbm.Dataset(rows, (rows[:, 0] > 0).astype(int), params=params), 2).num_trees()


def ends(allowed: Range) -> list[object]:
    """The values at both ends of what is allowed."""
    if allowed.kind is bool:
        return [False, True]
    most = min(allowed.most, 2**31 - 1 if allowed.kind is int else 1e6)
    return [allowed.kind(allowed.least), allowed.kind(most)]


@pytest.mark.parametrize("name", sorted(TUNABLE))
def test_lightgbm_trains_with_both_ends_of_what_may_be_set(name):
    for value in ends(TUNABLE[name]):
        assert TUNABLE[name].holds(value)
        assert train_with(name, value) > 0


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("num_leaves", 1),
        ("num_leaves", 131073),
        ("min_data_in_leaf", 2**31),
        ("min_data_in_leaf", float("inf")),
        ("learning_rate", 0),
        ("bagging_fraction", 1.1),
        ("max_bin", 1),
        ("max_cat_threshold", 0),
        ("lambda_l1", -1),
        ("extra_trees", 1),
    ],
)
def test_what_lightgbm_refuses_is_refused_when_it_is_declared(name, value):
    with pytest.raises(lightgbm.basic.LightGBMError):
        train_with(name, value)
    with invalid(f"parameters[{name!r}]"):
        replace(USE_CASE.training, parameters={name: value})


def test_a_parameter_that_is_true_or_false_is_declared_and_given_to_lightgbm_as_such():
    declared = replace(USE_CASE, training=replace(USE_CASE.training, parameters={"extra_trees": True}))
    assert lightgbm_params.merge_parameters(declared, None).lightgbm["extra_trees"] is True
    with invalid("search_space['extra_trees']"):
        replace(USE_CASE.training, parameters={"extra_trees": True}, search_space={"extra_trees": SearchRange(0, 1)})


@pytest.mark.parametrize(
    ("name", "value"), [("num_boost_round", 0), ("num_boost_round", 100_001), ("early_stopping_rounds", 0)]
)
def test_rounds_have_the_same_limits_in_a_declaration_as_in_a_form(name, value):
    with invalid(name):
        replace(USE_CASE.training, **{name: value})
