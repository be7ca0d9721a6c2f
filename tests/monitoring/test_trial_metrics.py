"""The version that is tried is compared with the champion on the same labelled rows, period by period and in all."""

from dataclasses import replace

import numpy as np
import pyarrow as pa
import pytest

from include.declaration.period import Period, period_range
from include.features import staleness
from include.lake.lake import Lake
from include.model import metrics
from include.monitoring import monitor, trial_metrics
from include.pipelines import score as steps
from include.pipelines.context import PipelineRun
from include.project import open_project
from include.registry.ledger import Ledger
from include.registry.trials import trial_of
from include.scoring import score
from tests import tried
from tests.toy_use_case import USE_CASE, source
from tests.tried import FIRST, JUDGED, LAST, ended, started

pytestmark = [pytest.mark.slow, pytest.mark.usefixtures("without_plots", "challenger")]
DELAY = USE_CASE.label.label_delay_periods


def measured(period: Period) -> dict[tuple[str, str], dict]:
    """The rows of trials that are measured in a period."""
    monitor.monitor_period(open_project(USE_CASE), period)
    rows = Lake.open(USE_CASE).as_of(period).read("metrics", since=period).to_pylist()
    return {(row["metric"], row["subject"]): row for row in rows if row["metric"].startswith("trial_")}


def comparison(judged: Period = JUDGED):
    project = open_project(USE_CASE)
    trial = trial_of(judged, Ledger.open(USE_CASE).entries())
    return trial_metrics.load_comparison(project, project.lake.as_of(judged + DELAY), trial, judged)


def test_without_a_trial_there_are_no_rows():
    assert measured(LAST) == {}


def test_one_period_and_the_whole_trial_are_compared_on_the_same_rows():
    started(), tried.shadow_all()
    rows = measured(FIRST + DELAY)
    once, whole = rows["trial_difference/log_loss", "version 1"], rows["trial_window/log_loss", "version 1"]
    found = comparison(FIRST)
    own, other = (
        metrics.compute_metric("log_loss", found.outcomes.labels, found.outcomes.predicted[name], USE_CASE.task)
        for name in ("model", "champion")
    )
    assert once["value"] == pytest.approx(own - other) == pytest.approx(whole["value"])
    assert (once["model_version"], once["measured_period"], whole["periods"]) == ("2", FIRST.start_date, 1)
    assert (whole["lower"], whole["upper"]) == (None, None)
    assert rows["trial_rows", "version 1"]["value"] == len(found.outcomes.labels) <= source.ROWS


def test_the_trial_is_compared_from_its_start_to_the_newest_labelled_period():
    started(), tried.shadow_all()
    whole = measured(LAST)["trial_window/log_loss", "version 1"]
    assert whole["periods"] == JUDGED - FIRST + 1
    assert whole["lower"] < whole["value"] < whole["upper"]
    expected = [each.naive_start for each in period_range(FIRST, JUDGED)]
    assert np.unique(comparison().outcomes.periods).astype(str).tolist() == expected


def test_both_predictions_are_the_stored_ones_of_the_same_rows():
    started(), tried.shadow_all(FIRST, FIRST)
    found = comparison(FIRST).outcomes
    read = Lake.open(USE_CASE).as_of(FIRST)
    for name, table in (("model", "shadow_predictions"), ("champion", "predictions")):
        stored = read.read(table, since=FIRST, order_by=USE_CASE.keys)["probability"].to_pylist()
        assert set(found.predicted[name].tolist()) <= set(stored)
    assert found.predicted["model"].tolist() != found.predicted["champion"].tolist()


def test_nothing_after_the_period_is_read():
    started(), tried.shadow_all(FIRST, FIRST + 3)
    before = measured(FIRST + 3 + DELAY)
    tried.shadow_all(FIRST + 4, LAST)
    assert measured(FIRST + 3 + DELAY) == before


def test_a_period_that_was_not_scored_in_shadow_says_so():
    started(), tried.shadow_all(FIRST, FIRST)
    row = measured(FIRST + 1 + DELAY)["trial_difference/log_loss", "champion"]
    assert row["value"] is None and "look at its task score_shadow" in row["missing_reason"]


def test_before_the_trial_and_after_its_end_nothing_is_compared():
    started(first=FIRST + 1), tried.shadow_all(FIRST + 1, FIRST + 2), ended(FIRST + 3)
    assert [bool(measured(FIRST + days + DELAY)) for days in range(4)] == [False, True, True, False]


def test_scoring_in_shadow_measures_again_what_was_measured_before():
    started(), tried.shadow_all(FIRST, FIRST)
    for period in (FIRST + 1 + DELAY, FIRST + 2 + DELAY):
        assert measured(period)["trial_difference/log_loss", "champion"]["value"] is None
    result = steps.score_shadow(PipelineRun(open_project(USE_CASE), FIRST + 1, {}))
    assert [each.period for each in result.remeasured][:2] == [str(FIRST + 1 + DELAY), str(FIRST + 2 + DELAY)]
    rows = Lake.open(USE_CASE).as_of(LAST).read("metrics", since=FIRST + 1 + DELAY).to_pylist()
    values = [row["value"] for row in rows if row["metric"] == "trial_difference/log_loss"]
    assert sum(value is not None for value in values) == 1
    again = steps.score_shadow(PipelineRun(open_project(USE_CASE), FIRST + 1, {}))
    assert not again.scored.changed and [each.changed for each in again.remeasured] == [False]


def test_a_shadow_scored_again_makes_the_metrics_stale_that_read_it():
    started(), tried.shadow_all(FIRST, FIRST + 2)
    measured(FIRST + 2 + DELAY)
    lake = Lake.open(USE_CASE)

    def stale() -> dict[str, int]:
        return {table.table: len(table.stale) for table in staleness.find_stale(open_project(USE_CASE))}

    assert (stale()["shadow_predictions"], stale()["metrics"]) == (0, 0)
    rows = lake.as_of(FIRST).read("shadow_predictions", since=FIRST).drop(["period"])
    lake.replace("shadow_predictions", FIRST, rows.slice(1), inputs={}, stage="score_shadow")
    assert stale()["metrics"] == 1


def test_only_periods_are_compared_that_the_same_champion_published():
    started(), tried.shadow_all()
    lake = Lake.open(USE_CASE)
    rows = lake.as_of(FIRST).read("predictions", since=FIRST).drop(["period"])
    place = rows.schema.get_field_index("model_version")
    others = rows.set_column(place, "model_version", pa.array(["7"] * rows.num_rows))
    lake.replace("predictions", FIRST, others, inputs={}, stage="score")
    assert measured(LAST)["trial_window/log_loss", "version 1"]["periods"] == JUDGED - FIRST
    row = measured(FIRST + DELAY)["trial_difference/log_loss", "version 7"]
    assert row["value"] is not None


def test_a_period_published_by_the_tried_version_itself_is_not_compared():
    started(), tried.shadow_all(FIRST, FIRST)
    score.score_period(open_project(USE_CASE), FIRST, version="2")
    row = measured(FIRST + DELAY)["trial_difference/log_loss", "champion"]
    assert row["value"] is None and "not scored by another version" in row["missing_reason"]


def test_metrics_of_gates_are_compared_too():
    gated = replace(USE_CASE, gates=(*tried.GATED.gates, replace(tried.GATED.gates[-1], metric="brier")))
    assert trial_metrics.compared_metrics(gated) == ["log_loss", "brier"]
