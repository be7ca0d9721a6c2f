"""Data Docs: a page per content of each day, an index, and the same in a folder and on S3."""

import re

import numpy as np
import pytest
from great_expectations.core import ExpectationSuiteValidationResult, ExpectationValidationResult
from great_expectations.expectations.expectation_configuration import ExpectationConfiguration

from include.declaration.period import Period
from include.ingestion import data_docs, ingest, validate
from include.project import open_project
from include.web import data_docs as web_data_docs
from tests.toy_use_case import USE_CASE

pytestmark = pytest.mark.both_places
DAYS = (Period("2020-01-10"), Period("2020-01-11"))


@pytest.fixture(autouse=True)
def _written(configure):
    configure(write_data_docs="true")


def run(*periods: Period) -> None:
    for period in periods:
        ingest.ingest_period(open_project(USE_CASE), period)
        validate.validate_period(open_project(USE_CASE), period)


def served(path: str) -> str:
    return bytes(web_data_docs.data_docs_page("toy", path).body).decode()


def test_a_validated_day_has_a_page_and_a_line_in_the_index_which_leads_to_it(lake_home):
    run(*DAYS)
    [newest, oldest] = reversed((data_docs.data_docs_folder("toy") / "events").names())
    assert (newest[:10], oldest[:10]) == ("2020-01-11", "2020-01-10")
    index = served("index.html")
    assert index.index(f'href="events/{newest}"') < index.index(f'href="events/{oldest}"')
    assert "expect_" in served(f"events/{newest}").lower() or "Validation" in served(f"events/{newest}")


@pytest.mark.parametrize("name", ["index", "page"])
def test_a_page_opened_from_the_disk_asks_nothing_of_other_hosts(lake_home, name):
    run(DAYS[0])
    folder = data_docs.data_docs_folder("toy")
    place = folder / "index.html" if name == "index" else folder / "events" / (folder / "events").names()[0]
    page = place.read().decode()
    policy = re.search(r'<meta http-equiv="Content-Security-Policy" content="([^"]*)">', page)
    assert policy is not None and policy[1].startswith("default-src 'none'; style-src 'unsafe-inline'; img-src data:")
    before, rest = page[: policy.start()], page[policy.end() :]
    assert not re.search(r"<(script|link|img|style|iframe)", before), "the policy comes before what it forbids"
    assert not re.search(r"<(script|link|img|iframe)[^>]*https?:", rest)


def test_a_value_turns_no_direction_of_its_page(lake_home):
    hostile = "x\u202e\x1b\u2066"
    result = ExpectationValidationResult(
        success=False,
        expectation_config=ExpectationConfiguration("expect_column_values_to_not_be_null", {"column": "kind"}),
        result={"element_count": 1, "unexpected_count": 1, "partial_unexpected_list": [hostile]},
    )
    document = ExpectationSuiteValidationResult(
        success=False, results=[result], suite_name="events", meta={"great_expectations_version": "1"}
    )
    page = data_docs.write_data_docs("toy", "events", DAYS[0], "b2-0", document).read().decode()
    assert r"x\u202e\x1b\u2066" in page and not set(hostile) & set(page) - {"x"}


def test_validating_the_same_again_adds_no_page(lake_home):
    run(DAYS[0])
    before = (data_docs.data_docs_folder("toy") / "events").names()
    run(DAYS[0])
    assert (data_docs.data_docs_folder("toy") / "events").names() == before


def test_what_an_expectation_raised_is_text_in_its_page(lake_home):
    hostile = "<script>alert(1)</script>"
    result = ExpectationValidationResult(
        success=False,
        expectation_config=ExpectationConfiguration("expect_column_values_to_not_be_null", {"column": "kind"}),
        result={},
        exception_info={"raised_exception": True, "exception_message": hostile, "exception_traceback": hostile},
    )
    document = ExpectationSuiteValidationResult(
        success=False, results=[result], suite_name="events", meta={"great_expectations_version": "1"}
    )
    page = data_docs.write_data_docs("toy", "events", DAYS[0], "b2-0", document).read().decode()
    assert hostile not in page
    assert "&lt;script&gt;alert(1)" in page
    assert result.exception_info["exception_message"] == hostile, "the validation itself keeps what was said"


@pytest.mark.parametrize("observed", [np.float64(2.5), np.int64(7), np.bool_(True), [np.float32(0.5)]])
def test_numbers_of_numpy_are_rendered_without_a_traceback_in_the_log(lake_home, caplog, observed):
    result = ExpectationValidationResult(
        success=False,
        expectation_config=ExpectationConfiguration(
            "expect_column_mean_to_be_between", {"column": "size", "min_value": 9}
        ),
        result={"observed_value": observed},
    )
    document = ExpectationSuiteValidationResult(
        success=False, results=[result], suite_name="events", meta={"great_expectations_version": "1"}
    )
    page = data_docs.write_data_docs("toy", "events", DAYS[0], "b2-0", document).read().decode()
    assert caplog.text == ""
    assert not isinstance(observed, np.float64) or "2.5" in page
