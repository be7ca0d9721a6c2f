"""What Prometheus is given, and what its own tools say about that and about the rules."""

from __future__ import annotations

import re
import shutil
import subprocess
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta

import pyarrow as pa
import pytest
import yaml
from prometheus_client.parser import text_string_to_metric_families

from include.page import prometheus
from include.settings import REPOSITORY
from include.storage import schemas
from include.storage.claims import Claims
from include.storage.lake import Lake
from include.storage.ledger import Ledger
from tests import toy

RULES = REPOSITORY / "docs" / "alert_rules.yml"
DAY = date(2020, 3, 5)
NOW = datetime(2020, 3, 6, 6, tzinfo=UTC)
BERLIN = replace(toy.USE_CASE, time_zone="Europe/Berlin")
promtool = pytest.mark.skipif(
    shutil.which("promtool") is None, reason="promtool is not installed (Debian's package prometheus has it)"
)


def row(metric: str, subject: str, value: float | None, **more: object) -> dict:
    empty = dict.fromkeys(schemas.METRICS.names) | {"model_version": "1", "about": DAY, "days": 1, "state": ""}
    return empty | {"metric": metric, "subject": subject, "value": value} | more


ROWS = (
    row("rows", "features", 120.0),
    row("published", "events", 118.0),
    row("quarantined", "events", 2.0),
    row("quarantined_by_reason", "events: amount is not null", 2.0),
    row("volume_change", "events", -0.1, limit=0.5, breached=False),
    row("null_share", "x", 0.0, limit=0.1, breached=False),
    row("psi", "x", 0.4, limit=0.2, breached=True),
    row("weighted_drift", "features", 0.3, limit=0.2, breached=True),
    row("prediction_drift", "prediction", None, limit=0.2, state="There are too few rows: 1."),
    row("mean_prediction", "prediction", 0.31),
    row("mean_prediction", "model", 0.29, about=DAY - timedelta(days=2)),
    row("log_loss", "prior", 0.6, about=DAY - timedelta(days=2)),
    row("window/log_loss", "model", 0.5, lower=0.4, upper=0.6, days=14),
    row("promise/log_loss", "model", 0.45, lower=0.4, upper=0.5),
    row("worse/log_loss", "model", 0.05, lower=0.01, upper=0.09, limit=0.02, breached=False, days=14),
    row("staleness", "predictions", 2.0, limit=1.0, breached=True),
    row("something_new", "x", 7.0),
)


def put(table: str, day: date, rows: list[dict]) -> None:
    content = pa.Table.from_pylist(rows, schema=schemas.content(toy.USE_CASE, table))
    Lake.of(toy.USE_CASE).replace(table, day, content, inputs={}, stage="measure")


def decided(day: date, outcome: str) -> None:
    put("decisions", day, [{"outcome": outcome, "reason": "so", "signals": "[]", "model_version": "1"}])


def served(use_case=toy.USE_CASE, now: datetime = NOW) -> dict[tuple[str, frozenset], float]:
    """Every series as Prometheus' own client reads it: name and labels to value."""
    text = prometheus.exposition([use_case], now).decode()
    return {
        (
            sample.name.removeprefix("airworthy_"),
            frozenset((sample.labels | {"use_case": ""}).values()) - {""},
        ): sample.value
        for family in text_string_to_metric_families(text)
        for sample in family.samples
    }


def at(name: str, *labels: str) -> tuple[str, frozenset]:
    return name, frozenset(labels)


@pytest.fixture
def measured(champion) -> None:
    """A champion, a measured day, and decisions."""
    put("metrics", DAY - timedelta(days=1), [row("psi", "gone", 9.0), row("psi", "x", 1.0)])
    put("metrics", DAY, list(ROWS))
    decided(DAY - timedelta(days=1), "hold")
    decided(DAY, "retrain")
    put("retrainings", DAY, [{"outcome": "rejected", "reason": "worse", "model_version": "2", "run_id": "r"}])
    Claims.of(toy.USE_CASE).claim(DAY, 2)


def test_the_newest_figures_stand_under_names_of_their_units(measured):
    found = served()
    assert found[at("rows", "features")] == 120
    assert found[at("published_rows", "events")] == 118
    assert found[at("quarantined_by_reason_rows", "events: amount is not null")] == 2
    assert found[at("volume_change_ratio", "events")] == -0.1
    assert found[at("psi", "x")] == 0.4
    assert found[at("mean_prediction_ratio", "prediction")] == 0.31
    assert found[at("realised", "mean_prediction", "model")] == 0.29
    assert found[at("realised", "log_loss", "prior")] == 0.6
    assert [found[at(name, "log_loss", "model")] for name in ("window", "window_lower", "window_upper")] == [
        0.5,
        0.4,
        0.6,
    ]
    assert found[at("worse", "log_loss", "model")] == 0.05
    assert found[at("figure", "something_new", "x")] == 7
    assert at("psi", "gone") not in found


