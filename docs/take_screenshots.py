"""Takes the pictures of README.md from a running demo, with the system's Chromium: `make screenshots`.

AIRWORTHY_CHROMIUM names a browser that is not on the PATH.
"""

from __future__ import annotations

import os
import shutil
import sys
import time
from pathlib import Path
from urllib.parse import quote

import httpx
from playwright.sync_api import BrowserContext, Page, expect, sync_playwright
from rich.console import Console

from include import page_addresses
from include.declaration.period import Period
from include.local import credentials, instance
from include.local.airflow_client import FINISHED, AirflowClient
from include.local.instance import Instance
from include.page_addresses import framed_page, model_address

PICTURES = Path(__file__).parent / "screenshots"
USE_CASE = "flight_delays"
BROWSERS = ("chromium", "chromium-browser", "google-chrome")
LARGEST_KB = 250

DECIDED = "2013-04-30"
"""The last day of the demo on which it was decided whether to train."""
DAYS = 14
"""Days that are backfilled for the picture of the grid."""


class RefusedError(Exception):
    """A reason to stop, in one line that says what to do."""


def chromium() -> str:
    named = os.environ.get("AIRWORTHY_CHROMIUM")
    found = shutil.which(named) if named else next(filter(None, map(shutil.which, BROWSERS)), None)
    if found is None:
        what = f"AIRWORTHY_CHROMIUM={named} is no program" if named else "There is no Chromium on the PATH"
        raise RefusedError(f"{what}. Debian: apt-get install chromium; or set AIRWORTHY_CHROMIUM to a browser's path.")
    return found


def check_answers(name: str, address: str) -> None:
    try:
        httpx.get(address, timeout=10, trust_env=False).raise_for_status()
    except httpx.HTTPError as error:
        raise RefusedError(f"{name} does not answer at {address} ({error}). Run `make demo` first.") from error


def save(page: Page, name: str) -> None:
    page.mouse.move(0, 0)
    path = PICTURES / f"{name}.png"
    page.screenshot(path=path, animations="disabled")
    Console(highlight=False).print(f"{path.relative_to(PICTURES.parent.parent)}  {path.stat().st_size // 1024} KB")
    if path.stat().st_size > LARGEST_KB * 1024:
        raise RefusedError(f"{path.name} is larger than {LARGEST_KB} KB.")


def airflow(context: BrowserContext, here: Instance) -> None:
    page = context.new_page()
    page.goto(here.airflow_url)
    page.get_by_label("Username").fill(credentials.USER)
    page.locator("input[type=password]").fill(credentials.load_or_make(here).password)
    page.get_by_role("button", name="Sign in").click()
    expect(page.get_by_role("link", name="Dags", exact=True)).to_be_visible()

    page.goto(f"{here.airflow_url}/dags/{USE_CASE}__train")
    page.get_by_role("button", name="Trigger").first.click()
    expect(page.get_by_role("dialog")).to_contain_text("Why you start this training")
    save(page, "form")
    page.reload()

    backfill(AirflowClient(here.airflow_url, credentials.USER, credentials.load_or_make(here).password))
    page.goto(f"{here.airflow_url}/dags/{USE_CASE}__data")
    page.get_by_role("button", name="Show Grid").click()
    page.get_by_role("button", name="Collapse Details Panel").click()
    page.get_by_role("button", name="Options").click()
    page.get_by_role("combobox").filter(has_text="10").click()
    page.get_by_role("option", name="50", exact=True).click()
    page.keyboard.press("Escape")
    expect(page.locator("a[href*='/tasks/build_features']").nth(DAYS - 1)).to_be_visible()
    save(page, "grid")

    page.goto(f"{here.airflow_url}/assets")
    page.get_by_role("link", name=f"{USE_CASE}/features", exact=True).click()
    page.get_by_text("Task Dependencies").click()
    page.get_by_role("button", name="Options").click()
    page.get_by_role("combobox").filter(has_text="Left to Right").click()
    page.get_by_role("option", name="Top to Bottom").click()
    page.keyboard.press("Escape")
    page.get_by_role("button", name="Fit View").click()
    expect(page.locator(".react-flow__node").filter(has_text="metrics")).to_be_in_viewport(ratio=0.99)
    save(page, "assets")


def backfill(api: AirflowClient) -> None:
    """Backfill the last days of the demo, which brings its history live in one run; their content stays as it is."""
    dag_id, last = f"{USE_CASE}__data", Period(DECIDED)
    if not any(run.run_type == "backfill" for run in api.runs(dag_id)):
        api.backfill(dag_id, last - (DAYS - 1), last)
    until = time.monotonic() + 1800
    while sum(run.state == "success" for run in api.runs(dag_id) if run.run_type == "backfill") < DAYS:
        if time.monotonic() > until:
            raise RefusedError(f"the backfill of {dag_id} has not ended; see its runs.")
        time.sleep(2)


