"""Rules for every use case: the shipped ones and the toys of the tests."""

from __future__ import annotations

import inspect
import json
import subprocess
import sys
from pathlib import Path

import pyarrow as pa
import pytest

from include.declaration.feature import as_feature
from include.declaration.use_case_discovery import all_use_cases
from include.lake import schemas
from include.settings import REPOSITORY
from include.training import search
from include.use_case import Suite, UseCase
from tests.toys import TOYS

SHIPPED = dict(all_use_cases())
DECLARED = [*SHIPPED.values(), *(toy.use_case for toy in TOYS)]
HEAVY = {
    "pandas",
    "pyarrow",
    "numpy",
    "ibis",
    "duckdb",
    "lightgbm",
    "mlflow",
    "great_expectations",
    "deltalake",
    "airflow",
}
FEEDS = [pytest.param(each, feed, id=f"{each.name}-{feed.name}") for each in DECLARED for feed in each.feeds]
every_use_case = pytest.mark.parametrize("use_case", DECLARED, ids=lambda each: each.name)


@pytest.fixture(scope="module", autouse=True)
def home(tmp_path_factory: pytest.TempPathFactory):
    """One home for all, in which a source may prepare its files once."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("AIRWORTHY_HOME", str(tmp_path_factory.mktemp("contract")))
        yield


def delivered(use_case: UseCase, feed: str, period) -> pa.Table:
    return use_case.function("source", feed)(period)


def test_there_are_use_cases():
    assert "flight_delays" in SHIPPED


@pytest.mark.parametrize(("use_case", "feed"), FEEDS)
def test_a_feed_has_a_source_and_expectations(use_case, feed):
    assert list(inspect.signature(use_case.function("source", feed.name)).parameters) == ["period"]
    suite = use_case.function("expectations", feed.name)()
    assert isinstance(suite, Suite)
    assert suite.rows or suite.table, "a feed without any expectation"


@every_use_case
@pytest.mark.parametrize("function", ["build", "labels"])
def test_features_and_labels_take_the_day_and_every_feed(use_case, function):
    parameters = list(inspect.signature(use_case.function("features", function)).parameters)
    assert parameters[0] == "period"
    assert set(parameters[1:]) == {feed.name for feed in use_case.feeds}


@pytest.mark.parametrize(("use_case", "feed"), FEEDS)
def test_the_source_delivers_exactly_the_declared_columns_and_the_same_again(use_case, feed):
    for period in (use_case.first_period, use_case.first_period + 2):
        rows = delivered(use_case, feed.name, period)
        assert rows.schema.remove_metadata() == schemas.content_schema(use_case, f"raw/{feed.name}")
        assert rows.equals(delivered(use_case, feed.name, period))
        assert bool(rows.num_rows) == (period not in feed.missing_periods)


@pytest.mark.parametrize(("use_case", "feed"), FEEDS)
def test_the_source_delivers_nothing_before_the_first_day(use_case, feed):
    for before in (1, 2, 400):
        assert delivered(use_case, feed.name, use_case.first_period - before).num_rows == 0


@pytest.mark.parametrize(("use_case", "feed"), FEEDS)
def test_the_declared_keys_tell_the_rows_of_a_day_apart(use_case, feed):
    rows = delivered(use_case, feed.name, use_case.first_period + 2)
    assert rows.group_by(list(feed.keys)).aggregate([]).num_rows == rows.num_rows


@every_use_case
def test_a_day_can_be_explained_to_a_person(use_case):
    assert use_case.objective.endswith(".")
    assert use_case.owner
    assert use_case.label.meaning


@pytest.mark.parametrize(
    "use_case", [each for each in DECLARED if each.training.search_space], ids=lambda each: each.name
)
def test_a_declared_search_space_can_be_searched(use_case):
    assert set(search.search_space(use_case).ranges) == set(use_case.training.search_space)


@pytest.mark.parametrize("use_case", SHIPPED.values(), ids=SHIPPED)
def test_a_shipped_use_case_has_a_readme_next_to_it(use_case):
    readme = Path(REPOSITORY, *use_case.package.split("."), "README.md")
    assert len(readme.read_text()) > 500


@pytest.mark.parametrize("use_case", SHIPPED.values(), ids=SHIPPED)
def test_every_feature_of_a_shipped_use_case_says_what_it_means(use_case):
    described = {name: as_feature(kind).description for name, kind in use_case.features.items()}
    assert [name for name, text in described.items() if not text.endswith(".") or "{" in text] == []
    assert len(set(described.values())) == len(described)


def test_reading_the_declarations_imports_nothing_heavy():
    packages = sorted({use_case.package for use_case in DECLARED})
    code = (
        "import importlib, json, sys\n"
        f"for package in {packages!r}: importlib.import_module(package).USE_CASE\n"
        "print(json.dumps(sorted({name.partition('.')[0] for name in sys.modules})))"
    )
    done = subprocess.run([sys.executable, "-c", code], cwd=REPOSITORY, capture_output=True, text=True, check=True)
    assert not HEAVY & set(json.loads(done.stdout))
