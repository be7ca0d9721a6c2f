"""The metrics for Prometheus, checked by Prometheus' own tools."""

from __future__ import annotations

import re
import shutil
import subprocess
from collections.abc import Iterable
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from types import SimpleNamespace

import numpy as np
import pyarrow as pa
import pytest
from airflow.api_fastapi.core_api.security import get_user
from fastapi.testclient import TestClient
from prometheus_client.parser import text_string_to_metric_families

from include.declaration.monitoring import Monitoring, PerformanceLimit, Retraining
from include.declaration.names import DAG_KINDS
from include.declaration.period import Period
from include.lake import schemas
from include.lake.lake import Lake
from include.model.expected_performance import ExpectedMetric
from include.monitoring import metric_row, performance
from include.monitoring.performance import LabelledPredictions
from include.project import open_project
from include.registry.ledger import Ledger
from include.retraining import decide
from include.retraining.budget import RetrainingBudget
from include.web import access, app, prometheus
from tests import places, toy

DAY = Period("2020-03-05")
NOW = datetime(2020, 3, 6, 6, tzinfo=UTC)
BERLIN = replace(toy.USE_CASE, time_zone="Europe/Berlin")
promtool = pytest.mark.skipif(
    shutil.which("promtool") is None, reason="promtool is not installed (Debian's package prometheus has it)"
)


def row(metric: str, subject: str, value: float | None, **more: object) -> dict:
    empty = dict.fromkeys(schemas.METRICS.names) | {
        "model_version": "1",
        "measured_period": DAY.start_date,
        "periods": 1,
        "missing_reason": "",
    }
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
    row("prediction_drift", "prediction", None, limit=0.2, missing_reason="There are too few rows: 1."),
    row("mean_prediction", "prediction", 0.31),
    row("mean_prediction", "model", 0.29, measured_period=(DAY - 2).start_date),
    row("log_loss", "prior", 0.6, measured_period=(DAY - 2).start_date),
    row("window/log_loss", "model", 0.5, lower=0.4, upper=0.6, periods=14),
    row("expected/log_loss", "model", 0.45, lower=0.4, upper=0.5),
    row("degradation/log_loss", "model", 0.05, lower=0.01, upper=0.09, limit=0.02, breached=False, periods=14),
    row("degradation/brier", "model", 0.3, limit=0.02, missing_reason="Only 1 day with labels; 7 are needed to judge."),
    row("staleness", "predictions", 2.0, limit=1.0, breached=True),
    row("something_new", "x", 7.0),
)


def put(table: str, period: Period, rows: list[dict]) -> None:
    content = pa.Table.from_pylist(rows, schema=schemas.content_schema(toy.USE_CASE, table))
    Lake.open(toy.USE_CASE).replace(table, period, content, inputs={}, stage="measure")


def decided(period: Period, outcome: str) -> None:
    put("decisions", period, [{"outcome": outcome, "reason": "so", "signals": "[]", "model_version": "1"}])


def served(use_case=toy.USE_CASE, now: datetime = NOW) -> dict[tuple[str, frozenset], float]:
    """Every series as Prometheus' own client reads it: name and labels to value."""
    text = prometheus.render_metrics([use_case], now).decode()
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
    put("metrics", DAY - 1, [row("psi", "gone", 9.0), row("psi", "x", 1.0)])
    put("metrics", DAY, list(ROWS))
    decided(DAY - 1, "hold")
    decided(DAY, "retrain")
    put("retrainings", DAY, [{"outcome": "rejected", "reason": "worse", "model_version": "2", "run_id": "r"}])
    RetrainingBudget.open(open_project(toy.USE_CASE)).claim(DAY, 2)


def test_the_newest_values_have_series_named_by_their_units(measured):
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
    assert found[at("degradation", "log_loss", "model")] == 0.05
    assert found[at("metric", "something_new", "x")] == 7
    assert at("psi", "gone") not in found


def test_limits_and_breaches_are_reported_and_what_was_not_judged_is_absent(measured):
    found = served()
    assert found[at("breached", "weighted_drift", "features")] == 1
    assert found[at("breached", "volume_change", "events")] == 0
    assert found[at("limit", "weighted_drift", "features")] == 0.2
    assert at("breached", "prediction_drift", "prediction") not in found
    assert at("prediction_drift", "prediction") not in found
    assert found[at("unmeasured", "prediction_drift", "prediction")] == 1


