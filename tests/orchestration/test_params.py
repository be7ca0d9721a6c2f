"""Forms and their functions: each text has a maximum length, and each day an upper bound."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from types import SimpleNamespace
from typing import Any

import pytest
from airflow.dag_processing.dagbag import DagBag
from airflow.exceptions import InvalidPartitionKeyError
from airflow.models.backfill import InvalidBackfillDateRange
from airflow.sdk.exceptions import ParamValidationError
from pendulum import instance

from include.backtest import run as backtest_run
from include.declaration.form_limits import NAME_LENGTH, REASON_LENGTH, WINDOW_PERIODS, TextTooLongError
from include.declaration.period import LATEST, period_range
from include.errors import InvalidRequestError, NotBegunError
from include.features import build
from include.ingestion import ingest, quarantine, resubmit, uploads, validate
from include.maintenance import rebuild
from include.model.model_errors import TrainingWindowError
from include.monitoring import monitor
from include.orchestration import approval_operator, timetable
from include.orchestration import params as orchestration_params
from include.orchestration.tasks import manual
from include.orchestration.timetable import PeriodTimetable
from include.project import open_project
from include.promotion import approve, promote, rollback
from include.reproduction import lineage, reproduce
from include.retraining import decide
from include.scoring import score
from include.settings import REPOSITORY
from include.training import train, tune
from include.training.training_errors import MinutesError, TrialsError
from tests.refusals import fails_task, raises
from tests.toy_use_case import USE_CASE

pytestmark = pytest.mark.security

LAST = LATEST
HUGE = "x" * 5_000_000


def parts(schema: dict[str, Any], where: str) -> Iterator[tuple[str, dict[str, Any]]]:
    """Every schema within a JSON schema, with its place."""
    yield where, schema
    for name in ("items", "additionalProperties", "propertyNames"):
        if isinstance(schema.get(name), dict):
            yield from parts(schema[name], f"{where}.{name}")


def unbounded(schema: dict[str, Any]) -> list[str]:
    """Name what of a schema takes values of any size."""
    if "enum" in schema:
        return []
    kinds = {schema["type"]} if isinstance(schema.get("type"), str) else set(schema.get("type", ()))
    needed = {
        "string": ["maxLength"],
        "array": ["maxItems", "items"],
        "object": ["maxProperties", "additionalProperties", "propertyNames"],
        "integer": ["maximum"],
    }
    return [name for kind in kinds for name in needed.get(kind, ()) if name not in schema]


@pytest.fixture(scope="module")
def schemas() -> dict[str, dict[str, Any]]:
    """The schema of each field of each DAG's form and of the question to a person."""
    bag = DagBag(str(REPOSITORY / "dags"), bundle_path=REPOSITORY / "dags", bundle_name="test")
    found = {
        f"{name}.{field}": dag.params.get_param(field).schema for name, dag in bag.dags.items() for field in dag.params
    }
    return found | {f"approve.{name}": param.schema for name, param in approval_operator._fields("version 1").items()}


def test_no_field_of_a_form_takes_a_text_of_any_size(schemas):
    wrong = {
        place: missing
        for field, schema in schemas.items()
        for place, each in parts(schema, field)
        if (missing := unbounded(each)) and not place.endswith("propertyNames")
    }
    assert len(schemas) > 20 and wrong == {}


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("comment", HUGE),
        ("file", HUGE),
        ("known_on", "9" * 5_000),
        ("reasons", [HUGE]),
        ("reasons", ["x"] * 5_000),
        ("rows", ["x" * (NAME_LENGTH + 1)]),
    ],
)
def test_airflow_refuses_a_long_field_before_there_is_a_run(field, value):
    with pytest.raises(ParamValidationError):
        orchestration_params.quarantine_params(USE_CASE)[field].resolve(value)


LONG = {
    "rollback": lambda: rollback.roll_back(
        open_project(USE_CASE), "1", USE_CASE.first_period, actor="ann", reason=HUGE
    ),
    "rollback, version": lambda: rollback.roll_back(
        open_project(USE_CASE), HUGE, USE_CASE.first_period, actor="ann", reason="worse"
    ),
    "approve": lambda: approve.record_approval(open_project(USE_CASE), "1", approved=True, actor="ann", reason=HUGE),
    "approve, version": lambda: approve.record_approval(
        open_project(USE_CASE), HUGE, approved=True, actor="ann", reason="fine"
    ),
    "promote": lambda: promote.promote_version(open_project(USE_CASE), "1", actor="ann", reason=HUGE),
    "promote, version": lambda: promote.promote_version(open_project(USE_CASE), HUGE, actor="ann"),
    "score": lambda: score.score_period(open_project(USE_CASE), USE_CASE.first_period, version=HUGE),
    "train": lambda: train.train_model(open_project(USE_CASE), USE_CASE.first_period, reason=HUGE),
    "train, parameters": lambda: train.train_model(open_project(USE_CASE), USE_CASE.first_period, parameters={HUGE: 1}),
    "tune, parameters": lambda: tune.tune_parameters(
        open_project(USE_CASE), USE_CASE.first_period, trials=1, parameters={"num_leaves": HUGE}
    ),
    "reproduce": lambda: reproduce.reproduce_version(open_project(USE_CASE), HUGE),
    "correct, file": lambda: uploads.read_upload(open_project(USE_CASE), HUGE),
}


@pytest.mark.parametrize("what", LONG)
def test_a_function_refuses_what_its_form_would(what, lake_home):
    with pytest.raises(TextTooLongError):
        LONG[what]()


