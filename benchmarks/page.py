"""How long the pages of a use case take on the server, on a year of 62 features: run with `PYTHONPATH=.`.

Cold: the first look of a process that has imported what it needs; every file is read. Warm:
later looks, when the files are remembered.
"""

from __future__ import annotations

import dataclasses
import itertools
import os
import statistics
import subprocess
import sys
import tempfile
import time

from include.project import Project, open_project

PAGES = ("overview", "features", "feature", "performance", "metrics", "metric", "compare")
SPANS = (90, 365)


def fill() -> None:
    """A year of measures, decisions and a ledger."""
    from tests.web import measured

    measured.fill(_use_case(), range(365))


def look(page: str, span: int) -> None:
    """Print wall and CPU milliseconds of a page's cold look and of the median warm one."""
    import pyarrow as pa

    from include.web import detail_pages, html, overview
    from include.web.date_range import DateRange
    from tests.web import measured

    html.prepare_templates()
    pa.table({"x": [1]}).to_pandas()  # whoever asks pyarrow for a table first waits for pandas
    use_case, last = _use_case(), measured.period_of(364)
    taken, dates, feature = [], DateRange(last, span), next(iter(use_case.features))

    def overview_page(project: Project, base: str) -> str:
        seen = overview.build_overview(project, last, span=span)
        return html.use_case_page(seen, base, span=span, chosen=False, several=False)

    draw = {
        "overview": overview_page,
        "features": lambda project, base: detail_pages.features_page(project, dates, base),
        "feature": lambda project, base: detail_pages.feature_page(project, dates, base, feature),
        "performance": lambda project, base: detail_pages.performance_page(project, dates, base),
        "metrics": lambda project, base: detail_pages.metrics_page(project, dates, base),
        "metric": lambda project, base: detail_pages.metric_page(project, dates, base, "psi"),
        "compare": lambda project, base: detail_pages.compare_page(
            project, DateRange(last, span // 2), DateRange(last - span // 2, span // 2), base
        ),
    }[page]
    for _ in range(9):
        wall, cpu = time.perf_counter(), time.process_time()
        text = draw(open_project(use_case), "/airworthy")
        taken.append((1000 * (time.perf_counter() - wall), 1000 * (time.process_time() - cpu)))
    warm, cpu_warm = (statistics.median(each[place] for each in taken[1:]) for place in (0, 1))
    (cold, cpu_cold), size = taken[0], len(text) // 1024
    print(
        f"{page}, {span} days, {size} KB: cold {cold:.0f} ms ({cpu_cold:.0f} of CPU), warm {warm:.0f} ({cpu_warm:.0f})"
    )


def _use_case():  # noqa: ANN202 (imported late: each process counts its own imports)
    from tests import toy

    return dataclasses.replace(toy.USE_CASE, features={f"feature_{number:02}": "float64" for number in range(62)})


def main() -> None:
    with tempfile.TemporaryDirectory(prefix="airworthy-") as home:
        env = os.environ | {"AIRWORTHY_HOME": home, "AIRWORTHY_COMMIT": "benchmark"}
        subprocess.run([sys.executable, __file__, "fill"], env=env, check=True)
        for page, span in itertools.product(PAGES, SPANS):
            subprocess.run([sys.executable, __file__, "look", page, str(span)], env=env, check=True)


if __name__ == "__main__":
    if sys.argv[1:2] == ["fill"]:
        fill()
    elif sys.argv[1:2] == ["look"]:
        look(sys.argv[2], int(sys.argv[3]))
    else:
        main()
