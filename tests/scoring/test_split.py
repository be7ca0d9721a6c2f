"""A split publishes each row with the version of its arm, which depends on the keys and the trial's salt alone."""

from __future__ import annotations

import hashlib
import math
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta, timezone
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pyarrow as pa
import pytest

from include.lake.lake import Lake
from include.monitoring import labelled_predictions, monitor, trial_metrics
from include.project import open_project
from include.promotion import trial
from include.promotion.trial_errors import ShareError, SplitScoredError, TrialRefusedError
from include.registry.ledger import Ledger
from include.registry.mlflow_registry import Registry
from include.registry.trials import PARTS, trial_of
from include.reproduction import lineage
from include.scoring import export, score, shadow, shards
from include.scoring.score_errors import ShardPlanOutdatedError
from include.scoring.split import Arms, arm_keys, split_versions
from include.use_case import Scoring, ToFiles
from tests import tried
from tests.conftest import AS_OF, move
from tests.refusals import raises
from tests.toy_use_case import USE_CASE, source
from tests.tried import ended, started

SHARE = 2_000
FIRST = AS_OF + 5
"""The first period that the champion has not scored in the home of these tests."""


def trial_with(share: int = SHARE, salt: str = "pepper") -> Any:
    """What `Arms` reads of a trial."""
    return SimpleNamespace(share=share, salt=salt)


def keyed(*keys: str, period: str = "") -> Any:
    """What `Arms` reads of a use case."""
    return SimpleNamespace(keys=keys, period=period)


def arms(columns: dict[str, Any], share: int = SHARE, salt: str = "pepper", period: str = "") -> list[bool]:
    names = tuple(columns)
    found = Arms(keyed(*names, period=period), trial_with(share, salt)).of_trial(pa.table(columns))
    return found.tolist()


@pytest.mark.parametrize("share", [1, 500, 2_000, 5_000, 9_999])
def test_the_share_of_rows_is_within_the_bounds_of_chance(share):
    rows = 40_000
    found = sum(arms({"id": pa.array(range(rows), pa.int64())}, share))
    expected, reach = rows * share / PARTS, 4 * math.sqrt(rows * share / PARTS * (1 - share / PARTS))
    assert abs(found - expected) <= max(reach, 4)


def test_no_row_and_every_row_are_the_ends_of_a_share():
    ids = {"id": pa.array(range(1000), pa.int64())}
    assert not any(arms(ids, 0)) and all(arms(ids, PARTS))


def test_a_greater_share_only_adds_rows():
    ids = {"id": pa.array(range(2000), pa.int64())}
    small, large = arms(ids, 1000), arms(ids, 3000)
    assert all(more for few, more in zip(small, large, strict=True) if few)


def test_another_salt_splits_independently():
    ids = {"id": pa.array(range(20_000), pa.int64())}
    one, other = np.array(arms(ids, 5_000, "a")), np.array(arms(ids, 5_000, "b"))
    assert 0.47 < np.mean(one == other) < 0.53


def test_the_arm_is_the_hash_of_salt_and_keys_that_the_page_on_trials_defines():
    ids = list(range(400))
    numbers = [int(hashlib.sha256(f"pepper|{len(str(key))}:{key}".encode()).hexdigest()[:12], 16) for key in ids]
    expected = [number % PARTS < 3_000 for number in numbers]
    assert arms({"id": pa.array(ids, pa.int64())}, 3_000) == expected
    unicode_text = "日本"
    number = int(hashlib.sha256(f"s|{len(unicode_text.encode())}:{unicode_text}|1:7".encode()).hexdigest()[:12], 16)
    found = arms({"name": pa.array([unicode_text]), "id": pa.array([7])}, number % PARTS + 1, "s")
    assert found == [True] and arms({"name": pa.array([unicode_text]), "id": pa.array([7])}, number % PARTS, "s") == [
        False
    ]


def test_batches_of_any_size_find_the_same_arms():
    ids = pa.table({"id": pa.array(range(5000), pa.int64())})
    found = Arms(keyed("id"), trial_with())
    whole = found.of_trial(ids)
    parts = [found.of_trial(batch) for batch in ids.to_batches(max_chunksize=7)]
    assert np.concatenate(parts).tolist() == whole.tolist()


