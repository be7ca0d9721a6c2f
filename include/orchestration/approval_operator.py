"""Ask a person to approve a promotion, and store the decision with the version."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from airflow.providers.standard.operators.hitl import ApprovalOperator
from airflow.sdk import Param
from airflow.sdk.definitions.param import ParamsDict
from airflow.sdk.exceptions import AirflowSkipException

from include.declaration import clock
from include.declaration.actor import answer_actor
from include.declaration.form_limits import NAME_LENGTH, REASON_LENGTH
from include.declaration.use_case import UseCase
from include.declaration.use_case_discovery import load_use_case
from include.errors import AirworthyError, shorten
from include.orchestration import callbacks, dag_factory, params, task_links
from include.orchestration.airflow_connections import open_project
from include.orchestration.answer_lookup import AnswerLookup
from include.orchestration.failures import fail_task
from include.printable import escape_line

REQUEST_APPROVAL, REGISTER = "request_approval", "register"
"""The tasks whose results it reads: the text of the request, and the version."""
REASON, QUESTION = "answer_reason", "question"
"""Fields of the answer. Their names differ from those of the training form, from which Airflow would prefill them."""


class PromotionApproval(ApprovalOperator):
    """Wait without a worker slot for approval; no answer is a rejection.

    A person must approve in time. The decision is stored with the version first: clearing the task does not undo a
    rejection.
    """

    ui_color = "#f3e6f1"

    def __init__(self, *, use_case: UseCase, judged_by: str = REGISTER, **kwargs: Any) -> None:
        """Ask about the version that the task `judged_by` returns."""
        kwargs.pop("params", None)  # those of the DAG's form, which Airflow hands to every operator
        super().__init__(
            subject=f"{use_case.name}: promote version {{{{ ti.xcom_pull(task_ids='{judged_by}') }}}}?",
            body=f"{{{{ ti.xcom_pull(task_ids='{REQUEST_APPROVAL}') }}}}",
            defaults=self.REJECT,
            response_timeout=use_case.approval.wait,
            params=_fields(""),
            **kwargs,
        )
        self.use_case, self.judged_by = use_case.name, judged_by

    def execute(self, context: Any) -> Any:
        """Ask, unless decided already.

        A later try first looks for an answer that was not stored.
        """
        from include.promotion import approve

        with dag_factory.fail_without_retry():
            declared, version = load_use_case(self.use_case), context["ti"].xcom_pull(task_ids=self.judged_by)
            decision, question = (
                approve.approval_decision(open_project(declared), version),
                approve.approval_question(open_project(declared), version),
            )
        if decision is not None:
            if not decision.approved:  # the run that stored it may have been killed before its alert
                callbacks.notify_rejected(
                    open_project(declared), version, f"Rejected by {decision.actor}: {decision.reason}"
                )
            raise AirflowSkipException(f"The version was {decision}.")
        if context["ti"].try_number > 1 and dag_factory.default_deferrable():
            self.defer(trigger=AnswerLookup(str(context["ti"].id)), method_name="resume")
        return self._ask(context, question)

    def resume(self, context: Any, event: dict[str, Any] | None) -> Any:
        """Use the previous try's answer to this question, or ask again.

        The previous try did not store it. If an answer arrives before the scheduler has seen the asking process end,
        Airflow counts the task as lost and retries it; asking again would delete that answer.
        """
        from include.promotion import approve

        with dag_factory.fail_without_retry():
            question = approve.approval_question(
                open_project(load_use_case(self.use_case)), context["ti"].xcom_pull(task_ids=self.judged_by)
            )
        if event is None or event["params_input"].get(QUESTION) != question:
            self.log.warning("No answer to %s is stored; asking again.", question)
            return self._ask(context, question)
        person = answer_actor(event["responded_by_user"])
        self.log.warning("%s answered before Airflow had registered the question; using that answer.", person)
        answered = datetime.fromisoformat(event["responded_at"])
        return self.execute_complete(context, event | {"responded_at": answered})

    def execute_complete(self, context: Any, event: dict[str, Any]) -> Any:
        """Store the decision, then continue or skip the promotion.

        Asks again if the reason is missing.
        """
        from include.promotion import approve

        if "error" in event:
            return super().execute_complete(context, event)
        version, person = context["ti"].xcom_pull(task_ids=self.judged_by), event["responded_by_user"]
        given = event["params_input"] or {}
        reason = str(given.get(REASON) or "").strip()
        with dag_factory.fail_without_retry():
            question = approve.approval_question(open_project(load_use_case(self.use_case)), version)
        if person:
            self._require_same_question(given, question)
            if not reason or len(reason) > REASON_LENGTH:
                self.log.warning(
                    "%s answered %s %s, and nothing was decided. Asking again: fill in"
                    " %r with at most %d characters; the ledger keeps the reason with the name.",
                    *(answer_actor(person), escape_line(event["chosen_options"][0])),
                    *("with a reason that is too long" if reason else "without a reason", REASON, REASON_LENGTH),
                )
                return self._ask(context, question)
        task_links.set_version_links(self.use_case, version, task=self)  # again, since this is another process
        with dag_factory.fail_without_retry():
            result = approve.record_approval(
                open_project(load_use_case(self.use_case)),
                version,
                approved=event["chosen_options"] == [self.APPROVE],
                actor=answer_actor(person),
                reason=reason if person else "no answer in time is a rejection",
                timed_out=person is None,
            )
        if not result.approved:
            callbacks.notify_rejected(
                open_project(load_use_case(self.use_case)),
                result.version,
                f"Rejected by {result.actor}: {result.reason}",
            )
        self.params = ParamsDict(_fields(str(given.get(QUESTION) or "")))  # Airflow validates the answer against these
        return super().execute_complete(context, event)

    def _ask(self, context: Any, question: str) -> Any:
        self.params = ParamsDict(_fields(question))  # made here, so that no field of the run prefills them
        summary, _, details = (self.body or "").partition("\n\n")
        self.body = f"{summary}\n{self._deadline()}\n\n{details}"
        task_links.set_version_links(self.use_case, context["ti"].xcom_pull(task_ids=self.judged_by), task=self)
        return super().execute(context)

    def _deadline(self) -> str:
        """Return the line of the question that says until when it can be answered."""
        declared = load_use_case(self.use_case)
        end = (clock.now() + declared.approval.wait).astimezone(declared.zone)
        return f"- **Until when:** without an answer by {end:%Y-%m-%d %H:%M} {declared.time_zone} it is rejected."

    def _require_same_question(self, given: Mapping[str, Any], question: str) -> None:
        """Fail if the answer is to another question than this run would ask.

        Airflow keeps the text of a run's first question, even after cleared tasks have made another version.
        """
        if more := sorted(set(given) - {REASON, QUESTION}):
            fail_task(
                AirworthyError(
                    f"The answer has unknown fields: {shorten(', '.join(more), NAME_LENGTH)}. Nothing was"
                    f" decided. Over REST, send `params_input` with only {REASON!r} and {QUESTION!r}."
                )
            )
        if (answered := given.get(QUESTION)) != question:
            named = shorten(str(answered), NAME_LENGTH) if answered else "no named question"
            fail_task(
                AirworthyError(
                    f"The answer belongs to the question about {named}, but this run asks about"
                    f" {question}. Nothing was decided. Over REST, send `params_input` with {QUESTION!r} as in the"
                    f" question's `params`. If tasks of this run were cleared, trigger {self.use_case}__train again for"
                    " the same period: it reuses an equal training and asks the current question."
                )
            )


def _fields(question: str) -> dict[str, Param]:
    """Return the fields of an answer in addition to approve or reject."""
    return {
        REASON: Param(
            "",
            **params.A_REASON,
            title="Reason",
            description="Required; kept on the ledger with your name. Without a reason the question is asked again.",
        ),
        QUESTION: Param(
            question,
            **params.A_NAME,
            enum=[question],
            title="Decided on",
            description="The version that your answer is about.",
        ),
    }
