"""Start the training that a day's decision triggered, and wait for it.

It is started at most once.
"""

from __future__ import annotations

import time
from collections.abc import Mapping
from datetime import timedelta
from typing import Any

from airflow.sdk import BaseOperator, BaseOperatorLink
from airflow.sdk.exceptions import AirflowSkipException, DagRunTriggerException

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


class TrainingLink(BaseOperatorLink):
    """Link from the task to the training that it started."""

    name = "Training run"

    def get_link(self, operator: Any, *, ti_key: Any) -> str:
        """Return the address of the training's run; empty if none was started."""
        return operator.training_address()  # type: ignore[no-any-return]


class TriggerTrainingOperator(BaseOperator):
    """Start <use case>__train as of the run's day, and wait for its end.

    The run has the decision's reason. An existing run is only waited for, so clearing or killing the task never starts
    a second one. `record_outcome` evaluates how the run ended. If the training DAG is paused, the task is skipped: the
    run would stay queued. The task waits without a worker slot if a triggerer runs, otherwise with one.

    Airflow's own operator does the same for any DAG, but importing it takes longer than reading a DAG file may.
    """

    ui_color = "#f1ece6"
    operator_extra_links = (TrainingLink(),)
    PAUSED = "{dag_id} is paused. Unpause it and clear the task `train` of this run."

    def __init__(self, *, use_case: UseCase, poke_interval: int = 5, **kwargs: Any) -> None:
        kwargs.pop("params", None)  # those of the DAG's form, which Airflow hands to every operator
        # The training may also wait for an approval.
        super().__init__(execution_timeout=use_case.approval.wait + timedelta(hours=12), **kwargs)
        self.use_case, self.poke_interval = use_case.name, poke_interval
        self.training_dag_id = f"{use_case.name}__train"
        self.training_run_id = ""
        self.deferrable = dag_factory.default_deferrable()

    def training_address(self) -> str:
        """Return the address of the training's run in Airflow; empty before one is known."""
        from airflow.utils.helpers import build_airflow_dagrun_url

        if not self.training_run_id:
            return ""
        return build_airflow_dagrun_url(dag_id=self.training_dag_id, run_id=self.training_run_id)

    def execute(self, context: Any) -> None:
        """Start the training, unless it exists, and wait for its end."""
        from include.retraining import decide, outcome

        with dag_factory.fail_without_retry():
            declared = load_use_case(self.use_case)
            period = dag_factory.period_of(context, declared)
            decision, recorded = (
                decide.existing_decision(open_project(declared), period),
                outcome.recorded_outcome(open_project(declared), period),
            )
        training = training_of(period)
        exists = was_started(context, self.training_dag_id, training)
        if not exists and recorded in ("promoted", "rejected", "not promoted"):
            raise AirflowSkipException(f"{period} was trained before ({recorded}). Airflow no longer has that run.")
        if exists and context["ti"].get_dagrun_state(self.training_dag_id, training) in ENDED:
            self.training_run_id = training
            return
        if context["ti"].get_dag(self.training_dag_id).is_paused:
            raise AirflowSkipException(self.PAUSED.format(dag_id=self.training_dag_id))
        self.training_run_id = training
        context["ti"].xcom_push(key=TrainingLink().xcom_key, value=self.training_address())
        if exists:
            self._wait_for(context, training)
            return
        reason = decision.reason if decision else ""
        raise DagRunTriggerException(
            trigger_dag_id=self.training_dag_id,
            dag_run_id=training,
            conf={"period": period.key, "reason": shorten_reason(f"Decided for {period}: {reason}")},
            reset_dag_run=False,
            skip_when_already_exists=False,
            wait_for_completion=True,
            allowed_states=list(ENDED),
            failed_states=[],
            poke_interval=self.poke_interval,
            deferrable=self.deferrable,
            note=reason[:NOTE_LENGTH],
        )

    def execute_complete(self, context: Any, event: tuple[str, dict[str, Any]]) -> None:
        """Continue after the training has ended, however it ended."""
        self.training_run_id = event[1]["run_ids"][0]

    def _wait_for(self, context: Any, training: str) -> None:
        """Wait for an existing run, as Airflow waits for a run that it started."""
        from airflow.providers.standard.triggers.external_task import DagStateTrigger
        from airflow.utils.state import DagRunState

        if self.deferrable:
            self.defer(
                trigger=DagStateTrigger(
                    dag_id=self.training_dag_id,
                    states=[DagRunState(state) for state in ENDED],
                    run_ids=[training],
                    poll_interval=self.poke_interval,
                ),
                method_name="execute_complete",
            )
        while context["ti"].get_dagrun_state(self.training_dag_id, training) not in ENDED:
            time.sleep(self.poke_interval)
