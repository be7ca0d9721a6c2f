"""The rules for Prometheus, made to fire and not to fire by Prometheus' own tool."""

from __future__ import annotations

import re
import shutil
import subprocess

import pytest
import yaml

from include.settings import REPOSITORY
from include.web import prometheus

RULES = REPOSITORY / "docs" / "alert_rules.yml"
promtool = pytest.mark.skipif(
    shutil.which("promtool") is None, reason="promtool is not installed (Debian's package prometheus has it)"
)


def rules() -> list[dict]:
    return [rule for group in yaml.safe_load(RULES.read_text())["groups"] for rule in group["rules"]]


def test_every_name_and_every_kind_of_row_in_the_rules_exists():
    for rule in rules():
        for name in re.findall(r"\bairworthy_([a-z_]+)", rule["expr"]):
            assert name in prometheus.HELP, rule["alert"]


@promtool
@pytest.mark.slow
def test_the_rules_are_valid():
    done = subprocess.run(["promtool", "check", "rules", str(RULES)], capture_output=True, text=True)
    assert done.returncode == 0, done.stdout + done.stderr


UNMEASURED = 'airworthy_unmeasured{{use_case="toy", metric="{}", subject="x"}}'
FIRES: dict[str, dict[str, object]] = {
    "AirworthyDown": {'up{job="airworthy"}': 0},
    "AirworthyNothingToRead": {'airworthy_up{job="airworthy", use_case="toy"}': "_"},
    "AirworthyGone": {'airworthy_up{job="airworthy", use_case="other"}': "1x400"},
    "AirworthyUnreadable": {'airworthy_readable{use_case="toy", part="ledger"}': 0},
    "AirworthyNeverMeasured": {'airworthy_measured{use_case="toy"}': 0},
    "AirworthyNotMeasured": {'airworthy_staleness_seconds{use_case="toy", subject="metrics"}': 200_000},
    "AirworthyPerformance": {'airworthy_breached{use_case="toy", metric="skill_loss/log_loss", subject="prior"}': 1},
    "AirworthyDrift": {'airworthy_breached{use_case="toy", metric="weighted_drift", subject="features"}': 1},
    "AirworthyData": {'airworthy_breached{use_case="toy", metric="null_share", subject="x"}': 1},
    "AirworthyUnscored": {'airworthy_breached{use_case="toy", metric="unscored_rows", subject="predictions"}': 1},
    "AirworthyCrossedIntervals": {
        'airworthy_breached{use_case="toy", metric="crossed_share", subject="prediction"}': 1
    },
    "AirworthyStale": {'airworthy_breached{use_case="toy", metric="staleness", subject="predictions"}': 1},
    "AirworthyEstimatedPerformance": {
        'airworthy_breached{use_case="toy", metric="estimated_degradation/log_loss", subject="model"}': 1
    },
    "AirworthyAttributionDrift": {
        'airworthy_breached{use_case="toy", metric="attribution_drift", subject="features"}': 1
    },
    "AirworthyCost": {'airworthy_breached{use_case="toy", metric="step_cpu_seconds", subject="score"}': 1},
    "AirworthyUnmeasured": {UNMEASURED.format("weighted_drift"): 1},
    "AirworthyNotJudged": {UNMEASURED.format("degradation/log_loss"): 1},
    "AirworthyBudgetSpent": {
        'airworthy_trainings_claimed{use_case="toy"}': 2,
        'airworthy_decision_triggers{use_case="toy"}': 1,
    },
    "AirworthyNoChampion": {'airworthy_champion_present{use_case="toy"}': 0},
}
"""Each rule's alert, and the series that must make it fire, and only it."""
FIRES_TOO = {
    "nothing is scraped at all": ("AirworthyDown", {'up{job="airworthy"}': "_"}),
    **{
        f"{metric} is not measured": ("AirworthyUnmeasured", {UNMEASURED.format(metric): 1})
        for metric in ("missing_predictions", "prediction_drift", "psi", "staleness")
    },
}
"""Other series that must make a rule fire."""
QUIET: dict[str, object] = {
    'up{job="airworthy"}': 1,
    'airworthy_up{job="airworthy", use_case="toy"}': 1,
    'airworthy_readable{use_case="toy", part="ledger"}': 1,
    'airworthy_measured{use_case="toy"}': 1,
    'airworthy_staleness_seconds{use_case="toy", subject="metrics"}': 40_000,
    'airworthy_breached{use_case="toy", metric="degradation/log_loss", subject="model"}': 0,
    'airworthy_breached{use_case="toy", metric="weighted_drift", subject="features"}': 0,
    'airworthy_breached{use_case="toy", metric="psi", subject="x"}': 1,
    'airworthy_breached{use_case="toy", metric="null_share", subject="x"}': 0,
    'airworthy_breached{use_case="toy", metric="unscored_rows", subject="predictions"}': 0,
    'airworthy_breached{use_case="toy", metric="crossed_share", subject="prediction"}': 0,
    'airworthy_breached{use_case="toy", metric="estimated_degradation/log_loss", subject="model"}': 0,
    'airworthy_breached{use_case="toy", metric="attribution_drift", subject="features"}': 0,
    'airworthy_breached{use_case="toy", metric="staleness", subject="predictions"}': 0,
    'airworthy_breached{use_case="toy", metric="step_cpu_seconds", subject="score"}': 0,
    'airworthy_trainings_claimed{use_case="toy"}': 1,
    'airworthy_trainings_allowed{use_case="toy"}': 2,
    'airworthy_decision_triggers{use_case="toy"}': 0,
    'airworthy_decision_retrain{use_case="toy"}': 0,
    'airworthy_champion_present{use_case="toy"}': 1,
}
"""A use case with which all is well, but for a single feature: no alert."""
ALL_WELL: dict[str, dict[str, object]] = {
    "all is well": {},
    "the last training of the month is decided": {
        'airworthy_trainings_claimed{use_case="toy"}': 2,
        'airworthy_decision_triggers{use_case="toy"}': 1,
        'airworthy_decision_retrain{use_case="toy"}': 1,
    },
    "no training is allowed at all": {
        'airworthy_trainings_claimed{use_case="toy"}': 0,
        'airworthy_trainings_allowed{use_case="toy"}': 0,
        'airworthy_decision_triggers{use_case="toy"}': 1,
    },
    "a new model waits for its labels": {UNMEASURED.format("degradation/log_loss"): "_x250 1x166"},
    "a use case was taken away long ago": {'airworthy_up{job="airworthy", use_case="other"}': "1x16"},
}
CASES = [
    *((name, None, series) for name, series in ALL_WELL.items()),
    *((name, name, series) for name, series in FIRES.items()),
    *((name, alert, series) for name, (alert, series) in FIRES_TOO.items()),
]


