"""Replay: what each retraining policy would have come to over days that are past."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass, replace
from datetime import date, timedelta
from typing import Any

from include.backtest import history, plot, result, sensitivity, simulator
from include.backtest.history import HistoricalEvaluator
from include.backtest.result import PolicyOutcome, RealisedCosts
from include.backtest.simulator import Policy
from include.declaration.monitoring import Monitoring, Retraining
from include.declaration.use_case import UseCase
from include.errors import AirworthyError, InvalidRequestError, NotReadyError
from include.features import build
from include.lake.partitions import days_from
from include.model import splits
from include.project import Project

__all__ = ["BacktestResult", "PolicyOutcome", "draw_backtest", "run_backtest"]


@dataclass(frozen=True)
class BacktestResult:
    """What every policy came to; plain values, the same each time."""

    use_case: str
    first: str
    last: str
    unit: str
    outcomes: tuple[PolicyOutcome, ...]
    variations: tuple[PolicyOutcome, ...]
    """The declared policy with one number changed at a time."""

    def to_json(self) -> dict[str, Any]:
        return asdict(self)


def run_backtest(
    project: Project,
    first: date,
    last: date,
    *,
    variations: bool = False,
    tell: Callable[[str], None] = lambda _: None,
) -> BacktestResult:
    """Walk from `first` to `last` under each policy; the model as of `first` flies first in all of them.

    Features and labels that are missing are built into the lake; nothing else is written there. `tell` hears of what
    takes time. InvalidRequestError where no model can be trained as of `first`, or the days are none.
    """
    use_case = project.use_case
    if last < first:
        raise InvalidRequestError(f"{use_case.name}: a replay from {first} to {last} has no day. Give days in order.")
    use_case.require(first)
    _require_judged(use_case, last)
    _build(project, first, last, tell)
    tell("reading features and labels")
    world = HistoricalEvaluator(use_case, history.load_label_history(project, first, last), tell)
    try:
        world.fit(first)
    except (NotReadyError, InvalidRequestError) as lacking:
        raise InvalidRequestError(
            f"{use_case.name}: a replay begins with a model as of its first day. {lacking}"
        ) from lacking
    days = [day for day in days_from(first, last) if world.rows(day)]
    declared = _declared(world, "declared", "what the use case declares", use_case.monitoring, use_case.retraining)
    policies = [
        simulator.never_retrain(),
        simulator.retrain_monthly(),
        simulator.retrain_weekly(),
        simulator.naive_psi(world.largest_psi),
    ]
    outcomes = [_outcome(world, each, days) for each in [*policies, _performance_only(world), declared]]
    varied = [_outcome(world, each, days) for each in _variations(world)] if variations else []
    return BacktestResult(
        use_case.name, first.isoformat(), last.isoformat(), use_case.costs.unit, tuple(outcomes), tuple(varied)
    )


def draw_backtest(found: BacktestResult) -> bytes:
    """The policies along the way, as a PNG."""
    return plot.plot_backtest(f"{found.use_case}: retraining policies, {found.first} to {found.last}", found.outcomes)


def _require_judged(use_case: UseCase, last: date) -> None:
    """Check that the labels by which the last day is judged can be known.

    Raises:
        InvalidRequestError: the day is none of the use case, or they become known after the newest that can be run.
    """
    use_case.require(last)
    judged_on = last + timedelta(days=use_case.label.label_delay_periods)
    if judged_on > use_case.newest_period():
        raise InvalidRequestError(
            f"{use_case.name}: the labels of {last} are complete on {judged_on}, and the newest day that can be run is"
            f" {use_case.newest_period()}. End the replay on"
            f" {use_case.newest_period() - timedelta(days=use_case.label.label_delay_periods)} or before."
        )


def _build(project: Project, first: date, last: date, tell: Callable[[str], None]) -> None:
    """Build what trainings from `first` to `last` read, and before that the days by whose labels `last` is judged.

    These come first, so that a source that ends before them is noticed before hours of work.
    """
    use_case = project.use_case
    earliest, _ = splits.training_window(use_case, first)
    end = last + timedelta(days=use_case.label.label_delay_periods)
    there = project.lake.as_of(end).partitions("features", earliest, end)
    beyond, asked = days_from(last + timedelta(days=1), end), days_from(earliest, last)
    for day in (each for each in [*beyond, *asked] if each not in there):
        tell(f"building the features of {day}")
        try:
            build.build_features(project, day)
        except AirworthyError as error:
            if day <= last:
                raise
            raise InvalidRequestError(
                f"{use_case.name}: a replay up to {last} is judged by labels that become known up to {end}, and {day}"
                f" cannot be had. End it {use_case.label.label_delay_periods} days before the last day of the data."
                f" {error}"
            ) from error


def _declared(
    world: HistoricalEvaluator, name: str, meaning: str, monitoring: Monitoring, retraining: Retraining
) -> Policy:
    return simulator.declared_policy(name, meaning, retraining, world.measures(monitoring, retraining))


def _performance_only(world: HistoricalEvaluator) -> Policy:
    use_case = world.use_case
    alone = replace(use_case.retraining, signals=("performance",))
    return _declared(world, "performance", "the declared policy by performance alone", use_case.monitoring, alone)


def _variations(world: HistoricalEvaluator) -> list[Policy]:
    use_case = world.use_case
    return [
        _declared(world, name, "the declared policy but for this", monitoring, retraining)
        for name, (monitoring, retraining) in sensitivity.policy_variations(
            use_case.monitoring, use_case.retraining
        ).items()
    ]


def _outcome(world: HistoricalEvaluator, policy: Policy, days: Sequence[date]) -> PolicyOutcome:
    world.tell(f"walking: {policy.name}")
    walked = simulator.simulate(policy, days, days[0], world.judge)
    realised = RealisedCosts.of({day: world.realised(model, day) for day, model in walked.flown.items()})
    followed = {each: simulator.retraining_benefits(each, days, world.losses) for each in walked.trainings}
    return result.summarise_policies(policy, walked, realised, followed, world.use_case.costs)
