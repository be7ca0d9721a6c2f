"""The approval request: recorded user, matching of answer and question, and no answer lost or misread."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from datetime import UTC, datetime
from types import SimpleNamespace
from typing import Any
from uuid import UUID

import pytest
from airflow.providers.standard.operators import hitl
from airflow.sdk.exceptions import (
    AirflowFailException,
    AirflowRuntimeError,
    AirflowSkipException,
    ErrorType,
    TaskAwaitingInput,
    TaskDeferred,
)
from airflow.sdk.execution_time import task_runner
from airflow.sdk.execution_time.comms import ErrorResponse

from include.orchestration.answer_lookup import AnswerLookup
from include.orchestration.approval_operator import QUESTION, REASON, PromotionApproval
from include.orchestration.tasks import train as tasks
from include.project import open_project
from include.promotion import approve
from include.registry.ledger import Ledger
from include.registry.mlflow_registry import Registry
from tests.conftest import AS_OF
from tests.contexts import AssetEvents, Configure
from tests.refusals import raises
from tests.toy_use_case import USE_CASE
from tests.versions import gate_result, judge, promoted, register

ANN = {"id": "1", "name": "ann"}


class Asking:
    """An `approve` task of a version, with Airflow's side of the question."""

    def __init__(self, version: str, monkeypatch: pytest.MonkeyPatch) -> None:
        self.version, self.asked = version, []
        monkeypatch.setattr(hitl, "upsert_hitl_detail", lambda **question: self.asked.append(question))
        monkeypatch.setattr(PromotionApproval, "skip", lambda *_, **__: None)

    def operator(self, try_number: int = 1) -> tuple[PromotionApproval, dict[str, Any]]:
        made = PromotionApproval(task_id="approve", use_case=USE_CASE)
        ti = SimpleNamespace(id=UUID(int=7), try_number=try_number, xcom_pull=lambda task_ids: self.version)
        return made, {"ti": ti, "task_instance": ti, "task": made}

    def ask(self, try_number: int = 1) -> dict[str, Any]:
        """Ask, and return the fields of the answer's form."""
        operator, context = self.operator(try_number)
        with pytest.raises(TaskAwaitingInput):
            operator.execute(context)
        return {name: param["value"] for name, param in self.asked[-1]["params"].items()}

    def answer(self, chosen: str, fields: dict[str, Any], person: dict[str, str] | None = ANN) -> None:
        operator, context = self.operator()
        operator.execute_complete(context, event(chosen, fields, person))


def event(chosen: str, fields: dict[str, Any], person: dict[str, str] | None = ANN) -> dict[str, Any]:
    return {
        "chosen_options": [chosen],
        "params_input": fields,
        "responded_at": datetime.now(UTC),
        "responded_by_user": person,
    }


@pytest.fixture
def asking(
    trained_toy: str, monkeypatch: pytest.MonkeyPatch, configure: Configure, declare: Callable[..., None]
) -> Asking:
    declare(USE_CASE)
    configure.airflow("operators", default_deferrable="True")
    configure.connections(airworthy_smtp=None, airworthy_webhook=None)
    return Asking(register(trained_toy, reason="the weekly training"), monkeypatch)


def test_no_field_of_an_answer_has_the_name_of_a_field_of_the_trainings_form(asking):
    from include.orchestration import params

    assert not set(asking.ask()) & {"period", *params.train_params(USE_CASE)}


def test_an_answer_that_touches_no_field_decides_nothing_and_is_asked_again(asking, capsys):
    fields = asking.ask()
    assert fields[REASON] == ""
    with pytest.raises(TaskAwaitingInput):
        asking.answer("Approve", fields)
    assert approve.approval_decision(open_project(USE_CASE), asking.version) is None
    assert "ann answered Approve without a reason, and nothing was decided" in capsys.readouterr().out


