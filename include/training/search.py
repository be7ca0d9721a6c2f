"""Search the declared parameter ranges for the lowest validation loss."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import optuna
from lightgbm.basic import LightGBMError
from optuna.distributions import FloatDistribution, IntDistribution
from optuna.trial import FrozenTrial, TrialState

from include.declaration.use_case import SearchRange, UseCase
from include.model import trainer
from include.model.lightgbm_params import merge_parameters
from include.model.trainer import EncodedRows
from include.training.training_errors import SearchSpaceFixedError, SearchSpaceMissingError

STARTUP_TRIALS = 5
"""Trials that must be complete before their median prunes another."""
REPORTS = 100
"""Most intermediate values that a trial reports, for any number of rounds: each is compared and stored."""
DIGITS = 10
"""Decimals of a loss that are used: the others depend on the order in which threads sum."""

Values = Mapping[str, int | float]
Report = Callable[[int, float], None]
"""Called with the round and its validation loss; raises `optuna.TrialPruned` to end a trial early."""
Judge = Callable[[Values, Report], float]
"""Returns the validation loss of a model trained with these parameters."""


@dataclass(frozen=True)
class SearchSpace:
    """The searched ranges, and the declared value of each parameter."""

    ranges: Mapping[str, SearchRange]
    declared: Values

    def to_json(self) -> dict[str, list[int | float | bool]]:
        ranges = sorted(self.ranges.items())
        return {name: [limits.low, limits.high, limits.log, limits.whole] for name, limits in ranges}

    def distributions(self) -> dict[str, IntDistribution | FloatDistribution]:
        """Return the ranges as Optuna's distributions."""
        return {name: _distribution(limits) for name, limits in self.ranges.items()}


@dataclass(frozen=True)
class SearchResult:
    """Result of a search; plain values."""

    parameters: dict[str, int | float]
    """The searched parameters only."""
    loss: float
    declared_loss: float
    """Validation loss, as the task names it: `loss` of the chosen parameters, this one of the declared parameters."""
    trials: int
    """All trials that were started, including pruned and failed ones."""
    pruned: int
    failed: int
    stopped_by: str
    """The budget that was spent first: `trials` or `minutes`."""


def search_space(use_case: UseCase, fixed: Mapping[str, Any] | None = None) -> SearchSpace:
    """Return the use case's search space without the `fixed` parameters.

    Raises:
        SearchSpaceMissingError: no search space is declared.
        SearchSpaceFixedError: all its parameters are fixed.
    """
    declared = use_case.training.search_space
    if not declared:
        raise SearchSpaceMissingError(use_case.name)
    free = {name: limits for name, limits in declared.items() if name not in (fixed or {})}
    if not free:
        raise SearchSpaceFixedError(use_case.name, declared)
    parameters = merge_parameters(use_case, None).lightgbm
    return SearchSpace(free, {name: parameters[name] for name in free})  # type: ignore[misc]  # numbers: the declaration was checked


def _distribution(search: SearchRange) -> IntDistribution | FloatDistribution:
    if search.whole:
        return IntDistribution(int(search.low), int(search.high), log=search.log)
    return FloatDistribution(search.low, search.high, log=search.log)


def judge_on_validation(use_case: UseCase, fixed: Mapping[str, Any] | None, rows: EncodedRows, threads: int) -> Judge:
    """Return a judge that fits a model and evaluates it on the validation rows.

    The model has the judged values and the `fixed` ones.
    """

    def judge(values: Values, report: Report) -> float:
        chosen = merge_parameters(use_case, {**(fixed or {}), **values})
        every = max(1, chosen.num_boost_round // REPORTS)

        def watch(round_: int, loss: float) -> None:
            if round_ % every == 0:
                report(round_, loss)

        return min(trainer.boost_trees(rows, chosen, threads, watch).validation_loss)

    return judge


def search_parameters(
    space: SearchSpace,
    judge: Judge,
    *,
    seed: int,
    trials: int,
    warm_up: int,
    over: Callable[[], bool],
    keep: Callable[[FrozenTrial], None],
) -> SearchResult:
    """Try the declared parameters, then up to `trials - 1` others until `over()`.

    Calls `keep` with each trial. A tree-structured Parzen estimator proposes the parameters (Bergstra et al. 2011); the
    same seed and losses give the same trials. From the round `warm_up` on, a trial above the median of the others at
    that round is pruned (Golovin et al. 2017). The declared parameters are never pruned, so the result is at least as
    good as they are.
    """
    study = optuna.create_study(
        sampler=optuna.samplers.TPESampler(seed=seed),
        pruner=optuna.pruners.MedianPruner(n_startup_trials=STARTUP_TRIALS, n_warmup_steps=warm_up),
    )
    study.enqueue_trial(dict(space.declared))
    done: list[FrozenTrial] = []
    while len(done) < trials and not (done and over()):
        done.append(_try(study, space, judge))
        keep(done[-1])
    declared, best = done[0].value, study.best_trial
    assert declared is not None and best.value is not None
    states = [trial.state for trial in done]
    return SearchResult(
        parameters=dict(best.params),
        loss=best.value,
        declared_loss=declared,
        trials=len(done),
        pruned=states.count(TrialState.PRUNED),
        failed=states.count(TrialState.FAIL),
        stopped_by="trials" if len(done) == trials else "minutes",
    )


def _try(study: optuna.Study, space: SearchSpace, judge: Judge) -> FrozenTrial:
    """Run one trial, which fails if LightGBM refuses its parameters.

    Raises if these are the declared ones.
    """
    trial = study.ask(space.distributions())  # type: ignore[arg-type]  # a dict of one of its kinds

    def report(round_: int, loss: float) -> None:
        trial.report(round(loss, DIGITS), round_)
        if trial.should_prune():
            raise optuna.TrialPruned

    try:
        return study.tell(trial, round(judge(trial.params, report), DIGITS))
    except optuna.TrialPruned:
        return study.tell(trial, state=TrialState.PRUNED)
    except LightGBMError as error:
        if trial.number == 0:
            raise
        trial.set_user_attr("error", str(error)[:1000])
        return study.tell(trial, state=TrialState.FAIL)
