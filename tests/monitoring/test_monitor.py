"""measure: metrics of a day, its version and the newest labels, in the partition of the day they became known."""

from pathlib import Path

import pyarrow as pa
import pytest

from include.declaration.period import Period, period_range
from include.lake.lake import Lake
from include.monitoring import labelled_predictions, monitor
from include.project import open_project
from include.scoring import score
from tests import toy
from tests.conftest import AS_OF, LAST, move, moved_into
from tests.toy_use_case import USE_CASE, source

pytestmark = [pytest.mark.slow, pytest.mark.both_places(long=True)]

NEXT = AS_OF + 1
KNOWN = AS_OF + USE_CASE.label.label_delay_periods
"""The day at which the labels of AS_OF are complete."""


@pytest.fixture(scope="module")
def scored_home(tmp_path_factory, champion_home) -> Path:
    """Every day from that of the training on is scored; not written to."""
    home = tmp_path_factory.mktemp("scored") / "home"
    with moved_into(champion_home, home):
        for period in period_range(AS_OF, LAST):
            score.score_period(open_project(USE_CASE), period)
    return home


@pytest.fixture(autouse=True)
def _scored(lake_home, scored_home, monkeypatch):
    move(scored_home, lake_home, monkeypatch)


def written(period: Period) -> dict[tuple[str, str], dict]:
    """Rows of `metrics` by metric and subject; of performance those of the model alone have both names."""
    rows = Lake.open(USE_CASE).as_of(LAST).read("metrics", since=period, until=period).to_pylist()
    return {(row["metric"], row["subject"]): row for row in rows}


def measured(period: Period) -> dict[tuple[str, str], dict]:
    monitor.monitor_period(open_project(USE_CASE), period)
    return written(period)


def empty(table: str, period: Period) -> None:
    assert Lake.open(USE_CASE).remove_partition(table, period, stage="test").changed


def replaced(table: str, period: Period, change) -> None:
    lake = Lake.open(USE_CASE)
    rows = lake.as_of(period).read(table, since=period).drop_columns(["period"])
    lake.replace(table, period, change(rows), inputs={}, stage="test")


def labelled(value: int):
    """Rows of labels that all have that value."""
    return lambda rows: rows.set_column(2, "failed", pa.array([value] * len(rows), pa.int8()))


def test_a_days_metrics_are_those_of_its_rows_and_labels():
    found = measured(KNOWN)
    truth = source.everything(AS_OF)["failed"].to_pylist()
    said = Lake.open(USE_CASE).as_of(AS_OF).read("predictions", since=AS_OF, order_by=USE_CASE.keys)
    pairs = zip(truth, said["probability"].to_pylist(), strict=True)
    row = found["brier", "model"]
    assert row["value"] == pytest.approx(sum((y - p) ** 2 for y, p in pairs) / source.ROWS)
    assert (row["measured_period"], row["period"], row["model_version"]) == (AS_OF.start_date, KNOWN.start_date, "1")
    assert found["base_rate", "model"]["value"] == pytest.approx(sum(truth) / source.ROWS)


def test_model_and_baselines_are_side_by_side():
    found = measured(KNOWN)
    assert found["log_loss", "model"]["value"] < found["log_loss", "prior"]["value"]
    assert found["auc", "prior"]["value"] == 0.5
    assert found["log_loss", "logistic"]["value"] != found["log_loss", "prior"]["value"]


def test_the_day_itself_is_compared_with_its_versions_profile():
    found = measured(AS_OF)
    for name in USE_CASE.features:
        assert found["psi", name]["value"] >= 0 and found["psi", name]["breached"] is False
    assert found["null_share", "size"]["value"] == pytest.approx(0.1, abs=0.06)
    assert found["weighted_drift", "features"]["limit"] > 0
    assert found["prediction_drift", "prediction"]["value"] > 0
    assert {
        row["measured_period"] for row in found.values() if row["metric"] in ("psi", "predicted_positive_rate")
    } == {AS_OF.start_date}


def test_a_shift_in_what_the_model_looks_at_breaks_both_drifts():
    def shifted(rows):
        return rows.set_column(rows.schema.get_field_index("hour"), "hour", pa.array([3] * len(rows), pa.int32()))

    replaced("features", AS_OF, shifted)
    score.score_period(open_project(USE_CASE), AS_OF)
    result = monitor.monitor_period(open_project(USE_CASE), AS_OF)
    found = written(AS_OF)
    assert found["weighted_drift", "features"]["breached"] and found["prediction_drift", "prediction"]["breached"]
    assert found["psi", "hour"]["breached"] and not found["psi", "kind"]["breached"]
    assert any("hour" in breach and "PSI" in breach for breach in result.breaches)


