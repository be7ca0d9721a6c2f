"""lineage on the toy use case: from one prediction to exactly the partitions that it came from."""

import shutil
from dataclasses import replace
from pathlib import Path

import pyarrow as pa
import pytest

from include.declaration.period import Period
from include.errors import InvalidRequestError, NotReadyError
from include.features import build
from include.ingestion import ingest, validate
from include.lake import history
from include.lake.lake import Lake
from include.project import open_project
from include.registry.mlflow_registry import Registry
from include.registry.publishing_conditions import CONDITIONS
from include.reproduction import lineage
from include.scoring import score
from include.training import train
from tests import conftest
from tests.conftest import AS_OF
from tests.contexts import Configure
from tests.refusals import raises
from tests.toy_use_case import USE_CASE as DECLARED
from tests.toy_use_case import source

pytestmark = pytest.mark.both_places(long=True)

USE_CASE = replace(DECLARED, look_back_periods=2)
DAYS = [AS_OF - 2, AS_OF - 1, AS_OF]
ROW = {"event_date": str(AS_OF), "id": "7"}


@pytest.fixture(scope="module")
def scored(tmp_path_factory, filled: Path, tracking_template: Path) -> Path:
    """A home in which AS_OF was landed, validated, built and scored by the stages themselves; not written to."""
    home = tmp_path_factory.mktemp("scored") / "home"
    shutil.copytree(filled, home)
    shutil.copy(tracking_template, home / "mlflow.db")
    with conftest.living_in(home) as patch:
        conftest.draw_nothing(patch)
        run_id = train.train_model(
            open_project(USE_CASE), AS_OF, parameters={"num_boost_round": 3, "early_stopping_rounds": 3}
        ).run_id
        registry = Registry(USE_CASE)
        version = registry.register(registry.candidate(run_id), "A model.").number
        for table in ("features", "labels"):  # so that the stages have something to commit
            Lake.open(USE_CASE).remove_partition(table, AS_OF, stage="test")
        build.build_features(open_project(USE_CASE), AS_OF)
        score.score_period(open_project(USE_CASE), AS_OF, version=version)
    return home


@pytest.fixture
def lake(scored: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, configure: Configure) -> Lake:
    """A copy of that lake as the test's own, with the same registry."""
    conftest._environment(scored, monkeypatch)
    conftest._use_tracking(scored, monkeypatch)
    shutil.copytree(scored / "lake", tmp_path / "lake")
    configure(lake=tmp_path / "lake")
    return Lake.open(USE_CASE)


def correct(period: Period, monkeypatch: pytest.MonkeyPatch) -> None:
    """The source delivers the events of a day again, one of them larger, and they are landed and validated."""
    with monkeypatch.context() as patch:
        rows = source.events(period)
        larger = pa.array([99.0, *rows["size"].to_pylist()[1:]], pa.float64())
        patch.setattr(source, "events", lambda _: rows.set_column(3, "size", larger))
        ingest.land_feed(open_project(USE_CASE), USE_CASE.feed("events"), period)
        validate.check_feed(open_project(USE_CASE), USE_CASE.feed("events"), period)


def traced() -> lineage.Lineage:
    return lineage.trace_lineage(open_project(USE_CASE), AS_OF, ROW)


# -- what it names


def test_the_row_its_probability_and_its_model_are_named(lake):
    found = traced()
    rows = lake.as_of(AS_OF).read("predictions", since=AS_OF, order_by=["id"]).to_pylist()
    flag = "positive" if rows[7]["predicted_positive"] else "negative"
    assert found.predicted == f"probability {rows[7]['probability']:.4f}, predicted {flag}"
    assert found.keys == {"event_date": AS_OF.start_date, "id": 7}
    version = Registry(USE_CASE).version(found.model_version)
    assert found.run_id == version.run_id
    assert {name: found.model[name] for name in ("as_of", "window", "commit", "lock")} == {
        name: version.tags[name] for name in ("as_of", "window", "commit", "lock")
    }


def test_exactly_the_look_back_days_of_every_feed_are_named(lake):
    found = traced()
    assert [feed.feed for feed in found.feeds] == ["events", "outcomes"]
    assert [[period.checked.period for period in feed.periods] for feed in found.feeds] == [DAYS, DAYS]
    for feed in found.feeds:
        for period in feed.periods:
            for content, table in ((period.checked, f"checked/{feed.feed}"), (period.raw, f"raw/{feed.feed}")):
                there = lake.as_of(AS_OF).partitions(table)[content.period]
                assert (content.table, content.digest, content.rows) == (table, there.digest, there.rows)
                assert content.still


