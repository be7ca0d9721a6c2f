"""measure: what cannot be measured is a row with a reason; never a crash, and never "no drift"."""

import json
import shutil
from dataclasses import replace
from pathlib import Path

import pyarrow as pa
import pytest

from include import settings
from include.declaration.period import Period, period_range
from include.errors import BeforeFirstPeriodError, InvalidRequestError, NoChampionError
from include.features import build
from include.ingestion import ingest, validate
from include.lake.lake import Lake
from include.monitoring import labelled_predictions, monitor
from include.project import Project, open_project
from include.registry.mlflow_registry import Registry
from include.scoring import score
from tests.conftest import AS_OF, LAST, living_in, move
from tests.monitoring.test_monitor import KNOWN, NEXT, empty, labelled, measured, replaced, scored_home, written
from tests.refusals import raises
from tests.toy_use_case import USE_CASE, source

__all__ = ["scored_home"]  # its fixture

SIGNALS = [
    ("weighted_drift", "features"),
    ("prediction_drift", "prediction"),
    ("staleness", "model"),
    ("skill_loss/log_loss", "prior"),
]


@pytest.fixture
def scored(lake_home, scored_home: Path, monkeypatch) -> None:
    move(scored_home, lake_home, monkeypatch)


def unmeasured(found, *keys) -> set[str]:
    """The states of rows that have neither a value nor a breach."""
    for key in keys:
        assert (found[key]["value"], found[key]["breached"]) == (None, None), key
        assert found[key]["missing_reason"], key
    return {found[key]["missing_reason"] for key in keys}


@pytest.mark.usefixtures("scored")
def test_a_day_without_predictions_says_how_to_score_it():
    empty("predictions", KNOWN)
    found = measured(KNOWN)
    missing_reasons = unmeasured(found, ("missing_predictions", "predictions"), ("rows", "predictions"), *SIGNALS)
    assert any("run toy__score for it" in missing_reason for missing_reason in missing_reasons)
    assert found["rows", "features"]["value"] == source.ROWS
    assert found["labelled_rows", "model"]["value"] == source.ROWS, "what is known of earlier days is still reported"


@pytest.mark.usefixtures("scored")
def test_a_day_before_any_champion_says_so():
    found = measured(AS_OF - 5)
    assert any("no champion is effective" in missing_reason for missing_reason in unmeasured(found, *SIGNALS))


@pytest.mark.usefixtures("scored")
def test_a_day_without_features_says_so():
    empty("features", LAST), empty("predictions", LAST)
    found = measured(LAST)
    assert any("toy__data" in missing_reason for missing_reason in unmeasured(found, ("rows", "events"), *SIGNALS))
    assert found["staleness", "features"]["value"] == 1


def test_a_day_before_the_first_is_refused(lake_home):
    with raises(BeforeFirstPeriodError, period=Period("2019-12-31")):
        monitor.monitor_period(open_project(USE_CASE), USE_CASE.first_period - 1)


@pytest.mark.usefixtures("scored")
def test_a_version_with_a_damaged_profile_is_named_and_what_needs_none_is_measured(lake_home):
    for path in lake_home.rglob("profile.json"):
        path.write_text(json.dumps({"format": 3}))
    found = measured(LAST)
    drift = unmeasured(found, ("weighted_drift", "features"), ("prediction_drift", "prediction"), SIGNALS[3])
    assert all(
        "ersion 1 cannot be" in missing_reason and "profile.json" in missing_reason for missing_reason in drift
    ), drift
    assert found["staleness", "model"]["value"] == 9
    assert found["predicted_positive_rate", "prediction"]["value"] > 0


@pytest.mark.usefixtures("scored")
def test_a_version_whose_files_are_gone_is_a_state(lake_home):
    version = Registry(USE_CASE).version("1")
    for folder in (settings.current_settings().home / "models", *lake_home.rglob(version.model_id)):
        shutil.rmtree(folder, ignore_errors=True)
    found = measured(LAST)
    unmeasured(found, ("weighted_drift", "features"), SIGNALS[3], ("labelled_rows", "model"))
    assert found["rows", "features"]["value"] == source.ROWS


@pytest.mark.usefixtures("scored")
@pytest.mark.parametrize("after", [1, 2])
def test_a_label_day_whose_data_has_not_run_is_named_whichever_it_is(after):
    empty("features", AS_OF + after)
    found = measured(KNOWN)
    (missing_reason,) = unmeasured(found, ("labelled_rows", "model"))
    assert missing_reason == f"labels of 2020-03-01 are not complete: toy__data has not run for 2020-03-0{1 + after}."
    assert "No period from" in found["skill_loss/log_loss", "prior"]["missing_reason"]