def test_predictions_of_the_day_are_summed_up():
    said = Lake.open(USE_CASE).as_of(AS_OF).read("predictions", since=AS_OF)
    found = measured(AS_OF)
    assert found["mean_prediction", "prediction"]["value"] == pytest.approx(sum(said["probability"].to_pylist()) / 200)
    assert found["predicted_positive_rate", "prediction"]["value"] == sum(said["predicted_positive"].to_pylist()) / 200
    assert found["rows", "predictions"]["value"] == 200


def test_ages_are_counted_in_days():
    found = measured(NEXT)
    assert [found["staleness", name]["value"] for name in ("features", "labels", "predictions", "model")] == [
        0,
        0,
        0,
        1,
    ]


def test_a_rerun_commits_nothing():
    assert monitor.monitor_period(open_project(USE_CASE), KNOWN).changed
    assert not monitor.monitor_period(open_project(USE_CASE), KNOWN).changed


def test_the_window_grows_from_the_day_of_the_training_to_its_length_and_is_judged_from_its_least():
    few, enough = measured(AS_OF + 7), measured(AS_OF + 8)
    assert few["window/auc", "model"]["periods"] == 6 and enough["window/auc", "model"]["periods"] == 7
    assert few["skill_loss/log_loss", "prior"]["breached"] is None
    assert few["skill_loss/log_loss", "prior"]["missing_reason"].startswith("Only 6 days with labels")
    assert enough["skill_loss/log_loss", "prior"]["breached"] is False
    assert enough["skill_loss/log_loss", "prior"]["lower"] < enough["degradation/log_loss", "model"]["value"]
    assert enough["window/auc", "model"]["measured_period"] == (AS_OF + 6).start_date


def test_the_expected_metric_is_written_next_to_it():
    expected = measured(LAST)["expected/log_loss", "model"]
    assert expected["lower"] < expected["value"] < expected["upper"]
    assert expected["periods"] == USE_CASE.training.test_periods


def test_labels_that_turn_against_the_model_are_a_breach_of_performance():
    for period in period_range(NEXT, LAST):
        replaced("labels", period, lambda rows: rows.set_column(2, "failed", flipped(rows)))
    assert measured(LAST)["skill_loss/log_loss", "prior"]["breached"] is True


def flipped(rows: pa.Table) -> pa.Array:
    return pa.array([1 - value for value in rows["failed"].to_pylist()], pa.int8())


def test_a_label_that_never_comes_is_counted_as_missing():
    empty("labels", KNOWN)  # the late seventh part
    found = measured(KNOWN)
    late = sum(source._late(source.everything(AS_OF)))
    assert found["rows", "model"]["value"] == source.ROWS
    assert found["labelled_rows", "model"]["value"] == source.ROWS - late


def test_a_correction_after_the_label_matured_changes_nothing():
    before = measured(KNOWN)
    wrong = labelled(1)(source.everything(AS_OF).select(["event_date", "id", "failed"]))
    replaced("labels", KNOWN + 1, lambda rows: pa.concat_tables([rows, wrong]))
    assert not monitor.monitor_period(open_project(USE_CASE), KNOWN).changed
    assert written(KNOWN) == before


def test_a_day_measured_before_an_earlier_one_was_scored_is_measured_again():
    empty("predictions", AS_OF)
    assert measured(KNOWN)["labelled_rows", "model"]["value"] is None
    score.score_period(open_project(USE_CASE), AS_OF)
    assert monitor.remeasure_label_period(open_project(USE_CASE), AS_OF).changed
    assert written(KNOWN)["labelled_rows", "model"]["value"] == source.ROWS
    assert monitor.remeasure_label_period(open_project(USE_CASE), NEXT) is None  # its judge's day was not measured yet


def test_a_day_that_is_scored_after_it_was_measured_is_measured_again():
    in_order = measured(NEXT)
    empty("predictions", NEXT)
    assert "run toy__score" in measured(NEXT)["missing_predictions", "predictions"]["missing_reason"]
    score.score_period(open_project(USE_CASE), NEXT)
    monitor.remeasure_period(open_project(USE_CASE), NEXT)
    assert written(NEXT) == in_order


