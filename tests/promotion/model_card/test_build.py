"""The model card of a version, from the stored data of its run and the registry."""

import hashlib
import shutil
from pathlib import Path
from urllib.parse import unquote, urlparse

import pytest

from include.evaluation import evaluate, plots
from include.evaluation.gates.result import GateResult
from include.project import open_project
from include.promotion import approve, register
from include.promotion.model_card import build
from include.registry.mlflow_registry import Registry
from include.registry.model_record import recorded_card
from include.registry.records import Records
from include.registry.registry_errors import VersionUnknownError
from tests.conftest import AS_OF, move, moved_into
from tests.refusals import raises
from tests.toy_use_case import USE_CASE
from tests.versions import judge, rerecord

HOSTILE = '<script>alert("x")</script> | **bold**'
GATE_RESULTS = [
    GateResult("log_loss better than prior", "metric", "log_loss", 0.5, 0.6, "passed", False, "It is better."),
    GateResult("log_loss by kind", "slice", "log_loss", 0.2, 0.1, "failed", True, f"Worst is {HOSTILE}."),
]
SLICE = {"column": "kind", "group": HOSTILE, "rows": 300, "value": 0.7, "compared": 0.5, "worse": 0.2, "limit": 0.1}


@pytest.fixture(scope="module")
def judged(tmp_path_factory, trained: tuple[Path, str]) -> Path:
    """A home with a version whose run has kept a whole evaluation; not written to."""
    home, run_id = tmp_path_factory.mktemp("judged") / "home", trained[1]
    with moved_into(trained[0], home):
        registry = Registry(USE_CASE)
        register.register_run(open_project(USE_CASE), run_id)
        judge(run_id, [gate_result.to_json() for gate_result in GATE_RESULTS])
        registry.log_json(run_id, "evaluation/intervals.json", {"log_loss": [0.48, 0.52]})
        registry.log_json(run_id, "evaluation/slices.json", [SLICE])
        picture = artifacts(run_id) / "evaluation" / "gate_results.png"
        picture.write_bytes(plots.plot_gate_results("toy", GATE_RESULTS))
    return home


@pytest.fixture
def version(lake_home, judged, monkeypatch) -> str:
    """The number of that version, in a copy of the home as the test's own."""
    move(judged, lake_home, monkeypatch)
    return "1"


@pytest.fixture
def run_id(version, trained: tuple[Path, str]) -> str:
    """The run of that version."""
    return trained[1]


def artifacts(run_id: str) -> Path:
    """Where the run's artifacts are: this store has no server."""
    return Path(unquote(urlparse(Registry(USE_CASE).get_run(run_id).info.artifact_uri).path))


def kept(run_id: str, name: str) -> str:
    return (artifacts(run_id) / name).read_text()


def test_the_card_tells_of_the_version_from_what_was_kept(version, run_id):
    found = build.build_model_card(open_project(USE_CASE), version)
    text = kept(run_id, build.MARKDOWN)
    tags = Registry(USE_CASE).version(version).tags
    assert found.new and found.run_id == run_id
    assert text.startswith(f"# Model card: toy, version {version}\n")
    assert f"Trained as of {AS_OF}" in text and "These events are invented." in text
    assert "a first model" in text  # the reason of the training
    assert tags["trees"] in text and tags["features.digest"] in text and tags["fingerprint"] in text
    assert "| log_loss by kind | ✘ failed | 0.2 | 0.1 |" in text
    assert "0.48 to 0.52" in text
    assert "`learning_rate` | `0.1`" in text
    assert "| `size` | `float64` |" in text
    assert "This run did not store" not in text.partition("## Plots")[0]


def test_the_page_shows_the_pictures_and_what_comes_from_data_as_text(version, run_id):
    build.build_model_card(open_project(USE_CASE), version)
    page = kept(run_id, build.PAGE)
    assert page.count("data:image/png;base64,") == len(list(artifacts(run_id).rglob("*.png")))
    assert "<script" not in page and "&lt;script&gt;" in page
    assert "<strong>bold</strong>" not in page