@pytest.mark.usefixtures("scored")
def test_a_day_of_missing_labels_leaves_the_window_with_the_others():
    empty("features", AS_OF + 4)
    found = measured(LAST)
    assert found["window/log_loss", "model"]["periods"] == 8 - 3  # the day itself and the two whose labels it brings


@pytest.mark.usefixtures("scored")
def test_labels_that_never_come_leave_the_numbers_of_rows():
    for period in period_range(NEXT, LAST):
        empty("labels", period)
    found = measured(LAST)
    assert (found["rows", "model"]["value"], found["labelled_rows", "model"]["value"]) == (source.ROWS, 0)
    assert unmeasured(found, ("log_loss", "model")) == {"No row of the period has a label."}
    assert unmeasured(found, SIGNALS[3]) == {"No row of 2020-03-01 to 2020-03-08 has a label as of 2020-03-10."}
    assert found["staleness", "labels"]["breached"] is True


@pytest.mark.usefixtures("scored")
def test_with_one_class_auc_is_a_state_and_the_rest_a_number():
    for period in period_range(NEXT, LAST):
        replaced("labels", period, labelled(0))
    found = measured(LAST)
    assert unmeasured(found, ("auc", "model")) == {"auc is not defined: all labels of the period are 0."}
    assert found["base_rate", "model"]["value"] == 0
    assert found["skill_loss/log_loss", "prior"]["value"] is not None


@pytest.mark.usefixtures("scored")
def test_a_model_that_has_no_labelled_day_yet_says_so():
    (missing_reason,) = unmeasured(measured(NEXT), SIGNALS[3])
    assert "trained as of 2020-03-01, and no period since then" in missing_reason


@pytest.mark.usefixtures("scored")
def test_the_day_that_would_be_judged_and_was_not_scored_is_named():
    empty("predictions", AS_OF)
    assert unmeasured(measured(KNOWN), ("labelled_rows", "model")) == {"2020-03-01 is not scored yet."}


@pytest.mark.usefixtures("scored")
def test_a_feature_dropped_since_the_version_was_trained_is_a_state():
    fewer = replace(USE_CASE, features={name: kind for name, kind in USE_CASE.features.items() if name != "hour"})
    monitor.monitor_period(open_project(fewer), LAST)
    found = written(LAST)
    missing_reasons = unmeasured(
        found, ("psi", "hour"), ("weighted_drift", "features"), ("log_loss", "prior"), SIGNALS[3]
    )
    assert all(
        "reads hour" in missing_reason or "reads ['hour']" in missing_reason for missing_reason in missing_reasons
    )
    assert found["psi", "size"]["value"] is not None
    assert found["log_loss", "model"]["value"] is not None, "it is measured by what was stored"


@pytest.mark.usefixtures("scored")
def test_a_day_that_cannot_be_scored_as_declared_says_what_scoring_would_say():
    fewer = replace(USE_CASE, features={name: kind for name, kind in USE_CASE.features.items() if name != "hour"})
    empty("predictions", LAST)
    monitor.monitor_period(open_project(fewer), LAST)
    (missing_reason,) = unmeasured(written(LAST), ("missing_predictions", "predictions"))
    with pytest.raises(InvalidRequestError) as refused:
        score.score_period(open_project(fewer), LAST)
    assert (
        missing_reason == str(refused.value)
        and "needs features that are no longer declared as they were: hour (int32" in missing_reason
    )


@pytest.mark.usefixtures("scored")
@pytest.mark.parametrize(("name", "kind"), [("hour", "category"), ("kind", "int32"), ("size", "int32")])
def test_a_feature_declared_with_another_type_is_a_state(name, kind):
    monitor.monitor_period(open_project(replace(USE_CASE, features={**USE_CASE.features, name: kind})), LAST)
    found = written(LAST)
    missing_reasons = unmeasured(
        found, ("psi", name), ("weighted_drift", "features"), ("log_loss", "prior"), SIGNALS[3]
    )
    assert f"The version reads {name} as {USE_CASE.features[name]}, which is declared as {kind} now" in str(
        missing_reasons
    )
    assert found["prediction_drift", "prediction"]["value"] is not None
    assert sum(metric == "psi" and row["value"] is not None for (metric, _), row in found.items()) == 3


@pytest.mark.usefixtures("scored")
@pytest.mark.parametrize(("name", "kind"), [("urgent", "float64"), ("hour", "int64")])
def test_a_feature_declared_with_a_wider_type_is_measured_as_before(name, kind):
    before = measured(LAST)
    monitor.monitor_period(open_project(replace(USE_CASE, features={**USE_CASE.features, name: kind})), LAST)
    assert written(LAST) == before