def test_limits_and_breaches_are_told_and_what_was_not_judged_is_absent(measured):
    found = served()
    assert found[at("breached", "weighted_drift", "features")] == 1
    assert found[at("breached", "volume_change", "events")] == 0
    assert found[at("limit", "weighted_drift", "features")] == 0.2
    assert at("breached", "prediction_drift", "prediction") not in found
    assert at("prediction_drift", "prediction") not in found
    assert found[at("unmeasured", "prediction_drift", "prediction")] == 1


def test_ages_are_counted_to_the_clock_from_midnight_where_the_use_case_is(measured):
    assert served()[at("staleness_seconds", "metrics")] == 30 * 3600
    assert served()[at("staleness_seconds", "predictions")] == (30 + 48) * 3600
    assert served(now=NOW + timedelta(hours=1))[at("staleness_seconds", "metrics")] == 31 * 3600
    assert served(BERLIN)[at("staleness_seconds", "metrics")] == 31 * 3600


def test_what_is_decided_and_who_is_champion_is_told(measured):
    found = served()
    assert found[at("decision_retrain")] == 1
    assert found[at("decision_timestamp_seconds")] == datetime(2020, 3, 5, tzinfo=UTC).timestamp()
    assert found[at("retraining_timestamp_seconds", "rejected")] == datetime(2020, 3, 5, tzinfo=UTC).timestamp()
    assert (found[at("trainings_claimed")], found[at("trainings_allowed")]) == (1, toy.USE_CASE.retraining.per_month)
    assert found[at("champion_info", "1")] == 1
    assert found[at("champion_effective_timestamp_seconds")] == datetime(2020, 3, 1, tzinfo=UTC).timestamp()
    assert found[at("up")] == 1


def test_nothing_of_a_later_day_is_told(measured):
    found = served(now=datetime(2020, 3, 4, 12, tzinfo=UTC))
    assert found[at("psi", "x")] == 1
    assert found[at("decision_retrain")] == 0


def test_a_use_case_that_was_never_measured_says_so_and_no_table_is_made(lake_home):
    found = served()
    assert (found[at("measured")], found[at("champion_present")], found[at("up")]) == (0, 0, 1)
    assert not any(name in ("staleness_seconds", "breached", "psi") for name, _ in found)
    assert not (lake_home / "lake").exists()


def test_a_damaged_table_is_told_of_and_the_rest_is_served(measured):
    for path in (Lake.of(toy.USE_CASE).root / "metrics" / "_delta_log").glob("*.json"):
        path.write_text("{broken")
    found = served()
    assert (found[at("up")], found[at("readable", "metrics")], found[at("readable", "ledger")]) == (0, 0, 1)
    assert at("measured") not in found
    assert found[at("champion_info", "1")] == 1


def test_a_damaged_ledger_is_no_missing_champion(measured):
    path = Ledger.of(toy.USE_CASE).folder / "000001.json"
    path.write_text(path.read_text()[:40])
    found = served()
    assert (found[at("up")], found[at("readable", "ledger")]) == (0, 0)
    assert at("champion_present") not in found
    assert found[at("psi", "x")] == 0.4


def test_no_series_comes_twice_however_the_rows_are(lake_home):
    put("metrics", DAY, [row("log_loss", "model", 1.0, about=DAY - timedelta(days=1)), row("log_loss", "model", 2.0)])
    text = prometheus.exposition([toy.USE_CASE], NOW).decode()
    assert text.count("airworthy_realised{") == 1
    assert served()[at("realised", "log_loss", "model")] == 2


def rules() -> list[dict]:
    return [rule for group in yaml.safe_load(RULES.read_text())["groups"] for rule in group["rules"]]


def test_every_name_and_every_kind_of_row_in_the_rules_exists():
    for rule in rules():
        for name in re.findall(r"\bairworthy_([a-z_]+)", rule["expr"]):
            assert name in prometheus.HELP, rule["alert"]


@promtool
def test_promtool_finds_nothing_to_say_about_the_metrics(measured):
    text = prometheus.exposition([toy.USE_CASE], NOW)
    done = subprocess.run(["promtool", "check", "metrics"], input=text, capture_output=True)
    assert (done.returncode, done.stdout, done.stderr) == (0, b"", b"")


