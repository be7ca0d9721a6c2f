"""A history that is brought live is the one that its DAGs would have made, whatever interrupts it."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from include.backfill.plan import plan_phase
from include.backfill.states import BackfillStates
from include.backfill.work import work_chunk
from include.declaration.monitoring import Monitoring, Retraining
from include.declaration.period import Period, period_range
from include.go_live.report import GoLiveReport, report_history
from include.go_live.request import GoLiveRequest
from include.go_live.walk import ApprovalMissingError, Walk, WalkFailedError
from include.lake.lake import Lake
from include.model.model_errors import TrainingTooEarlyError
from include.pipelines import data, monitor, score, train
from include.pipelines.context import PipelineRun, Step
from include.project import open_project
from include.promotion import approve
from include.registry.ledger import Ledger
from include.retraining import decide, outcome, reserve_slot
from include.scoring import score as scoring
from include.use_case import Gate
from tests.conftest import draw_nothing, living_in
from tests.drills.life import tables
from tests.integration.use_cases import quick_toy

pytestmark = pytest.mark.slow
FIRST, LAST = Period("2020-01-01"), Period("2020-01-12")
DUE = Period("2020-01-08")
USE_CASE = replace(
    quick_toy.USE_CASE,
    monitoring=Monitoring(max_age_periods=1),
    retraining=Retraining(signals=("model_age",), breaches=1, of_periods=1, cool_down_periods=1, per_month=1),
)
"""Its policy asks for a training on the day after the champion's, once a month."""
ASKED = GoLiveRequest(FIRST, LAST, (DUE,), DUE, "automatic")


class KilledError(BaseException):
    """Ends a process in the middle of a walk."""


class Stopping(BackfillStates):
    """States whose writer is killed when it has written a number of them."""

    left: int

    def write(self, state: Any) -> None:
        super().write(state)
        object.__setattr__(self, "left", self.left - 1)
        if not self.left:
            raise KilledError


def go_live(
    request: GoLiveRequest = ASKED, *, killed_after: int = 0, name: str = "a history", use_case: Any = USE_CASE
) -> GoLiveReport:
    project = open_project(use_case)
    states = BackfillStates.open(project, name)
    for phase in request.data.phases:
        work_chunk(project, phase, plan_phase(project, request.data, phase).periods, states)
    if killed_after:
        states = Stopping(states.store)
        object.__setattr__(states, "left", killed_after)
    Walk(project, request, states, "ann").run_periods()
    return report_history(project, request, states.last())


def by_dags() -> None:
    """Do what the DAGs do, period by period."""

    def run(steps: tuple[Step, ...], period: Period, **params: Any) -> PipelineRun:
        done = PipelineRun(open_project(USE_CASE), period, params, actor="ann")
        for step in steps:
            step(done)
        return done

    for period in period_range(FIRST, LAST):
        run(data.STEPS, period)
    run(train.STEPS, DUE)
    for period in period_range(DUE, LAST):
        run(score.STEPS, period)
        run(monitor.STEPS, period)
        project = open_project(USE_CASE)
        if decide.decide_retraining(project, period).outcome == "retrain":
            assert reserve_slot.reserve_slot(project, period).slot == 1
            trained = run(train.STEPS, period)
            outcome.record_training_outcome(
                *(project, period, f"go_live__{period}"),
                state="success",
                version=trained.version,
                promotion={"promoted": True, "reason": "It passed."},
            )


def in_home(home: Path, template: Path, live: Callable[[], object]) -> tuple[Any, list[tuple[str, str, str]]]:
    home.mkdir()
    shutil.copyfile(template, home / "mlflow.db")
    with living_in(home) as patch:
        draw_nothing(patch)
        live()
        entries = Ledger.open(USE_CASE).entries()
        found = tables(USE_CASE)
        del found["retrainings"]  # their reason names who promoted when
        return found, [(entry.version, entry.trees, entry.effective_from.key) for entry in entries]


def killed_and_again() -> None:
    for killed_after in (1, 4, 6):
        with pytest.raises(KilledError):
            go_live(killed_after=killed_after)
    assert go_live().left == ()


