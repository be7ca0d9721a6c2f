"""Start the training that a day's decision triggered, and wait for it.

It is started at most once.
"""

from __future__ import annotations

import time
from collections.abc import Mapping
from datetime import timedelta
from typing import Any

from airflow.providers.standard.operators.trigger_dagrun import TriggerDagRunOperator
from airflow.providers.standard.triggers.external_task import DagStateTrigger
from airflow.sdk.exceptions import AirflowSkipException
from airflow.utils.state import DagRunState

from include.declaration.form_limits import shorten_reason
from include.declaration.period import Period
from include.declaration.use_case import UseCase
from include.declaration.use_case_discovery import load_use_case
from include.orchestration import dag_factory
from include.orchestration.airflow_connections import open_project

ENDED = ("success", "failed")
"""States of a run that has ended."""
NOTE_LENGTH = 1000
"""Characters that Airflow keeps of a run's note."""


def training_of(period: Period) -> str:
    """Return the id of the training run that a day's decision starts.

    It is a run of <use case>__train, one per day.
    """
    return f"drift__{period.key}"


def was_started(context: Mapping[str, Any], dag_id: str, training: str) -> bool:
    """Return whether Airflow has that run."""
    return bool(context["ti"].get_dr_count(dag_id=dag_id, run_ids=[training]))


class TriggerTrainingOperator(TriggerDagRunOperator):
    """Start <use case>__train as of the run's day, and wait for its end.

    The run has the decision's reason. An existing run is only waited for, so clearing or killing the task never starts
    a second one. `record_outcome` evaluates how the run ended. If the training DAG is paused, the task is skipped: the
    run would stay queued. The task waits without a worker slot if a triggerer runs, otherwise with one.
    """

    ui_color = "#f1ece6"
    PAUSED = "{dag_id} is paused. Unpause it and clear the task `train` of this run."

    def __init__(self, *, use_case: UseCase, poke_interval: int = 5, **kwargs: Any) -> None:
        kwargs.pop("params", None)  # those of the DAG's form, which Airflow hands to every operator
        super().__init__(
            trigger_dag_id=f"{use_case.name}__train",
            logical_date=None,
            allowed_states=list(ENDED),
            failed_states=[],
            wait_for_completion=True,
            deferrable=dag_factory.default_deferrable(),
            poke_interval=poke_interval,
            openlineage_inject_parent_info=False,
            # The training may also wait for an approval.
            execution_timeout=use_case.approval.wait + timedelta(hours=12),
            **kwargs,
        )
        self.use_case = use_case.name

    def execute(self, context: Any) -> None:
        from include.retraining import decide, outcome

        with dag_factory.fail_without_retry():
            declared = load_use_case(self.use_case)
            period = dag_factory.period_of(context, declared)
            decision, recorded = (
                decide.existing_decision(open_project(declared), period),
                outcome.recorded_outcome(open_project(declared), period),
            )
        training = self.trigger_run_id = training_of(period)
        exists = was_started(context, self.trigger_dag_id, training)
        if not exists and recorded in ("promoted", "rejected", "not promoted"):
            raise AirflowSkipException(f"{period} was trained before ({recorded}). Airflow no longer has that run.")
        if exists and context["ti"].get_dagrun_state(self.trigger_dag_id, training) in ENDED:
            return
        if context["ti"].get_dag(self.trigger_dag_id).is_paused:
            raise AirflowSkipException(self.PAUSED.format(dag_id=self.trigger_dag_id))
        if exists:
            self._wait_for(context, training)
            return
        reason = decision.reason if decision else ""
        self.conf, self.note = (
            {"period": period.key, "reason": shorten_reason(f"Decided for {period}: {reason}")},
            reason[:NOTE_LENGTH],
        )
        super().execute(context)

    def _wait_for(self, context: Any, training: str) -> None:
        """Wait for an existing run, as Airflow's operator waits for a run that it started."""
        if self.deferrable:
            self.defer(
                trigger=DagStateTrigger(
                    dag_id=self.trigger_dag_id,
                    states=[DagRunState(state) for state in ENDED],
                    run_ids=[training],
                    poll_interval=self.poke_interval,
                ),
                method_name="execute_complete",
            )
        while context["ti"].get_dagrun_state(self.trigger_dag_id, training) not in ENDED:
            time.sleep(self.poke_interval)
