"""A training with a declared season: what its baseline reads, and a season that is longer than the history."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from include.features import build
from include.model.model_errors import SeasonTooLongError
from include.model.season import SEASON_AGO
from include.project import open_project
from include.training import dataset, train
from include.use_case import Regression
from tests.toys import COUNTS

pytestmark = pytest.mark.slow


@pytest.fixture
def toy():
    return COUNTS


def test_the_baseline_reads_what_a_feature_of_a_week_ago_holds(toy_lake):
    project = open_project(COUNTS.use_case)
    view, last = project.lake.as_of(COUNTS.as_of), COUNTS.as_of - 1
    rows = dataset.labelled_rows(COUNTS.use_case, view, COUNTS.first + 7, last)
    ago, feature = (rows[name].to_numpy(zero_copy_only=False) for name in (SEASON_AGO, "visits_7d_ago"))
    assert len(ago) and np.array_equal(ago, feature)
    assert SEASON_AGO not in dataset.training_set(COUNTS.use_case, view).column_names


def test_a_season_longer_than_the_history_ends_the_training_with_its_fields(toy_lake, tracking):
    long = replace(COUNTS.use_case, task=Regression(season=60), gates=())
    with pytest.raises(SeasonTooLongError) as refused:
        train.train_model(open_project(long), COUNTS.as_of)
    assert refused.value.season == 60 and refused.value.rows > 0


def test_labels_of_a_season_before_the_window_belong_to_the_training(toy_lake):
    case = replace(COUNTS.use_case, training=replace(COUNTS.use_case.training, window_periods=27))
    project, (first, last) = open_project(case), (COUNTS.as_of - 27, COUNTS.as_of - 1)

    def digest() -> str:
        from include.model.lightgbm_params import merge_parameters

        view = project.lake.as_of(COUNTS.as_of)
        return train.training_inputs(case, view, first, last, merge_parameters(case, None)).fingerprint

    before, earlier = digest(), first - 3
    rows = project.lake.as_of(earlier).read("labels", earlier, earlier).drop_columns(["period"])
    project.lake.replace("labels", earlier, rows.slice(1), inputs={}, stage="labels")
    assert digest() != before


def test_the_window_of_a_training_is_built_from_one_season_before_on(monkeypatch):
    asked: list[tuple[str, str]] = []
    monkeypatch.setattr(build, "ensure_features", lambda _, first, last: (asked.append((str(first), str(last))), [])[1])
    case = replace(COUNTS.use_case, training=replace(COUNTS.use_case.training, window_periods=27))
    first, last, built = build.ensure_window(open_project(case), COUNTS.as_of, None)
    assert (last - first, built) == (26, 0)
    assert asked == [(str(first - 7), str(COUNTS.as_of))]
