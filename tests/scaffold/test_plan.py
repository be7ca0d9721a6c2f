"""What `airworthy new` reads from a sample, and what it refuses."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
import pytest

from include.declaration.problems import DeclarationError
from include.scaffold.answers import Answers
from include.scaffold.plan import Plan, plan_use_case
from include.scaffold.sample import read_sample
from include.scaffold.target import class_names
from include.use_case import Multiclass, Regression
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
        ({"positive": ""}, "of a yes or no is 0 or 1"),
        ({"positive": "maybe"}, "nothing to learn"),
        ({"positive": "", "task": "regression"}, "holds no numbers"),
        ({"positive": "", "task": "multiclass"}, "has 2 values, and classes are 3 to"),
        ({"label": "°C at noon", "positive": "", "loss": "poison"}, "loss is one of"),
        ({"label": "loaves", "positive": "", "known_before": (), "interval": (0.9, 0.1)}, "the lower first"),
        ({"sample_table": "ovens"}, "give a file or a table"),
    ],
)
def test_answers_that_do_not_fit_the_sample_are_refused_with_what_is_there(answers, changes, said):
    assert any(said in problem for problem in problems(lambda: planned(replace(answers, **changes))))


def test_what_is_predicted_follows_from_the_values_of_the_label(answers):
    plain = replace(answers, positive="", known_before=("recipe",))
    count = planned(replace(plain, label="loaves"))
    assert count.target.task == Regression(objective="poisson", intervals=(0.1, 0.9))
    assert count.features.season == "loaves_7d_ago" and count.observed.columns["loaves"] == "int64"
    amount = planned(replace(plain, label="°C at noon", loss="l1", interval=()))
    assert amount.target.task == Regression(objective="l1")
    classes = planned(replace(plain, label="baker"))
    assert classes.target.task == Multiclass(classes=("A", "B", "C")), "in plain letters"
    assert classes.target.class_names == {"A": "A", "B": "B", "Ç": "C"}
    assert set(classes.target.labels.to_pylist()) == {"A", "B", "C"}
    assert "baker_C_share_7d" in classes.features.declared and not classes.features.season


def test_names_of_classes_differ_and_have_plain_letters_only():
    found = class_names(["a/b", "a?b", "groß", "Straße 1", "晴", "雨"])
    assert found == {
        "a/b": "a_b",
        "a?b": "a_b 2",
        "groß": "gross",
        "Straße 1": "Strasse 1",
        "晴": "class 5",
        "雨": "class 6",
    }


def test_a_negative_label_is_no_count(answers, tmp_path):
    sample = read_sample(answers.sample)
    below = pc.subtract(sample.rows["loaves"], 100)
    pq.write_table(sample.rows.append_column("profit", below), tmp_path / "ovens.parquet")
    profit = replace(answers, sample=tmp_path / "ovens.parquet", label="profit", positive="")
    assert planned(profit).target.task.objective == "l2"
    assert any("does not allow" in problem for problem in problems(lambda: planned(replace(profit, loss="gamma"))))


def test_limits_of_a_numeric_label_have_room_and_a_missing_one_is_no_mistake(answers):
    plan = planned(replace(answers, label="loaves", positive="", known_before=("recipe",)))
    limit = next(limit for limit in plan.observed.suite.limits if limit.column == "loaves")
    assert limit.low == 0 and limit.high > 250
    assert "loaves" not in plan.observed.suite.complete


def test_a_history_that_is_too_short_is_refused(answers, tmp_path):
    short = write_ovens(tmp_path / "short.csv", periods=8)
    assert any("covers 8 days" in problem for problem in problems(lambda: planned(replace(answers, sample=short))))


def test_a_file_that_cannot_be_read_is_refused(answers, tmp_path):
    broken = tmp_path / "broken.parquet"
    broken.write_bytes(b"PAR1")
    assert any("cannot be read" in problem for problem in problems(lambda: planned(replace(answers, sample=broken))))
