"""The notebook in docs/examples: it was executed, and its cells run."""

from __future__ import annotations

import json
from typing import Any

import pytest

from include.monitoring import monitor
from include.project import open_project
from include.scoring import score
from include.settings import REPOSITORY
from tests.conftest import AS_OF
from tests.contexts import Configure
from tests.toy_use_case import USE_CASE

NOTEBOOK = REPOSITORY / "docs" / "examples" / "frames.ipynb"
SHOWN = 'NAME, DAY = "flight_delays", "2013-04-01"'


def code_cells() -> list[dict[str, Any]]:
    return [cell for cell in json.loads(NOTEBOOK.read_text())["cells"] if cell["cell_type"] == "code"]


def test_each_cell_was_executed_in_order_and_none_failed():
    cells = code_cells()
    assert [cell["execution_count"] for cell in cells] == [*range(1, len(cells) + 1)]
    assert {output["output_type"] for cell in cells for output in cell["outputs"]} == {"execute_result"}
    assert all(cell["outputs"] for cell in cells)


@pytest.mark.slow
def test_the_cells_run(champion: str, configure: Configure):
    score.score_period(open_project(USE_CASE), AS_OF)
    monitor.monitor_period(open_project(USE_CASE), AS_OF)
    configure(use_case_packages="tests.use_cases")
    sources = ["".join(cell["source"]) for cell in code_cells()]
    assert sum(SHOWN in source for source in sources) == 1
    namespace: dict[str, Any] = {}
    for source in sources:
        exec(source.replace(SHOWN, f'NAME, DAY = "toy", "{AS_OF}"'), namespace)
    assert len(namespace["features"]) == len(namespace["predictions"]) > 0
    assert set(namespace["training"]["split"]) == {"train", "validation", "test"}
