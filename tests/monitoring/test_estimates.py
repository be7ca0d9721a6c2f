"""Estimates before the labels: stored on the day itself, and compared with what came true when the labels are known."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest

from include.declaration.period import Period
from include.lake.lake import Lake
from include.model.tasks import label_free, task_model
from include.monitoring import estimates, monitor, reference_profile
from include.monitoring.data_metrics import ScoringVersion
from include.monitoring.reference_profile import ReferenceProfile
from include.project import open_project
from include.registry import sync
from include.scoring import score
from tests.conftest import move
from tests.toys import COUNTS, EVENTS, GRADES

pytestmark = pytest.mark.slow


@pytest.fixture(params=[EVENTS, COUNTS, GRADES], ids=lambda toy: toy.use_case.name)
def scored(request, lake_home, homes, monkeypatch):
    """A toy whose day of training is scored by version 1."""
    move(homes.champion(request.param), lake_home, monkeypatch)
    score.score_period(open_project(request.param.use_case), request.param.as_of)
    return request.param


@pytest.fixture
def toy_day(lake_home, champion_home, monkeypatch) -> Path:
    move(champion_home, lake_home, monkeypatch)
    score.score_period(open_project(EVENTS.use_case), EVENTS.as_of)
    return lake_home


def measured(toy, period: Period) -> dict[tuple[str, str], dict]:
    monitor.monitor_period(open_project(toy.use_case), period)
    rows = Lake.open(toy.use_case).as_of(period).read("metrics", since=period, until=period).to_pylist()
    return {(row["metric"], row["subject"]): row for row in rows}


def known(toy) -> Period:
    """The day on which the labels of the scored day are complete."""
    return toy.as_of + toy.use_case.label.label_delay_periods


def profile_of(toy) -> ReferenceProfile:
    project = open_project(toy.use_case)
    version = sync.version_of(project.registry, project.ledger, "1")
    return ReferenceProfile.from_json(project.registry.load_companion(version, reference_profile.NAME))


def test_the_estimate_of_a_day_is_that_of_its_stored_predictions(scored):
    main, profile = scored.use_case.task.main_metric, profile_of(scored)
    row = measured(scored, scored.as_of)[f"estimated/{main}", "model"]
    task = task_model(scored.use_case)
    stored = Lake.open(scored.use_case).as_of(scored.as_of).read("predictions", since=scored.as_of)
    predictions = task.stack([stored[name].to_numpy() for name in task.number_columns])
    expected = label_free.expected_metrics_of(scored.use_case.task, predictions, profile.estimates.curve)
    assert row["value"] == pytest.approx(expected[main] + np.mean(profile.estimates.errors[main].errors))
    assert row["lower"] < row["value"] < row["upper"]
    assert (row["measured_period"], row["model_version"]) == (scored.as_of.start, "1") or (
        row["measured_period"] == scored.as_of.start_date
    )


def test_what_came_true_is_the_estimate_plus_its_recorded_error(scored):
    main = scored.use_case.task.main_metric
    estimated = measured(scored, scored.as_of)[f"estimated/{main}", "model"]
    found = measured(scored, known(scored))
    error = found[f"estimate_error/{main}", "model"]
    assert estimated["value"] + error["value"] == pytest.approx(found[main, "model"]["value"])
    assert error["upper"] == pytest.approx(estimated["upper"] - estimated["value"])
    assert error["measured_period"] == estimated["measured_period"]


def test_measuring_the_day_of_the_labels_again_writes_nothing(toy_day):
    later, main = known(EVENTS), "estimate_error/log_loss"
    after = measured(EVENTS, later)[main, "model"]
    assert not monitor.monitor_period(open_project(EVENTS.use_case), later).changed
    assert measured(EVENTS, later)[main, "model"] == after


def test_an_estimate_is_not_compared_before_its_labels_are_complete(toy_day):
    found = measured(EVENTS, known(EVENTS) - 1)
    assert not any(metric.startswith("estimate_error") for metric, _ in found)


def test_worse_predictions_break_the_limit_of_the_estimate_before_any_label(toy_day):
    before = measured(EVENTS, EVENTS.as_of)["estimated_degradation/log_loss", "model"]
    assert before["breached"] is False and before["limit"] == 0
    lake = Lake.open(EVENTS.use_case)
    rows = lake.as_of(EVENTS.as_of).read("predictions", since=EVENTS.as_of).drop_columns(["period"])
    unsure = rows.set_column(
        rows.schema.get_field_index("probability"), "probability", pa.array([0.5] * len(rows), pa.float64())
    )
    lake.replace("predictions", EVENTS.as_of, unsure, inputs={}, stage="test")
    found = measured(EVENTS, EVENTS.as_of)["estimated_degradation/log_loss", "model"]
    assert found["breached"] and found["lower"] > 0


def test_the_expected_confusion_adds_up_to_the_rows(toy_day):
    found = measured(EVENTS, EVENTS.as_of)
    cells = [row["value"] for (metric, _), row in found.items() if metric == "estimated_confusion"]
    assert len(cells) == 4 and sum(cells) == pytest.approx(found["rows", "predictions"]["value"])


def test_contributions_of_the_day_are_compared_with_the_test_days(scored):
    found = measured(scored, scored.as_of)
    drift = found["attribution_drift", "features"]
    assert 0 <= drift["value"] < 1 and drift["limit"] > 0 and drift["breached"] is not None
    means = {subject: row["value"] for (metric, subject), row in found.items() if metric == "mean_contribution"}
    assert means.keys() == scored.use_case.features.keys() and max(means.values()) > 0


def test_a_version_trained_before_says_that_it_has_no_reference(toy_day):
    project = open_project(EVENTS.use_case)
    version = sync.version_of(project.registry, project.ledger, "1")
    scorer = ScoringVersion(version, replace(profile_of(EVENTS), estimates=None, attributions=None), "")
    view = project.lake.as_of(EVENTS.as_of)
    rows = estimates.rows_before_labels(EVENTS.use_case, view, project.registry, scorer)
    assert {row.metric for row in rows} == {
        "estimated/log_loss", "estimated_degradation/log_loss", "attribution_drift"
    }  # fmt: skip
    assert all("train a new version" in row.missing_reason for row in rows)
