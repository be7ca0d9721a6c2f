"""The versions that forms offer."""

import json
from types import SimpleNamespace

import pytest

from include.declaration.period import Period
from include.lake.object_store import StoragePath
from include.orchestration import params
from include.project import open_project
from include.promotion import promote, register
from include.registry import offered_versions
from include.registry.offered_versions import FILE, read_offered_versions
from tests.toy_use_case import USE_CASE


def stored(lake, *versions):
    (lake / "toy").mkdir(parents=True, exist_ok=True)
    (lake / "toy" / FILE).write_text(json.dumps(list(versions)))


def test_a_form_offers_what_is_registered_and_a_rollback_former_champions(trained_toy):
    project = open_project(USE_CASE)
    version = register.register_run(project, trained_toy).version
    field = params.score_params(USE_CASE)["version"]
    assert field.schema["values_display"] == {
        "1": f"1: challenger, trained as of {project.registry.version('1').as_of}"
    }
    assert "enum" not in params.rollback_params(USE_CASE)["version"].schema
    since = promote.promote_version(project, version, actor="a test").effective_from
    field = params.rollback_params(USE_CASE)["version"]
    assert field.schema["values_display"] == {"1": f"1: champion since {since}"}
    assert not field.has_value


@pytest.mark.parametrize("required", [True, False])
def test_a_version_that_is_newer_than_the_form_is_not_refused_by_it(lake_home, required):
    stored(lake_home / "lake", {"number": "1", "text": "champion since 2020-01-05", "was_champion": True})
    field = params.version_param(USE_CASE, "Which.", required=required)
    assert field.schema["enum"] == ["1"]
    assert field.resolve("2") == "2"
    assert required or field.resolve(None) is None
    with pytest.raises(ValueError, match="too long"):
        field.resolve("1" * 251)


@pytest.mark.parametrize(
    "content", ["", "{", "[1]", '[{"number": "1"}]', "3", '[{"number": "\u202e", "text": "x", "was_champion": true}]']
)
def test_a_file_that_is_not_one_offers_nothing(tmp_path, content):
    (tmp_path / "toy").mkdir()
    (tmp_path / "toy" / FILE).write_text(content)
    assert read_offered_versions(str(tmp_path), "toy") == []


def test_a_lake_on_s3_is_neither_read_nor_written_for_a_form():
    assert read_offered_versions("s3://lake", "toy") == []
    offered_versions.write_offered_versions(StoragePath("s3://lake/toy"), [], {}, [])


def test_a_file_that_cannot_be_written_does_not_fail_the_promotion(tmp_path, caplog):
    (tmp_path / "toy").write_text("a file where the folder should be")
    version = SimpleNamespace(number="1", as_of=Period("2020-01-05"))
    offered_versions.write_offered_versions(StoragePath(str(tmp_path / "toy")), [version], {"1": "candidate"}, [])
    assert "could not be written" in caplog.text
