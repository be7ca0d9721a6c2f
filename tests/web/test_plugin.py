"""Modules that every process of Airflow loads are light."""

import json
import subprocess
import sys

from include.settings import REPOSITORY

HEAVY = ["pandas", "ibis", "duckdb", "deltalake", "pyarrow", "plotly", "numpy", "mlflow", "jinja2.loaders", "include"]


def test_loading_the_plugin_imports_nothing_heavy_and_builds_nothing():
    script = (
        "import airflow.plugins_manager, runpy, sys, json; before = set(sys.modules)\n"
        f"runpy.run_path({str(REPOSITORY / 'plugins' / 'airworthy.py')!r})\n"
        "print(json.dumps(sorted(set(sys.modules) - before)))"
    )
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True, cwd=REPOSITORY)
    new = json.loads(done.stdout.splitlines()[-1])
    assert [name for name in new if name in HEAVY or name.startswith("airflow.api")] == []