@pytest.mark.usefixtures("scored")
def test_a_feature_added_since_the_version_was_trained_is_a_state():
    more = replace(USE_CASE, features={**USE_CASE.features, "weight": "float64"})
    monitor.monitor_period(open_project(more), LAST)
    found = written(LAST)
    assert "does not read weight" in unmeasured(found, ("psi", "weight")).pop()
    assert found["degradation/log_loss", "model"]["value"] is not None, "the version lacks nothing"
    assert found["weighted_drift", "features"]["breached"] is not None


@pytest.mark.usefixtures("scored")
def test_a_profile_without_its_usual_days_is_a_state(monkeypatch):
    version = Registry(USE_CASE).version("1")
    values = Registry(USE_CASE).load_companion(version, "profile")
    odd = {**values, "usual": {**values["usual"], "psi": {}}}
    monkeypatch.setattr(Registry, "load_companion", lambda *_: odd)
    missing_reasons = unmeasured(measured(LAST), ("weighted_drift", "features"), ("prediction_drift", "prediction"))
    assert all("Version 1 cannot be compared" in missing_reason for missing_reason in missing_reasons)


@pytest.mark.usefixtures("scored")
def test_a_damaged_ledger_is_a_state_of_a_day_without_predictions(lake_home):
    next((lake_home / "lake" / "toy" / "ledger").iterdir()).write_text("{")
    empty("predictions", LAST)
    found = measured(LAST)
    (missing_reason,) = unmeasured(found, ("missing_predictions", "predictions"))
    assert "The ledger is damaged" in missing_reason
    assert found["rows", "features"]["value"] == source.ROWS
    assert found["labelled_rows", "model"]["value"] == source.ROWS


def with_column(name: str, values):
    """Changes one column of rows."""
    return lambda rows: rows.set_column(
        rows.schema.get_field_index(name), name, pa.array(values(len(rows)), rows.schema.field(name).type)
    )


@pytest.mark.usefixtures("scored")
def test_predictions_of_several_versions_are_a_missing_reason_and_no_values():
    for period in (AS_OF, KNOWN):
        replaced("predictions", period, with_column("model_version", lambda rows: ["1"] * 100 + ["9"] * (rows - 100)))
    found = measured(KNOWN)
    missing_reasons = unmeasured(found, ("labelled_rows", "model"), *SIGNALS)
    assert missing_reasons == {
        f"The predictions of {period} were made by versions 1, 9: run toy__score for it, so that one version makes"
        " them all."
        for period in (AS_OF, KNOWN)
    }
    assert {row["model_version"] for row in found.values()} == {None}
    assert (
        score.score_period(open_project(USE_CASE), KNOWN).changed
        and measured(KNOWN)["weighted_drift", "features"]["value"] is not None
    )


@pytest.mark.usefixtures("scored")
def test_the_mean_prediction_is_of_the_rows_that_have_one():
    replaced("predictions", LAST, with_column("probability", lambda rows: [0.5] * 20 + [None] * (rows - 20)))
    assert measured(LAST)["mean_prediction", "prediction"]["value"] == 0.5
    replaced("predictions", LAST, with_column("probability", lambda rows: [None] * rows))
    replaced("predictions", LAST, with_column("predicted_positive", lambda rows: [None] * rows))
    found = measured(LAST)
    assert all("null" in missing_reason for missing_reason in unmeasured(found, *(
        (name, "prediction") for name in ("mean_prediction", "predicted_positive_rate")
    )))  # fmt: skip
    assert found["prediction_drift", "prediction"]["breached"]


@pytest.mark.usefixtures("scored")
def test_rows_that_were_not_scored_are_a_breach():
    assert measured(LAST)["unscored_rows", "predictions"]["breached"] is False
    replaced("predictions", LAST, lambda rows: rows.slice(3))
    found = measured(LAST)["unscored_rows", "predictions"]
    assert (found["value"], found["limit"], found["breached"]) == (3, 0, True)


@pytest.mark.usefixtures("scored")
@pytest.mark.parametrize("rows", [1, 10])
def test_a_day_of_few_rows_does_not_ask_for_a_training(rows):
    for table in ("features", "predictions"):
        replaced(table, LAST, lambda there: there.slice(0, rows))
    found = measured(LAST)
    assert not found["weighted_drift", "features"]["breached"]
    assert not found["prediction_drift", "prediction"]["breached"]


