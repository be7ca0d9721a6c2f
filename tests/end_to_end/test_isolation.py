"""In the real scheduler: a use case that breaks while others run, and backfills chosen in many time zones."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Page, expect, sync_playwright

from include.declaration.period import Period, period_range
from include.local import credentials
from include.local.airflow_client import AirflowClient
from tests.end_to_end.conftest import succeeded, until
from tests.local.conftest import Shell

pytestmark = pytest.mark.slow

CHROMIUM = shutil.which(os.environ.get("AIRWORTHY_CHROMIUM", "chromium"))
STEADY = """
from dataclasses import replace

from tests import toy_use_case

USE_CASE = replace(toy_use_case.USE_CASE, name="steady", time_zone="America/New_York")
"""
DATA = "steady__data"
TRAMS = """
from dataclasses import replace

from tests import hourly_use_case

USE_CASE = replace(hourly_use_case.USE_CASE, name="trams", look_back_periods=2)
"""
expect.set_options(timeout=20 * 60_000)  # several cores' worth of tests may run at the same time


@pytest.fixture(scope="module")
def packages(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder outside of the repository with a package of use cases."""
    folder = tmp_path_factory.mktemp("own") / "live_cases"
    add(folder, "steady", STEADY)
    add(folder, "trams", TRAMS)
    (folder / "__init__.py").touch()
    return folder


def add(folder: Path, name: str, text: str) -> None:
    (folder / name).mkdir(parents=True)
    (folder / name / "__init__.py").write_text(text)


@pytest.fixture(scope="module")
def use_case_packages(packages: Path) -> str:
    return packages.name


@pytest.fixture(scope="module")
def connections(packages: Path) -> dict[str, str]:
    return {"PYTHONPATH": str(packages.parent), "AIRFLOW__DAG_PROCESSOR__MIN_FILE_PROCESS_INTERVAL": "5"}


@pytest.fixture(scope="module")
def api(airflow: AirflowClient) -> AirflowClient:
    until(lambda: airflow.has_dag(DATA), "the DAGs")
    airflow.unpause(DATA)
    return airflow


def import_errors(api: AirflowClient) -> dict[str, str]:
    found = api.call("GET", "/importErrors")["import_errors"]
    return {Path(each["filename"]).name: each["stack_trace"] for each in found}


def test_a_use_case_that_breaks_shows_its_error_and_the_others_go_on(api, packages, shell):
    succeeded(api, DATA, api.trigger(DATA, conf={"period": "2020-01-05"}))
    add(packages, "typo", STEADY.replace("New_York", "New_Yrok").replace("steady", "typo"))
    add(packages, "unfinished", "USE_CASE = UseCase(\n    name=,\n)\n")
    add(packages, "leaving", "import sys\n\nsys.exit(1)\n")
    until(lambda: import_errors(api), "the import error")
    errors = import_errors(api)
    assert list(errors) == ["broken_use_cases.py"]
    for said in ("Did you mean 'America/New_York'", "unfinished/__init__.py:2", "leaving/__init__.py:3"):
        assert said in errors["broken_use_cases.py"]
    run = api.trigger(DATA, conf={"period": "2020-01-06"})
    succeeded(api, DATA, run)
    assert api.has_dag("steady__train")
    healthy, broken = shell.run("ledger", "steady"), shell.run("ledger", "unfinished")
    assert healthy.returncode == 0, healthy.stderr
    assert broken.returncode == 1 and "unfinished/__init__.py:2" in broken.stderr and "Traceback" not in broken.stderr
    for name in ("typo", "unfinished", "leaving"):
        shutil.rmtree(packages / name)
    until(lambda: not import_errors(api), "the end of the import error")


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    flags = ["--no-sandbox"] if os.geteuid() == 0 or os.environ.get("CI") else []
    with sync_playwright() as playwright, playwright.chromium.launch(executable_path=CHROMIUM, args=flags) as found:
        yield found


def log_in(page: Page, shell: Shell) -> None:
    page.goto(shell.instance.airflow_url)
    page.get_by_label("Username").fill(credentials.USER)
    page.locator("input[type=password]").fill(credentials.load_or_make(shell.instance).password)
    page.get_by_role("button", name="Sign in").click()
    expect(page.get_by_role("link", name="Dags", exact=True)).to_be_visible()


def choose(page: Page, place: int, period: Period) -> None:
    """Type a day into the form's first or second field, as a person does."""
    page.get_by_test_id("datetime-input").nth(place).click()
    page.get_by_placeholder("YYYY/MM/DD").fill(period.start_date.strftime("%Y/%m/%d"))
    page.keyboard.press("Escape")


