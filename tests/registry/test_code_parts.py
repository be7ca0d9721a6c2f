"""A change of code or declaration is named: the function, column, feature, module or file."""

from __future__ import annotations

from dataclasses import replace

import pytest

from include.registry.code_parts import code_parts, describe_changes
from tests.toy_use_case import USE_CASE

pytestmark = pytest.mark.slow
EVENTS = USE_CASE.feed("events")


def declared(**changed):
    return replace(USE_CASE, **changed)


def with_events(**changed):
    return declared(feeds=tuple(replace(feed, **changed) if feed is EVENTS else feed for feed in USE_CASE.feeds))


def columns(**changed: str) -> dict[str, str]:
    return {**EVENTS.columns, **changed}


@pytest.mark.parametrize(
    ("table", "use_case", "change"),
    [
        ("features", declared(features={**USE_CASE.features, "weight": "float64"}), "declared features.weight is new"),
        (
            "features",
            declared(features={**USE_CASE.features, "size": "float32"}),
            'declared features.size changed from "float64" to "float32"',
        ),
        ("features", declared(look_back_periods=3), "declared look_back_periods changed from 7 to 3"),
        ("checked/events", with_events(columns=columns(weight="int32")), "declared feed.columns.weight is new"),
        (
            "raw/events",
            with_events(columns=columns(size="float32")),
            'declared feed.columns.size changed from "float64" to "float32"',
        ),
        ("labels", declared(time_zone="Asia/Tokyo"), 'declared time_zone changed from "UTC" to "Asia/Tokyo"'),
    ],
)
def test_a_changed_declaration_is_named_with_both_values(table, use_case, change):
    assert describe_changes(code_parts(USE_CASE, table), code_parts(use_case, table)) == [change]


def test_a_renamed_feature_is_a_removed_and_a_new_one():
    features = {"weight" if name == "size" else name: kind for name, kind in USE_CASE.features.items()}
    changes = describe_changes(code_parts(USE_CASE, "features"), code_parts(declared(features=features), "features"))
    assert changes == ["declared features.size was removed", "declared features.weight is new"]


@pytest.mark.parametrize(
    ("table", "part"),
    [
        ("features", "function features.build"),
        ("labels", "function features.labels"),
        ("checked/events", "function expectations.events"),
        ("raw/events", "value source.ROWS"),
        ("features", "module include.features.materialize"),
    ],
)
def test_each_function_value_and_module_is_a_part(table, part):
    parts = code_parts(USE_CASE, table)
    assert describe_changes(parts, {**parts, part: "other"}) == [f"{part} changed"]
    assert part in parts


def test_suites_of_features_are_no_part_of_their_code():
    assert not [part for part in code_parts(USE_CASE, "features") if "expectations" in part or "validation" in part]
