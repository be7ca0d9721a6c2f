"""What `airworthy new` reads from a sample, and what it refuses."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from include.declaration.problems import DeclarationError
from include.scaffold.answers import Answers
from include.scaffold.plan import Plan, plan_use_case
from include.scaffold.sample import read_sample
from tests.scaffold.ovens import write_ovens


@pytest.fixture
def answers(tmp_path: Path) -> Answers:
    return Answers(
        name="burnt_bread",
        sample=write_ovens(tmp_path / "ovens.csv"),
        date="baked_on",
        label="burnt",
        keys=("oven",),
        known_before=("recipe", "loaves"),
        positive="yes",
        owner="bakery",
    )


def planned(answers: Answers) -> Plan:
    return plan_use_case(answers, read_sample(answers.sample), "bakery.burnt_bread")


def problems(ask: Any) -> list[str]:
    with pytest.raises(DeclarationError) as refused:
        ask()
    return [str(problem) for problem in refused.value.problems]


def test_columns_known_before_and_others_are_two_feeds_in_their_types(answers):
    plan = planned(answers)
    assert plan.keys == ("baked_on", "oven")
    assert dict(plan.planned.columns) == {
        "baked_on": "date32",
        "oven": "string",
        "recipe": "string",
        "loaves": "int64",
    }
    assert dict(plan.observed.columns) == {
        "baked_on": "date32",
        "oven": "string",
        "°C at noon": "float64",
        "baker": "string",
        "burnt": "int8",
    }
    assert plan.sample.left_out == {"never": "it has no value"}


def test_weekdays_without_rows_are_found(answers):
    plan = planned(answers)
    assert (plan.closed, plan.periods_without_rows) == ((7,), ())


def test_keys_that_come_again_group_the_trailing_means(answers):
    features = planned(answers).features
    assert features.group == ("oven",)
    assert features.declared["oven"] == features.declared["recipe"] == "category"
    assert {"C_at_noon_mean_3d", "burnt_share_7d", "rows_3d"} <= {*features.declared}


def test_keys_that_never_come_again_are_no_features(answers, tmp_path):
    sample = read_sample(answers.sample)
    ids = pa.array([f"{number:05}" for number in range(sample.rows.num_rows)])
    pq.write_table(sample.rows.append_column("batch", ids), tmp_path / "ovens.parquet")
    features = planned(
        replace(answers, sample=tmp_path / "ovens.parquet", keys=("batch",), known_before=("recipe",))
    ).features
    assert "batch" not in features.declared
    assert features.group == ("recipe",), "the text with few values"


def test_local_times_become_a_date_and_an_hour(tmp_path):
    start = datetime(2024, 1, 1)  # noqa: DTZ001
    times = [start + timedelta(hours=number) for number in range(24 * 30)]
    rows = pa.table({"at": times, "riders": [number % 50 for number in range(len(times))]})
    rows = rows.append_column("peak", pa.array([number % 24 in (8, 17) for number in range(len(times))]))
    pq.write_table(rows, tmp_path / "rides.parquet")
    plan = planned(Answers("rides", tmp_path / "rides.parquet", date="at", label="peak", owner="town"))
    assert plan.keys == ("date", "hour")
    assert plan.planned.columns == {"date": "date32", "hour": "int8"}
    assert plan.features.group == ("hour",)


def test_every_row_of_the_sample_meets_what_is_proposed_with_room_to_spare(answers):
    plan = planned(answers)
    loaves = next(limit for limit in plan.planned.suite.limits if limit.column == "loaves")
    assert loaves.low == 0 and loaves.high > 250
    degrees = plan.observed.suite.limits[0]
    assert degrees.low < 200 and degrees.high > 260
    assert (plan.planned.suite.min_rows, plan.planned.suite.max_rows) == (3, 48)
    assert plan.planned.suite.complete == ("recipe", "loaves")
    assert "°C at noon" not in plan.observed.suite.complete, "it has nulls"


def test_a_file_with_another_delimiter_is_read(answers, tmp_path):
    other = write_ovens(tmp_path / "semicolons.csv", delimiter=";")
    assert planned(replace(answers, sample=other)).sample.delimiter == ";"


def test_everything_wrong_with_the_answers_is_said_at_once(tmp_path):
    found = problems(
        lambda: Answers("Bread", tmp_path / "gone.csv", "period", "period", label_delay=0, time_zone="Europe/Berlim")
    )
    assert len(found) == 5


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"date": "baked_at"}, "has no column 'baked_at'"),
        ({"date": "baker"}, "'baker' holds no dates"),
        ({"keys": ()}, "some rows have the same keys"),
        ({"label": "never", "positive": ""}, "cannot be used: it has no value"),
        ({"positive": ""}, "a label is 0 or 1"),
        ({"positive": "maybe"}, "nothing to learn"),
    ],
)
def test_answers_that_do_not_fit_the_sample_are_refused_with_what_is_there(answers, changes, said):
    assert any(said in problem for problem in problems(lambda: planned(replace(answers, **changes))))


def test_a_history_that_is_too_short_is_refused(answers, tmp_path):
    short = write_ovens(tmp_path / "short.csv", periods=8)
    assert any("covers 8 days" in problem for problem in problems(lambda: planned(replace(answers, sample=short))))


def test_a_file_that_cannot_be_read_is_refused(answers, tmp_path):
    broken = tmp_path / "broken.parquet"
    broken.write_bytes(b"PAR1")
    assert any("cannot be read" in problem for problem in problems(lambda: planned(replace(answers, sample=broken))))