def test_a_training_for_a_decision_with_many_reasons_is_not_refused():
    from include.declaration.form_limits import shorten_reason

    assert len(shorten_reason("drift of " + ", ".join(f"feature_{number}" for number in range(2_000)))) == REASON_LENGTH


@pytest.mark.parametrize("periods", [WINDOW_PERIODS + 1, 10**30])
def test_a_window_longer_than_the_calendar_is_refused_in_words(periods, lake_home):
    for ask in (
        lambda: train.train_model(open_project(USE_CASE), USE_CASE.first_period, window_periods=periods),
        lambda: build.ensure_window(open_project(USE_CASE), USE_CASE.first_period, periods),
    ):
        with raises(TrainingWindowError, periods=periods, most=WINDOW_PERIODS):
            ask()


@pytest.mark.parametrize(
    ("budget", "refusal"),
    [
        ({"trials": 1001}, raises(TrialsError, trials=1001, most=1000)),
        ({"trials": 1, "minutes": 301}, raises(MinutesError, minutes=301, most=300)),
    ],
    ids=["trials", "minutes"],
)
def test_a_search_beyond_the_forms_budget_is_refused(budget, refusal, lake_home):
    with refusal:
        tune.tune_parameters(open_project(USE_CASE), USE_CASE.first_period, **budget)


FAR: dict[str, Callable[[], Any]] = {
    "ingest": lambda: ingest.ingest_period(open_project(USE_CASE), LAST),
    "validate": lambda: validate.validate_period(open_project(USE_CASE), LAST),
    "build_features": lambda: build.build_features(open_project(USE_CASE), LAST),
    "prepare": lambda: build.ensure_window(open_project(USE_CASE), LAST, None),
    "train": lambda: train.train_model(open_project(USE_CASE), LAST),
    "tune": lambda: tune.tune_parameters(open_project(USE_CASE), LAST, trials=1),
    "score": lambda: score.score_period(open_project(USE_CASE), LAST),
    "monitor": lambda: monitor.monitor_period(open_project(USE_CASE), LAST),
    "retrain": lambda: decide.decide_retraining(open_project(USE_CASE), LAST),
    "rollback": lambda: rollback.roll_back(open_project(USE_CASE), "1", LAST, actor="ann", reason="worse"),
    "replay, last": lambda: backtest_run.run_backtest(open_project(USE_CASE), USE_CASE.first_period, LAST),
    "replay": lambda: backtest_run.run_backtest(open_project(USE_CASE), LAST, LAST),
    "rebuild": lambda: rebuild.rebuild_table(open_project(USE_CASE), "features", LAST),
    "lineage": lambda: lineage.trace_lineage(open_project(USE_CASE), LAST, {}),
    "quarantine": lambda: quarantine.read_quarantine(open_project(USE_CASE), "events", LAST),
    "release": lambda: resubmit.resubmit_released(
        open_project(USE_CASE), "events", ["x"], actor="ann", comment="wrong", period=LAST
    ),
    "correct": lambda: resubmit.resubmit_corrected(
        open_project(USE_CASE), "events", "a.csv", b"", actor="ann", comment="wrong", period=LAST
    ),
}


@pytest.mark.parametrize("what", FAR)
def test_the_last_day_of_the_calendar_is_refused_in_words_everywhere(what, lake_home):
    with pytest.raises(InvalidRequestError):
        FAR[what]()


def test_a_rollback_from_the_last_day_of_the_calendar_is_refused_by_the_forms_task(lake_home, declare, run_as_task):
    declare(USE_CASE)
    run = SimpleNamespace(triggering_user_name="ann", run_type="manual")
    params = {"version": "1", "effective_from": "9999-12-31", "reason": "worse"}
    run_as_task({"params": params, "dag_run": run, "run_id": "r"})
    with fails_task(NotBegunError, period=LAST):
        manual.roll_back.function("toy")


def runs(first: datetime, last: datetime) -> list[str]:
    found = PeriodTimetable(timezone="America/New_York").iter_partition_dagrun_infos(
        earliest=instance(first), latest=instance(last)
    )
    return [info.partition_key for info in found]


def test_a_backfill_to_the_last_day_of_the_calendar_ends_today_without_walking_there(monkeypatch, set_clock):
    set_clock(datetime(2026, 3, 4, 12, tzinfo=UTC))
    walked = []
    monkeypatch.setattr(timetable, "period_range", lambda *ends: walked.extend(period_range(*ends)) or walked)
    ends = datetime(9999, 12, 31, 23, 59, 59, 999000, tzinfo=UTC)
    assert runs(datetime(2026, 3, 1, tzinfo=UTC), ends) == [f"2026-03-0{period}" for period in range(1, 5)]
    assert len(walked) < 10


def test_a_backfill_of_centuries_is_refused_in_words(set_clock):
    set_clock(datetime(2026, 3, 4, 12, tzinfo=UTC))
    with pytest.raises(InvalidBackfillDateRange, match=r"\b4,000\b"):
        runs(datetime(1, 1, 1, tzinfo=UTC), datetime(2026, 3, 1, tzinfo=UTC))


@pytest.mark.parametrize("zone", ["America/New_York", "Pacific/Auckland"])
@pytest.mark.parametrize("moment", [datetime(1, 1, 1, tzinfo=UTC), datetime(9999, 12, 31, 23, 59, 59, tzinfo=UTC)])
def test_no_day_of_the_calendar_breaks_the_timetable(zone, moment):
    timetable = PeriodTimetable(timezone=zone)
    assert timetable.localize_partition_datetime(instance(moment))
    with pytest.raises(InvalidPartitionKeyError):
        timetable.resolve_partition_date(str(moment.date()))
