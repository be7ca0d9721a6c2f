"""score with compiled trees: the same bits as LightGBM's, whatever happens to the engine."""

import logging
from dataclasses import replace

import pytest

from include import settings
from include.backfill.plan import plan_phase
from include.backfill.request import BackfillRequest
from include.cli.run_summary import summarise_run
from include.declaration.actor import account_actor
from include.features import staleness
from include.lake.lake import Lake
from include.pipelines.context import PipelineRun
from include.pipelines.score import ScoreStepResult
from include.project import open_project
from include.registry.mlflow_registry import Registry
from include.scoring import choose_predictor as choosing
from include.scoring import compiled_predictor, score, tree_compiler
from include.training import spec
from include.use_case import Scoring
from tests.conftest import AS_OF
from tests.toy_use_case import USE_CASE

COMPILED = replace(USE_CASE, scoring=Scoring(compiled=True))
pytestmark = pytest.mark.usefixtures("without_plots", "champion")


@pytest.fixture(autouse=True)
def forgotten():
    """No engine is kept from one test to the next."""
    choosing._prepare.cache_clear()


@pytest.fixture
def without_compiler(monkeypatch):
    """Trees are interpreted, which needs no seconds to compile them."""
    monkeypatch.setattr(tree_compiler, "compiler_path", lambda: "")


def written():
    """The digest of the day's predictions, and the Delta version of their table."""
    view = Lake.open(USE_CASE).as_of(AS_OF)
    return view.partitions("predictions", AS_OF, AS_OF)[AS_OF].digest, view.version("predictions")


def predict_wrongly(monkeypatch) -> None:
    """Let engines lose a bit after they were certified."""
    real = tree_compiler.TreeEngine.predict

    def predict(engine, encoded, threads):
        predictions = real(engine, encoded, threads)
        predictions.view("u8")[...] ^= 1
        return predictions

    registry = Registry(USE_CASE)
    home = settings.current_settings().home
    choosing.choose_predictor(COMPILED, registry.load(registry.version("1")), home)  # certified, and kept
    monkeypatch.setattr(tree_compiler.TreeEngine, "predict", predict)


def test_turning_it_on_and_off_changes_no_bit_and_commits_nothing():
    first = score.score_period(open_project(USE_CASE), AS_OF)
    before = written()
    compiled = score.score_period(open_project(COMPILED), AS_OF)
    assert (first.changed, compiled.changed) == (True, False)
    assert (first.predicted_by, compiled.predicted_by) == ("LightGBM", "compiled trees")
    assert written() == before
    assert not score.score_period(open_project(USE_CASE), AS_OF).changed and written() == before


def test_a_day_that_is_scored_by_compiled_trees_first_is_what_lightgbm_makes():
    assert score.score_period(open_project(COMPILED), AS_OF).changed
    before = written()
    assert not score.score_period(open_project(USE_CASE), AS_OF, rescore=True).changed
    assert written() == before


@pytest.mark.usefixtures("without_compiler")
@pytest.mark.parametrize(("then", "now"), [(USE_CASE, COMPILED), (COMPILED, USE_CASE)])
def test_predictions_are_not_stale_when_it_is_turned_on_or_off(then, now):
    score.score_period(open_project(then), AS_OF)
    (table,) = staleness.find_stale(open_project(now), AS_OF, AS_OF, tables=["predictions"])
    assert table.stale == ()
    request = BackfillRequest(AS_OF, AS_OF)
    assert plan_phase(open_project(now), request, "score").work == ()


def test_trainings_of_both_declarations_are_the_same():
    assert spec.declaration_values(USE_CASE) == spec.declaration_values(COMPILED)


@pytest.mark.usefixtures("without_compiler")
def test_predictions_with_another_bit_are_lightgbms_in_the_end(monkeypatch, caplog):
    predict_wrongly(monkeypatch)
    with caplog.at_level(logging.WARNING):
        result = score.score_period(open_project(COMPILED), AS_OF)
    assert result.predicted_by.startswith("LightGBM (") and result.changed
    assert result.predicted_by in caplog.text


@pytest.mark.usefixtures("without_compiler")
def test_an_engine_that_was_wrong_once_is_not_used_again(monkeypatch):
    with monkeypatch.context() as patch:
        predict_wrongly(patch)
        score.score_period(open_project(COMPILED), AS_OF)
    before = written()
    choosing._prepare.cache_clear()
    again = score.score_period(open_project(COMPILED), AS_OF)
    assert again.predicted_by.startswith("LightGBM (") and not again.changed
    assert not score.score_period(open_project(USE_CASE), AS_OF).changed and written() == before


@pytest.mark.usefixtures("without_compiler")
def test_an_engine_that_fails_in_the_middle_of_a_day_writes_nothing_of_it(monkeypatch, set_limits):
    set_limits(scoring_batch_rows=33)
    score.score_period(open_project(USE_CASE), AS_OF)
    before, calls, real = written(), [], compiled_predictor.CompiledPredictor.predict

    def predict(predictor, booster, encoded, threads):
        calls.append(encoded.num_rows)
        if len(calls) > 1:
            raise tree_compiler.TreeEngineError("it fails")
        return real(predictor, booster, encoded, threads)

    monkeypatch.setattr(compiled_predictor.CompiledPredictor, "predict", predict)
    result = score.score_period(open_project(COMPILED), AS_OF)
    assert len(calls) == 2 and not result.changed and written() == before
    assert "it fails" in result.predicted_by


def test_the_log_and_the_summary_of_a_run_name_what_predicted(caplog):
    with caplog.at_level(logging.INFO, logger="include.scoring.choose_predictor"):
        result = score.score_period(open_project(COMPILED), AS_OF)
    (line,) = [record.getMessage() for record in caplog.records if result.predicted_by in record.getMessage()]
    assert str(AS_OF) in line
    run = PipelineRun(open_project(COMPILED), AS_OF, {}, actor=account_actor(), reason="a test")
    (summary,) = summarise_run("score", run, {"score": ScoreStepResult(result, [])})
    assert result.predicted_by in summary
    plain = PipelineRun(open_project(USE_CASE), AS_OF, {}, actor=account_actor(), reason="a test")
    (summary,) = summarise_run("score", plain, {"score": ScoreStepResult(result, [])})
    assert result.predicted_by not in summary


def test_the_library_is_neither_in_the_lake_nor_in_mlflow():
    score.score_period(open_project(COMPILED), AS_OF)
    home = settings.current_settings().home
    assert {path.parent.name for path in home.rglob("*.so")} == {"compiled"}