def test_the_question_says_until_when_it_can_be_answered(asking, set_clock):
    set_clock(datetime(2026, 11, 28, 22, 30, tzinfo=UTC))
    operator, context = asking.operator()
    operator.body = "- What changes: all\n- From when: now\n\n| a | table |"
    with pytest.raises(TaskAwaitingInput):
        operator.execute(context)
    summary, details = operator.body.split("\n\n")
    end = (datetime(2026, 11, 28, 22, 30, tzinfo=UTC) + USE_CASE.approval.wait).astimezone(USE_CASE.zone)
    assert f"{end:%Y-%m-%d %H:%M} {USE_CASE.time_zone}" in summary.splitlines()[-1]
    assert summary.startswith("- What changes: all\n- From when: now\n- ") and details == "| a | table |"


@pytest.mark.parametrize("blank", ["  ", "\n\t", None])
def test_a_blank_reason_is_none(asking, blank):
    with pytest.raises(TaskAwaitingInput):
        asking.answer("Reject", asking.ask() | {REASON: blank})
    assert Ledger.open(USE_CASE).entries() == []


def test_the_ledger_has_the_approvers_reason_under_the_approvers_name(asking):
    asking.answer("Approve", asking.ask() | {REASON: " calibrated well "})
    assert promoted(asking.version, actor="a run", approval_required=True).promoted
    _, entry = Ledger.open(USE_CASE).entries()
    assert entry.actor == "a run, approved by ann"
    assert entry.reason.endswith("approved: calibrated well")


def test_an_answer_to_a_question_about_another_version_decides_nothing(asking, trained_toy):
    fields = asking.ask() | {REASON: "fine"}
    asking.version = register(trained_toy)
    with raises(AirflowFailException, fields[QUESTION], approve.approval_question(open_project(USE_CASE), "2")):
        asking.answer("Approve", fields)
    assert approve.approval_decision(open_project(USE_CASE), "2") is None


def test_an_answer_that_names_no_question_decides_nothing(asking):
    asking.ask()
    with raises(AirflowFailException, approve.approval_question(open_project(USE_CASE), asking.version)):
        asking.answer("Approve", {REASON: "fine"})
    assert approve.approval_decision(open_project(USE_CASE), asking.version) is None


def test_a_later_try_looks_for_the_answer_before_it_would_wipe_it_by_asking(asking):
    operator, context = asking.operator(try_number=2)
    with pytest.raises(TaskDeferred) as deferred:
        operator.execute(context)
    assert deferred.value.trigger.serialize()[1]["ti_id"] == str(UUID(int=7))
    assert (deferred.value.method_name, asking.asked) == ("resume", [])


def test_an_answer_that_only_airflow_has_is_taken_by_the_next_try(asking):
    found = looked_up(stored("Approve", asking.ask() | {REASON: "quick"}))
    operator, context = asking.operator(try_number=2)
    assert operator.resume(context, found)["chosen_options"] == ["Approve"]
    assert approve.approval_decision(open_project(USE_CASE), asking.version).approved
    assert len(asking.asked) == 1, "asking again would have wiped it"


@pytest.mark.parametrize("of", ["no person", "another question", "no answer", "nothing asked"])
def test_what_is_no_answer_of_a_person_to_this_question_is_asked_again(asking, of, capsys):
    fields = asking.ask() | {REASON: "quick"}
    answers = {
        "no person": stored("Reject", fields, person=None),
        "another question": stored("Approve", fields | {QUESTION: "version 9"}),
        "no answer": SimpleNamespace(response_received=False, responded_by_user=None),
        "nothing asked": None,
    }
    operator, context = asking.operator(try_number=2)
    with pytest.raises(TaskAwaitingInput):
        operator.resume(context, looked_up(answers[of]))
    assert approve.approval_decision(open_project(USE_CASE), asking.version) is None
    assert len(asking.asked) == 2
    assert "is stored; asking again" in capsys.readouterr().out


