"""One planted violation per kind of gate: it is detected, named, and blocks the promotion."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import ibis
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from include.declaration.period import LATEST, Period, period_range
from include.errors import NotReadyError
from include.evaluation import evaluate
from include.features import build as features_build
from include.lake.lake import Lake
from include.project import open_project
from include.promotion import promote, register
from include.registry.ledger import Ledger
from include.registry.mlflow_registry import Registry
from include.registry.model_copies import ArtifactMissingError
from include.training.run_logging import PREDICTION
from include.use_case import (
    ChampionGate,
    Gate,
    LeakageGate,
    RobustnessGate,
    SchemaGate,
    ServingGate,
    SliceGate,
    UnusedFeaturesGate,
    UseCase,
)
from tests.toy_use_case import USE_CASE, features
from tests.trainings import LATER
from tests.versions import record_sample

EASY = Gate("log_loss", at_most=5.0)
LEAST_PERIODS = 26
"""The smallest window that the toy's splits fit into."""
SERVING = ServingGate(at_most_microseconds=1e6, at_most_megabytes=100)


pytestmark = [pytest.mark.slow, pytest.mark.usefixtures("without_plots")]


def blocked(use_case: UseCase, run_id: str, *failing: str) -> None:
    """The run is registered as rejected because of exactly these gate results, and nothing else has moved."""
    found = evaluate.evaluate_run(open_project(use_case), run_id)
    stopped = [gate_result for gate_result in found.gate_results if gate_result["blocks"]]
    assert [gate_result["gate"] for gate_result in stopped] == list(failing)
    assert all(gate_result["reason"] and gate_result["outcome"] == "failed" for gate_result in stopped)
    version = register.register_run(open_project(use_case), run_id).version
    refused = promote.promote_version(open_project(use_case), version, actor="a test")
    assert not refused.promoted
    assert all(gate_result["reason"] in refused.reason for gate_result in stopped)
    assert (Registry(USE_CASE).champion(), len(Ledger.open(USE_CASE).entries())) == ("1", 1)
    assert Registry(USE_CASE).version(version).tags["status"] == "rejected"


@pytest.mark.parametrize(
    "gate",
    [
        pytest.param(Gate("auc", at_least=0.99), id="metric threshold"),
        pytest.param(Gate("auc", at_most=0.51), id="too good to be true", marks=pytest.mark.slow),
        pytest.param(Gate("ece", at_most=0.0001), id="calibration", marks=pytest.mark.slow),
        pytest.param(SliceGate("kind", "log_loss", max_degradation=0.0, min_rows=50), id="slice"),
        pytest.param(RobustnessGate(at_most=1e-6), id="robustness"),
    ],
)
def test_a_declared_limit_that_is_broken_blocks(champion, another, gate):
    blocked(use_case := replace(USE_CASE, gates=(EASY, gate)), another(use_case), str(gate))


def test_a_model_worse_than_a_baseline_is_caught(champion, another):
    gate = Gate("log_loss", better_than="logistic")
    use_case = replace(USE_CASE, gates=(EASY, gate))
    blocked(use_case, another(use_case, num_boost_round=1, learning_rate=1e-6), str(gate))


def test_a_model_worse_than_the_champion_is_caught(champion, another):
    gate = ChampionGate(metric="log_loss", min_periods=5)
    use_case = replace(USE_CASE, gates=(EASY, gate))
    blocked(use_case, another(use_case, num_boost_round=1), str(gate))


def test_a_slow_and_a_large_model_are_caught(champion, another):
    gate = ServingGate(at_most_microseconds=1e-6, at_most_megabytes=1e-6)
    use_case = replace(USE_CASE, gates=(EASY, gate))
    blocked(use_case, another(use_case), f"{gate}: microseconds per row", f"{gate}: megabytes")


def test_scores_that_differ_by_one_bit_from_those_of_the_training_are_caught(champion, another):
    use_case = replace(USE_CASE, gates=(EASY, SERVING))
    run_id = another(use_case)
    sample = Registry(USE_CASE).get_run(run_id).info.artifact_uri + "/rehearsal/sample.parquet"
    rows = pq.read_table(sample)
    scores = rows[PREDICTION].to_numpy().copy()
    scores.view("int64")[0] ^= 1
    pq.write_table(rows.set_column(rows.schema.get_field_index(PREDICTION), PREDICTION, pa.array(scores)), sample)
    record_sample(run_id, Path(sample.removeprefix("file://")))
    blocked(use_case, run_id, f"{SERVING}: same scores")


