"""Tune: choose LightGBM parameters as of a day, on the days that training validates on, and never on its test days."""

from __future__ import annotations

import logging
import math
import time
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass
from datetime import date
from typing import Any

from optuna.trial import FrozenTrial

from include.errors import BadRequest
from include.logic import digests, fitting, splits, tuning
from include.logic.fitting import Encoded
from include.logic.parameters import merge
from include.logic.tuning import Found
from include.stages import examples, train
from include.storage import provenance
from include.storage.lake import Lake, View
from include.storage.runs import FINGERPRINT
from include.storage.studies import Studies
from include.use_case import UseCase

MINUTES = 30.0
"""How long trials are begun, if nobody says otherwise."""

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class TuneResult(Found):
    """What was chosen, and the study that chose it; plain values."""

    run_id: str
    """Of the study."""
    reused: bool
    """Whether the same was asked before, and nothing was searched now."""

    @property
    def words(self) -> str:
        """The same for a person."""
        return (
            f"{'Found before' if self.reused else 'Found'} in {self.trials} trials ({self.pruned} pruned,"
            f" {self.failed} failed; stopped by {self.stopped_by}): {self.parameters}. Validation log loss"
            f" {self.log_loss:.5f}; of the declared parameters {self.declared_log_loss:.5f}. Study: run {self.run_id}."
        )


def run(
    use_case: UseCase,
    day: date,
    *,
    trials: int,
    minutes: float = MINUTES,
    window_days: int | None = None,
    parameters: Mapping[str, Any] | None = None,
    lake: Lake | None = None,
    clock: Callable[[], float] = time.monotonic,
) -> TuneResult:
    """Search the declared space as of `day` until `trials` are done or no new one may begin after `minutes`.

    `parameters` stay as they are and are not searched. The same question (data, code, declaration, parameters, space,
    number of trials) that was answered before gets the same answer, without another search, unless the clock ended
    that one sooner than this one would be. Raises BadRequest for a budget, a space, parameters or a window that
    cannot be; NotReady where days or labels are missing.
    """
    begun = clock()
    _require(use_case, trials, minutes)
    space, base = tuning.space(use_case, parameters), merge(use_case, parameters)
    first, last = splits.window(use_case, day, window_days)
    view = (lake or Lake.of(use_case)).as_of(day)
    made_from = train.material_of(use_case, view, first, last, base)
    asked = {"material": made_from.fingerprint, "space": space.to_json(), "trials": trials}
    fingerprint = digests.of_values({"tuning": asked})
    studies = Studies(use_case)
    if done := studies.concluded(fingerprint, minutes):
        study, found = done
        return TuneResult(**asdict(found), run_id=study, reused=True)
    rows = _encoded(use_case, view, first, last)
    threads = provenance.threads(len(rows.train_labels))
    tags = {FINGERPRINT: fingerprint, "notice": use_case.notice, **made_from.tags()}
    study = studies.start_study(f"tuning of {use_case.name} as of {day}", tags)

    def keep(trial: FrozenTrial) -> None:
        log.info("Trial %d %s: %s, %s", trial.number, trial.state.name.lower(), trial.value, trial.params)
        studies.keep(study, trial)

    with train.ended(studies, study):
        found = tuning.search(
            space,
            tuning.on_validation(use_case, parameters, rows, threads),
            seed=use_case.training.seed,
            trials=trials,
            warm_up=base.early_stopping_rounds,
            over=lambda: clock() - begun >= minutes * 60,
            keep=keep,
        )
        studies.conclude(study, found, minutes)
    return TuneResult(**asdict(found), run_id=study, reused=False)


def _require(use_case: UseCase, trials: int, minutes: float) -> None:
    if isinstance(trials, bool) or not isinstance(trials, int) or trials < 1:
        raise BadRequest(f"{use_case.name}: tuning needs a whole number of trials from 1 on, not {trials!r}.")
    if not (math.isfinite(minutes) and minutes > 0):
        raise BadRequest(f"{use_case.name}: tuning needs a number of minutes above 0, not {minutes!r}.")


def _encoded(use_case: UseCase, view: View, first: date, last: date) -> Encoded:
    """The train and validation rows of the training as of the view's day; its test rows are not among them."""
    rows = examples.labelled(use_case, view, first, last)
    cut = splits.cut(use_case, view.day, first, rows["day"].unique().to_pylist())
    train_rows = examples.rows(use_case, rows, cut.train, "train", view.day)
    validation_rows = examples.rows(use_case, rows, cut.validation, "validation", view.day)
    return fitting.encode(use_case.features, train_rows, validation_rows)