def looked_up(answer: SimpleNamespace | None) -> dict[str, Any] | None:
    """What the trigger finds where Airflow keeps that answer."""

    class Comms:
        async def asend(self, message):
            assert message.ti_id == UUID(int=7)
            if answer is None:
                raise AirflowRuntimeError(ErrorResponse(error=ErrorType.GENERIC_ERROR))
            return answer

    async def first() -> dict[str, Any] | None:
        async for event in AnswerLookup(str(UUID(int=7)), wait=0).run():
            return event.payload
        raise AssertionError("no event")

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(task_runner, "SUPERVISOR_COMMS", Comms(), raising=False)
        return asyncio.run(first())


def test_no_answer_in_time_needs_no_reason_and_rejects(asking):
    asking.answer("Reject", asking.ask(), person=None)
    [entry] = Ledger.open(USE_CASE).entries()
    assert (entry.action, entry.actor) == ("rejection", "no user (no answer in time)")


def stored(chosen: str, fields: dict[str, Any], person: dict[str, str] | None = ANN) -> SimpleNamespace:
    """An answer as Airflow keeps it."""
    return SimpleNamespace(
        response_received=True,
        responded_by_user=SimpleNamespace(**person) if person else None,
        responded_at=datetime.now(UTC),
        chosen_options=[chosen],
        params_input=fields,
    )


@pytest.fixture
def promoting(
    asking: Asking,
    declare: Callable[..., None],
    run_as_task: Callable[[dict[str, Any]], AssetEvents],
) -> dict[str, Any]:
    """What the task `promote` runs in, and leaves."""
    left: dict[str, Any] = {}
    ti = SimpleNamespace(xcom_push=lambda key, value: left.update({key: value}))
    run = SimpleNamespace(run_type="manual", triggering_user_name="bob", partition_key=str(AS_OF))
    context = {"ti": ti, "run_id": "approved-by-the-board", "dag_run": run, "params": {"promotion": "automatic"}}
    left["events"] = run_as_task(context)
    declare(USE_CASE)
    return left


def test_a_version_that_is_not_promoted_skips_the_task_with_the_reason_and_raises_no_event(asking, promoting):
    judge(Registry(USE_CASE).version(asking.version).run_id, [gate_result("failed")])
    with pytest.raises(AirflowSkipException):
        tasks.promote.function(USE_CASE.name, asking.version)
    assert not promoting["events"]
    assert promoting["return_value"]["promoted"] is False, "the retraining reads what became of it"


def test_a_promotion_is_by_the_user_who_started_the_run_whatever_the_run_is_called(asking, promoting):
    tasks.promote.function(USE_CASE.name, asking.version)
    [entry] = Ledger.open(USE_CASE).entries()
    assert entry.actor == "bob (run 'approved-by-the-board')"


@pytest.mark.parametrize("fields", [{REASON: "x" * 2_001}, {REASON: "x" * 5_000_000}])
def test_an_answer_with_a_reason_that_is_too_long_decides_nothing_and_is_asked_again(asking, fields, capsys):
    with pytest.raises(TaskAwaitingInput):
        asking.answer("Approve", asking.ask() | fields)
    assert approve.approval_decision(open_project(USE_CASE), asking.version) is None
    said = capsys.readouterr().out
    assert "with a reason that is too long, and nothing was decided" in said and len(said) < 20_000


def test_an_answer_with_other_fields_decides_nothing_and_is_not_repeated_in_full(asking):
    with raises(AirflowFailException, "xxx") as failed:
        asking.answer("Approve", asking.ask() | {REASON: "fine", "x" * 5_000_000: "y"})
    assert approve.approval_decision(open_project(USE_CASE), asking.version) is None and len(str(failed.value)) < 1_000


def test_no_one_is_asked_of_a_version_that_failed_its_gates_and_the_log_says_which(
    trained_toy, declare, run_as_task, caplog
):
    version = register(trained_toy, gates="failed", status="rejected")
    declare(USE_CASE)
    run = {"ti": SimpleNamespace(dag_id="toy__train"), "dag_run": SimpleNamespace(run_id="manual__1")}
    run_as_task({"params": {"promotion": "approval"}, **run})
    assert tasks.request_approval.function(USE_CASE.name, version) is None
    assert "No approval is requested: version 1 did not pass its gates. It is bad." in caplog.text
