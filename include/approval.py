"""The approval by a person: Airflow's operator, with a decision that outlives the task."""

from __future__ import annotations

from typing import Any

from airflow.providers.standard.operators.hitl import ApprovalOperator
from airflow.sdk import Param
from airflow.sdk.exceptions import AirflowSkipException

from include import alerts, dag
from include.use_case import UseCase
from include.use_cases import load

BRIEF, REGISTER = "brief", "register"
"""The tasks whose results it reads: what a person must know, and the version."""


class PromotionApproval(ApprovalOperator):
    """Waits, without a worker slot, until a person approves or rejects a version; no answer in time rejects it.

    The decision is kept with the version before anything else happens: cleared and run again, a version that was
    rejected stays so.
    """

    ui_color = "#f3e6f1"

    def __init__(self, *, use_case: UseCase, **kwargs: Any) -> None:
        kwargs.pop("params", None)  # those of the DAG's form, which Airflow hands to every operator
        super().__init__(
            subject=f"{use_case.name}: promote version {{{{ ti.xcom_pull(task_ids='{REGISTER}') }}}}?",
            body=f"{{{{ ti.xcom_pull(task_ids='{BRIEF}') }}}}",
            defaults=self.REJECT,
            response_timeout=use_case.approval.wait,
            params={
                "reason": Param(None, type=["null", "string"], title="Reason", description="Kept with the version.")
            },
            **kwargs,
        )
        self.use_case = use_case.name

    def execute(self, context: Any) -> Any:
        """Ask, unless it is decided already: nobody is asked twice."""
        from include.stages import approve

        with dag.told():
            declared, version = load(self.use_case), context["ti"].xcom_pull(task_ids=REGISTER)
            decision = approve.decision(declared, version)
        if decision is not None:
            if not decision.approved:  # whoever kept that may have been killed before it was told
                alerts.rejected(declared, version, f"Rejected by {decision.who}: {decision.why}")
            raise AirflowSkipException(f"It was {decision}.")
        return super().execute(context)

    def execute_complete(self, context: Any, event: dict[str, Any]) -> Any:
        """Keep the decision, then go on, or skip the promotion."""
        from include.stages import approve

        if "error" not in event:
            person, given = event["responded_by_user"], (event["params_input"] or {}).get("reason")
            with dag.told():
                result = approve.run(
                    load(self.use_case),
                    context["ti"].xcom_pull(task_ids=REGISTER),
                    approved=event["chosen_options"] == [self.APPROVE],
                    who=person["name"] if person else "nobody, in time",
                    why=given or ("" if person else "no answer in time is a rejection"),
                    timed_out=person is None,
                )
            if not result.approved:
                alerts.rejected(load(self.use_case), result.version, f"Rejected by {result.who}: {result.why}")
        return super().execute_complete(context, event)
