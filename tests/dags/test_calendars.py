"""The DAGs of hourly and weekly use cases have the schedules, forms and texts of their calendar."""

from __future__ import annotations

from dataclasses import replace
from datetime import time

import pytest
from airflow.exceptions import ParamValidationError

from include.orchestration import dag_factory, params
from include.orchestration.timetable import PeriodTimetable
from include.use_case import Daily
from tests.counts_use_case import USE_CASE as DAILY
from tests.hourly_use_case import USE_CASE as HOURLY
from tests.weekly_use_case import USE_CASE as WEEKLY

SIX = replace(DAILY, calendar=Daily(at=time(6)))
CASES = [
    (HOURLY, "hour", "2020-03-28T05Z", "hourly UTC", "hour of UTC", "Sundays 00:00 Europe/Berlin"),
    (
        *(WEEKLY, "week", "2019-W20-7", "Sundays 18:00 America/New_York", "Sunday at 18:00 America/New_York"),
        "Mondays 00:00 America/New_York",
    ),
    (SIX, "day", "2020-03-28", "daily 06:00 UTC", "day at 06:00 UTC", "Mondays 00:00 UTC"),
]


@pytest.mark.parametrize(
    ("use_case", "unit", "key", "summary", "due", "trains"), CASES, ids=["hourly", "weekly", "at six"]
)
def test_schedule_form_and_texts_are_those_of_the_calendar(use_case, unit, key, summary, due, trains):
    made = {kind: dag_factory.period_dag(use_case, kind) for kind in ("data", "score", "monitor")}
    made["retrain"] = dag_factory.period_dag(use_case, "retrain", from_now_on=True)
    train = dag_factory.training_dag(use_case, "train", params=params.train_params(use_case))
    for kind, dag in made.items():
        assert isinstance(dag.timetable, PeriodTimetable)
        assert dag.timetable.summary == summary
        assert dag.description.startswith(f"Each {due}:"), kind
    assert train.timetable.summary == trains
    for dag in (*made.values(), train):
        param = dag.params.get_param("period")
        assert param.value is None and unit in param.description
        assert param.resolve(key) == key
        if unit == "day":  # by a calendar; of hours and weeks the task says how they are written
            with pytest.raises(ParamValidationError):
                param.resolve("2020-03-28T05Z")
        else:
            assert param.resolve("2020-03-28T5") and key[4:5] in param.description


def test_scores_by_a_coarser_schedule_and_trainings_by_hand():
    use_case = replace(HOURLY, score_schedule=Daily(at=time(6)), training=replace(HOURLY.training, schedule=None))
    score = dag_factory.period_dag(use_case, "score", due=use_case.score_schedule)
    assert score.timetable.summary == "daily 06:00 Europe/Berlin"
    train = dag_factory.training_dag(use_case, "train", params={})
    assert train.timetable.summary == "by hand"
