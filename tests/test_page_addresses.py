"""Addresses of pages, written in one place."""

from __future__ import annotations

import re

import pytest

from include import page_addresses
from include.page_addresses import framed_page, model_address, page_path, question_address, run_address
from include.settings import REPOSITORY

WRITTEN = re.compile(r"/(use_case|validation|card|data_docs|catalogue)/|/plugin/|#/models|/runs/\{|/dags/\{")
"""Parts of addresses that only `page_addresses` may write."""
OTHERS = ("include/registry/", "include/promotion/model_card/", "include/local/")
"""Where such text is not an address of a page for a user: MLflow's artifacts, and the client of Airflow's API."""


def test_what_a_value_contains_cannot_change_the_address():
    assert page_path(page_addresses.CARD, name="toy", version="4/../x?<b>#") == "/card/toy/4%2F..%2Fx%3F%3Cb%3E%23"
    assert page_path(page_addresses.DATA_DOCS, name="toy", path="events/a b.html") == "/data_docs/toy/events/a%20b.html"
    assert run_address("", "toy__train", "manual 1/2") == "/dags/toy__train/runs/manual%201%2F2"
    assert question_address("/a", "toy__train", "r", "t").endswith("/runs/r/tasks/t/required_actions")


def test_parts_of_the_query_without_a_value_are_left_out():
    route = page_addresses.USE_CASE
    assert page_path(route, {"period": ""}, name="toy") == "/use_case/toy"
    assert page_path(route, {"period": None, "span": 30}, name="toy") == "/use_case/toy?span=30"
    assert page_path(route, [("key", "a=1"), ("key", "b=&")], name="toy") == "/use_case/toy?key=a%3D1&key=b%3D%26"


def test_a_page_is_shown_within_airflows_navigation():
    address = framed_page("https://a.example/x", page_addresses.VALIDATIONS, name="toy")
    assert address == "https://a.example/x/plugin/airworthy/airworthy/validation/toy"


def test_without_an_address_of_mlflow_a_model_has_none():
    assert model_address("", "toy", "1") == ""
    assert model_address("http://m", "toy") == "http://m/#/models/toy"
    assert model_address("http://m", "toy", "1/x") == "http://m/#/models/toy/versions/1%2Fx"


@pytest.mark.parametrize("kind", ["*.py", "*.html", "*.js"])
def test_no_other_module_writes_an_address(kind):
    files = [file for folder in ("include", "plugins", "dags") for file in (REPOSITORY / folder).rglob(kind)]
    written = [
        f"{file.relative_to(REPOSITORY)}: {line.strip()}"
        for file in files
        if file.name != "page_addresses.py"
        for line in file.read_text().splitlines()
        if WRITTEN.search(line) and not str(file.relative_to(REPOSITORY)).startswith(OTHERS)
    ]
    assert written == []
