"""What steps cost, on the page and for Prometheus."""

from datetime import UTC, datetime, timedelta

import pytest

from include.lake.lake import Lake
from include.monitoring import durations, step_cost
from include.monitoring.durations import CPU_SECONDS, PEAK_MEMORY, SECONDS, StepCost, StepName
from include.monitoring.slowdown import CostFigure
from include.project import open_project
from include.web import cost_charts, html, overview, prometheus
from tests import toy
from tests.web import measured
from tests.web.measured import Row, period_of

DAYS = range(8)
SLOW = DAYS[-1]
CALM = [
    Row(metric, subject, 0.01, period_of(SLOW), "1", limit=0.1, breached=False)
    for metric, subject in (("weighted_drift", "features"), ("prediction_drift", "prediction"))
]


def record(step: StepName, day: int, cpu: float, rows: int | None = 500) -> StepCost:
    figures = (CostFigure(SECONDS, 1.5), CostFigure(CPU_SECONDS, cpu), CostFigure(PEAK_MEMORY, 5e8))
    began = datetime(2026, 1, 1, 9, 30, tzinfo=UTC) + timedelta(days=day)
    cost = StepCost(step, period_of(day), began, False, rows, None, 400_000_000, figures)
    return step_cost.record_cost(open_project(toy.USE_CASE), cost)


@pytest.fixture
def slow_score(lake_home):
    """A champion that scored each day; on the last one, it took ten times the processor time."""
    measured.promote(toy.USE_CASE, "1", period_of(0))
    for day in DAYS:
        record("ingest", day, 0.2)
        record("score", day, 10.0 if day == SLOW else 1.0)
    record("train", 3, 60.0, rows=20_000)
    measured.write(Lake.open(toy.USE_CASE), period_of(SLOW), CALM)


def shown(day: int = SLOW, **more) -> overview.Overview:
    return overview.build_overview(open_project(toy.USE_CASE), period_of(day), **more)


def page(seen: overview.Overview) -> str:
    return html.use_case_page(seen, "/airworthy", span=90, chosen=False, several=False)


@pytest.mark.usefixtures("slow_score")
def test_a_step_that_cost_more_than_usual_is_the_status_and_a_breach_in_the_list():
    seen = shown()
    assert (seen.status.name, seen.status.reason) == (
        "watched",
        "The step score took 10 s of processor time (limit 3 s).",
    )
    assert page(seen).count("The step score took 10 s of processor time (limit 3 s).") == 2


@pytest.mark.usefixtures("slow_score")
def test_each_kind_of_cost_is_a_chart_with_a_line_for_each_step_and_its_breaches():
    measured.write(Lake.open(toy.USE_CASE), period_of(0), CALM)
    charts = cost_charts.cost_charts(shown())
    assert list(charts) == [CPU_SECONDS, PEAK_MEMORY, SECONDS]
    lines = {trace["name"]: trace for trace in charts[CPU_SECONDS]["data"]}
    assert list(lines) == ["ingest", "score", "train", "more than usual"]
    assert lines["score"]["y"] == [1.0] * 7 + [10.0]
    assert lines["train"]["y"] == [None, None, None, 60.0, None, None, None, None]
    assert (lines["more than usual"]["x"], lines["more than usual"]["y"]) == ([period_of(SLOW).key], [10.0])
    assert len({(line["line"]["color"], line["line"]["dash"]) for name, line in lines.items() if "line" in line}) == 3


@pytest.mark.usefixtures("slow_score")
def test_the_table_has_every_record_newest_first_and_marks_what_is_more_than_usual():
    measured.write(Lake.open(toy.USE_CASE), period_of(0), CALM)
    text = page(shown()).partition('id="costs"')[2]
    body = text.partition("<tbody>")[2].partition("</tbody>")[0]
    assert body.count("<tr>") == 17 and body.index(period_of(SLOW).key) < body.index(period_of(0).key)
    assert body.count("drifts") == 1 and '<td class="n drifts">10 s</td>' in body
    assert "20,000 rows" in body and "2026-01-08 09:30:00" in body and "500 MB" in body


@pytest.mark.usefixtures("slow_score")
def test_costs_before_the_first_day_that_is_drawn_are_not_shown():
    assert {row.period for row in shown().cost_metrics.rows_of(CPU_SECONDS)} == {period_of(SLOW)}


@pytest.mark.usefixtures("slow_score")
def test_what_happened_later_is_not_shown():
    measured.write(Lake.open(toy.USE_CASE), period_of(4), CALM)
    seen = shown(SLOW, period=period_of(4))
    assert {cost.period for cost in seen.costs} == {period_of(4)} and seen.status.name == "ok"


def test_costs_are_shown_before_anything_was_measured(lake_home):
    for day in DAYS:
        record("ingest", day, 0.2)
    seen = shown()
    assert seen.first == period_of(0) and len(seen.costs) == len(DAYS)
    assert "Nothing has been measured yet" in page(seen) and 'id="chart-step_seconds"' in page(seen)


def test_without_records_the_page_says_so(lake_home):
    assert "No step of these days was recorded." in page(shown())


@pytest.mark.usefixtures("slow_score")
def test_a_damaged_record_is_reported_and_does_not_hide_the_rest():
    folder = open_project(toy.USE_CASE).root / "durations/score/2020"
    durations._kept.clear()
    (folder / folder.names()[-1]).write(b"{")
    seen = shown()
    assert seen.status.name == "damaged" and folder.names()[-1] in seen.status.reason
    assert seen.measures.periods and seen.costs == ()


@pytest.mark.usefixtures("slow_score")
def test_prometheus_has_the_newest_cost_of_each_step_with_its_limit():
    lines = prometheus.render_metrics([toy.USE_CASE], datetime(2020, 1, 9, 6, tzinfo=UTC)).decode().splitlines()
    both = 'metric="step_cpu_seconds",subject="score",use_case="toy"'
    assert 'airworthy_step_cpu_seconds{subject="score",use_case="toy"} 10.0' in lines
    assert f"airworthy_breached{{{both}}} 1.0" in lines and f"airworthy_limit{{{both}}} 3.0" in lines
    assert 'airworthy_step_cpu_seconds{subject="train",use_case="toy"} 60.0' in lines
    assert 'airworthy_step_peak_memory_bytes{subject="ingest",use_case="toy"} 5e+08' in lines
    assert 'airworthy_readable{part="durations",use_case="toy"} 1.0' in lines
