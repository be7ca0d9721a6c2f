"""A backfill builds what period by period runs build, goes on after a kill, and names what is left."""

from __future__ import annotations

import itertools
from dataclasses import replace

import pytest

from include.backfill.plan import plan_backfill, plan_phase
from include.backfill.reconcile import reconcile
from include.backfill.request import BackfillRequest
from include.backfill.states import BackfillStates
from include.backfill.work import PeriodsFailedError, work_chunk
from include.declaration.period import Period, period_range
from include.features import build
from include.ingestion import ingest, validate
from include.ingestion.sources.base import SourceUnavailableError
from include.monitoring import durations
from include.project import open_project
from tests.refusals import raises
from tests.toy import USE_CASE

pytestmark = pytest.mark.slow
SHORT = replace(USE_CASE, look_back_periods=3)
FIRST, LAST = Period("2020-01-05"), Period("2020-01-10")
PERIODS = period_range(FIRST, LAST)
DATA = BackfillRequest(FIRST, LAST, ("data",))


class KilledError(BaseException):
    """Ends a process in the middle of a chunk."""


def work(request: BackfillRequest = DATA, name: str = "a backfill"):
    """Work every phase of a request in chunks of four, the last chunk first; return what is left."""
    project = open_project(SHORT)
    states = BackfillStates.open(project, name)
    for phase in request.phases:
        periods = plan_phase(project, request, phase).periods
        for chunk in reversed([periods[:4], periods[4:]]):
            work_chunk(project, phase, chunk, states)
    return reconcile(project, request, states.last())


def digests(use_case=SHORT):
    lake = open_project(use_case).lake
    tables = ["raw/events", "checked/events", "raw/outcomes", "checked/outcomes", "labels", "features"]
    view = lake.as_of(LAST)
    return {table: view.partitions(table, FIRST, LAST) for table in tables}


def test_chunks_in_any_order_end_in_the_content_of_period_by_period_runs(lake_home, configure, tmp_path):
    assert work().left == ()
    by_chunks = digests()
    costs = durations.read_costs(open_project(SHORT), FIRST, LAST)
    assert {(cost.step, cost.period) for cost in costs} == {
        (step, period) for step in ("ingest", "validate", "build_features") for period in PERIODS
    }
    configure(lake=tmp_path / "other")
    for period in PERIODS:
        project = open_project(SHORT)
        ingest.ingest_period(project, period)
        validate.validate_period(project, period)
        build.build_features(project, period)
    assert digests() == by_chunks


def test_a_backfill_of_settled_periods_has_no_work_and_commits_nothing(lake_home):
    work()
    lake = open_project(SHORT).lake
    before = {table: lake.delta(table).version() for table in digests()}
    assert [plan.work for plan in plan_backfill(open_project(SHORT), DATA)] == [(), ()]
    assert work(name="another").left == ()
    again = replace(DATA, settled=True)
    assert plan_phase(open_project(SHORT), again, "land").periods == PERIODS, "their sources are asked"
    work(again, "a third")
    assert {table: lake.delta(table).version() for table in digests()} == before


def test_a_refused_period_does_not_stop_the_others_and_is_the_only_one_left(lake_home, toy_functions):
    from tests.toy_use_case import source

    honest, bad = source.events, {PERIODS[1], PERIODS[4]}

    def events(period):
        if period in bad:
            raise ValueError("the mill is closed")
        return honest(period)

    toy_functions.source(events=events)
    found = work()
    assert {(left.phase, left.period) for left in found.left} >= {("land", period) for period in bad}
    assert all("the mill is closed" in left.reason for left in found.left if left.period in bad)
    built = open_project(SHORT).lake.as_of(LAST).partitions("raw/outcomes", FIRST, LAST)
    assert set(built) == set(PERIODS) - bad or set(built) == set(PERIODS)
    bad.clear()
    only = BackfillRequest.parse(SHORT, {"kinds": ["data"], "only": sorted({left.period.key for left in found.left})})
    assert ",".join(sorted(period.key for period in only.only)) in found.command
    assert work(only, "what was left").left == ()
    assert plan_phase(open_project(SHORT), DATA, "build").work == ()


def test_a_chunk_that_was_killed_goes_on_where_it_ended(lake_home, toy_functions):
    from tests.toy_use_case import source

    honest, calls = source.events, []
    project, states = open_project(SHORT), BackfillStates.open(open_project(SHORT), "killed")

    def events(period):
        calls.append(period)
        if len(calls) == 3:
            raise KilledError
        return honest(period)

    toy_functions.source(events=events)
    with pytest.raises(KilledError):
        work_chunk(project, "land", PERIODS, states)
    assert [period for (_, period) in states.last()] == PERIODS[:2]
    work_chunk(project, "land", PERIODS, states)
    assert calls == [*PERIODS[:3], *PERIODS[2:]], "the two that were worked are not worked again"


def test_what_does_not_answer_ends_the_chunk_after_three_periods_and_the_next_try_works_the_rest(
    lake_home, toy_functions
):
    from tests.toy_use_case import source

    honest, answers = source.events, itertools.chain([True, False, False, False], itertools.repeat(True))

    def events(period):
        if next(answers):
            return honest(period)
        raise SourceUnavailableError("toy", "events", str(period), "it is down")

    toy_functions.source(events=events)
    project, states = open_project(SHORT), BackfillStates.open(open_project(SHORT), "down")
    with raises(PeriodsFailedError, use_case="toy", phase="land") as failed:
        work_chunk(project, "land", PERIODS, states)
    assert [state.period for state in failed.value.failed] == PERIODS[1:4]
    result = work_chunk(project, "land", PERIODS, states)
    assert [state.period for state in result.states] == PERIODS
    assert {state.outcome for state in result.states} == {"done"}


def test_the_plan_says_what_would_change_and_what_reads_it(lake_home):
    work()
    project = open_project(SHORT)
    project.lake.remove_partition("raw/events", PERIODS[1], stage="test")
    land, features = plan_backfill(project, DATA)
    assert [(one.period, one.reasons) for one in land.work] == [
        (PERIODS[1], (("raw/events", "missing"), ("checked/events", "other inputs")))
    ]
    assert features.work == ()
    assert features.may_change == 4, "the period and the three that look back on it"
