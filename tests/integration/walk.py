"""A life cycle over some days: on real services, as an operator triggers it, and in this process to compare."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from include.declaration.period import Period, period_range
from include.evaluation import evaluate
from include.features import build
from include.ingestion import ingest, validate
from include.local.airflow_client import FINISHED, AirflowClient, DagRun
from include.monitoring import monitor
from include.project import open_project
from include.promotion import promote, register
from include.scoring import score
from include.training import train
from include.use_case import UseCase
from tests.conftest import draw_nothing, living_in
from tests.drills.life import tables
from tests.end_to_end.conftest import succeeded, until

Tables = dict[str, dict[Period, tuple[str, int]]]
"""Table to day to digest and rows."""


@dataclass(frozen=True)
class Walk:
    """The days of a use case, and the as-of day of its model."""

    use_case: UseCase
    first: Period
    last: Period
    as_of: Period

    def dag(self, kind: str) -> str:
        return f"{self.use_case.name}__{kind}"

    def by_services(self, api: AirflowClient) -> DagRun:
        """Backfill the data, train by hand, then backfill scores and measures; the run of the training."""
        until(lambda: all(api.has_dag(self.dag(kind)) for kind in ("data", "train", "score", "monitor")), "the DAGs")
        self.backfill(api, "data", self.first)
        api.unpause(self.dag("train"))
        training = api.trigger(self.dag("train"), conf={"period": str(self.as_of), "reason": "integration"})
        succeeded(api, self.dag("train"), training)
        for kind in ("score", "monitor"):
            self.backfill(api, kind, self.as_of)
        return training

    def backfill(self, api: AirflowClient, kind: str, first: Period, seconds: float = 1200) -> None:
        """Backfill one DAG to the last day, and wait until every day of it is a success."""
        api.unpause(self.dag(kind))
        api.backfill(self.dag(kind), first, self.last)
        self.all_succeeded(api, kind, first, seconds)

    def all_succeeded(self, api: AirflowClient, kind: str, first: Period, seconds: float = 1200) -> None:
        """Wait for the runs of those days; AssertionError with the failures' last words."""
        dag_id, periods = self.dag(kind), len(period_range(first, self.last))

        def ended() -> bool:
            states = api.states(dag_id, first, self.last)
            return sum(count for state, count in states.items() if state in FINISHED) == periods

        until(ended, f"the runs of {dag_id}", seconds)
        failed = [api.failures(dag_id, run.run_id) for run in api.runs(dag_id) if run.state == "failed"]
        assert api.states(dag_id, first, self.last) == {"success": periods}, failed

    def in_process(self, home: Path) -> Tables:
        """The same days, one stage after the other, with lake and registry in a folder; what the tables hold then."""
        home.mkdir(parents=True)
        with living_in(home) as patch:
            draw_nothing(patch)
            for period in period_range(self.first, self.last):
                ingest.ingest_period(open_project(self.use_case), period)
                validate.validate_period(open_project(self.use_case), period)
                build.build_features(open_project(self.use_case), period)
            build.ensure_window(open_project(self.use_case), self.as_of, None)
            run_id = train.train_model(open_project(self.use_case), self.as_of, reason="to compare with").run_id
            evaluate.evaluate_run(open_project(self.use_case), run_id)
            promoted = promote.promote_version(
                open_project(self.use_case),
                register.register_run(open_project(self.use_case), run_id).version,
                actor="a test",
            )
            assert promoted.promoted, promoted.reason
            for period in period_range(self.as_of, self.last):
                score.score_period(open_project(self.use_case), period)
                monitor.monitor_period(open_project(self.use_case), period)
                monitor.remeasure_label_period(open_project(self.use_case), period)
            return self.tables()

    def tables(self) -> Tables:
        """What the tables of the lake that the environment names hold of these days."""
        return {
            table: {period: held for period, held in periods.items() if self.first <= period <= self.last}
            for table, periods in tables(self.use_case).items()
        }
