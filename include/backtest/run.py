"""Backtest retraining policies on past days."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from typing import Any

from include.backtest import history, plot, result, sensitivity, simulator
from include.backtest.backtest_errors import BacktestEmptyError, BacktestEngineError, FirstModelError, LastLabelsError
from include.backtest.history import HistoricalEvaluator
from include.backtest.result import PolicyOutcome, RealisedCosts
from include.backtest.simulator import Policy
from include.declaration.monitoring import Monitoring, Retraining
from include.declaration.period import Period, period_range
from include.declaration.use_case import UseCase
from include.errors import AirworthyError, InvalidRequestError, NotReadyError
from include.features import build
from include.model import splits
from include.model.metrics import METRICS
from include.project import Project

__all__ = ["BacktestResult", "PolicyOutcome", "draw_backtest", "run_backtest"]


@dataclass(frozen=True)
class BacktestResult:
    """Hold the results of every policy; plain values, equal for equal data."""

    use_case: str
    first: str
    last: str
    unit: str
    """The unit of the costs; empty without costs."""
    main_metric: str
    shown: tuple[str, ...]
    """The metrics of short tables."""
    headings: Mapping[str, str]
    """Each of them, and the main metric, to its label with its unit."""
    outcomes: tuple[PolicyOutcome, ...]
    variations: tuple[PolicyOutcome, ...]
    """The declared policy with one number changed at a time."""

    def to_json(self) -> dict[str, Any]:
        return asdict(self)


def run_backtest(
    project: Project,
    first: Period,
    last: Period,
    *,
    variations: bool = False,
    tell: Callable[[str], None] = lambda _: None,
) -> BacktestResult:
    """Simulate each policy from `first` to `last`, from the model as of `first` on.

    Missing features and labels are built into the lake; nothing else is written there. `tell` is called with messages
    on progress.

    Raises:
        InvalidRequestError: no model can be trained as of `first`, or the range has no day.
    """
    use_case = project.use_case
    if last < first:
        raise BacktestEmptyError(use_case.name, first, last)
    use_case.require(first)
    if use_case.training.engine is not None:
        raise BacktestEngineError(use_case.name, str(use_case.training.engine))
    _require_judged(use_case, last)
    _build(project, first, last, tell)
    tell("reading features and labels")
    evaluator = HistoricalEvaluator(project, history.load_label_history(project, first, last), tell)
    try:
        evaluator.fit(first)
    except (NotReadyError, InvalidRequestError) as lacking:
        raise FirstModelError(use_case.name, first, str(lacking)) from lacking
    periods = [period for period in period_range(first, last) if evaluator.rows(period)]
    declared = _declared(evaluator, "declared", "what the use case declares", use_case.monitoring, use_case.retraining)
    policies = [
        simulator.never_retrain(),
        simulator.retrain_monthly(),
        *simulator.retrain_on_schedule(use_case),
        simulator.naive_psi(evaluator.largest_psi),
    ]
    outcomes = [_outcome(evaluator, policy, periods) for policy in [*policies, _performance_only(evaluator), declared]]
    varied = [_outcome(evaluator, policy, periods) for policy in _variations(evaluator)] if variations else []
    task = use_case.task
    return BacktestResult(
        use_case.name, first.key, last.key, task.cost_unit, task.main_metric, task.headline,
        {name: METRICS[name].heading(task) for name in (task.main_metric, *task.headline)},
        tuple(outcomes), tuple(varied),
    )  # fmt: skip


def draw_backtest(result: BacktestResult) -> bytes:
    """Plot the policies over time, as a PNG."""
    return plot.plot_backtest(
        f"{result.use_case}: retraining policies, {result.first} to {result.last}", result.outcomes, result.shown[:2]
    )


def _require_judged(use_case: UseCase, last: Period) -> None:
    """Check that the labels of the last day can be known.

    Raises:
        InvalidRequestError: the use case has no such day, or its labels are complete after the newest possible day.
    """
    use_case.require(last)
    judged_on = last + use_case.label.label_delay_periods
    if judged_on > use_case.newest_period():
        raise InvalidRequestError(
            f"{use_case.name}: the labels of {last} are complete on {judged_on}, and the newest period that can be"
            f" run is"
            f" {use_case.newest_period()}. End the replay on"
            f" {use_case.newest_period() - use_case.label.label_delay_periods} or before."
        )


def _build(project: Project, first: Period, last: Period, tell: Callable[[str], None]) -> None:
    """Build the features and labels that trainings from `first` to `last` read.

    The days after `last`, up to its complete labels, are built first, so that a source that ends too early is noticed
    before hours of work.
    """
    use_case = project.use_case
    earliest, _ = splits.training_window(use_case, first)
    earliest = max(use_case.first_period, use_case.labels_since(earliest))
    end = last + use_case.label.label_delay_periods
    built = project.lake.as_of(end).partitions("features", earliest, end)
    beyond, needed = period_range(last + 1, end), period_range(earliest, last)
    for period in (missing for missing in [*beyond, *needed] if missing not in built):
        tell(f"building the features of {period}")
        try:
            build.build_features(project, period)
        except AirworthyError as error:
            if period <= last:
                raise
            delay = use_case.label.label_delay_periods
            raise LastLabelsError(use_case.name, last, end, period, delay, str(error)) from error


def _declared(
    evaluator: HistoricalEvaluator, name: str, meaning: str, monitoring: Monitoring, retraining: Retraining
) -> Policy:
    return simulator.declared_policy(name, meaning, retraining, evaluator.measures(monitoring, retraining))


def _performance_only(evaluator: HistoricalEvaluator) -> Policy:
    use_case = evaluator.use_case
    alone = replace(use_case.retraining, signals=("performance",))
    return _declared(evaluator, "performance", "the declared policy by performance alone", use_case.monitoring, alone)


def _variations(evaluator: HistoricalEvaluator) -> list[Policy]:
    use_case = evaluator.use_case
    return [
        _declared(evaluator, name, "the declared policy with this change", monitoring, retraining)
        for name, (monitoring, retraining) in sensitivity.policy_variations(
            use_case.monitoring, use_case.retraining
        ).items()
    ]


def _outcome(evaluator: HistoricalEvaluator, policy: Policy, periods: Sequence[Period]) -> PolicyOutcome:
    evaluator.tell(f"simulating: {policy.name}")
    simulation = simulator.simulate(policy, periods, periods[0], evaluator.judge)
    realised = RealisedCosts.from_days(
        {period: evaluator.realised(model, period) for period, model in simulation.champions.items()}
    )
    benefits = {
        training: simulator.retraining_benefits(training, periods, evaluator.losses)
        for training in simulation.trainings
    }
    return result.summarise_policies(policy, simulation, realised, benefits, evaluator.use_case.task)