@pytest.fixture(scope="module")
def landed_home(tmp_path_factory: pytest.TempPathFactory, tracking_template: Path) -> Path:
    """The first nine days of the source, by the real stages; no champion. Not written to."""
    home = tmp_path_factory.mktemp("landed") / "home"
    home.mkdir()
    shutil.copyfile(tracking_template, home / "mlflow.db")
    with living_in(home):
        for period in period_range(Period("2020-01-01"), Period("2020-01-09")):
            (
                ingest.ingest_period(open_project(USE_CASE), period),
                validate.validate_period(open_project(USE_CASE), period),
                build.build_features(open_project(USE_CASE), period),
            )
    return home


@pytest.fixture
def landed(lake_home, landed_home: Path, monkeypatch) -> Lake:
    """A copy of that home, as the test's own."""
    move(landed_home, lake_home, monkeypatch)
    return Lake.open(USE_CASE)


def of_feeds(period: Period) -> dict:
    monitor.monitor_period(open_project(USE_CASE), period)
    rows = Lake.open(USE_CASE).as_of(period).read("metrics", since=period).to_pylist()
    return {(row["metric"], row["subject"]): row for row in rows}


def test_rows_of_feeds_are_counted_and_compared_with_the_look_back_days(landed):
    found = of_feeds(Period("2020-01-09"))
    assert found["rows", "events"]["value"] == found["published", "events"]["value"] == 200
    assert found["volume_change", "events"]["value"] == 0
    assert found["quarantined", "events"]["value"] == 0


def test_quarantined_rows_are_counted_by_reason_and_none_is_lost(landed, toy_functions):
    def odd(period):
        rows = source.everything(period).drop_columns(["failed"])
        hours = [99 if place < 7 else hour for place, hour in enumerate(rows["hour"].to_pylist())]
        return rows.set_column(rows.schema.get_field_index("hour"), "hour", pa.array(hours, pa.int32())).slice(0, 150)

    period = Period("2020-01-09")
    toy_functions.source(events=odd)
    ingest.ingest_period(open_project(USE_CASE), period), validate.validate_period(open_project(USE_CASE), period)
    found = of_feeds(period)
    assert [found[name, "events"]["value"] for name in ("rows", "published", "quarantined")] == [150, 143, 7]
    (by_reason,) = [row for (metric, _), row in found.items() if metric == "quarantined_by_reason"]
    assert by_reason["subject"].startswith("events: ") and "hour" in by_reason["subject"] and by_reason["value"] == 7
    assert found["volume_change", "events"]["value"] == -0.25


def test_a_day_that_is_declared_absent_is_no_breach(landed):
    assert "declares" in of_feeds(Period("2020-01-01"))["volume_change", "outcomes"]["missing_reason"]


def test_a_feed_that_brought_nothing_is_a_breach(landed):
    empty_feed = (
        landed.as_of(Period("2020-01-09"))
        .read("raw/outcomes", since=Period("2020-01-09"))
        .drop_columns(["period"])
        .slice(0, 0)
    )
    landed.replace("raw/outcomes", Period("2020-01-09"), empty_feed, inputs={}, stage="test")
    found = of_feeds(Period("2020-01-09"))["volume_change", "outcomes"]
    assert (found["value"], found["breached"]) == (-1, True)


def test_a_day_without_rows_before_it_counts_in_the_mean(landed):
    for period in period_range(Period("2020-01-05"), Period("2020-01-08")):
        nothing = landed.as_of(period).read("raw/events", since=period).drop_columns(["period"]).slice(0, 0)
        landed.replace("raw/events", period, nothing, inputs={}, stage="test")
    assert of_feeds(Period("2020-01-09"))["volume_change", "events"]["value"] == pytest.approx(7 / 3 - 1)


def test_a_use_case_that_looks_back_on_no_day_says_that_there_is_nothing_to_compare_with(landed):
    monitor.monitor_period(open_project(replace(USE_CASE, look_back_periods=0)), Period("2020-01-09"))
    rows = landed.as_of(Period("2020-01-09")).read("metrics", since=Period("2020-01-09")).to_pylist()
    missing_reasons = [row["missing_reason"] for row in rows if row["metric"] == "volume_change"]
    assert len(missing_reasons) == 2 and all(
        "no earlier period" in missing_reason for missing_reason in missing_reasons
    )


def test_scoring_is_not_needed_to_tell_what_has_landed(landed):
    with raises(NoChampionError, first=None):
        score.score_period(open_project(USE_CASE), Period("2020-01-09"))
    assert (
        "the ledger has no champion"
        in of_feeds(Period("2020-01-09"))["missing_predictions", "predictions"]["missing_reason"]
    )


def test_labels_of_a_day_are_read_as_of_the_day_on_which_they_are_complete_and_no_later(lake_home):
    """A correction that became known the day after must not change what a report says."""
    view = labelled_predictions.matured_periods(Project(USE_CASE), KNOWN)
    assert view.period == KNOWN + USE_CASE.label.label_delay_periods
