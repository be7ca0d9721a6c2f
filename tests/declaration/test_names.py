"""Declared names that collide with each other or with the product's own names are refused."""

from __future__ import annotations

import contextlib
import string
from dataclasses import replace

import lightgbm
import numpy as np
import pytest

from include.declaration.lightgbm_rules import OWN
from include.declaration.names import SUBJECTS, VERSION_COLUMN
from include.declaration.problems import DeclarationError
from include.use_case import Feed
from tests.refusals import invalid
from tests.toy import with_key
from tests.toy_use_case import USE_CASE

EVENTS, OUTCOMES = USE_CASE.feed("events"), USE_CASE.feed("outcomes")


@pytest.mark.parametrize(
    "name", ["period", "Period", "digest", "reasons", "quarantined_row", "__airworthy_row", "__AirWorthy_x"]
)
def test_a_name_that_the_product_uses_is_refused_everywhere(name):
    with invalid("columns"):
        replace(EVENTS, columns={**EVENTS.columns, name: "int8"})
    with invalid("features"):
        replace(USE_CASE, features={**USE_CASE.features, name: "int8"})
    with invalid("label.name"):
        replace(USE_CASE, label=replace(USE_CASE.label, name=name))


@pytest.mark.parametrize("name", [*USE_CASE.task.prediction_columns, VERSION_COLUMN])
def test_a_column_of_predictions_may_name_a_feature_but_no_key_and_no_label(name):
    replace(USE_CASE, features={name: "float64"})
    with invalid("keys"):
        with_key(name)
    with invalid("label.name"):
        replace(USE_CASE, label=replace(USE_CASE.label, name=name))


@pytest.mark.parametrize("name", ["", " a", "a ", "a\n", "a\x00b", "\ud800", "a" * 201])
def test_what_is_no_plain_text_is_no_name(name):
    with pytest.raises(DeclarationError) as refused:
        replace(USE_CASE, features={name: "float64"})
    assert refused.value.problems[0].path == "features"


def test_names_that_differ_in_case_only_are_one_to_duckdb():
    with invalid("columns"):
        replace(EVENTS, columns={**EVENTS.columns, "Size": "int8"})
    for change in (
        {"features": {"A": "int8", "a": "int8"}},
        {"features": {"ID": "int8"}},
        {"features": {"Failed": "int8"}},
    ):
        with invalid("features"):
            replace(USE_CASE, **change)
    with invalid("features"):
        replace(USE_CASE, keys=("event_date", "id", "id"))


@pytest.mark.parametrize("name", ["place", "count", "probability_", "select", "a.b", "a-b", "a=b", "50%", "Å"])
def test_any_other_name_may_be_declared(name):
    with_key(name)
    replace(USE_CASE, features={name: "float64"})


REFUSED = [f"a{letter}b" for letter in ',:"[]{}'] + ["a b", "=a"]


@pytest.mark.parametrize("name", REFUSED)
def test_a_feature_has_no_name_that_lightgbm_refuses_or_changes_but_a_key_may(name):
    with_key(name)
    with pytest.raises(DeclarationError) as refused:
        replace(USE_CASE, features={name: "float64"})
    (problem,) = refused.value.problems
    assert problem.path == f"features[{name!r}]"
    assert problem.hint == f"Write '{'a' if name == '=a' else 'a_b'}'."


def test_two_features_that_lightgbm_would_store_under_one_name_are_distinguished():
    with pytest.raises(DeclarationError) as refused:
        replace(USE_CASE, features={"a b": "float64", "a_b": "float64"})
    (problem,) = refused.value.problems
    assert (problem.path, problem.hint) == ("features['a b']", "'a_b' is a feature, too; write another name.")


def names_in_a_model(*names: str) -> list[str]:
    """What LightGBM calls the columns of a model that it was given with these names, stored and loaded."""
    rows = np.random.default_rng(0).normal(size=(100, len(names)))
    own = {**OWN, "num_threads": 1, "min_data_in_leaf": 5}
    data = lightgbm.Dataset(rows, (rows[:, 0] > 0).astype(int), params=own, feature_name=list(names))
    return lightgbm.Booster(model_str=lightgbm.train(own, data, 2).model_to_string()).feature_name()


@pytest.mark.parametrize("name", REFUSED)
def test_lightgbm_keeps_no_name_that_is_refused(name):
    with contextlib.suppress(lightgbm.basic.LightGBMError):
        assert names_in_a_model(name, "z") != [name, "z"]


def test_lightgbm_makes_one_name_of_two_that_differ_in_a_space():
    with pytest.raises(lightgbm.basic.LightGBMError, match="more than one time"):
        names_in_a_model("a b", "a_b")


def test_lightgbm_keeps_every_name_that_may_be_declared():
    letters = [*string.ascii_letters[::7], *string.punctuation, "Å", "漢"]
    names = [f"{letter}{place}" for place, letter in enumerate(letters) if letter not in ',:"[]{}=']
    replace(USE_CASE, features=dict.fromkeys(names, "float64"))
    assert names_in_a_model(*names) == names


@pytest.mark.parametrize("name", ["period", "class", *sorted(SUBJECTS), "Model"])
def test_a_feed_is_called_as_a_function_and_an_argument_can_be(name):
    feed = Feed(name, columns=EVENTS.columns, keys=EVENTS.keys)
    with invalid("feeds"):
        replace(USE_CASE, feeds=(feed, OUTCOMES))


def test_feeds_whose_folders_would_be_one_are_refused():
    with invalid("feeds"):
        replace(USE_CASE, feeds=(EVENTS, replace(EVENTS, name="Events"), OUTCOMES))


def test_a_key_that_is_a_feature_too_has_one_type():
    replace(USE_CASE, features={"id": "int64"})
    with invalid("features"):
        replace(USE_CASE, features={"id": "int8"})


def test_a_use_case_has_a_name_that_airflow_takes_as_a_tag():
    replace(USE_CASE, name="b" * 100)
    with invalid("name"):
        replace(USE_CASE, name="b" * 101)


def test_an_owner_is_short():
    replace(USE_CASE, owner="x" * 200)
    with invalid("owner"):
        replace(USE_CASE, owner="x" * 201)


@pytest.mark.parametrize("text", ["a\0b", "\ud800"])
@pytest.mark.parametrize("field", ["owner", "objective", "notice"])
def test_a_text_that_no_database_takes_is_refused(field, text):
    with invalid(field):
        replace(USE_CASE, **{field: text})
