"""Tune LightGBM parameters as of a day, on validation days, never on test days."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass
from functools import partial
from typing import Any

from optuna.trial import FrozenTrial

from include.declaration import form_limits
from include.declaration.form_limits import TUNING_MINUTES, TUNING_TRIALS
from include.declaration.period import Period
from include.declaration.use_case import UseCase
from include.lake import content_digest
from include.lake.snapshot import AsOfSnapshot
from include.model import splits, trainer
from include.model.lightgbm_params import merge_parameters
from include.printable import printable_logger
from include.project import Project
from include.registry.tags import FINGERPRINT, NOTICE
from include.threads import threads_for
from include.training import dataset, train
from include.training import search as training_search
from include.training.optuna_mlflow import Studies
from include.training.search import Judge, SearchResult, SearchSpace
from include.training.spec import TrainingInputs
from include.training.training_errors import MinutesError, TrialsError

MINUTES = 30.0
"""Default time in minutes during which new trials may start."""

log = printable_logger(__name__)


@dataclass(frozen=True)
class TuneResult(SearchResult):
    """The chosen parameters, and the study that chose them; plain values."""

    run_id: str
    """Run of the study."""
    reused: bool
    """Whether an equal study was complete, so that no search was run."""

    @property
    def summary(self) -> str:
        """Describe the result in a few sentences."""
        return (
            f"{'Found before' if self.reused else 'Found'} in {self.trials} trials ({self.pruned} pruned,"
            f" {self.failed} failed; stopped by {self.stopped_by}): {self.parameters}. Validation loss"
            f" {self.loss:.5f}; with the declared parameters {self.declared_loss:.5f}. Study: run"
            f" {self.run_id}."
        )


def tune_parameters(
    project: Project,
    period: Period,
    *,
    trials: int,
    minutes: float = MINUTES,
    window_periods: int | None = None,
    parameters: Mapping[str, Any] | None = None,
    clock: Callable[[], float] = time.monotonic,
) -> TuneResult:
    """Search the declared space for `trials` trials, or until `minutes` have passed.

    Uses what was known as of `period`. `parameters` are fixed and not searched. A complete study of the same request
    (data, code, declaration, parameters, space, number of trials) is returned without another search, unless it ran out
    of time with fewer `minutes`.

    Raises:
        InvalidRequestError: the budget, space, parameters or window is invalid.
        NotReadyError: days or labels are missing.
    """
    use_case = project.use_case
    begun = clock()
    use_case.require(period)
    space = require_search(use_case, trials, minutes, parameters)
    first, last = splits.training_window(use_case, period, window_periods)
    view = project.lake.as_of(period)
    made_from = train.training_inputs(use_case, view, first, last, merge_parameters(use_case, parameters))
    request = _TuningRequest(use_case, made_from, space, parameters, trials)
    studies = Studies.open(project)
    if done := studies.concluded(request.fingerprint, minutes):
        study, result = done
        return TuneResult(**asdict(result), run_id=study, reused=True)
    judge = request.judge(view)
    study = studies.start_study(f"tuning of {use_case.name} as of {period}", request.tags())
    with train.ended_run(studies, study):
        keep = partial(_keep, studies, study)
        result = request.search(judge, over=lambda: clock() - begun >= minutes * 60, keep=keep)
        studies.conclude(study, result, minutes)
    return TuneResult(**asdict(result), run_id=study, reused=False)


@dataclass(frozen=True)
class _TuningRequest:
    """Everything that the result depends on, except the time limit."""

    use_case: UseCase
    made_from: TrainingInputs
    """Inputs of a training with the declared parameters and the fixed ones."""
    space: SearchSpace
    fixed: Mapping[str, Any] | None
    trials: int

    @property
    def fingerprint(self) -> str:
        """Return a digest that is equal for requests with the same result."""
        request = {"material": self.made_from.fingerprint, "space": self.space.to_json(), "trials": self.trials}
        return content_digest.digest_values({"tuning": request})

    def tags(self) -> dict[str, str]:
        """Return the tags that record the study's origin."""
        return {FINGERPRINT: self.fingerprint, NOTICE: self.use_case.notice, **self.made_from.tags()}

    def judge(self, view: AsOfSnapshot) -> Judge:
        """Return a judge that uses the train and validation rows, and no test rows.

        Rows are as of the view's day.
        """
        first, last = self.made_from.first, self.made_from.last
        rows = dataset.labelled_rows(self.use_case, view, first, last)
        cut = splits.split_periods(
            self.use_case, view.period, first, self.use_case.calendar.periods_of(rows["period"].unique().to_pylist())
        )
        train_rows = dataset.split_rows(self.use_case, rows, cut.train, "train", view.period)
        validation_rows = dataset.split_rows(self.use_case, rows, cut.validation, "validation", view.period)
        encoded = trainer.encode_rows(self.use_case.features, train_rows, validation_rows)
        threads = threads_for(len(encoded.train_labels))
        return training_search.judge_on_validation(self.use_case, self.fixed, encoded, threads)

    def search(self, judge: Judge, over: Callable[[], bool], keep: Callable[[FrozenTrial], None]) -> SearchResult:
        """Search the parameters; `keep` stores each trial when it ends."""
        return training_search.search_parameters(
            self.space,
            judge,
            seed=self.use_case.training.seed,
            trials=self.trials,
            warm_up=self.made_from.parameters.early_stopping_rounds,
            over=over,
            keep=keep,
        )


def _keep(studies: Studies, study: str, trial: FrozenTrial) -> None:
    log.info("Trial %d %s: %s, %s", trial.number, trial.state.name.lower(), trial.value, trial.params)
    studies.keep(study, trial)


def require_search(use_case: UseCase, trials: int, minutes: float, parameters: Mapping[str, Any] | None) -> SearchSpace:
    """Return what a search would try; refuse one that cannot be made.

    Raises:
        InvalidRequestError: the budget, the parameters or the space is invalid.
    """
    if isinstance(trials, bool) or not isinstance(trials, int) or not 1 <= trials <= TUNING_TRIALS:
        raise TrialsError(use_case.name, trials, TUNING_TRIALS)
    if not 0 < minutes <= TUNING_MINUTES:  # neither is true of NaN, nor the second of an integer beyond floats
        raise MinutesError(use_case.name, minutes, TUNING_MINUTES)
    form_limits.require_parameters("parameters", parameters)
    return training_search.search_space(use_case, parameters)
