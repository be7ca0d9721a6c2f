"""One use case that cannot be imported hides none of the others, and is not passed over where all are needed."""

import pytest

from include import use_cases
from include.errors import BadRequest

PACKAGE = "tests.page.use_cases"


@pytest.fixture(autouse=True)
def _packages(monkeypatch):
    monkeypatch.setenv("AIRWORTHY_USE_CASE_PACKAGES", f"{PACKAGE},no.such.package")


def test_the_others_are_found_and_the_reason_is_kept():
    found, broken = use_cases.importable()
    assert list(found) == ["idle", "toy"]
    assert {name: type(error) for name, error in broken.items()} == {
        "broken": RuntimeError,
        "package": ModuleNotFoundError,
    }


def test_whoever_needs_all_of_them_gets_the_first_reason(monkeypatch):
    monkeypatch.setenv("AIRWORTHY_USE_CASE_PACKAGES", PACKAGE)
    with pytest.raises(RuntimeError, match="half written"):
        use_cases.all_use_cases()


def test_a_name_that_is_given_twice_is_refused(monkeypatch, tmp_path):
    for name in ("one", "two"):
        (tmp_path / "twice").mkdir(exist_ok=True)
        (tmp_path / "twice" / f"{name}.py").write_text("from tests.toy_use_case import USE_CASE\n")
    (tmp_path / "twice" / "__init__.py").touch()
    monkeypatch.syspath_prepend(tmp_path)
    monkeypatch.setenv("AIRWORTHY_USE_CASE_PACKAGES", "twice")
    with pytest.raises(ValueError, match="Two use cases are called 'toy'"):
        use_cases.all_use_cases()


def test_an_unknown_name_is_answered_with_those_there_are(monkeypatch):
    monkeypatch.setenv("AIRWORTHY_USE_CASE_PACKAGES", "include.use_cases")
    with pytest.raises(BadRequest, match="There is no use case 'nobody'"):
        use_cases.load("nobody")