def question(context: BrowserContext, here: Instance) -> None:
    """A training that asks a person, in the graph and as a question; the pictures taken, it is rejected."""
    api = AirflowClient(here.airflow_url, credentials.USER, credentials.load_or_make(here).password)
    dag_id = f"{USE_CASE}__train"
    api.unpause(dag_id)
    run = api.trigger(
        dag_id, conf={"period": "2013-03-25", "promotion": "approval", "reason": "to be decided by a person"}
    )
    approve = f"/dags/{dag_id}/dagRuns/{run.run_id}/taskInstances/approve"
    page = context.new_page()
    until = time.monotonic() + 1200
    while api.call("GET", approve)["state"] != "awaiting_input":
        if time.monotonic() > until or api.get_run(dag_id, run.run_id).state in FINISHED:
            raise RefusedError(f"{dag_id} {run.run_id} did not ask; see its log.")
        page.wait_for_timeout(1000)
    page.goto(f"{here.airflow_url}/dags/{dag_id}/runs/{quote(run.run_id)}")
    page.get_by_role("button", name="Show Graph").click()
    page.get_by_role("button", name="Collapse Details Panel").click()
    expect(page.get_by_role("heading", name="Task Instances")).to_be_hidden()
    expect(page.locator(".react-flow__node").filter(has_text="register")).to_contain_text("success")
    page.get_by_role("button", name="Fit View").click()
    save(page, "graph")
    page.get_by_role("button", name="Show Grid").click()
    page.goto(f"{here.airflow_url}/dags/{dag_id}/runs/{quote(run.run_id)}/tasks/approve/required_actions")
    expect(page.get_by_role("button", name="Reject")).to_be_visible()
    save(page, "question")
    asked = api.call("GET", f"{approve}/-1/hitlDetails")["params"]["question"]["value"]
    given = {"answer_reason": "a picture", "question": asked}
    api.call("PATCH", f"{approve}/-1/hitlDetails", json={"chosen_options": ["Reject"], "params_input": given})

    page.goto(f"{here.airflow_url}/dags/{USE_CASE}__rollback")
    page.get_by_role("button", name="Trigger").first.click()
    expect(page.get_by_role("dialog")).to_contain_text("ffective from")
    save(page, "rollback")


def mlflow(context: BrowserContext, here: Instance) -> None:
    page = context.new_page()
    version = model_address(here.mlflow_shown, USE_CASE, "1")
    page.goto(version)
    page.get_by_text("Model training", exact=True).click()
    page.locator("[data-component-id='mlflow.assistant.chat_panel.close']").click()
    page.goto(version)
    expect(page.get_by_text("Trained as of")).to_be_visible()
    save(page, "mlflow_version")
    page.get_by_role("link", name=f"{USE_CASE} as of").click()
    page.get_by_role("tab", name="Artifacts").click()
    page.get_by_text("plots", exact=True).click()
    page.get_by_text("roc_and_precision_recall.png").click()
    expect(page.locator("img[alt$='roc_and_precision_recall.png']")).to_be_visible()
    expect(page.get_by_text("calibration.png")).to_be_in_viewport(ratio=1)
    save(page, "mlflow_run")
    page.get_by_text("evaluation", exact=True).click()
    page.get_by_text("gate_results.png").click()
    expect(page.locator("img[alt$='gate_results.png']")).to_be_visible()
    save(page, "gate_results")


def monitoring(context: BrowserContext, here: Instance) -> None:
    """The page on the last decided day, and the newest run that decides."""
    address = framed_page(here.airflow_url, page_addresses.USE_CASE, {"period": DECIDED, "span": 30}, name=USE_CASE)
    for scheme, name in (("light", "monitoring"), ("dark", "monitoring_dark")):
        page = context.new_page()
        page.add_init_script(f"localStorage.setItem('theme', '{scheme}')")
        page.goto(address)
        expect(page.frame_locator("iframe").locator(f"html[data-drawn='{scheme}']")).to_be_attached()
        save(page, name)

    page = context.new_page()
    page.add_init_script("localStorage.setItem('theme', 'light')")
    api = AirflowClient(here.airflow_url, credentials.USER, credentials.load_or_make(here).password)
    page.goto(f"{here.airflow_url}/dags/{USE_CASE}__retrain/runs/{quote(api.runs(f'{USE_CASE}__retrain')[-1].run_id)}")
    page.get_by_role("button", name="Show Graph").click()
    page.get_by_role("button", name="Collapse Details Panel").click()
    expect(page.locator(".react-flow__node").filter(has_text="decide")).to_contain_text("success")
    page.get_by_role("button", name="Fit View").click()
    save(page, "retrain")


def main() -> None:
    here = instance.current()
    browser_path = chromium()
    check_answers("Airflow", f"{here.airflow_url}/api/v2/version")
    check_answers("MLflow", f"{here.mlflow_url}/health")
    PICTURES.mkdir(exist_ok=True)
    expect.set_options(timeout=120_000)
    with sync_playwright() as playwright:
        flags = ["--no-sandbox"] if os.geteuid() == 0 else []
        with playwright.chromium.launch(executable_path=browser_path, args=flags) as browser:
            context = browser.new_context(viewport={"width": 1440, "height": 900}, color_scheme="light")
            context.set_default_timeout(120_000)
            airflow(context, here)
            monitoring(context, here)
            question(context, here)
            mlflow(context, here)


if __name__ == "__main__":
    try:
        main()
    except RefusedError as reason:
        sys.exit(f"screenshots: {reason}")