@pytest.mark.parametrize(
    "live",
    [
        pytest.param(go_live, id="at once"),
        pytest.param(killed_and_again, id="killed three times", marks=pytest.mark.long),
    ],
)
def test_it_is_what_the_dags_make_period_by_period(tmp_path, tracking_template, live):
    expected, made = in_home(tmp_path / "dags", tracking_template, by_dags)
    assert [entry[2] for entry in made] == [DUE.key, (DUE + 1).key]
    assert {*expected["predictions"]} == {*expected["decisions"]} == {*period_range(DUE, LAST)}
    found, entries = in_home(tmp_path / "live", tracking_template, live)
    assert entries == made
    assert {table for table in expected if found[table] != expected[table]} == set()


@pytest.mark.long
def test_the_same_again_changes_nothing(tracking, without_plots):
    assert go_live().left == ()
    before, entries = tables(USE_CASE), Ledger.open(USE_CASE).entries()
    again = go_live(name="again")
    assert again.left == () and again.decided == again.to_decide == LAST - DUE + 1
    assert (tables(USE_CASE), Ledger.open(USE_CASE).entries()) == (before, entries)
    assert not BackfillStates.open(open_project(USE_CASE), "again").last()


@pytest.mark.long
def test_a_refused_training_and_a_refused_score_stop_nothing_and_are_named(tracking, without_plots, monkeypatch):
    early, bad = FIRST + 1, DUE + 1
    real = scoring.score_period

    def refuse(project: Any, period: Period, **given: Any) -> Any:
        if period == bad:
            raise scoring.FeaturesOutdatedError("quick_toy", period, ["size"])
        return real(project, period, **given)

    monkeypatch.setattr(scoring, "score_period", refuse)
    found = go_live(replace(ASKED, train_as_of=(early, DUE)))
    assert {(step, period) for step, period, _ in found.left} == {("train", early), ("score", bad)}
    assert [period for period, done in found.trainings if done is None] == [early]
    assert {*Lake.open(USE_CASE).as_of(LAST).partitions("decisions")} == {*period_range(DUE, LAST)}


@pytest.mark.long
def test_what_another_try_may_mend_ends_the_walk_and_the_next_goes_on(tracking, without_plots, monkeypatch):
    with monkeypatch.context() as patch:
        patch.setattr(scoring, "score_period", lambda *_, **__: 1 / 0)
        with pytest.raises(WalkFailedError) as failed:
            go_live()
    assert (failed.value.state.phase, failed.value.state.period) == ("score", DUE)
    assert failed.value.retryable
    assert go_live().left == ()


@pytest.mark.long
def test_a_version_that_a_person_must_approve_is_waited_for_and_nothing_after_it_is_built(tracking, without_plots):
    asked = replace(ASKED, promotion="approval")
    for _ in range(2):
        with pytest.raises(ApprovalMissingError) as waits:
            go_live(asked)
        assert (waits.value.period, waits.value.version) == (DUE, "1")
    assert not Lake.open(USE_CASE).as_of(LAST).partitions("decisions")
    approve.record_approval(open_project(USE_CASE), "1", approved=True, actor="ben", reason="fits")
    with pytest.raises(ApprovalMissingError) as waits:
        go_live(asked)
    assert (waits.value.period, waits.value.version) == (DUE + 1, "2")
    approve.record_approval(open_project(USE_CASE), "2", approved=False, actor="ben", reason="too dear")
    found = go_live(asked)
    assert found.left == () and Ledger.open(USE_CASE).champion_of(LAST).version == "1"


@pytest.mark.long
def test_a_history_without_a_champion_is_not_called_done(tracking, without_plots):
    strict = replace(USE_CASE, gates=(Gate("log_loss", at_most=0.0001),))
    found = go_live(use_case=strict)
    assert [(step, period) for step, period, _ in found.left] == [("score", DUE)]
    assert not found.trainings[0][1].promoted


@pytest.mark.long
def test_a_training_that_a_decision_asked_for_is_named_if_it_is_refused_and_done_by_the_next(
    tracking, without_plots, monkeypatch
):
    real = train.STEPS[2]

    def train_step(run: PipelineRun) -> Any:
        if run.period > DUE:
            raise TrainingTooEarlyError("quick_toy", run.period, FIRST, 2, LAST)
        return real(run)

    train_step.__name__ = "train"
    with monkeypatch.context() as patch:
        patch.setattr(train, "STEPS", (*train.STEPS[:2], train_step, *train.STEPS[3:]))
        assert ("train", DUE + 1) in {(step, period) for step, period, _ in go_live().left}
    assert go_live(name="again").left == ()
    assert Ledger.open(USE_CASE).champion_of(LAST).version == "2"
