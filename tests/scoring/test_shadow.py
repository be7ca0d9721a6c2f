"""A version that is tried scores the same rows in a table of its own; what is published does not depend on it."""

from dataclasses import replace

import pytest
from great_expectations.expectations import ExpectTableRowCountToEqual

from include.declaration.period import Period
from include.features.staleness import table_exists
from include.ingestion import validation_report
from include.lake.lake import Lake
from include.pipelines import score as steps
from include.pipelines.context import PipelineRun
from include.project import open_project
from include.promotion import approve
from include.registry.ledger import Ledger
from include.registry.mlflow_registry import Registry
from include.registry.trials import trial_of
from include.scoring import export, shadow
from include.scoring.tried import TriedVersionLostError
from include.use_case import PredictionSuite, ToFiles
from include.validation.errors import PeriodRefusedError
from tests import tried
from tests.refusals import raises
from tests.toy_use_case import USE_CASE, source
from tests.tried import FIRST, LAST, ended, shadow_rows, started

pytestmark = pytest.mark.usefixtures("without_plots", "challenger")


def lake_versions() -> dict[str, int]:
    view = Lake.open(USE_CASE).as_of(LAST)
    return {table: view.version(table) for table in ("predictions", "shadow_predictions", "metrics")}


def published(period: Period) -> list[dict]:
    return Lake.open(USE_CASE).as_of(period).read("predictions", since=period, order_by=USE_CASE.keys).to_pylist()


def test_each_row_gets_the_prediction_of_the_tried_version_and_the_published_ones_stay():
    before = published(FIRST)
    started()
    found = shadow.score_shadow(open_project(USE_CASE), FIRST)
    rows = shadow_rows(FIRST)
    assert (found.version, found.rows, found.changed) == ("2", source.ROWS, True)
    assert {row["model_version"] for row in rows} == {"2"}
    assert [row["id"] for row in rows] == [row["id"] for row in before]
    model = Registry(USE_CASE).load(Registry(USE_CASE).version("2"))
    assert [row["probability"] for row in rows] == model.predict(source.everything(FIRST), 1).tolist()
    assert published(FIRST) == before and {row["model_version"] for row in before} == {"1"}


def test_without_a_trial_nothing_is_scored():
    assert shadow.score_shadow(open_project(USE_CASE), FIRST) is None
    assert not table_exists(Lake.open(USE_CASE), "shadow_predictions")


def test_a_rerun_changes_nothing():
    started()
    shadow.score_shadow(open_project(USE_CASE), FIRST)
    before = lake_versions()
    assert shadow.score_shadow(open_project(USE_CASE), FIRST).changed is False
    assert lake_versions() == before


def test_a_backfill_of_periods_before_and_after_the_trial_does_not_see_it():
    started(first=FIRST + 2), ended(FIRST + 4)
    scored = [shadow.score_shadow(open_project(USE_CASE), FIRST + days) is not None for days in range(6)]
    assert scored == [False, False, True, True, False, False]


def test_what_later_entries_say_of_later_periods_does_not_change_a_rerun():
    started()
    shadow.score_shadow(open_project(USE_CASE), FIRST)
    before = shadow_rows(FIRST)
    ended(FIRST + 3)
    tried.started(version="2", first=FIRST + 5, reason="Once more.")
    again = shadow.score_shadow(open_project(USE_CASE), FIRST)
    assert (again.version, again.changed) == ("2", False) and shadow_rows(FIRST) == before


def test_the_shadow_is_never_exported(tmp_path):
    started()
    tried.shadow_all(FIRST, FIRST)
    exporting = replace(USE_CASE, exports=(ToFiles(f"{tmp_path}/{{period:%Y-%m-%d}}.csv"),))
    export.export_period(open_project(exporting), FIRST)
    delivered = (tmp_path / f"{FIRST}.csv").read_text().splitlines()[1:]
    assert len(delivered) == source.ROWS
    assert {line.rsplit(",", 1)[-1].strip('"') for line in delivered} == {"1"}


def test_a_failing_shadow_leaves_the_champion_and_is_logged():
    started()
    Registry(USE_CASE)._client.delete_model_version(USE_CASE.name, "2")
    run = PipelineRun(open_project(USE_CASE), FIRST, {})
    scored = steps.score(run)
    result = steps.score_shadow(run)
    assert scored.scored.version == "1" and result.scored is None
    assert isinstance(result.failure, TriedVersionLostError) and result.failure.trial.version == "2"


def test_a_withdrawn_version_is_no_longer_tried_from_now_on():
    started()
    shadow.score_shadow(open_project(USE_CASE), FIRST)
    project = open_project(USE_CASE)
    result = approve.record_approval(project, "2", approved=False, actor="Bob", reason="It reads the wrong column.")
    entry = Ledger.open(USE_CASE).entries()[-1]
    assert not result.approved and entry.trial == {"ends": (FIRST + 1).key}
    entries = Ledger.open(USE_CASE).entries()
    assert trial_of(FIRST + 1, entries) is None
    assert trial_of(FIRST, entries).version == "2"
    assert shadow.score_shadow(open_project(USE_CASE), FIRST).changed is False
    assert shadow.score_shadow(open_project(USE_CASE), FIRST + 1) is None


def test_predictions_that_are_refused_leave_the_champions_report_of_the_validation(toy_functions):
    started()
    before = validation_report.list_reports(Lake.open(USE_CASE), "predictions")
    refusing = PredictionSuite(table=[ExpectTableRowCountToEqual(value=1)])
    toy_functions.expectations(predictions=lambda: refusing)
    with raises(PeriodRefusedError, "toy", FIRST, "shadow predictions", "published predictions are not affected"):
        shadow.score_shadow(open_project(USE_CASE), FIRST)
    assert validation_report.list_reports(Lake.open(USE_CASE), "predictions") == before != []
    assert validation_report.list_reports(Lake.open(USE_CASE), "shadow_predictions") == []
    assert not Lake.open(USE_CASE).as_of(FIRST).partitions("shadow_predictions")


def test_a_kill_between_score_and_score_shadow_is_made_up_by_a_rerun():
    started()
    run = PipelineRun(open_project(USE_CASE), FIRST, {})
    steps.score(run)  # and here the process was killed
    again = PipelineRun(open_project(USE_CASE), FIRST, {})
    assert steps.score(again).scored.changed is False
    assert steps.score_shadow(again).scored.changed is True
    assert {row["model_version"] for row in shadow_rows(FIRST)} == {"2"}
