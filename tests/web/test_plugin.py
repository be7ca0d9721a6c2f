"""The plugin that every process of Airflow loads: light, and at the addresses that links name."""

import json
import runpy
import subprocess
import sys

from include.page_addresses import DAG_TAB, FRAMED, MOUNT, STATIC, page_path
from include.settings import REPOSITORY

PLUGIN = REPOSITORY / "plugins" / "airworthy.py"
HEAVY = ["pandas", "ibis", "duckdb", "deltalake", "pyarrow", "plotly", "numpy", "mlflow", "jinja2.loaders", "include"]


def test_loading_the_plugin_imports_nothing_heavy_and_builds_nothing():
    script = (
        "import airflow.plugins_manager, runpy, sys, json; before = set(sys.modules)\n"
        f"runpy.run_path({str(PLUGIN)!r})\n"
        "print(json.dumps(sorted(set(sys.modules) - before)))"
    )
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True, cwd=REPOSITORY)
    new = json.loads(done.stdout.splitlines()[-1])
    assert [name for name in new if name in HEAVY or name.startswith("airflow.api")] == []


def test_the_plugin_is_mounted_where_links_lead():
    plugin = runpy.run_path(str(PLUGIN))["AirworthyPlugin"]
    assert [app["url_prefix"] for app in plugin.fastapi_apps] == [MOUNT]
    page, tab = plugin.external_views
    assert f"/plugin/{page['url_route']}" == FRAMED
    assert f"/{page['href']}" == f"{MOUNT}/"
    assert f"/{tab['href']}" == MOUNT + DAG_TAB.format(dag_id="{DAG_ID}")
    assert f"/{page['icon']}" == f"/{tab['icon']}" == MOUNT + page_path(STATIC, name="icon.svg")