CHOSEN = {
    "America/New_York": ("data", Period("2020-01-20"), Period("2020-01-22")),
    "America/Los_Angeles": ("score", Period("2020-01-20"), Period("2020-01-20")),
    "Asia/Tokyo": ("monitor", Period("2020-01-20"), Period("2020-01-21")),
    "Pacific/Auckland": ("retrain", Period("2020-01-20"), Period("2020-01-21")),
}
"""The zone of a browser, and the kind and days of the backfill that is made in it: Airflow allows one for each DAG."""


@pytest.mark.skipif(CHROMIUM is None, reason="no Chromium on the PATH")
@pytest.mark.parametrize("zone", CHOSEN)
def test_a_backfill_runs_the_days_that_were_chosen_in_a_browser_of_any_zone(api, shell, browser, zone):
    kind, first, last = CHOSEN[zone]
    dag_id = f"steady__{kind}"
    until(lambda: api.has_dag(dag_id), dag_id)
    made = backfilled_by_form(api, shell, browser, zone, dag_id, first, last)
    assert made == [str(period) for period in period_range(first, last)]


def backfilled_by_form(
    api: AirflowClient, shell: Shell, browser: Browser, zone: str, dag_id: str, first: Period, last: Period
) -> list[str]:
    """Create a backfill of days in a browser of that zone, and return the periods of its runs."""
    context = browser.new_context(viewport={"width": 1366, "height": 1000}, timezone_id=zone)
    context.set_default_timeout(20 * 60_000)
    page = context.new_page()
    log_in(page, shell)
    page.goto(f"{shell.instance.airflow_url}/dags/{dag_id}")
    page.get_by_role("button", name="Trigger").first.click()
    page.get_by_text("Backfill", exact=True).last.click()
    choose(page, 0, first)
    choose(page, 1, last)
    page.get_by_role("button", name="Run Backfill").click()
    until(lambda: backfilled(api, dag_id), "the runs of the backfill")
    context.close()
    return backfilled(api, dag_id)


def backfilled(api: AirflowClient, dag_id: str) -> list[str]:
    return sorted(run.partition_key or "" for run in api.runs(dag_id) if run.run_type == "backfill")


SHORT_DAY = period_range(Period("2020-03-28T23Z"), Period("2020-03-29T21Z"))
LONG_DAY = period_range(Period("2020-10-24T22Z"), Period("2020-10-25T22Z"))
"""The hours of the days in Berlin on which clocks are set forward, and back."""


@pytest.mark.timeout(5400)  # 48 runs of eight tasks
def test_a_backfill_of_hours_over_changes_of_clocks_runs_exactly_these_hours(api, shell):
    assert (len(SHORT_DAY), len(LONG_DAY)) == (23, 25)
    dag_id = "trams__data"
    until(lambda: api.has_dag(dag_id), dag_id)
    api.unpause(dag_id)
    api.backfill(dag_id, SHORT_DAY[0], SHORT_DAY[-1])
    wait_for_backfill(api, dag_id, len(SHORT_DAY))
    assert backfilled(api, dag_id) == [str(period) for period in SHORT_DAY]
    until(lambda: not api.has_lingering_backfill(dag_id), "Airflow's notice that the first backfill is over")
    bounds = ["--from-date", LONG_DAY[0].backfill_bound, "--to-date", LONG_DAY[-1].backfill_bound]
    created = shell.run("airflow", "backfill", "create", "--dag-id", dag_id, *bounds)
    assert created.returncode == 0, created.stderr
    wait_for_backfill(api, dag_id, len(SHORT_DAY) + len(LONG_DAY))
    assert backfilled(api, dag_id) == [str(period) for period in (*SHORT_DAY, *LONG_DAY)]


@pytest.mark.skipif(CHROMIUM is None, reason="no Chromium on the PATH")
def test_a_day_chosen_in_a_browser_means_the_hours_that_begin_on_it_there(api, shell, browser):
    dag_id = "trams__score"
    until(lambda: api.has_dag(dag_id), dag_id)
    day = Period("2020-10-25")
    made = backfilled_by_form(api, shell, browser, "Europe/Berlin", dag_id, day, day)
    assert made == [str(period) for period in LONG_DAY]


def wait_for_backfill(api: AirflowClient, dag_id: str, number: int) -> None:
    """Wait until that number of backfilled runs has succeeded; fail with the first that has not."""

    def is_over() -> bool:
        runs = [run for run in api.runs(dag_id) if run.run_type == "backfill"]
        failed = [run.run_id for run in runs if run.state == "failed"]
        assert not failed, api.failures(dag_id, failed[0])
        return sum(run.state == "success" for run in runs) >= number

    until(is_over, f"{number} runs of {dag_id}", seconds=3600)