def test_a_value_that_was_not_judged_is_no_figure_within_its_limit(measured):
    found = served()
    assert (found[at("degradation", "brier", "model")], found[at("limit", "degradation/brier", "model")]) == (0.3, 0.02)
    assert found[at("unmeasured", "degradation/brier", "model")] == 1
    assert at("breached", "degradation/brier", "model") not in found
    assert at("unmeasured", "degradation/log_loss", "model") not in found
    assert at("unmeasured", "rows", "features") not in found


def test_the_row_that_performance_really_writes_with_too_few_days_is_not_judged(lake_home):
    periods = np.array([np.datetime64(DAY.start_date)] * 4)
    outcomes = LabelledPredictions(periods, np.array([0.0, 1.0, 0.0, 1.0]), {"model": np.array([0.9, 0.1, 0.8, 0.2])})
    expected_values = {"model": {"log_loss": ExpectedMetric(0.3, 7, 0.2, 0.4)}}
    limits = Monitoring(performance=(PerformanceLimit("log_loss", 0.02, reference=None),))
    found = performance.judge_window(outcomes, expected_values, limits, toy.USE_CASE.task)
    Lake.open(toy.USE_CASE).replace(
        "metrics",
        DAY,
        metric_row.metric_table_rows(found, "1", DAY, schemas.content_schema(toy.USE_CASE, "metrics")),
        inputs={},
        stage="m",
    )
    assert served()[at("degradation", "log_loss", "model")] > 0.02
    assert served()[at("unmeasured", "degradation/log_loss", "model")] == 1


def test_a_spent_budget_holds_and_says_that_a_signal_asks(lake_home):
    policy = Retraining(signals=("weighted_drift",), breaches=1, of_periods=1, per_month=1)
    use_case = replace(toy.USE_CASE, retraining=policy)
    put("metrics", DAY, [row("weighted_drift", "features", 0.3, limit=0.2, breached=True)])
    RetrainingBudget.open(open_project(use_case)).claim(DAY - 3, 1)
    decide.decide_retraining(open_project(use_case), DAY)
    found = served(use_case)
    assert (found[at("decision_triggers")], found[at("decision_retrain")]) == (1, 0)
    assert (found[at("trainings_claimed")], found[at("trainings_allowed")]) == (1, 1)


def test_a_day_on_which_nothing_asks_says_so(lake_home):
    put("metrics", DAY, [row("weighted_drift", "features", 0.1, limit=0.2, breached=False)])
    decide.decide_retraining(open_project(toy.USE_CASE), DAY)
    assert served()[at("decision_triggers")] == 0


def test_a_user_who_may_read_no_use_case_gets_a_reason_and_no_series():
    text = prometheus.render_metrics([], NOW).decode()
    assert text.startswith("# ") and "may read" in text
    assert list(text_string_to_metric_families(text)) == []


@pytest.mark.slow
def test_a_user_without_rights_scrapes_nothing_of_any_use_case(server):
    with server.client("vera") as client:
        assert 'airworthy_up{use_case="toy"} 1.0' in client.get("/airworthy/metrics").text
    with server.client("norman") as client:
        answer = client.get("/airworthy/metrics")
    assert answer.status_code == 200
    assert "toy" not in answer.text and list(text_string_to_metric_families(answer.text)) == []


class Granting:
    """An auth manager that lets a user read the DAGs that are named."""

    def __init__(self, dag_ids: Iterable[str]) -> None:
        self.dag_ids = set(dag_ids)

    def batch_is_authorized_dag(self, requests: list[dict], *, user: object) -> bool:
        return all(request["details"].id in self.dag_ids for request in requests)


@pytest.mark.parametrize(
    ("hidden", "seen"), [((), {"toy", "idle"}), (("toy__train",), {"idle"}), (("idle__data",), {"toy"})]
)
def test_a_use_case_is_shown_to_those_who_may_read_all_of_its_dags(at_home, monkeypatch, configure, hidden, seen):
    configure(use_case_packages="tests.web.use_cases", feature_group_packages="tests.sharing.feature_groups")
    every = {f"{name}__{kind}" for name in ("toy", "idle") for kind in DAG_KINDS}
    monkeypatch.setattr(access, "get_auth_manager", lambda: Granting(every - set(hidden)))
    monkeypatch.setattr(access.DagModel, "get_dag_id_to_team_name_mapping", dict.fromkeys)
    page = app.page_routes()
    page.dependency_overrides[get_user] = lambda: SimpleNamespace(get_name=lambda: "paul")
    answer = TestClient(page).get("/metrics")
    assert answer.status_code == 200
    assert set(re.findall(r'airworthy_up\{use_case="(\w+)"', answer.text)) == seen
    assert not any(f'"{name}"' in answer.text for name in {"toy", "idle"} - seen)


