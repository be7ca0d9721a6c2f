"""The dashboard for Grafana: it shows every series, and each of its queries finds what the exporter serves."""

from __future__ import annotations

import importlib.util
import itertools
import json
import re
import shutil
import subprocess
from types import ModuleType
from typing import Any

import pytest
import yaml

from include.settings import REPOSITORY
from include.web import prometheus

DOCS = REPOSITORY / "docs"
DASHBOARD: dict[str, Any] = json.loads((DOCS / "grafana_dashboard.json").read_text(encoding="utf-8"))
PANELS = [panel for panel in DASHBOARD["panels"] if panel["type"] != "row"]
EXPRESSIONS = sorted({target["expr"] for panel in PANELS for target in panel["targets"]})
LABELS = {"subject": "x", "metric": "m", "part": "ledger", "outcome": "promoted", "model_version": "7"}


def generator() -> ModuleType:
    spec = importlib.util.spec_from_file_location("make_grafana_dashboard", DOCS / "make_grafana_dashboard.py")
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def names(expression: str) -> set[str]:
    return set(re.findall(r"\bairworthy_([a-z_]+)", expression))


def test_the_file_is_what_the_definitions_make():
    assert generator().build_dashboard() == DASHBOARD, "Run docs/make_grafana_dashboard.py"


def test_every_series_has_a_panel_and_every_panel_a_series():
    assert set().union(*map(names, EXPRESSIONS)) == set(prometheus.HELP)


def test_every_query_follows_the_chosen_use_case():
    for expression in EXPRESSIONS:
        assert expression.count("airworthy_") == expression.count('{use_case=~"$use_case"'), expression


def test_no_panel_covers_another_and_each_says_what_it_shows():
    numbers = [panel["id"] for panel in DASHBOARD["panels"]]
    assert len(numbers) == len(set(numbers))
    cells = [
        (x, y)
        for place in (panel["gridPos"] for panel in DASHBOARD["panels"])
        for x, y in itertools.product(
            range(place["x"], place["x"] + place["w"]), range(place["y"], place["y"] + place["h"])
        )
    ]
    assert len(cells) == len(set(cells))
    assert max(x for x, _ in cells) < 24
    assert all(panel["title"] and panel["description"] for panel in PANELS)
    assert len({panel["title"] for panel in PANELS}) == len(PANELS)


@pytest.mark.skipif(shutil.which("promtool") is None, reason="promtool is not installed (package prometheus has it)")
@pytest.mark.slow
def test_each_query_finds_the_series_of_the_exporter(tmp_path):
    labels = ", ".join(f'{name}="{value}"' for name, value in LABELS.items())
    served = [{"series": f'airworthy_{name}{{use_case="toy", {labels}}}', "values": "1x5"} for name in prometheus.HELP]
    chosen = [
        expression.replace("$use_case", "toy|other").replace('metric=~"', 'metric=~"m|') for expression in EXPRESSIONS
    ]
    queries = [
        {
            "expr": f"count({expression}) or vector(0)",
            "eval_time": "5m",
            "exp_samples": [{"labels": "{}", "value": 1}],
        }
        for expression in chosen
    ]
    tests = {"tests": [{"interval": "1m", "input_series": served, "promql_expr_test": queries}]}
    path = tmp_path / "tests.yml"
    path.write_text(yaml.safe_dump(tests))
    done = subprocess.run(["promtool", "test", "rules", str(path)], capture_output=True, text=True)
    assert done.returncode == 0, done.stdout + done.stderr