@promtool
def test_promtool_finds_nothing_to_say_about_names_that_no_row_has_today():
    text = "".join(
        f"# HELP airworthy_{name} {told}\n# TYPE airworthy_{name} gauge\nairworthy_{name} 1\n"
        for name, told in prometheus.HELP.items()
    )
    done = subprocess.run(["promtool", "check", "metrics"], input=text.encode(), capture_output=True)
    assert (done.returncode, done.stdout, done.stderr) == (0, b"", b"")


@promtool
def test_the_rules_are_valid():
    done = subprocess.run(["promtool", "check", "rules", str(RULES)], capture_output=True, text=True)
    assert done.returncode == 0, done.stdout + done.stderr


FIRES = {
    "AirworthyDown": ('up{job="airworthy"}', 0),
    "AirworthyUnreadable": ('airworthy_readable{use_case="toy", part="ledger"}', 0),
    "AirworthyNeverMeasured": ('airworthy_measured{use_case="toy"}', 0),
    "AirworthyNotMeasured": ('airworthy_staleness_seconds{use_case="toy", subject="metrics"}', 200_000),
    "AirworthyPerformance": ('airworthy_breached{use_case="toy", metric="worse/log_loss", subject="model"}', 1),
    "AirworthyDrift": ('airworthy_breached{use_case="toy", metric="weighted_drift", subject="features"}', 1),
    "AirworthyData": ('airworthy_breached{use_case="toy", metric="null_share", subject="x"}', 1),
    "AirworthyStale": ('airworthy_breached{use_case="toy", metric="staleness", subject="predictions"}', 1),
    "AirworthyUnmeasured": ('airworthy_unmeasured{use_case="toy", metric="weighted_drift", subject="features"}', 1),
    "AirworthyBudgetSpent": ('airworthy_trainings_claimed{use_case="toy"}', 2),
    "AirworthyNoChampion": ('airworthy_champion_present{use_case="toy"}', 0),
}
"""Each rule's alert, and a series that must make it fire, and only it."""
QUIET = {
    'up{job="airworthy"}': 1,
    'airworthy_readable{use_case="toy", part="ledger"}': 1,
    'airworthy_measured{use_case="toy"}': 1,
    'airworthy_staleness_seconds{use_case="toy", subject="metrics"}': 40_000,
    'airworthy_breached{use_case="toy", metric="worse/log_loss", subject="model"}': 0,
    'airworthy_breached{use_case="toy", metric="weighted_drift", subject="features"}': 0,
    'airworthy_breached{use_case="toy", metric="psi", subject="x"}': 1,
    'airworthy_breached{use_case="toy", metric="null_share", subject="x"}': 0,
    'airworthy_breached{use_case="toy", metric="staleness", subject="predictions"}': 0,
    'airworthy_trainings_claimed{use_case="toy"}': 1,
    'airworthy_trainings_allowed{use_case="toy"}': 2,
    'airworthy_decision_retrain{use_case="toy"}': 1,
    'airworthy_champion_present{use_case="toy"}': 1,
}
"""A use case with which all is well, but for a single feature: no alert."""


@promtool
@pytest.mark.parametrize("broken", [None, *FIRES])
def test_each_rule_fires_where_it_must_and_is_quiet_where_it_must(tmp_path, broken):
    values = dict(QUIET) | (dict([FIRES[broken]]) if broken else {})
    series = [{"series": name, "values": f"{value}x5000"} for name, value in values.items()]
    expected = [] if broken is None else [broken]
    tests = {
        "rule_files": [str(RULES)],
        "evaluation_interval": "1m",
        "tests": [
            {
                "interval": "1m",
                "input_series": series,
                "promql_expr_test": [
                    {
                        "expr": 'count by (alertname) (ALERTS{alertstate="firing"})',
                        "eval_time": "4000m",
                        "exp_samples": [{"labels": f'{{alertname="{name}"}}', "value": 1} for name in expected],
                    }
                ],
            }
        ],
    }
    path = tmp_path / "tests.yml"
    path.write_text(yaml.safe_dump(tests))
    done = subprocess.run(["promtool", "test", "rules", str(path)], capture_output=True, text=True)
    assert done.returncode == 0, done.stdout + done.stderr


def test_every_rule_has_a_case_that_makes_it_fire():
    assert {rule["alert"] for rule in rules()} == set(FIRES)
