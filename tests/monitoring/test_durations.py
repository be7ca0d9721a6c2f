"""What steps cost, kept per run and compared with the periods before."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from include.declaration.period import Period
from include.lake import lake_format
from include.monitoring import durations, step_cost
from include.monitoring.durations import CPU_SECONDS, PEAK_MEMORY, SECONDS, DurationsCorruptedError, StepCost
from include.monitoring.slowdown import CostFigure
from include.project import open_project
from tests.conftest import AS_OF
from tests.toy_use_case import USE_CASE

MEGABYTE = 2**20
BEGAN = datetime(2026, 1, 1, tzinfo=UTC)


def cost(
    day: int, seconds: float = 1.0, cpu: float = 1.0, megabytes: float = 100, rows: int | None = 200, **more
) -> StepCost:
    """What `score` cost on a day, counted from AS_OF; the process had 400 MB before."""
    before = more.pop("before", 400) * MEGABYTE
    figures = (
        CostFigure(SECONDS, seconds),
        CostFigure(CPU_SECONDS, cpu),
        CostFigure(PEAK_MEMORY, before + megabytes * MEGABYTE),
    )
    values = {"step": "score", "warm": False, "model_version": "1", "started_at": BEGAN + timedelta(days=day)} | more
    return StepCost(period=AS_OF + day, amount=rows, memory_before=before, figures=figures, **values)


def recorded(day: int, seconds: float = 1.0, **more) -> StepCost:
    return step_cost.record_cost(open_project(USE_CASE), cost(day, seconds, **more))


def breached(found: StepCost) -> dict[str, bool | None]:
    return {figure.metric: figure.breached for figure in found.figures}


@pytest.mark.both_places
def test_what_is_usual_comes_from_the_days_before_and_a_slow_day_is_a_breach(lake_home):
    for day, seconds in enumerate((1.0, 2.0, 3.0)):
        assert breached(recorded(day, seconds))[SECONDS] is None  # not known yet
    assert breached(recorded(3, 5.9))[SECONDS] is False
    slow = recorded(4, 12.0, rows=300)
    # Half of 0.01 and 0.015 per row; the median of four days is 0.0125.
    assert slow.figure_of(SECONDS) == CostFigure(SECONDS, 12.0, pytest.approx(3.75), pytest.approx(11.25), True)
    assert breached(slow)[CPU_SECONDS] is breached(slow)[PEAK_MEMORY] is False
    durations._kept.clear()
    project = open_project(USE_CASE)
    assert durations.read_costs(project, AS_OF + 4, AS_OF + 9) == durations.newest_costs(project, AS_OF + 9) == [slow]
    assert lake_format.stored_format(project.root) == lake_format.FORMAT


@pytest.mark.usefixtures("lake_home")
def test_processor_time_and_memory_are_judged_as_seconds_are():
    for day in range(5):
        recorded(day)
    assert breached(recorded(5, cpu=3.1)) == {SECONDS: False, CPU_SECONDS: True, PEAK_MEMORY: False}
    assert breached(recorded(6, megabytes=450)) == {SECONDS: False, CPU_SECONDS: False, PEAK_MEMORY: True}


@pytest.mark.usefixtures("lake_home")
def test_memory_that_the_process_had_before_is_not_the_steps():
    for day in range(5):
        recorded(day)
    assert not breached(recorded(5, before=4_000))[PEAK_MEMORY]


@pytest.mark.usefixtures("lake_home")
def test_a_peak_that_is_not_the_steps_is_kept_and_neither_judged_nor_compared():
    for day in range(5):
        found = recorded(day, megabytes=10)
        assert not (day > 3 and breached(found)[PEAK_MEMORY])
    of_process = replace(cost(5), figures=(CostFigure(PEAK_MEMORY, 1e12, missing_reason=step_cost.OF_PROCESS),))
    kept = step_cost.record_cost(open_project(USE_CASE), of_process)
    assert kept.rows[0].missing_reason == step_cost.OF_PROCESS and kept.rows[0].breached is None
    assert recorded(6, megabytes=10).figure_of(PEAK_MEMORY).usual == pytest.approx(410 * MEGABYTE)


@pytest.mark.usefixtures("lake_home")
def test_later_days_do_not_say_what_is_usual():
    for day in (5, 6, 7):
        recorded(day)
    assert breached(recorded(4, 100.0))[SECONDS] is None


@pytest.mark.usefixtures("lake_home")
def test_only_the_28_recorded_periods_before_say_what_is_usual():
    project = open_project(USE_CASE)
    for day in range(40):
        recorded(day, 9.0 if day < 12 else 1.0)
    found = durations.earlier_costs(project, cost(40))
    assert [past.period for past in found] == [AS_OF + day for day in range(12, 40)]


@pytest.mark.usefixtures("lake_home")
def test_periods_of_the_years_before_are_found():
    around = Period("2021-01-02") - AS_OF
    for day in range(around - 10, around):
        recorded(day)
    found = durations.earlier_costs(open_project(USE_CASE), cost(around))
    assert [past.period for past in found] == [AS_OF + day for day in range(around - 10, around)]
    assert len(durations.read_costs(open_project(USE_CASE), Period("2020-12-30"), Period("2021-12-31"))) == 3


@pytest.mark.usefixtures("lake_home")
def test_the_first_time_in_a_process_is_compared_with_first_times():
    for day in range(5):
        recorded(day, 1.0, warm=True), recorded(day, 10.0, warm=False)
    assert breached(recorded(5, 10.0, warm=False))[SECONDS] is False
    assert breached(recorded(5, 10.0, warm=True))[SECONDS] is True


@pytest.mark.usefixtures("lake_home")
def test_each_run_of_a_period_is_kept_and_the_last_one_counts():
    recorded(0, 1.0), recorded(0, 4.0, started_at=BEGAN + timedelta(hours=1))
    project = open_project(USE_CASE)
    assert len((project.root / "durations/score/2020").names()) == 2
    (found,) = durations.read_costs(project, AS_OF, AS_OF)
    assert found.figure_of(SECONDS).value == 4.0


@pytest.mark.usefixtures("lake_home")
def test_two_runs_that_began_at_the_same_moment_are_both_kept():
    recorded(0), recorded(0)
    assert len((open_project(USE_CASE).root / "durations/score/2020").names()) == 2


@pytest.mark.usefixtures("lake_home")
def test_a_damaged_record_is_reported_to_readers_and_does_not_stop_a_step():
    project = open_project(USE_CASE)
    for day in range(4):
        recorded(day)
    durations._kept.clear()
    folder = project.root / "durations/score/2020"
    (folder / folder.names()[0]).write(b"{")
    with pytest.raises(DurationsCorruptedError) as refused:
        durations.read_costs(project, AS_OF, AS_OF + 9)
    assert refused.value.place == folder / folder.names()[0]
    assert breached(recorded(4))[SECONDS] is False
