"""The model of a version: found by the ledger and the signed records, without MLflow."""

import pytest

from include.project import open_project
from include.web import version_records
from include.web.version_records import NoReferenceError
from tests import toy
from tests.web import detailed, measured
from tests.web.measured import period_of


@pytest.fixture
def project(lake_home):
    measured.promote(toy.USE_CASE, "1", period_of(0))
    return open_project(toy.USE_CASE)


def entries(project):
    return project.ledger.entries()[::-1]


def test_the_reference_is_read_from_this_machines_copy_of_the_model(project, lake_home):
    detailed.store_model(lake_home, toy.USE_CASE, "1")
    found = version_records.read_reference(project, "1", entries(project))
    assert found.to_json() == detailed.toy_profile().to_json()


def test_a_version_without_a_record_has_no_reference(project):
    with pytest.raises(NoReferenceError, match="nor a record of a training names it"):
        version_records.read_reference(project, "1", entries(project))
    with pytest.raises(NoReferenceError, match="nor a record of a training names it"):
        version_records.read_reference(project, "7", entries(project))


def test_a_copy_that_was_changed_is_not_shown(project, lake_home):
    path = detailed.store_model(lake_home, toy.USE_CASE, "1")
    path.write_text(path.read_text().replace("0.1", "0.9"))
    with pytest.raises(NoReferenceError, match="cannot be read from MLflow") as refused:
        version_records.read_reference(project, "1", entries(project))
    assert str(lake_home) not in str(refused.value)


def test_the_metrics_of_a_version_are_those_of_its_record(project, lake_home):
    measured.promote(toy.USE_CASE, "3", period_of(1))
    for version in ("1", "3"):
        detailed.store_model(lake_home, toy.USE_CASE, version)
    found = version_records.read_models(project, entries(project))
    assert found["1"].test["model"] == detailed.TEST and found["1"].judged == {}
    assert found["3"].judged["champion"] == detailed.CHAMPION_ON_TEST
    assert set(version_records.read_models(project, entries(project), ["3"])) == {"3"}
