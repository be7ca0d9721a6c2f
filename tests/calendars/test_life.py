"""The whole life of an hourly and of a weekly use case, in this process."""

from __future__ import annotations

from dataclasses import dataclass
from types import ModuleType

import numpy as np
import pytest

from include.backtest import run as backtest
from include.declaration.period import Period, PeriodError, period_range
from include.evaluation import evaluate
from include.features import build
from include.ingestion import ingest, validate
from include.monitoring import monitor
from include.notebook import load
from include.project import Project, open_project
from include.promotion import promote, register
from include.promotion.model_card import build as model_card
from include.reproduction import lineage, reproduce
from include.retraining import decide
from include.scoring import score
from include.training import train
from include.use_case import UseCase
from include.web import html, overview
from tests import hourly_use_case, weekly_use_case
from tests.conftest import living_in, move
from tests.hourly_use_case import source as hourly_source
from tests.toys import derived, fill_by_periods
from tests.weekly_use_case import source as weekly_source


@dataclass(frozen=True)
class Life:
    """A use case, and the period in which it is first trained."""

    use_case: UseCase
    source: ModuleType
    as_of: Period
    periods: int
    """Periods that are scored from then on."""


LIVES = (
    Life(hourly_use_case.USE_CASE, hourly_source, Period("2020-03-28T22Z"), 10),  # over the change of clocks in Berlin
    Life(weekly_use_case.USE_CASE, weekly_source, Period("2019-W20-7"), 6),
)
each_life = pytest.mark.parametrize("life", LIVES, ids=[life.use_case.name for life in LIVES])


@each_life
@pytest.mark.slow
def test_a_lake_has_the_periods_of_its_calendar_and_a_rerun_changes_nothing(life, lake_home):
    project, first = open_project(life.use_case), life.use_case.first_period
    periods = period_range(first, first + 2)
    changed = []
    for period in [*periods, *reversed(periods)]:
        changed += [landed.changed for landed in ingest.ingest_period(project, period).values()]
        validate.validate_period(project, period)
        changed.append(build.build_features(project, period).changed)
    view = project.lake.as_of(periods[-1])
    assert list(view.partitions("features")) == periods
    assert not any(changed[len(changed) // 2 :])
    rows = view.read("features")
    assert life.use_case.calendar.periods_of(rows["period"].unique().to_pylist()) == periods
    assert rows["period"].equals(rows[life.use_case.period])


def ascending(key: str) -> tuple[str, str]:
    return key, "ascending"


@pytest.fixture(scope="module")
def homes(tmp_path_factory, tracking_template):
    """Each use case with a champion and measured periods, made once."""
    import shutil

    made = {}
    for life in LIVES:
        home = tmp_path_factory.mktemp(life.use_case.name) / "home"
        home.mkdir()
        shutil.copyfile(tracking_template, home / "mlflow.db")
        with living_in(home):
            project = open_project(life.use_case)
            last = life.as_of + life.periods
            fill_by_periods(life.use_case, life.source, project.lake, life.use_case.first_period, last)
            run_id = train.train_model(project, life.as_of).run_id
            evaluate.evaluate_run(project, run_id)
            version = register.register_run(project, run_id).version
            model_card.build_model_card(project, version)
            promoted = promote.promote_version(project, version, actor="a test")
            assert promoted.promoted, promoted.reason
            for period in period_range(life.as_of, last):
                score.score_period(project, period)
                monitor.monitor_period(project, period)
                monitor.remeasure_label_period(project, period)
                decide.decide_retraining(project, period)
        made[life.use_case.name] = home
    return made


@pytest.fixture
def project(life, homes, lake_home, monkeypatch) -> Project:
    move(homes[life.use_case.name], lake_home, monkeypatch)
    return open_project(life.use_case)


pytestmark = pytest.mark.slow


@each_life
def test_every_period_is_scored_measured_and_decided(life, project):
    last = life.as_of + life.periods
    view, scored = project.lake.as_of(last), period_range(life.as_of, last)
    for table in ("predictions", "metrics", "decisions"):
        assert list(view.partitions(table)) == scored, table
    rows = view.read("metrics", last, last).to_pylist()
    values = {(row["metric"], row["subject"]): row["value"] for row in rows}
    main = life.use_case.task.main_metric
    assert np.isfinite(values[main, "model"])
    assert np.isfinite(values[f"window/{main}", "model"])
    assert values["staleness", "model"] == life.periods


@each_life
def test_the_lake_was_filled_with_what_the_functions_make(life, project):
    for table, function in (("features", "build"), ("labels", "labels")):
        stored = project.lake.as_of(life.as_of).read(table, life.as_of, life.as_of).drop_columns(["period"])
        assert stored.equals(
            derived(life.use_case, function, life.as_of).sort_by([*map(ascending, life.use_case.keys)])
        )


@each_life
def test_a_version_is_reproduced_byte_for_byte(life, project):
    found = reproduce.reproduce_version(project, "1")
    assert (found.outcome, found.model) == ("equal", ())


@each_life
def test_scoring_again_in_another_order_changes_nothing(life, project):
    for period in (life.as_of + 2, life.as_of, life.as_of + 1):
        assert not score.score_period(project, period).changed
        assert not monitor.monitor_period(project, period).changed


@each_life
def test_the_page_shows_the_periods(life, project):
    last = life.as_of + life.periods
    shown = overview.build_overview(project, last, last)
    page = html.use_case_page(shown, "/x", span=28, chosen=False, several=False)
    assert last.key in page


@each_life
def test_a_prediction_is_traced_to_its_feeds(life, project):
    row = project.lake.as_of(life.as_of).read("predictions", life.as_of, life.as_of).to_pylist()[0]
    keys = {key: str(row[key]) for key in life.use_case.keys}
    assert lineage.trace_lineage(project, life.as_of, keys).predicted


@each_life
def test_a_notebook_reads_frames_as_of_a_period_of_the_calendar(life, project, monkeypatch):
    monkeypatch.setattr("include.notebook.load_use_case", lambda _: life.use_case)
    for period in (life.as_of, life.as_of.key, life.as_of.start):
        rows = load(life.use_case.name, period, frame_type="arrow").read("features", since=life.as_of - 2)
        found = life.use_case.calendar.periods_of(rows["period"].unique().to_pylist())
        assert found == period_range(life.as_of - 2, life.as_of)
    with pytest.raises(PeriodError):
        load(life.use_case.name, "2020-03-28")


@each_life
def test_policies_are_replayed(life, project):
    found = backtest.run_backtest(project, life.as_of, life.as_of + 3)
    assert found.outcomes