ODD = [
    pa.array(["日本", "ä", "", "a|b", "1:a", "\U0001f600", "a\nb", "'; DROP TABLE keys; --"], pa.string()),
    pa.array([datetime(2020, 1, day, 3, tzinfo=UTC) for day in range(1, 9)], pa.timestamp("us", "UTC")),
    pa.array([date(2020, 1, day) for day in range(1, 9)], pa.date32()),
    pa.array([True, False] * 4, pa.bool_()),
    pa.array([-(2**63), -1, 0, 1, 2, 3, 2**31, 2**63 - 1], pa.int64()),
    pa.array([0.1, 1e300, -0.5, 2.0, 3.25, 1e-9, 7.0, 8.0], pa.float64()),
]


@pytest.mark.parametrize("column", ODD, ids=lambda column: str(column.type))
def test_keys_of_any_type_have_an_arm_and_equal_keys_the_same(column):
    found = arms({"key": column}, 5_000)
    assert arms({"key": column.take(pa.array(range(7, -1, -1)))}, 5_000) == found[::-1]
    assert len(found) == len(column)


def test_an_instant_has_the_same_arm_in_every_time_zone():
    instants = [datetime(2020, 1, 1, tzinfo=UTC) + timedelta(hours=hours) for hours in range(200)]
    moved = [each.astimezone(timezone(timedelta(hours=9))) for each in instants]
    first, second = (
        arms({"at": pa.array(each, pa.timestamp("us", zone))}, 5_000)
        for each, zone in ((instants, "UTC"), (moved, "Asia/Tokyo"))
    )
    assert first == second


def test_several_columns_count_and_are_not_run_together():
    left, right = ["a", "ab"] * 500, ["bc", "c"] * 500
    numbers = [str(number) for number in range(1000)]
    one = arms({"a": pa.array([f"{x}{n}" for x, n in zip(left, numbers, strict=True)]), "b": pa.array(right)}, 5_000)
    other = arms({"a": pa.array(numbers), "b": pa.array(right)}, 5_000)
    assert one != other
    pairs = pa.array(["a", "ab"]), pa.array(["bc", "c"])
    seeds = [arms({"a": pairs[0], "b": pairs[1]}, 5_000, f"{salt}") for salt in range(60)]
    assert any(first != second for first, second in seeds)


def test_the_period_is_no_part_of_what_decides():
    assert arm_keys(USE_CASE) == ["id"]
    assert arm_keys(keyed("month", period="month")) == ["month"]


@pytest.fixture(scope="module")
def home(tmp_path_factory, champion_home) -> Path:
    return tried.made_home(tmp_path_factory, champion_home, last=FIRST - 1)


@pytest.fixture
def split(lake_home, home, monkeypatch, without_plots) -> None:
    """Version 2 gets 20 % of the rows from FIRST on."""
    move(home, lake_home, monkeypatch)
    started(first=FIRST, share=SHARE)


def stored(period, table: str = "predictions") -> list[dict[str, Any]]:
    return Lake.open(USE_CASE).as_of(period).read(table, since=period, order_by=USE_CASE.keys).to_pylist()


def in_trial(period) -> dict[int, bool]:
    """Row to whether it is of the trial, as the ledger alone says."""
    rows = source.everything(period)
    found = Arms(USE_CASE, trial_of(period, Ledger.open(USE_CASE).entries())).of_trial(rows)
    return dict(zip(rows["id"].to_pylist(), found.tolist(), strict=True))


def versions_of(period) -> dict[int, str]:
    return {row["id"]: row["model_version"] for row in stored(period)}


@pytest.mark.usefixtures("split")
def test_each_row_is_published_with_the_version_that_the_ledger_says():
    found = score.score_period(open_project(USE_CASE), FIRST)
    expected = {number: "2" if tried_row else "1" for number, tried_row in in_trial(FIRST).items()}
    assert versions_of(FIRST) == expected
    assert (found.version, found.tried, found.tried_rows) == ("1", "2", sum(in_trial(FIRST).values()))
    assert 0 < found.tried_rows < found.rows == source.ROWS
    for number in ("1", "2"):
        model = Registry(USE_CASE).load(Registry(USE_CASE).version(number))
        whole = dict(
            zip(source.everything(FIRST)["id"].to_pylist(), model.predict(source.everything(FIRST), 1), strict=True)
        )
        own = {row["id"]: row["probability"] for row in stored(FIRST) if row["model_version"] == number}
        assert own == {key: whole[key] for key in own}