def test_the_version_says_where_its_card_is(version, run_id):
    found = build.build_model_card(open_project(USE_CASE), version)
    place = Registry(USE_CASE).version(version).tags["model_card"]
    assert place == found.place == f"runs:/{run_id}/model_card/model_card.html"


@pytest.mark.parametrize("address", ["http://mlflow:5000", "https://mlflow:5000/"])
def test_with_a_server_that_is_a_page_of_it(address):
    place = f"{address.rstrip('/')}/#/experiments/7/runs/3f2a/artifacts/model_card/model_card.html"
    assert build._place(address, "7", "3f2a") == place


def test_an_equal_card_is_not_written_again(version, run_id, forbid_mlflow_writes):
    build.build_model_card(open_project(USE_CASE), version)
    forbid_mlflow_writes()
    assert not build.build_model_card(open_project(USE_CASE), version).new


def test_a_decision_made_since_is_in_the_next_card(version, run_id):
    build.build_model_card(open_project(USE_CASE), version)
    approve.record_approval(
        open_project(USE_CASE), version, approved=False, actor="Ada", reason="not before the holidays"
    )
    Registry(USE_CASE).tag_version(version, {"not_promoted": "It was rejected.", "reproduced": "equal"})
    assert build.build_model_card(open_project(USE_CASE), version).new
    text = kept(run_id, build.MARKDOWN)
    assert "It was rejected by Ada: not before the holidays." in text
    assert "Rebuilt from the registry alone: equal." in text


def test_the_current_champion_is_not_in_the_card(version, run_id):
    build.build_model_card(open_project(USE_CASE), version)
    Registry(USE_CASE).set_champion(version)
    Registry(USE_CASE).tag_version(version, {"status": "champion"})
    assert not build.build_model_card(open_project(USE_CASE), version).new


def test_a_run_that_has_kept_no_evaluation_has_a_card_that_says_so(version, run_id):
    for folder in ("evaluation", "plots"):
        shutil.rmtree(artifacts(run_id) / folder)
    (artifacts(run_id) / "importance.json").unlink()
    for place in (Records.open(USE_CASE.name).folder / "evaluation").path.iterdir():
        place.unlink()
    build.build_model_card(open_project(USE_CASE), version)
    text = kept(run_id, build.MARKDOWN)
    assert "This run did not store the results of its gates." in text
    assert "This run did not store the importance of its features; 4 are declared." in text
    assert "data:image" not in kept(run_id, build.PAGE)


@pytest.mark.parametrize("tag", ["", "no recipe"])
def test_a_recipe_that_cannot_be_read_is_said(version, run_id, tag):
    rerecord(version, recipe=tag)
    build.build_model_card(open_project(USE_CASE), version)
    assert "Its recipe is missing or cannot be read" in kept(run_id, build.MARKDOWN)


def test_a_card_of_an_unknown_version_names_those_there_are(version):
    with raises(VersionUnknownError, version="77", versions=("1",)):
        build.build_model_card(open_project(USE_CASE), "77")


@pytest.mark.parametrize("forged", [[{"added": 1}], {"a": 1}, "text", 5, [[[[]]]]], ids=str)
@pytest.mark.parametrize("name", ["slices", "intervals"])
def test_artifacts_that_somebody_has_exchanged_are_left_out_of_the_card(version, run_id, name, forged):
    Registry(USE_CASE).log_json(run_id, f"{evaluate.FOLDER}/{name}.json", forged)
    assert build.build_model_card(open_project(USE_CASE), version).run_id == run_id


def test_the_digest_of_the_page_is_recorded_and_signed(version, run_id):
    project = open_project(USE_CASE)
    assert recorded_card(project.records, run_id) is None
    build.build_model_card(project, version)
    page = (artifacts(run_id) / build.PAGE).read_bytes()
    assert recorded_card(project.records, run_id) == hashlib.sha256(page).hexdigest()


def test_a_promotion_is_in_the_card_that_is_written_after_it(champion):
    project = open_project(USE_CASE)
    found = build.build_model_card(project, champion)
    (entry,) = [entry for entry in project.ledger.entries() if entry.makes_champion]
    assert f"Champion from {AS_OF} on: promotion by {entry.actor}" in kept(found.run_id, build.MARKDOWN)
