"""Every monitored metric is defined once, and everything that shows metrics uses that definition."""

import ast
import re
from dataclasses import fields
from string import Formatter

import pytest
import yaml

from include.declaration.monitoring import Monitoring
from include.model.metrics import METRICS, SUMMARY
from include.monitoring.definitions import (
    _DEFINED,
    MONITORING_METRICS,
    REMEDIATION,
    SIGNALS,
    UndefinedMetricError,
    find_metric,
    limit_label,
    metric_label,
    require_metric,
)
from include.monitoring.metric_row import MetricRow
from include.settings import REPOSITORY
from include.web import prometheus
from tests.refusals import raises

SOURCES = [
    path
    for name in ("monitoring", "retraining", "scoring")
    for path in sorted((REPOSITORY / "include" / name).glob("*.py"))
    if path.name != "definitions.py"
]
WRITERS = {"MetricRow", "missing_row", "row_with_limit"}
DOCS = (REPOSITORY / "docs" / "monitoring.md").read_text()
LIMITED = [metric for metric in _DEFINED if metric.limit]
DEFINED = pytest.mark.parametrize("metric", _DEFINED, ids=lambda metric: metric.name)
FIELDS = {"subject", "value", "share", "limit", "span"}


def written_names() -> set[str]:
    """Names of metrics that a call in the source spells out, to make a row of the table."""
    calls = (node for path in SOURCES for node in ast.walk(ast.parse(path.read_text())) if isinstance(node, ast.Call))
    made = (call for call in calls if isinstance(call.func, ast.Name) and call.func.id in WRITERS and call.args)
    return {call.args[0].value for call in made if isinstance(call.args[0], ast.Constant)}


def docs_row(metric) -> str:
    """The line of the table in docs/monitoring.md."""
    series = f"`{metric.series}`" if metric.series else ""
    cells = (f"`{metric.name}`", metric.subject.replace("<", "").replace(">", ""), metric.meaning, metric.limit, series)
    return f"| {' | '.join(cells)} |".replace("|  |", "| |").replace("|  |", "| |")


def test_no_name_is_defined_twice():
    assert len(MONITORING_METRICS) == len(_DEFINED)


def test_every_name_that_the_source_writes_is_defined():
    names = written_names()
    assert {"psi", "weighted_drift", "unscored_rows", "rows"} <= names  # the search finds what it looks for
    assert {name for name in names if find_metric(name) is None} == set()


def test_every_metric_that_is_defined_is_written_by_a_name_in_the_source():
    text = "\n".join(
        path.read_text() for path in (*SOURCES, REPOSITORY / "include" / "model" / "metrics" / "metric.py")
    )
    constants = {"staleness": "STALENESS", "false_alarms_per_year": "FALSE_ALARMS"}
    plain = [metric.name for metric in _DEFINED if not metric.is_pattern]
    assert [name for name in plain if f'"{name}"' not in text and constants.get(name, "") not in text] == []


def test_a_row_of_a_metric_that_is_not_defined_is_refused():
    with raises(UndefinedMetricError, name="surprise"):
        MetricRow("surprise", "model", 1.0)
    with pytest.raises(UndefinedMetricError):
        require_metric("window/surprise")


@pytest.mark.parametrize("prefix", ["", *(metric.prefix for metric in _DEFINED if metric.is_pattern)])
def test_a_pattern_covers_every_evaluation_metric(prefix):
    assert {require_metric(f"{prefix}{name}").prefix for name in METRICS} == {prefix}


def test_a_window_also_has_the_summary_of_its_rows():
    assert all(require_metric(f"window/{name}").prefix == "window/" for name in SUMMARY)


@DEFINED
def test_the_docs_have_the_row_of_every_metric(metric):
    assert docs_row(metric) in DOCS.splitlines()


def test_the_docs_have_no_row_of_a_metric_that_is_not_defined():
    table = DOCS.partition("## What is measured")[2].partition("\n\n|")[2].partition("\n\n")[0]
    names = set(re.findall(r"^\| `([^`]+)` \|", table, re.MULTILINE))
    assert names == set(MONITORING_METRICS)


@DEFINED
def test_a_limit_names_the_parameters_that_say_it(metric):
    declared = {field.name for field in fields(Monitoring)}
    assert set(metric.limit_parameters) <= declared
    assert all(f"`{parameter}`" in metric.limit for parameter in metric.limit_parameters)
    assert not (set(re.findall(r"`(\w+)`", metric.limit)) & declared) - set(metric.limit_parameters)


@pytest.mark.parametrize("metric", LIMITED, ids=lambda metric: metric.name)
def test_a_metric_with_a_limit_says_its_breach_and_what_to_do(metric):
    allowed = FIELDS | ({"periods", "metric", "direction", "bound"} if metric.is_comparison else set())
    for sentence in (metric.breach, *metric.breach_of.values()):
        assert {name for _, name, _, _ in Formatter().parse(sentence) if name is not None} <= allowed
        assert sentence.endswith(".")
    assert "{" not in REMEDIATION[metric.category].format(use_case="toy")


def test_each_signal_of_retraining_is_shown_by_a_metric_with_a_limit():
    assert {metric.signal for metric in LIMITED if metric.signal} == set(SIGNALS)


def test_every_series_has_a_meaning_and_belongs_to_one_metric():
    series = [metric.series for metric in _DEFINED if metric.series]
    assert len(set(series)) == len(series) and set(series) <= set(prometheus.HELP)


def test_an_alert_rule_fires_for_every_metric_with_a_limit_but_single_features():
    rules = [rule for group in yaml.safe_load((REPOSITORY / "docs/alert_rules.yml").read_text())["groups"]
             for rule in group["rules"]]  # fmt: skip
    found = (re.search(r'airworthy_breached{metric=~?"([^"]+)"}', rule["expr"]) for rule in rules)
    patterns = [match[1] for match in found if match]
    fired = {metric.name: [p for p in patterns if re.fullmatch(p, metric.name)] for metric in LIMITED}
    assert {name: len(matching) for name, matching in fired.items()} == {
        metric.name: int(metric.category != "feature") for metric in LIMITED
    }


def test_labels_are_words():
    assert metric_label("degradation/log_loss") == metric_label("log_loss") == "log loss"
    assert metric_label("weighted_drift") == "weighted drift"
    assert metric_label("gone_since") == "gone since"
    assert limit_label("skill_loss/log_loss", "prior") == "skill_loss/log_loss against the prior"
    assert limit_label("degradation/log_loss", "model") == "degradation/log_loss"