@pytest.mark.usefixtures("split")
def test_the_same_row_keeps_its_arm_over_the_days():
    for days in range(3):
        score.score_period(open_project(USE_CASE), FIRST + days)
    first, *others = (versions_of(FIRST + days) for days in range(3))
    for other in others:
        shared = first.keys() & other.keys()
        assert len(shared) > 50 and {key: first[key] for key in shared} == {key: other[key] for key in shared}


@pytest.mark.usefixtures("split")
def test_a_rerun_commits_nothing_also_after_the_split_has_ended():
    score.score_period(open_project(USE_CASE), FIRST)
    before = Lake.open(USE_CASE).as_of(FIRST).version("predictions")
    assert score.score_period(open_project(USE_CASE), FIRST).changed is False
    ended(FIRST + 1)
    again = score.score_period(open_project(USE_CASE), FIRST)
    assert (again.changed, again.kept, again.tried) == (False, True, "2")
    assert Lake.open(USE_CASE).as_of(FIRST).version("predictions") == before
    assert score.score_period(open_project(USE_CASE), FIRST + 1).tried == ""


@pytest.mark.usefixtures("split")
def test_periods_before_the_split_are_whole_and_a_named_version_scores_all_rows():
    assert set(versions_of(FIRST - 1).values()) == {"1"}
    assert score.score_period(open_project(USE_CASE), FIRST - 1).changed is False
    score.score_period(open_project(USE_CASE), FIRST)
    score.score_period(open_project(USE_CASE), FIRST, version="1")
    assert set(versions_of(FIRST).values()) == {"1"}
    score.score_period(open_project(USE_CASE), FIRST)
    assert set(versions_of(FIRST).values()) == {"1"}, "it keeps the version that was named"
    score.score_period(open_project(USE_CASE), FIRST, rescore=True)
    assert set(versions_of(FIRST).values()) == {"1", "2"}


@pytest.mark.usefixtures("split")
def test_a_split_neither_begins_nor_ends_with_scored_periods():
    score.score_period(open_project(USE_CASE), FIRST)
    with raises(SplitScoredError, FIRST, FIRST + 1):
        ended(FIRST)
    ended(FIRST + 1)
    score.score_period(open_project(USE_CASE), FIRST + 1)
    with raises(SplitScoredError, FIRST + 1, FIRST + 2):
        started(first=FIRST + 1, share=100, reason="again")
    assert trial.first_unscored(open_project(USE_CASE)) == FIRST + 2


@pytest.mark.parametrize("share", [-1, PARTS, PARTS + 1])
@pytest.mark.usefixtures("split")
def test_an_impossible_share_is_refused(share):
    with pytest.raises(ShareError):
        started(first=FIRST, share=share)


def test_a_version_that_a_gate_blocks_may_be_tried_in_shadow_and_not_published(lake_home, home, monkeypatch):
    from tests import versions

    move(home, lake_home, monkeypatch)
    run_id = Registry(USE_CASE).version("2").run_id
    versions.judge(run_id, [versions.gate_result("failed")])
    with raises(TrialRefusedError, "a gate blocks it", "It is bad"):
        started(first=FIRST, share=100)
    assert started(first=FIRST).share == 0


@pytest.mark.usefixtures("split")
def test_the_export_has_the_version_of_each_row(tmp_path):
    score.score_period(open_project(USE_CASE), FIRST)
    exporting = replace(USE_CASE, exports=(ToFiles(f"{tmp_path}/{{period:%Y-%m-%d}}.csv"),))
    [receipt] = export.export_period(open_project(exporting), FIRST)
    lines = (tmp_path / f"{FIRST}.csv").read_text().splitlines()[1:]
    assert [line.rsplit(",", 1)[-1].strip('"') for line in lines] == [*versions_of(FIRST).values()]
    assert receipt.model_version == "1 and 2"


