"""How long the page of a use case takes on the server, on a year of 62 features: run with `PYTHONPATH=.`.

Cold: the first look of a process that has imported what it needs; every file is read. Warm:
later looks, when the files are remembered.
"""

from __future__ import annotations

import dataclasses
import os
import statistics
import subprocess
import sys
import tempfile
import time

from include.project import open_project

SPANS = (90, 365)


def fill() -> None:
    """A year of measures, decisions and a ledger."""
    from tests.web import measured

    measured.fill(_use_case(), range(365))


def look(span: int) -> None:
    """Print wall and CPU milliseconds of a cold look and of the median warm one."""
    import pyarrow as pa

    from include.web import html, overview
    from tests.web import measured

    html.prepare_templates()
    pa.table({"x": [1]}).to_pandas()  # whoever asks pyarrow for a table first waits for pandas
    use_case, last = _use_case(), measured.period_of(364)
    taken = []
    for _ in range(9):
        wall, cpu = time.perf_counter(), time.process_time()
        text = html.use_case_page(
            overview.build_overview(open_project(use_case), last, span=span),
            "/airworthy",
            span=span,
            chosen=False,
            several=False,
        )
        taken.append((1000 * (time.perf_counter() - wall), 1000 * (time.process_time() - cpu)))
    warm, cpu_warm = (statistics.median(each[place] for each in taken[1:]) for place in (0, 1))
    (cold, cpu_cold), size = taken[0], len(text) // 1024
    print(f"{span} days, {size} KB: cold {cold:.0f} ms ({cpu_cold:.0f} of CPU), warm {warm:.0f} ({cpu_warm:.0f})")


def _use_case():  # noqa: ANN202 (imported late: each process counts its own imports)
    from tests import toy

    return dataclasses.replace(toy.USE_CASE, features={f"feature_{number:02}": "float64" for number in range(62)})


def main() -> None:
    with tempfile.TemporaryDirectory(prefix="airworthy-") as home:
        env = os.environ | {"AIRWORTHY_HOME": home, "AIRWORTHY_COMMIT": "benchmark"}
        subprocess.run([sys.executable, __file__, "fill"], env=env, check=True)
        for span in SPANS:
            subprocess.run([sys.executable, __file__, "look", str(span)], env=env, check=True)


if __name__ == "__main__":
    if sys.argv[1:2] == ["fill"]:
        fill()
    elif sys.argv[1:2] == ["look"]:
        look(int(sys.argv[2]))
    else:
        main()
