"""measure: what predictions turned out to be worth, once labels are known."""

from datetime import date, timedelta
from pathlib import Path

import pyarrow as pa
import pytest

from include.stages import measure, score
from include.storage.lake import Lake
from tests import toy
from tests.conftest import AS_OF, LAST, move, moved_into
from tests.toy_use_case import USE_CASE, source

NEXT = AS_OF + timedelta(days=1)


@pytest.fixture(scope="module")
def scored_home(tmp_path_factory, champion_home) -> Path:
    """The day of the training and the next are scored; not written to."""
    home = tmp_path_factory.mktemp("scored") / "home"
    with moved_into(champion_home, home):
        score.run(USE_CASE, AS_OF), score.run(USE_CASE, NEXT)
    return home


@pytest.fixture(autouse=True)
def _scored(lake_home, scored_home, monkeypatch):
    move(scored_home, lake_home, monkeypatch)


def written(day: date) -> dict[tuple[str, str], float]:
    rows = Lake.of(USE_CASE).as_of(LAST).read("metrics", since=day, until=day).to_pylist()
    return {(row["subject"], row["metric"]): row["value"] for row in rows}


def empty(table: str, day: date) -> None:
    lake = Lake.of(USE_CASE)
    nothing = lake.as_of(day).read(table, since=day).drop_columns(["day"]).slice(0, 0)
    lake.replace(table, day, nothing, inputs={}, stage="test")


def test_a_days_metrics_are_those_of_its_rows_and_labels():
    found = measure.run(USE_CASE, AS_OF)
    truth = source.everything(AS_OF)["failed"].to_pylist()
    said = Lake.of(USE_CASE).as_of(AS_OF).read("predictions", since=AS_OF, order_by=USE_CASE.keys)
    pairs = zip(truth, said["probability"].to_pylist(), strict=True)
    assert found.measured
    assert found.metrics["model"]["brier"] == pytest.approx(sum((y - p) ** 2 for y, p in pairs) / source.ROWS)
    assert found.metrics["model"]["base_rate"] == pytest.approx(sum(truth) / source.ROWS)
    assert written(AS_OF)[("model", "brier")] == found.metrics["model"]["brier"]


def test_model_and_baselines_stand_side_by_side():
    found = measure.run(USE_CASE, AS_OF).metrics
    assert {subject for subject, _ in written(AS_OF)} == {"model", "prior", "logistic"}
    assert found["model"]["log_loss"] < found["prior"]["log_loss"]
    assert found["prior"]["auc"] == 0.5
    assert found["logistic"]["log_loss"] != found["prior"]["log_loss"]


def test_a_rerun_commits_nothing():
    assert measure.run(USE_CASE, AS_OF).changed
    assert not measure.run(USE_CASE, AS_OF).changed


def test_a_day_that_is_not_scored_waits():
    found = measure.run(USE_CASE, AS_OF + timedelta(days=3))
    assert (found.measured, found.reason) == (False, "2020-03-04 is not scored yet")
    assert written(AS_OF + timedelta(days=3)) == {}


@pytest.mark.parametrize("after", [1, 2])
def test_a_day_whose_labels_are_not_complete_waits_whichever_day_is_missing(after):
    empty("features", AS_OF + timedelta(days=after))
    found = measure.run(USE_CASE, AS_OF)
    assert not found.measured
    assert found.reason == f"labels of 2020-03-01 are not complete: toy__data has not run for ['2020-03-0{1 + after}']"
    assert written(AS_OF) == {}


def test_a_label_that_never_comes_is_counted_as_missing():
    empty("labels", AS_OF + timedelta(days=2))  # the late seventh part
    found = measure.run(USE_CASE, AS_OF)
    late = sum(source._late(source.everything(AS_OF)))
    assert found.metrics["model"]["rows"] == source.ROWS
    assert found.metrics["model"]["labelled_rows"] == source.ROWS - late
    assert found.reason == f"{source.ROWS - late} of {source.ROWS} rows have a label."


def test_a_day_without_any_label_has_its_rows_and_nothing_more():
    for after in (1, 2):
        empty("labels", AS_OF + timedelta(days=after))
    found = measure.run(USE_CASE, AS_OF)
    assert found.measured
    assert found.metrics["model"] == {"rows": source.ROWS, "labelled_rows": 0}


def test_with_one_class_auc_is_left_out():
    lake = Lake.of(USE_CASE)
    for day in (AS_OF + timedelta(days=1), AS_OF + timedelta(days=2)):
        rows = lake.as_of(day).read("labels", since=day).drop_columns(["day"])
        rows = rows.set_column(2, "failed", pa.array([0] * len(rows), pa.int8()))
        lake.replace("labels", day, rows, inputs={}, stage="test")
    found = measure.run(USE_CASE, AS_OF).metrics["model"]
    assert "auc" not in found
    assert found["base_rate"] == 0


def test_a_correction_after_the_label_matured_changes_nothing():
    measure.run(USE_CASE, AS_OF)
    day = AS_OF + timedelta(days=3)
    rows = Lake.of(USE_CASE).as_of(day).read("labels", since=day).drop_columns(["day"])
    wrong = source.everything(AS_OF).select(["event_date", "id", "failed"])
    wrong = wrong.set_column(2, "failed", pa.array([1] * len(wrong), pa.int8()))
    Lake.of(USE_CASE).replace("labels", day, pa.concat_tables([rows, wrong]), inputs={}, stage="test")
    assert not measure.run(USE_CASE, AS_OF).changed


def test_realised_metrics_are_over_rows_of_all_days_and_say_which_wait():
    found = measure.realised(USE_CASE, AS_OF, AS_OF + timedelta(days=2))
    assert found.days == ("2020-03-01", "2020-03-02")
    assert found.waiting == {"2020-03-03": "2020-03-03 is not scored yet"}
    assert found.rows == 2 * source.ROWS
    each = [measure.run(USE_CASE, day).metrics["model"]["log_loss"] for day in (AS_OF, NEXT)]
    assert found.metrics["model"]["log_loss"] == pytest.approx(sum(each) / 2)


def test_realised_over_days_that_all_wait_is_empty():
    found = measure.realised(USE_CASE, LAST, LAST)
    assert (found.rows, found.metrics, len(found.waiting)) == (0, {}, 1)


def test_the_last_days_wait_until_the_lake_has_their_labels():
    score.run(USE_CASE, LAST)
    assert not measure.run(USE_CASE, LAST).measured
    toy.fill(Lake.of(USE_CASE), LAST + timedelta(days=1), LAST + timedelta(days=2))
    assert measure.run(USE_CASE, LAST).measured
