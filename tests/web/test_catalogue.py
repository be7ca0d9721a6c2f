"""The catalogue has one entry for each feature, with its users, and for each user what was measured last."""

from __future__ import annotations

import json
import re
from dataclasses import replace

import pytest
from typer.testing import CliRunner

from include.cli.main import app
from include.declaration.feature_group_discovery import load_feature_group
from include.lake.lake import Lake
from include.project import open_data_project, open_project
from include.use_case import Feature, Period, Use
from include.web import html
from include.web.catalogue import build_catalogue
from tests import toy
from tests.web.conftest import LAST

GROUP = "kind_quality"
DESCRIBED = replace(
    toy.USE_CASE,
    features=toy.USE_CASE.features | {"size": Feature("float64", description="Length in <mm>.", owner="metrology")},
)


@pytest.fixture(autouse=True)
def groups(lake_home, configure):
    configure(feature_group_packages="tests.sharing.feature_groups")


def using(name: str, **use: object):
    """The toy use case under a name, with features of the group."""
    return replace(toy.USE_CASE, name=name, feature_groups=(Use(GROUP, on=("kind",), **use),))


def catalogue_of(*use_cases, groups=(GROUP,)):
    return build_catalogue(
        map(open_project, use_cases), [open_data_project(load_feature_group(name)) for name in groups]
    )


def test_a_feature_has_its_definition_and_the_newest_measurements_of_its_user(at_home):
    [size] = [entry for entry in catalogue_of(DESCRIBED).entries if entry.name == "size"]
    assert (size.source, size.is_shared, size.type) == ("toy", False, "float64")
    assert (size.description, size.owner, size.feeds) == ("Length in <mm>.", "metrology", ("events", "outcomes"))
    [user] = size.users
    assert (user.use_case, user.version, user.measured) == ("toy", "3", LAST)
    assert user.importance is not None and user.drift is not None


def test_the_code_of_a_feature_is_the_line_of_its_function_from_its_package(at_home):
    lines = {entry.source: entry.code for entry in catalogue_of(toy.USE_CASE).entries}
    assert lines == {
        "toy": "tests/toy_use_case/features.py:10",
        GROUP: "tests/sharing/feature_groups/kind_quality/features.py:10",
    }


def test_a_shared_feature_has_one_entry_with_all_its_users(lake_home):
    found = catalogue_of(using("orders"), using("repairs", features=("recent_defects",), prefix="kind_")).entries
    by_name = {entry.name: entry for entry in found if entry.is_shared}
    users = {name: [(user.use_case, user.column) for user in entry.users] for name, entry in by_name.items()}
    assert users == {
        "defects": [("orders", "defects")],
        "recent_defects": [("orders", "recent_defects"), ("repairs", "kind_recent_defects")],
    }
    assert [by_name[name].owner for name in ("defects", "recent_defects")] == ["quality", "statistics"]
    assert [entry.name for entry in found].count("kind_recent_defects") == 0


def test_a_feature_of_a_group_that_is_not_shown_is_listed_with_its_user(lake_home):
    found = [entry for entry in catalogue_of(using("orders"), groups=()).entries if entry.name == "defects"]
    assert [(entry.source, entry.is_shared, entry.feeds) for entry in found] == [("orders", False, (GROUP,))]


def test_freshness_is_the_newest_period_with_features(lake_home):
    day = Period("2020-01-04")
    toy.fill(Lake.open(toy.USE_CASE), day - 1, day)
    newest = {entry.source: entry.newest for entry in catalogue_of(toy.USE_CASE).entries}
    assert newest == {"toy": day, GROUP: None}


@pytest.mark.parametrize(
    ("words", "names"),
    [
        ("defects mean", {"recent_defects"}),
        ("STATISTICS", {"recent_defects"}),
        ("inspections", {"defects", "recent_defects"}),
        ("orders hour", {"hour"}),
        ("nothing_of_the_kind", set()),
    ],
)
def test_a_search_finds_all_words_in_any_field_and_case(lake_home, words, names):
    assert {entry.name for entry in catalogue_of(using("orders")).matching(words).entries} == names


def test_damaged_tables_hide_no_feature(lake_home):
    toy.fill(Lake.open(toy.USE_CASE), Period("2020-01-04"), Period("2020-01-04"))
    for file in (lake_home / "lake/toy/features/_delta_log").iterdir():
        file.write_text("{")
    found = catalogue_of(toy.USE_CASE)
    assert {"size", "defects"} <= {entry.name for entry in found.entries}
    assert [problem.partition(":")[0] for problem in found.problems] == ["toy"]
    assert str(lake_home) not in "".join(found.problems)


def test_the_page_escapes_texts_and_hides_what_the_search_does_not_match(at_home):
    page = html.catalogue_page(catalogue_of(DESCRIBED), "/airworthy", "length")
    assert "Length in &lt;mm&gt;." in page and "<mm>" not in page
    rows = re.findall(r"<tr data-words=\"[^\"]*\"( hidden)?>\s*<th scope=\"row\"><b>(\w+)<", page)
    assert [name for hidden, name in rows if not hidden] == ["size"] and len(rows) == 6
    assert "<b>1</b> of 6 features" in page


def test_the_command_prints_the_same_catalogue_as_text_and_as_json(lake_home, configure):
    configure(use_case_packages="tests.sharing.use_cases")
    done = CliRunner().invoke(app, ["catalogue", "mean", "--json"])
    [feature] = json.loads(done.stdout)["features"]
    assert (feature["name"], feature["source"], feature["newest"]) == ("recent_defects", GROUP, None)
    assert [user["use_case"] for user in feature["users"]] == ["orders", "repairs"]
    text = CliRunner().invoke(app, ["catalogue"]).stdout
    assert "recent_defects" in text and "Mean of the daily defects" in text and "used by repairs" in text