def test_each_version_that_is_named_is_the_one_that_wrote_the_day(lake):
    found = traced()
    contents = [found.prediction, found.features]
    contents += [content for feed in found.feeds for period in feed.periods for content in (period.checked, period.raw)]
    for content in contents:
        written, before = (
            lake.at_versions(AS_OF, {content.table: version}).digest(content.table, content.period)
            for version in (content.version, content.version - 1)
        )
        assert written == content.digest != before


def test_the_features_commit_says_which_version_of_each_feed_was_read(lake):
    notes = history.read_commit_notes(lake.uri("features"))[0]
    feeds = {f"checked/{feed.name}" for feed in USE_CASE.feeds}
    assert notes.versions == {table: lake.as_of(AS_OF).version(table) for table in feeds}
    assert set(notes.inputs) == feeds | {CONDITIONS}


def test_building_again_after_a_feed_moved_on_commits_nothing(lake):
    before = lake.as_of(AS_OF).version("features")
    ingest.land_feed(open_project(USE_CASE), USE_CASE.feed("events"), AS_OF + 1)
    validate.check_feed(open_project(USE_CASE), USE_CASE.feed("events"), AS_OF + 1)
    assert not build.build_features(open_project(USE_CASE), AS_OF).changed
    assert lake.as_of(AS_OF).version("features") == before


# -- what has changed since


def test_a_corrected_look_back_day_is_reported_and_what_was_read_is_still_named(lake, monkeypatch):
    before = traced()
    correct(DAYS[0], monkeypatch)
    events, outcomes = traced().feeds
    assert (events.still, outcomes.still) == (False, True)
    assert [period.checked.still for period in events.periods] == [False, True, True]
    assert [period.raw.still for period in events.periods] == [False, True, True]
    named = [[(c.digest, c.version) for c in (d.checked, d.raw)] for d in events.periods]
    assert named == [[(c.digest, c.version) for c in (d.checked, d.raw)] for d in before.feeds[0].periods]


def test_a_correction_of_a_day_outside_the_look_back_changes_nothing(lake, monkeypatch):
    before = traced()
    correct(AS_OF + 1, monkeypatch)
    assert traced() == before


def test_features_built_again_otherwise_are_not_what_was_scored(lake, monkeypatch):
    before = traced()
    correct(AS_OF, monkeypatch)
    assert build.build_features(open_project(USE_CASE), AS_OF).changed
    features = traced().features
    assert features == replace(before.features, still=False)


def test_it_needs_no_data_but_the_row(lake, monkeypatch):
    correct(DAYS[0], monkeypatch)
    before = traced()
    for table in ("raw/events", "checked/events", "features"):
        lake.delta(table).vacuum(0, dry_run=False, enforce_retention_duration=False)
    assert traced() == before


def test_another_look_back_than_was_declared_then_is_not_guessed(lake, monkeypatch):
    found = lineage.trace_lineage(open_project(replace(USE_CASE, look_back_periods=1)), AS_OF, ROW)
    assert {feed.periods for feed in found.feeds} == {()}
    assert all("does not hold today what was read" in feed.unknown for feed in found.feeds)


def test_commits_that_tell_nothing_end_the_trace(lake):
    rows = lake.as_of(AS_OF).read("predictions", since=AS_OF).drop_columns(["period"]).slice(0, 100)
    lake.replace("predictions", AS_OF, rows, inputs={}, stage="test")
    found = traced()
    assert (found.features, found.feeds, found.prediction.rows) == (None, (), 100)


# -- what is refused


@pytest.mark.parametrize(
    ("keys", "named"),
    [
        ({"id": "7"}, ["'event_date'", "event_date=<date32> id=<int64>"]),
        (ROW | {"flight": "7"}, ["'flight'"]),
        (ROW | {"id": "seven"}, ["id='seven'", "int64"]),
        (ROW | {"event_date": "1 March"}, ["event_date='1 March'", "date32"]),
        (ROW | {"id": "7000"}, ["event_date=2020-03-01 id=7000", "event_date=2020-03-01 id=0"]),
    ],
)
def test_keys_that_name_no_row_are_refused_with_those_that_would(lake, keys, named):
    with raises(InvalidRequestError, *named):
        lineage.trace_lineage(open_project(USE_CASE), AS_OF, keys)


def test_a_day_without_predictions_is_reported_and_no_table_is_made(lake, tmp_path, configure):
    with raises(NotReadyError, "2020-03-02"):
        lineage.trace_lineage(open_project(USE_CASE), AS_OF + 1, ROW)
    configure(lake=tmp_path / "nothing")
    with pytest.raises(NotReadyError, match=str(AS_OF)):
        traced()
    assert not (tmp_path / "nothing").exists()