def test_ages_are_counted_to_the_clock_from_midnight_where_the_use_case_is(measured):
    assert served()[at("staleness_seconds", "metrics")] == 30 * 3600
    assert served()[at("staleness_seconds", "predictions")] == (30 + 48) * 3600
    assert served(now=NOW + timedelta(hours=1))[at("staleness_seconds", "metrics")] == 31 * 3600
    assert served(BERLIN)[at("staleness_seconds", "metrics")] == 31 * 3600


def test_nothing_grows_older_after_the_last_day_of_a_use_case(measured):
    found = served(replace(toy.USE_CASE, last_period=DAY), now=NOW + timedelta(days=300))
    assert found[at("staleness_seconds", "metrics")] == pytest.approx(24 * 3600, abs=1)


def test_what_is_decided_and_who_is_champion_is_reported(measured):
    found = served()
    assert found[at("decision_retrain")] == 1
    assert found[at("decision_timestamp_seconds")] == datetime(2020, 3, 5, tzinfo=UTC).timestamp()
    assert found[at("retraining_timestamp_seconds", "rejected")] == datetime(2020, 3, 5, tzinfo=UTC).timestamp()
    assert (found[at("trainings_claimed")], found[at("trainings_allowed")]) == (1, toy.USE_CASE.retraining.per_month)
    assert found[at("champion_info", "1")] == 1
    assert found[at("champion_effective_timestamp_seconds")] == datetime(2020, 3, 1, tzinfo=UTC).timestamp()
    assert found[at("up")] == 1


def test_nothing_of_a_later_day_is_reported(measured):
    found = served(now=datetime(2020, 3, 4, 12, tzinfo=UTC))
    assert found[at("psi", "x")] == 1
    assert found[at("decision_retrain")] == 0


def test_a_use_case_that_was_never_measured_says_so_and_no_table_is_made(lake_home):
    found = served()
    assert (found[at("measured")], found[at("champion_present")], found[at("up")]) == (0, 0, 1)
    assert not any(name in ("staleness_seconds", "breached", "psi") for name, _ in found)
    assert not (lake_home / "lake").exists()


def test_a_damaged_table_is_reported_and_the_rest_is_served(measured):
    for file in places.files(Lake.open(toy.USE_CASE).root / "metrics/_delta_log"):
        file.write(b"{broken")
    found = served()
    assert (found[at("up")], found[at("readable", "metrics")], found[at("readable", "ledger")]) == (0, 0, 1)
    assert at("measured") not in found
    assert found[at("champion_info", "1")] == 1


def test_a_damaged_ledger_is_no_missing_champion(measured):
    entry = Ledger.open(toy.USE_CASE).folder / "000001.json"
    entry.write(entry.read()[:40])
    found = served()
    assert (found[at("up")], found[at("readable", "ledger")]) == (0, 0)
    assert at("champion_present") not in found
    assert found[at("psi", "x")] == 0.4


def test_no_series_comes_twice_however_the_rows_are(lake_home):
    put(
        "metrics",
        DAY,
        [row("log_loss", "model", 1.0, measured_period=(DAY - 1).start_date), row("log_loss", "model", 2.0)],
    )
    text = prometheus.render_metrics([toy.USE_CASE], NOW).decode()
    assert text.count("airworthy_realised{") == 1
    assert served()[at("realised", "log_loss", "model")] == 2


@promtool
def test_promtool_finds_nothing_to_say_about_the_metrics(measured):
    text = prometheus.render_metrics([toy.USE_CASE], NOW)
    done = subprocess.run(["promtool", "check", "metrics"], input=text, capture_output=True)
    assert (done.returncode, done.stdout, done.stderr) == (0, b"", b"")


@promtool
def test_promtool_finds_nothing_to_say_about_names_that_no_row_has_today():
    text = "".join(
        f"# HELP airworthy_{name} {explanation}\n# TYPE airworthy_{name} gauge\nairworthy_{name} 1\n"
        for name, explanation in prometheus.HELP.items()
    )
    done = subprocess.run(["promtool", "check", "metrics"], input=text.encode(), capture_output=True)
    assert (done.returncode, done.stdout, done.stderr) == (0, b"", b"")
