"""`airworthy maintain`: a dry run unless `--apply` is given, one use case at a time."""

import os
from datetime import UTC, datetime, timedelta

import pytest
from typer.testing import CliRunner

from include.cli.main import app
from include.errors import UseCaseUnknownError
from include.ingestion import data_docs

TOY = "tests.use_cases"


@pytest.fixture
def page(tracking, configure):
    """A page of the toy use case that is older than any is kept."""
    configure(use_case_packages=TOY)
    page = data_docs.data_docs_folder("toy") / "events/2020-01-01__aa.html"
    page.write(b"123")
    then = (datetime.now(UTC) - timedelta(days=999)).timestamp()
    os.utime(page.path, (then, then))
    return page


def maintain(*options: str) -> str:
    done = CliRunner().invoke(app, ["maintain", *options])
    assert done.exit_code == 0, done.output
    return done.output


def test_a_dry_run_shows_what_would_go_and_how_to_do_it(page):
    shown = maintain()
    assert "1         3 B  Data Docs" in shown
    assert "events/2020-01-01__aa.html: of " in shown
    assert "nothing was changed. Run it with --apply to remove." in shown
    assert page.exists()


def test_with_really_it_is_gone(page):
    assert "nothing was changed" not in maintain("--apply", "--use-case", "toy")
    assert not page.exists()
    assert "Nothing is to be done." in maintain("--apply")


def test_an_unknown_use_case_is_refused_with_the_list(page):
    done = CliRunner().invoke(app, ["maintain", "--use-case", "tay"])
    assert isinstance(done.exception, UseCaseUnknownError)
    assert (done.exception.name, done.exception.known) == ("tay", ("toy",))


def test_logs_of_the_local_services_are_found(page, lake_home):
    from include.cli import maintain as cli_maintain

    assert cli_maintain._logs() == [str(lake_home / "logs" / "tasks")]
