"""Declared names collide neither with each other nor with what the product calls its own."""

from __future__ import annotations

from dataclasses import replace

import pytest

from include.declaration.names import PREDICTION_COLUMNS, SUBJECTS
from include.use_case import Feed
from tests.toy import with_key
from tests.toy_use_case import USE_CASE

EVENTS, OUTCOMES = USE_CASE.feed("events"), USE_CASE.feed("outcomes")


@pytest.mark.parametrize(
    "name", ["day", "Day", "digest", "reasons", "quarantined_row", "__airworthy_row", "__AirWorthy_x"]
)
def test_a_name_that_the_product_uses_is_refused_everywhere(name):
    with pytest.raises(ValueError, match="names that the product uses itself"):
        replace(EVENTS, columns={**EVENTS.columns, name: "int8"})
    with pytest.raises(ValueError, match="names that the product uses itself"):
        replace(USE_CASE, features={**USE_CASE.features, name: "int8"})
    with pytest.raises(ValueError, match="names that the product uses itself"):
        replace(USE_CASE, label=replace(USE_CASE.label, name=name))


@pytest.mark.parametrize("name", sorted(PREDICTION_COLUMNS))
def test_a_column_of_predictions_may_name_a_feature_but_no_key_and_no_label(name):
    replace(USE_CASE, features={name: "float64"})
    with pytest.raises(ValueError, match="names that the product uses itself"):
        with_key(name)
    with pytest.raises(ValueError, match="names that the product uses itself"):
        replace(USE_CASE, label=replace(USE_CASE.label, name=name))


@pytest.mark.parametrize("name", ["", " a", "a ", "a\n", "a\x00b", "\ud800", "a" * 201])
def test_what_is_no_plain_text_is_no_name(name):
    with pytest.raises(ValueError, match=r"cannot be names of columns|leave out zero characters"):
        replace(USE_CASE, features={name: "float64"})


def test_names_that_differ_in_case_only_are_one_to_duckdb():
    with pytest.raises(ValueError, match=r"\['size', 'Size'\] are one name"):
        replace(EVENTS, columns={**EVENTS.columns, "Size": "int8"})
    for change in (
        {"features": {"A": "int8", "a": "int8"}},
        {"features": {"ID": "int8"}},
        {"features": {"Failed": "int8"}},
    ):
        with pytest.raises(ValueError, match="are one name to DuckDB"):
            replace(USE_CASE, **change)
    with pytest.raises(ValueError, match="are one name to DuckDB"):
        replace(USE_CASE, keys=("event_date", "id", "id"))


@pytest.mark.parametrize("name", ["place", "count", "probability_", "select", "a b", "distance, km", '"x"', "[y]", "Å"])
def test_any_other_name_may_be_declared(name):
    with_key(name)
    replace(USE_CASE, features={name: "float64"})


@pytest.mark.parametrize("name", ["day", "class", *sorted(SUBJECTS), "Model"])
def test_a_feed_is_called_as_a_function_and_an_argument_can_be(name):
    feed = Feed(name, columns=EVENTS.columns, keys=EVENTS.keys)
    with pytest.raises(ValueError, match=rf"feeds \['{name}'\]"):
        replace(USE_CASE, feeds=(feed, OUTCOMES))


def test_feeds_whose_folders_would_be_one_are_refused():
    with pytest.raises(ValueError, match="distinct names"):
        replace(USE_CASE, feeds=(EVENTS, replace(EVENTS, name="Events"), OUTCOMES))


def test_a_key_that_is_a_feature_too_has_one_type():
    replace(USE_CASE, features={"id": "int64"})
    with pytest.raises(
        ValueError, match=r"keys that are features too need one type, not \{'id': \('int64', 'int8'\)\}"
    ):
        replace(USE_CASE, features={"id": "int8"})


def test_a_use_case_has_a_name_that_airflow_takes_as_a_tag():
    assert replace(USE_CASE, name="b" * 100).name == "b" * 100
    with pytest.raises(ValueError, match=r"the name has 101 characters; use at most 100\. It is a tag"):
        replace(USE_CASE, name="b" * 101)


def test_an_owner_is_short():
    with pytest.raises(ValueError, match="the owner has 201 characters; use at most 200"):
        replace(USE_CASE, owner="x" * 201)


@pytest.mark.parametrize("text", ["a\0b", "\ud800"])
@pytest.mark.parametrize("field", ["owner", "objective", "notice"])
def test_a_text_that_no_database_takes_is_refused(field, text):
    with pytest.raises(ValueError, match=f"UseCase: {field} holds .*; leave out zero characters"):
        replace(USE_CASE, **{field: text})