def test_features_other_than_the_champions_are_caught(champion, another):
    fewer = {name: kind for name, kind in USE_CASE.features.items() if name != "urgent"}
    use_case = replace(USE_CASE, gates=(EASY, SchemaGate()), features=fewer)
    blocked(use_case, another(use_case), str(SchemaGate()))


def test_features_that_cannot_be_built_again_are_caught(champion, another):
    """The lake of this test has no checked feeds: what it holds cannot have been built from them."""
    use_case = replace(USE_CASE, gates=(EASY, LeakageGate()))
    blocked(use_case, another(use_case), str(LeakageGate()))


@pytest.fixture
def leaking_features(champion, toy_functions) -> tuple[Period, Period]:
    """Of each day of a window, features by the data stages whose code reads how the day's events ended: the window.

    What a day's source says is in the lake already, as it is when features are built again or backfilled.
    """
    first, last = LATER - (LEAST_PERIODS + 1), LATER
    features_build.land_missing(open_project(USE_CASE), first, last)

    def build(period: Period, events: ibis.Table, outcomes: ibis.Table) -> ibis.Table:
        known = Lake.open(USE_CASE).as_of(LATEST).read("checked/outcomes", period, period + 2)
        ended = ibis.memtable(known.select(["event_date", "id", "failed"]))
        rows = honest(period, events, outcomes).left_join(ended, ["event_date", "id"])
        # Hidden so that the sizes do not show it: a thousandth more where the event will fail.
        moved = rows.size.fill_null(10.0).round(2) + rows.failed.fill_null(0) * 0.001
        return rows.select("event_date", "id", "kind", "hour", "urgent", size=moved)

    honest = features.build
    toy_functions.features(build=build)
    short = replace(USE_CASE, look_back_periods=1)
    for period in period_range(first, last):
        features_build.build_features(open_project(short), period)
    return first, last


def test_features_that_read_the_future_are_caught_from_the_lake_to_the_promotion(leaking_features, another):
    gate = LeakageGate(periods=6)
    short = replace(USE_CASE.training, window_periods=LEAST_PERIODS)
    use_case = replace(USE_CASE, look_back_periods=1, training=short, gates=(EASY, gate))
    run_id = another(use_case)
    blocked(use_case, run_id, str(gate))
    [gate_result] = [
        each for each in evaluate.evaluate_run(open_project(use_case), run_id).gate_results if each["blocks"]
    ]
    assert (gate_result["value"], " size changed when" in gate_result["reason"]) == (1, True)


def test_more_features_without_gain_than_allowed_are_caught(champion, another):
    gate = UnusedFeaturesGate(at_most=0)
    use_case = replace(USE_CASE, gates=(EASY, gate))
    blocked(use_case, another(use_case, num_boost_round=1, num_leaves=2), str(gate))


@pytest.mark.parametrize("damage", ["removed", "other trees"])
def test_a_champion_that_is_damaged_stops_the_judgement_and_keeps_the_alias(champion, another, lake_home, damage):
    use_case = replace(USE_CASE, gates=(EASY, ChampionGate(min_periods=5)))
    run_id = another(use_case)
    registry = Registry(USE_CASE)
    path = next(path for path in lake_home.rglob("model.lgb") if registry.version("1").model_id in str(path))
    path.unlink() if damage == "removed" else path.write_text(path.read_text().replace("leaf_value=", "leaf_value=9"))
    with pytest.raises(ArtifactMissingError) as refused:
        evaluate.evaluate_run(open_project(use_case), run_id)
    assert refused.value.version == "1"
    assert (registry.champion(), len(Ledger.open(USE_CASE).entries())) == ("1", 1)


def test_a_run_that_was_never_judged_cannot_be_registered(champion, another: Callable[..., str]):
    with pytest.raises(NotReadyError):
        register.register_run(open_project(USE_CASE), another(USE_CASE))
