"""What a run of a pipeline is about, and what one of its steps hands to the next."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Literal

from include.declaration.period import Period
from include.project import DataProject, Project

if TYPE_CHECKING:
    from include.monitoring.durations import StepCost, StepName
    from include.monitoring.step_cost import StepWork
    from include.promotion.promote import PromoteResult
    from include.scoring.shard_plan import ShardPlan

Promotion = Literal["automatic", "approval"]


@dataclass
class DataRun:
    """One run of the steps that land, validate and build.

    In Airflow each task makes its own, from the form.
    """

    project: DataProject
    period: Period
    params: Mapping[str, Any]
    """The form's fields; one that is missing or None has its default."""
    announce_cost: Callable[[StepCost], None] = field(default=lambda _: None, kw_only=True)
    """Called with what a step cost, when it is recorded."""

    @contextmanager
    def measured(self, step: StepName) -> Iterator[StepWork]:
        """Measure the block as a step of this run, see `measure_step`."""
        from include.monitoring import step_cost

        with step_cost.measure_step(self.project, step, self.period) as work:
            yield work
        if work.cost is not None:
            self.announce_cost(work.cost)


@dataclass
class PipelineRun(DataRun):
    """One run of a pipeline of a use case.

    In Airflow each task makes its own, from the form and the results of earlier tasks.
    """

    project: Project
    actor: str = ""
    """Who started the run; `promote` writes it to the ledger."""
    reason: str = ""
    """Why a training runs if the form names no reason."""
    announce: Callable[[PromoteResult], None] = lambda _: None
    """Called when a promotion is final, before anything after it can fail."""
    tuned: Mapping[str, Any] | None = None
    """Result of the step `tune`; None if it was skipped."""
    mlflow_run: str = ""
    """The run in MLflow that the step `train` made."""
    version: str = ""
    """The version that the step `register` made."""

    shard_plan: ShardPlan | None = None
    """Result of planning the shards of the period; None if one task scores it."""

    @property
    def approval_required(self) -> bool:
        """Return whether a person must approve a promotion.

        The form decides, or else the declaration.
        """
        chosen: Promotion | None = self.params.get("promotion")
        return self.project.use_case.approval.required if chosen is None else chosen == "approval"


Step = Callable[[PipelineRun], Any]
"""A function that does one step, and sets in the run what the next steps need. Its name is that of Airflow's task."""
DataStep = Callable[[DataRun], Any]
"""A step for which a feature group is enough."""
