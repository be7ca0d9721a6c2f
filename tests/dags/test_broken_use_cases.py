"""What Airflow shows of use cases that cannot be loaded, when it parses the folder of DAGs."""

from __future__ import annotations

import json
import os
import subprocess
import sys

import pytest

from include.settings import REPOSITORY

SOUND = "from tests.toy_use_case import USE_CASE\n"
HEAD = """
from dataclasses import replace
from include.use_case import Feed, Gate, Label, Monitoring, PerformanceLimit
from tests.toy_use_case import USE_CASE as TOY

"""
WRONG_DATA = (
    HEAD
    + """
EVENTS = Feed("events", columns={"id": "int", "event_date": "date32"}, keys=("idd",))
USE_CASE = replace(
    TOY,
    name="wrong_data",
    time_zone="America/New_Yrok",
    feeds=(EVENTS, TOY.feed("outcomes")),
    features={**TOY.features, "a,b": "float64"},
    label=Label("failed", "it failed", label_delay_periods=0),
)
"""
)
WRONG_MODEL = (
    HEAD
    + """
USE_CASE = replace(
    TOY,
    name="wrong_model",
    training=replace(TOY.training, parameters={"num_leafs": 7, "eta": 0.1, "max_bin": 1}),
    gates=(Gate("acu", at_least=0.5), Gate("auc", at_leest=0.5)),
    monitoring=Monitoring(performance=(PerformanceLimit("log-loss", max_degradation=0.1),)),
)
"""
)
SAID = {
    "wrong_data": (
        "time_zone: time_zone 'America/New_Yrok'",
        "Did you mean 'America/New_York'",
        "feeds[0].columns['id']: Feed('events'): column 'id' has the type 'int'",
        "Did you mean 'int8'",
        "feeds[0].keys: Feed('events'): keys ['idd'] are not among its columns",
        "Did you mean 'id'?",
        "features['a,b']: LightGBM refuses",
        "Write 'a_b'.",
        "label.label_delay_periods: Label('failed')",
        "wrong_data/__init__.py:8)",
    ),
    "wrong_model": (
        "training.parameters['num_leafs']: Training: Parameter 'num_leafs'",
        "Did you mean 'num_leaves'?",
        "training.parameters['eta']: Training: Parameter 'eta' is another name of 'learning_rate'.",
        "training.parameters['max_bin']: Training: Parameter 'max_bin' must be a whole number from 2 to 65535, not 1.",
        "gates[0].metric: Gate: metric='acu'",
        "Did you mean 'auc'?",
        "gates[1]: Gate has no argument 'at_leest'. Did you mean 'at_least'?",
        "monitoring.performance[0].metric: PerformanceLimit('log-loss')",
        "Did you mean 'log_loss'?",
        "wrong_model/__init__.py:",
    ),
}
"""Name of a broken use case to all that its import error says."""
PARSE = """
import json
from pathlib import Path
from airflow.dag_processing.dagbag import DagBag

dags = Path("dags").absolute()
bag = DagBag(str(dags), bundle_path=dags, bundle_name="test")
print("PARSED", json.dumps({"dags": sorted(bag.dags), "errors": bag.import_errors}))
"""


@pytest.fixture(scope="module")
def parsed(tmp_path_factory: pytest.TempPathFactory) -> dict[str, object]:
    """Ids of the DAGs that Airflow finds, and file to import error, with two broken use cases and a sound one."""
    home = tmp_path_factory.mktemp("home")
    for name, text in {"toy": SOUND, "wrong_data": WRONG_DATA, "wrong_model": WRONG_MODEL}.items():
        (home / "broken_and_sound" / name).mkdir(parents=True)
        (home / "broken_and_sound" / name / "__init__.py").write_text(text)
    (home / "broken_and_sound" / "__init__.py").touch()
    done = subprocess.run(
        [sys.executable, "-c", PARSE],
        cwd=REPOSITORY,
        capture_output=True,
        text=True,
        check=True,
        env=os.environ | {"PYTHONPATH": f"{REPOSITORY}:{home}", "AIRWORTHY_USE_CASE_PACKAGES": "broken_and_sound"},
    )
    found: dict[str, object] = json.loads(done.stdout.partition("PARSED ")[2])
    return found


def test_the_sound_use_case_has_all_its_dags_and_the_broken_ones_have_none(parsed):
    kinds = {file.stem for file in (REPOSITORY / "dags").glob("*.py")} - {"broken_use_cases"}
    assert set(parsed["dags"]) == {f"toy__{kind}" for kind in kinds}
    assert list(parsed["errors"]) == ["broken_use_cases.py"]


@pytest.mark.parametrize("name", SAID)
def test_the_import_error_says_every_problem_of_a_broken_use_case(parsed, name):
    report = parsed["errors"]["broken_use_cases.py"]
    start = report.index(f"The use case '{name}' cannot be loaded: ")
    own = report[start:].partition("other use cases are not affected.")[0]
    assert [text for text in SAID[name] if text not in own] == []
