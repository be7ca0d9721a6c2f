"""The model card on the page: verified, with what the ledger says now."""

import shutil
from dataclasses import replace
from pathlib import Path
from urllib.parse import unquote, urlparse

import pytest

from include.errors import AirworthyError
from include.project import Project, open_project
from include.promotion.model_card import build
from include.registry.ledger_entry import LedgerDecision
from include.web import card, html
from include.web.card import CardUnavailableError
from tests.toy_use_case import USE_CASE

pytestmark = pytest.mark.slow
HOSTILE = '<img src=x onerror="alert(1)">'


@pytest.fixture(autouse=True)
def forget_kept_pages():
    card._kept.clear()


@pytest.fixture
def project(champion: str) -> Project:
    """The toy whose version 1 is champion, with its card."""
    found = open_project(USE_CASE)
    build.build_model_card(found, champion)
    return found


def stored_page(project: Project) -> Path:
    """The file of the card in MLflow, whose store has no server."""
    run = project.registry.get_run(project.registry.version("1").run_id)
    return Path(unquote(urlparse(run.info.artifact_uri).path)) / build.PAGE


def decide(project: Project, action: str, **changed: object) -> None:
    """Append a decision on version 1 to the ledger."""
    version = project.registry.version("1")
    decision = LedgerDecision(
        version="1",
        trees=version.trees,
        fingerprint=version.fingerprint,
        effective_from=version.as_of,
        action=action,
        actor="Ada",
        reason="tried",
        files_digest=version.files_digest,
    )
    project.ledger.append(replace(decision, **changed))


def test_the_page_shows_the_card_and_who_promoted_it(project):
    view = card.read_card(project, "1")
    (entry,) = [each.entry for each in view.entries if each.entry.makes_champion]
    assert view.status == "champion"
    assert view.sentence.startswith(
        f"Promoted by {entry.actor}: champion of {entry.effective_from} and later. It is the"
    )
    shown = html.card_page(view, "/airworthy")
    assert 'id="what-it-is-not-for"' in shown and "best baseline" in shown and "data:image/png;base64," in shown
    assert '<a href="/airworthy/use_case/toy">toy</a>' in shown and "default-src 'none'" not in shown


def test_a_rollback_since_is_on_the_page_although_the_card_was_written_before(project):
    before = stored_page(project).read_bytes()
    decide(project, "rollback", effective_from=project.registry.version("1").as_of + 3, reason=HOSTILE)
    view = card.read_card(project, "1")
    assert view.sentence.startswith("Rolled back to by Ada") and len(view.entries) == 2
    shown = html.card_page(view, "/airworthy")
    assert HOSTILE not in shown and "onerror=&#34;" in shown
    assert stored_page(project).read_bytes() == before


def test_a_version_that_was_replaced_is_not_the_champion(project):
    as_of = project.registry.version("1").as_of
    decide(
        project, "promotion", version="2", trees="0" * 64, fingerprint="f", files_digest="d", effective_from=as_of + 5
    )
    view = card.read_card(project, "1")
    assert view.status == "archived" and f"champion of {as_of} to {as_of + 4}. It is not" in view.sentence
    assert len(view.entries) == 1


@pytest.mark.parametrize("add", [b" ", b"<script>alert(1)</script>"])
def test_a_card_that_was_changed_in_mlflow_is_refused(project, add):
    stored_page(project).write_bytes(stored_page(project).read_bytes() + add)
    with pytest.raises(CardUnavailableError, match="not the one that was written") as refused:
        card.read_card(project, "1")
    assert refused.value.status == 503 and "Clear the task register" in refused.value.action


def test_a_page_that_was_verified_needs_no_second_download(project):
    first = card.read_card(project, "1").page
    stored_page(project).write_text("forged")
    assert card.read_card(project, "1").page == first


def test_a_card_of_a_run_without_its_file_is_not_there(project):
    stored_page(project).unlink()
    with pytest.raises(CardUnavailableError, match="MLflow has no file of it") as refused:
        card.read_card(project, "1")
    assert refused.value.status == 404


def test_a_card_that_is_too_large_is_not_downloaded(project, set_limits):
    set_limits(card_bytes=100)
    with pytest.raises(CardUnavailableError, match="MLflow has no file of it"):
        card.read_card(project, "1")


def test_a_card_without_a_record_cannot_be_verified(project):
    shutil.rmtree((project.records.folder / "card").path)
    with pytest.raises(CardUnavailableError, match="no signed record") as refused:
        card.read_card(project, "1")
    assert refused.value.status == 404


def test_a_forged_record_is_refused(project):
    (file,) = (project.records.folder / "card").path.iterdir()
    file.write_text(file.read_text().replace('"number": 1', '"number": 2'))
    with pytest.raises(CardUnavailableError, match="not genuine") as refused:
        card.read_card(project, "1")
    assert refused.value.status == 503 and str(file.parent) not in str(refused.value)


@pytest.mark.parametrize("number", ["7", "1' or '1'='1", "../1", "", "١"])
def test_another_version_is_not_there(project, number):
    with pytest.raises(CardUnavailableError, match="no such version") as refused:
        card.read_card(project, number)
    assert refused.value.status == 404


def test_without_a_readable_ledger_the_card_is_shown_and_says_so(project):
    for file in project.ledger.folder.path.glob("*"):
        file.write_text("{}")
    view = card.read_card(open_project(USE_CASE), "1")
    assert view.status is None and "ledger cannot be read" in view.sentence
    assert isinstance(html.card_page(view, "/airworthy"), str)


def test_the_error_is_one_of_the_product():
    assert issubclass(CardUnavailableError, AirworthyError)