def test_scoring_measures_again_both_the_day_and_the_one_that_judges_it_and_no_other():
    measured(AS_OF), measured(KNOWN)
    (
        empty("predictions", AS_OF),
        monitor.monitor_period(open_project(USE_CASE), AS_OF),
        monitor.monitor_period(open_project(USE_CASE), KNOWN),
    )
    score.score_period(open_project(USE_CASE), AS_OF)
    assert [result.period for result in monitor.remeasure_period(open_project(USE_CASE), AS_OF)] == [
        str(AS_OF),
        str(KNOWN),
    ]
    assert written(KNOWN)["labelled_rows", "model"]["value"] == source.ROWS
    assert monitor.remeasure_period(open_project(USE_CASE), NEXT) == [] and not written(NEXT)


def test_labels_are_stale_by_the_newest_day_whose_labels_are_complete():
    """The day itself need not bring any: what counts is the newest day that has all of its labels."""
    assert measured(KNOWN)["staleness", "labels"]["value"] == 0
    empty("features", NEXT)  # so no day that needs its data run is complete
    assert measured(KNOWN)["staleness", "labels"]["value"] == 2
    empty("labels", LAST)
    found = measured(LAST)["staleness", "labels"]
    assert (found["value"], found["breached"]) == (1, False)


def test_what_changes_while_it_is_measured_is_measured_again(monkeypatch):
    honest, calls = labelled_predictions.load_period, []

    def overtaken(*given):
        calls.append(given)
        found = honest(*given)
        if len(calls) == 1:
            empty("labels", KNOWN)
        return found

    monkeypatch.setattr(labelled_predictions, "load_period", overtaken)
    assert measured(KNOWN)["labelled_rows", "model"]["value"] < source.ROWS
    assert len(calls) == 2


def test_many_rows_are_judged_by_as_many_of_each_day_and_counted_whole(set_limits):
    whole = measured(LAST)
    set_limits(judged_rows=800)  # 8 days of 200 rows: every second one; a single day whole
    part = measured(LAST)
    assert 600 < part["window/rows", "model"]["value"] < 1000
    assert part["window/auc", "model"]["value"] == pytest.approx(whole["window/auc", "model"]["value"], abs=0.06)
    set_limits(judged_rows=50)
    least = measured(LAST)
    assert least["labelled_rows", "model"]["value"] == least["rows", "model"]["value"] == source.ROWS
    assert least["brier", "model"]["value"] != whole["brier", "model"]["value"]
    assert not monitor.monitor_period(open_project(USE_CASE), LAST).changed


def test_realised_metrics_are_over_rows_of_all_days_and_say_which_wait():
    empty("predictions", AS_OF + 2)
    found = monitor.realised_performance(open_project(USE_CASE), AS_OF, AS_OF + 2)
    assert found.periods == ("2020-03-01", "2020-03-02")
    assert found.waiting == {"2020-03-03": "2020-03-03 is not scored yet"}
    assert found.rows == 2 * source.ROWS
    each = [measured(period)["log_loss", "model"]["value"] for period in (KNOWN, KNOWN + 1)]
    assert found.metrics["model"]["log_loss"] == pytest.approx(sum(each) / 2)


def test_realised_over_days_that_all_wait_is_empty():
    found = monitor.realised_performance(open_project(USE_CASE), LAST, LAST)
    assert (found.rows, found.metrics, len(found.waiting)) == (0, {}, 1)


def test_the_last_days_wait_until_the_lake_has_their_labels():
    assert monitor.realised_performance(open_project(USE_CASE), LAST, LAST).waiting
    toy.fill(Lake.open(USE_CASE), LAST + 1, LAST + 2)
    assert monitor.realised_performance(open_project(USE_CASE), LAST, LAST).periods == (LAST.key,)


def test_nothing_that_becomes_known_later_changes_a_day():
    period = AS_OF + 4
    before = measured(period)
    for later in period_range(period + 1, LAST):
        for table in ("features", "predictions"):
            empty(table, later)
        replaced("labels", later, labelled(1))
    assert not monitor.monitor_period(open_project(USE_CASE), period).changed
    assert written(period) == before
    replaced("labels", period, labelled(1))
    assert monitor.monitor_period(open_project(USE_CASE), period).changed, "what is known at the day does change it"
