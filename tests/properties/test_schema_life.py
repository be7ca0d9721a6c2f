"""Columns change during the life cycle: nothing stops, no value is truncated, old versions can be rebuilt."""

from __future__ import annotations

from dataclasses import replace

import ibis
import pyarrow as pa
import pyarrow.compute as pc
import pytest

from include.evaluation import evaluate
from include.features import build
from include.ingestion import ingest, quarantine, reconcile, resubmit, validate
from include.lake.lake import Lake
from include.project import open_project
from include.promotion import register
from include.reproduction import reproduce
from include.scoring import score
from include.scoring.score_errors import FeaturesRedeclaredError
from include.training import train
from include.use_case import SchemaGate
from tests.conftest import AS_OF, LAST
from tests.quarantined import ASKED, DAY, HOUR, NEXT, spoil
from tests.refusals import raises
from tests.toy_use_case import USE_CASE, source

pytestmark = [pytest.mark.slow, pytest.mark.long, pytest.mark.usefixtures("without_plots")]
AFTER = LAST + 1
MORE = replace(USE_CASE, features={**USE_CASE.features, "hour": "float64", "weight": "float64"})
FEW_ROUNDS = {"num_boost_round": 3, "early_stopping_rounds": 3}


def heavier(period, events, outcomes):
    rows = events.filter(events.event_date == period.start_date)
    hour = (rows.hour + ibis.literal(0.25)).cast("float64")
    return rows.select("event_date", "id", "kind", "size", "urgent", hour=hour, weight=rows["size"] * 2)


@pytest.fixture
def more(champion, toy_functions):
    """The toy's champion, and features of AFTER with one more and one wider feature."""
    toy_functions.features(build=heavier)
    build.build_features(open_project(MORE), AFTER)


@pytest.mark.usefixtures("more")
def test_a_champion_that_lacks_nothing_goes_on_scoring_after_features_are_added_and_widened():
    lake = Lake.open(MORE)
    assert set(lake.as_of(AFTER).read("features", AFTER)["hour"].to_pylist()) >= {0.25, 23.25}
    for period in (AFTER, AS_OF):
        assert score.score_period(open_project(MORE), period).rows == source.ROWS
    before = lake.as_of(AS_OF).digest("predictions", AS_OF)
    score.score_period(open_project(USE_CASE), AS_OF)
    assert lake.as_of(AS_OF).digest("predictions", AS_OF) == before, "a wider type changes no prediction"


@pytest.mark.usefixtures("more")
def test_a_training_over_mixed_history_says_which_feature_is_null_where():
    found = train.train_model(open_project(MORE), AFTER, parameters=FEW_ROUNDS, window_periods=60)
    assert found.null_features == {"weight": ["2020-01-10..2020-03-09"]}


@pytest.mark.usefixtures("more")
def test_the_registered_version_is_rebuilt_from_the_columns_it_was_trained_on():
    assert reproduce.reproduce_version(open_project(MORE), "1").outcome == "equal"


@pytest.mark.usefixtures("more")
def test_a_day_whose_features_lack_a_column_that_the_model_reads_is_refused_until_they_are_built_again():
    run_id = train.train_model(open_project(MORE), AFTER, parameters=FEW_ROUNDS, window_periods=60).run_id
    evaluate.evaluate_run(open_project(MORE), run_id)
    version = register.register_run(open_project(MORE), run_id).version
    with pytest.raises(score.FeaturesOutdatedError) as refused:
        score.score_period(open_project(MORE), AS_OF, version=version, allow_future_model=True)
    assert (refused.value.period, refused.value.absent) == (AS_OF, ("weight",))
    build.build_features(open_project(MORE), AS_OF)
    assert score.score_period(open_project(MORE), AS_OF, version=version, allow_future_model=True).rows == source.ROWS


@pytest.mark.usefixtures("more")
@pytest.mark.parametrize(("changed", "outcome"), [((), "failed"), (("hour", "weight"), "passed")])
def test_the_schema_gate_names_added_and_widened_features_unless_they_are_meant(changed, outcome):
    use_case = replace(MORE, gates=(SchemaGate(changed=frozenset(changed)),))
    run_id = train.train_model(open_project(use_case), AFTER, parameters=FEW_ROUNDS, window_periods=60).run_id
    (gate_result,) = evaluate.evaluate_run(open_project(use_case), run_id).gate_results
    assert gate_result["outcome"] == outcome
    assert "hour" in gate_result["reason"] and "weight" in gate_result["reason"]


def test_a_champion_that_lacks_a_column_is_refused_in_words(champion):
    fewer = replace(USE_CASE, features={name: kind for name, kind in USE_CASE.features.items() if name != "size"})
    with raises(FeaturesRedeclaredError, "size", version="1"):
        score.score_period(open_project(fewer), AS_OF)


def test_a_feed_that_gains_and_widens_columns_keeps_its_quarantine_and_corrections(
    lake_home, monkeypatch, toy_functions
):
    """A row that was set aside and sent back under the old columns stays sent back, and an open one can be sent."""
    spoil(monkeypatch, "events", "hour", [25, -1], DAY)
    ingest.ingest_period(open_project(USE_CASE), DAY), validate.validate_period(open_project(USE_CASE), DAY)
    first, second = quarantine.read_quarantine(open_project(USE_CASE), "events").rows["digest"].to_pylist()
    resubmit.resubmit_released(open_project(USE_CASE), "events", [HOUR], ids=[first], **ASKED)

    columns = {**USE_CASE.feed("events").columns, "hour": "float64", "colour": "string"}
    feeds = tuple(replace(f, columns=columns) if f.name == "events" else f for f in USE_CASE.feeds)
    wider, deliver = replace(USE_CASE, feeds=feeds), source.events

    def events(period):
        rows = deliver(period)
        hour = pc.cast(rows["hour"], pa.float64())
        rows = rows.set_column(rows.schema.get_field_index("hour"), "hour", hour)
        return rows.append_column("colour", pa.repeat(pa.scalar("red"), rows.num_rows))

    toy_functions.source(events=events)
    found = quarantine.read_quarantine(open_project(wider), "events")
    assert found.rows["digest"].to_pylist() == [first, second], "the names of rows stay"
    assert list(found.is_open) == [False, True]
    resubmit.resubmit_released(open_project(wider), "events", [HOUR], ids=[second], **ASKED)
    ingest.ingest_period(open_project(wider), NEXT), validate.validate_period(open_project(wider), NEXT)
    rows = Lake.open(wider).as_of(NEXT).read("checked/events", NEXT)
    back = rows.filter(pc.equal(rows["event_date"], pa.scalar(DAY.start_date)))
    assert sorted(back["hour"].to_pylist()) == [-1.0, 25.0] and set(back["colour"].to_pylist()) == {None}
    assert rows.num_rows == source.ROWS + 2
    assert [balance.faults for balance in reconcile.reconcile(open_project(wider))] == [(), ()]
    (again,) = ingest.ingest_period(open_project(wider), DAY).keys() - {"outcomes"}
    validate.validate_period(open_project(wider), DAY)
    assert Lake.open(wider).as_of(DAY).read("checked/events", DAY)["colour"].to_pylist()[0] == "red", again
