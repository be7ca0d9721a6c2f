"""Readiness: what sensors wait for is available, or will never be."""

from include.project import open_project
from include.retraining import readiness
from include.scoring import score
from tests.conftest import AS_OF
from tests.toy_use_case import USE_CASE


def test_predictions_are_waited_for_from_the_first_champions_day_on(champion):
    assert readiness.is_available(open_project(USE_CASE), "predictions", AS_OF - 1)  # it will never be scored
    assert not readiness.is_available(open_project(USE_CASE), "predictions", AS_OF)
    score.score_period(open_project(USE_CASE), AS_OF)
    assert readiness.is_available(open_project(USE_CASE), "predictions", AS_OF)


def test_metrics_are_waited_for_whichever_version_is_champion(champion):
    assert not readiness.is_available(open_project(USE_CASE), "metrics", AS_OF - 1)