@promtool
@pytest.mark.slow
@pytest.mark.parametrize(("fires", "changed"), [case[1:] for case in CASES], ids=[case[0] for case in CASES])
def test_each_rule_fires_where_it_must_and_is_quiet_where_it_must(tmp_path, fires, changed):
    values = {name: f"{value}x500" if value != "_" else value for name, value in (QUIET | changed).items()}
    values |= {name: value for name, value in changed.items() if isinstance(value, str)}
    sample = [{"labels": f'{{alertname="{fires}"}}', "value": 1}] if fires else []
    query = {"expr": 'count by (alertname) (ALERTS{alertstate="firing"})', "eval_time": "416h", "exp_samples": sample}
    tests = {
        "rule_files": [str(RULES)],
        "evaluation_interval": "1h",
        "tests": [
            {
                "interval": "1h",
                "input_series": [{"series": name, "values": text} for name, text in values.items()],
                "promql_expr_test": [query],
            }
        ],
    }
    path = tmp_path / "tests.yml"
    path.write_text(yaml.safe_dump(tests))
    done = subprocess.run(["promtool", "test", "rules", str(path)], capture_output=True, text=True)
    assert done.returncode == 0, done.stdout + done.stderr


def test_every_rule_has_a_case_that_makes_it_fire():
    assert {rule["alert"] for rule in rules()} == set(FIRES)
