"""The form that resubmits quarantined rows, and its task."""

from types import SimpleNamespace

import pytest
from airflow.sdk.exceptions import ParamValidationError

from include.ingestion import uploads
from include.ingestion.correction_errors import FieldsConflictError, PeriodNotFreeError, ReasonsUnknownError
from include.ingestion.correction_log import CorrectionLog
from include.ingestion.uploads import UploadNameError
from include.orchestration import params as orchestration_params
from include.orchestration.tasks import manual
from include.project import open_project
from tests.quarantined import BOTH, DAY, HOUR, NEXT, edited, land, spoil
from tests.refusals import fails_task
from tests.toy_use_case import USE_CASE


@pytest.fixture
def form(lake_home, monkeypatch, declare, run_as_task):
    """Fills in the form and runs the task; two events of DAY are quarantined."""
    declare(USE_CASE)
    spoil(monkeypatch, "events", "hour", [25, -1], DAY)
    land("events", DAY)

    def sent(**fields):
        params = orchestration_params.quarantine_params(USE_CASE)
        values = {name: param.resolve(fields.get(name, param.value)) for name, param in params.items()}
        run = SimpleNamespace(triggering_user_name="ann", run_type="manual")
        context = {"params": values, "dag_run": run, "run_id": "manual__1"}
        run_as_task(context)
        return manual.resubmit.function("toy")

    return sent


def test_the_form_releases_rows_and_the_record_names_the_person(form):
    done = form(reasons=[HOUR], quarantined_on=str(DAY), comment="the limit was wrong")
    assert (done["known_on"], done["rows"], done["new"]) == (str(NEXT), 2, True)
    (record,) = CorrectionLog.open(open_project(USE_CASE), "events").accepted()
    assert (record.actor, record.comment) == ("ann (run 'manual__1')", "the limit was wrong")


def test_a_task_that_is_cleared_sends_nothing_twice(form):
    fields = {"reasons": [HOUR], "comment": "the limit was wrong"}
    assert [form(**fields)["new"], form(**fields)["new"]] == [True, False]
    land("events", NEXT)
    assert form(**fields)["known_on"] == str(NEXT)


def test_the_form_corrects_with_a_file_of_the_inbox(form):
    (uploads.upload_folder(open_project(USE_CASE)) / "hours.csv").write(edited(*BOTH).encode())
    assert (
        form(action="correct", file="hours.csv", known_on="2020-01-15", comment="mistyped")["known_on"] == "2020-01-15"
    )


@pytest.mark.parametrize(
    ("fields", "failure"),
    [
        ({"action": "correct", "file": "../../secret.csv"}, fails_task(UploadNameError, name="../../secret.csv")),
        ({"action": "correct", "file": "/etc/passwd"}, fails_task(UploadNameError, name="/etc/passwd")),
        ({"action": "correct"}, fails_task(FieldsConflictError, action="correct")),
        ({"reasons": [HOUR], "known_on": str(DAY)}, fails_task(PeriodNotFreeError, problem="quarantined", limit=DAY)),
        ({"reasons": ["no such reason"]}, fails_task(ReasonsUnknownError, reasons=("no such reason",))),
    ],
    ids=["outside", "absolute", "no file", "day", "reason"],
)
def test_what_cannot_be_done_fails_at_once_and_changes_nothing(form, fields, failure):
    with failure:
        form(comment="because", **fields)
    assert CorrectionLog.open(open_project(USE_CASE), "events").accepted() == []


@pytest.mark.parametrize(
    ("field", "wrong"),
    [("feed", "../events"), ("action", "drop"), ("quarantined_on", "yesterday"), ("known_on", "../2020"),
     ("reasons", [""]), ("reasons", "one"), ("rows", [1])],
)  # fmt: skip
def test_the_form_refuses_what_is_no_value_of_a_field(field, wrong):
    with pytest.raises(ParamValidationError):
        orchestration_params.quarantine_params(USE_CASE)[field].resolve(wrong)