@pytest.mark.usefixtures("split")
def test_the_lineage_of_a_row_names_the_version_of_its_arm():
    score.score_period(open_project(USE_CASE), FIRST)
    for wanted in ("1", "2"):
        row = next(row for row in stored(FIRST) if row["model_version"] == wanted)
        keys = {"event_date": str(FIRST), "id": str(row["id"])}
        assert lineage.trace_lineage(open_project(USE_CASE), FIRST, keys).model_version == wanted


@pytest.mark.usefixtures("split")
def test_monitoring_measures_the_champion_by_its_own_rows():
    for days in range(3):
        score.score_period(open_project(USE_CASE), FIRST + days)
    project, later = open_project(USE_CASE), FIRST + USE_CASE.label.label_delay_periods
    own = sum(version == "1" for version in versions_of(FIRST).values())
    found = labelled_predictions.load_period(project, project.lake.as_of(later), FIRST)
    assert (found.version, found.rows) == ("1", own) and found.labelled_rows <= own
    result = monitor.monitor_period(project, later)
    rows = {(row["metric"], row["subject"]): row for row in stored_metrics(later)}
    assert result.version == "1" and rows["rows", "model"]["value"] == own
    assert rows["unscored_rows", "predictions"]["value"] == 0
    shown = [row["probability"] for row in stored(later) if row["model_version"] == "1"]
    assert rows["mean_prediction", "prediction"]["value"] == pytest.approx(np.mean(shown))


def stored_metrics(period) -> list[dict[str, Any]]:
    return Lake.open(USE_CASE).as_of(period).read("metrics", since=period).to_pylist()


@pytest.mark.usefixtures("split")
def test_the_paired_comparison_reads_the_rows_of_the_champion_and_the_arms_are_compared_too():
    for days in range(4):
        score.score_period(open_project(USE_CASE), FIRST + days)
        assert shadow.score_shadow(open_project(USE_CASE), FIRST + days).rows == source.ROWS
    later = FIRST + 1 + USE_CASE.label.label_delay_periods
    project = open_project(USE_CASE)
    found = trial_of(FIRST + 1, Ledger.open(USE_CASE).entries())
    compared = trial_metrics.load_comparison(project, project.lake.as_of(later), found, FIRST + 1)
    on_second = compared.on(FIRST + 1).outcomes
    assert len(on_second.labels) <= sum(version == "1" for version in versions_of(FIRST + 1).values())
    monitor.monitor_period(project, later)
    rows = {(row["metric"], row["subject"]): row for row in stored_metrics(later)}
    whole = rows["trial_arms/log_loss", "version 1"]
    assert (whole["periods"], whole["model_version"]) == (2, "2")
    assert (whole["lower"], whole["upper"]) == (None, None), "two periods are too few for an interval"
    published = stored(FIRST) + stored(FIRST + 1)
    assert {row["model_version"] for row in published} == {"1", "2"} and abs(whole["value"]) < 1


@pytest.mark.usefixtures("without_plots")
def test_a_split_period_has_no_shards_and_a_plan_from_before_is_outdated(lake_home, home, monkeypatch):
    move(home, lake_home, monkeypatch)
    project = open_project(replace(USE_CASE, scoring=Scoring(shard_rows=50)))
    plan = shards.plan_shards(project, FIRST)
    for number in range(plan.count):
        shards.score_shard(project, plan, number)
    started(first=FIRST, share=SHARE)
    with raises(ShardPlanOutdatedError, "version 2"):
        shards.commit_shards(project, plan)
    assert not Lake.open(USE_CASE).as_of(FIRST).partitions("predictions", FIRST)
    assert shards.plan_shards(project, FIRST) is None


@pytest.mark.usefixtures("split")
def test_the_commit_names_the_entry_of_the_split():
    score.score_period(open_project(USE_CASE), FIRST)
    note = Lake.open(USE_CASE).as_of(FIRST).note("predictions", FIRST)
    assert note.inputs["trial.entry"] == str(Ledger.open(USE_CASE).entries()[-1].number)
    assert split_versions(note) == {"champion": "1", "trial": "2"}
