"""Write docs/grafana_dashboard.json from the definitions of the metrics.

Run `.venv/bin/python docs/make_grafana_dashboard.py` after a metric with a series was added or changed.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from include.monitoring.definitions import MONITORING_METRICS, MonitoringMetric

FILE = Path(__file__).parent / "grafana_dashboard.json"
WIDTH, HEIGHT = 24, 8
CHOSEN = '{use_case=~"$use_case"}'
SOURCE = {"type": "prometheus", "uid": "${datasource}"}
UNITS = {
    "rows": "short",
    "periods": "s",
    "share": "percentunit",
    "seconds": "s",
    "bytes": "bytes",
}
"""Unit of a metric to Grafana's; others have none. Staleness is exported in seconds."""
ROWS: dict[str, tuple[str, ...]] = {
    "Performance": ("performance",),
    "Performance before the labels": ("estimate",),
    "Drift": ("drift", "feature", "attribution"),
    "Data": ("data",),
    "Scoring": ("scoring", "interval", "staleness"),
    "Cost of each step": ("cost",),
}
"""Title of a row of panels to the categories of its metrics."""
MOST = 12
"""Lines of each use case in a panel about features or reasons: those with the largest values."""


def build_dashboard() -> dict[str, Any]:
    """Return the dashboard: what asks for action, then every series by category."""
    panels = list(_placed([("Needs attention", _attention()), *_by_category(), ("Retraining", _retraining())]))
    return {
        "title": "Airworthy",
        "uid": "airworthy",
        "tags": ["airworthy"],
        "schemaVersion": 39,
        "version": 1,
        "editable": True,
        "time": {"from": "now-30d", "to": "now"},
        "refresh": "1m",
        "templating": {"list": [_datasource(), _use_case()]},
        "panels": panels,
    }


def _datasource() -> dict[str, Any]:
    return {"name": "datasource", "type": "datasource", "query": "prometheus", "label": "Data source"}


def _use_case() -> dict[str, Any]:
    query = "label_values(airworthy_up, use_case)"
    return {
        "name": "use_case",
        "type": "query",
        "label": "Use case",
        "datasource": SOURCE,
        "query": {"query": query, "refId": "use_case"},
        "definition": query,
        "refresh": 2,
        "includeAll": True,
        "multi": True,
        "current": {"text": "All", "value": "$__all"},
    }


def _placed(rows: list[tuple[str, list[dict[str, Any]]]]) -> Iterator[dict[str, Any]]:
    """Yield the panels with their numbers and places, two side by side below the title of their row."""
    top, number = 0, 0
    for title, panels in rows:
        number += 1
        yield {
            "id": number,
            "type": "row",
            "title": title,
            "collapsed": False,
            "panels": [],
            "gridPos": {"x": 0, "y": top, "w": WIDTH, "h": 1},
        }
        top += 1
        for place, panel in enumerate(panels):
            number += 1
            half = WIDTH // 2
            place_on_grid = {"x": place % 2 * half, "y": top + place // 2 * HEIGHT, "w": half, "h": HEIGHT}
            yield {"id": number, **panel, "gridPos": place_on_grid}
        top += (len(panels) + 1) // 2 * HEIGHT


def _attention() -> list[dict[str, Any]]:
    breached = f"airworthy_breached{CHOSEN} == 1"
    return [
        _table("Over a limit", breached, "Metrics that are over their limit in the newest measured period."),
        _table(
            "Not measured", f"airworthy_unmeasured{CHOSEN} == 1", "Metrics that were not measured; the page says why."
        ),
        _lines(
            "Time since the newest period",
            [(f"airworthy_staleness_seconds{CHOSEN}", "{{use_case}} {{subject}}")],
            "Grows while a step does not run.",
            "s",
        ),
        _table("Champion", f"airworthy_champion_info{CHOSEN}", "The version that is champion today."),
        _lines(
            "Champion is present",
            [(f"airworthy_champion_present{CHOSEN}", "{{use_case}}")],
            "0: there is no model to score with.",
        ),
        _lines(
            "Can be read",
            [
                (f"airworthy_up{CHOSEN}", "{{use_case}}"),
                (f"airworthy_measured{CHOSEN}", "{{use_case}} was ever measured"),
                (f"airworthy_readable{CHOSEN}", "{{use_case}} {{part}}"),
            ],
            "0: a table or the ledger cannot be read; the API server's log says why.",
        ),
    ]


def _by_category() -> Iterator[tuple[str, list[dict[str, Any]]]]:
    for title, categories in ROWS.items():
        metrics = [metric for metric in MONITORING_METRICS.values() if metric.category in categories and metric.series]
        panels = [_panel(metric) for metric in metrics if metric.series != "staleness_seconds"]
        if title == "Performance":
            panels.insert(0, _realised())
        if title == "Scoring":
            panels.append(_others())
        yield title, panels


def _panel(metric: MonitoringMetric) -> dict[str, Any]:
    series = f"airworthy_{metric.series}{CHOSEN}"
    title = metric.label[:1].upper() + metric.label[1:]
    if any(other.label == metric.label and other.series != metric.series for other in MONITORING_METRICS.values()):
        title += f" ({metric.unit})"
    if metric.is_pattern:
        legend = "{{use_case}} {{metric}} {{subject}}"
        bounds = [(f"airworthy_{metric.series}_{end}{CHOSEN}", f"{legend} {end} bound") for end in ("lower", "upper")]
        lines = [(series, legend), *bounds]
        if metric.limit:
            lines.append((_limit(f"{metric.prefix}.*"), "limit of {{use_case}} {{metric}} {{subject}}"))
        return _lines(title, lines, metric.meaning, UNITS.get(metric.unit, ""))
    many = metric.subject.startswith("<feature") or "<reason>" in metric.subject
    shown = f"topk by (use_case) ({MOST}, {series})" if many else series
    lines = [(shown, "{{use_case}} {{subject}}")]
    if metric.limit and not many:
        lines.append((_limit(metric.name), "limit of {{use_case}} {{subject}}"))
    hint = f" The {MOST} largest are shown." if many else ""
    return _lines(title, lines, metric.meaning + hint, UNITS.get(metric.unit, ""))


def _limit(names: str) -> str:
    return f'airworthy_limit{{use_case=~"$use_case", metric=~"{names}"}}'


def _realised() -> dict[str, Any]:
    return _lines(
        "Realised metric of a period",
        [(f"airworthy_realised{CHOSEN}", "{{use_case}} {{metric}} {{subject}}")],
        "Of the newest single period whose labels are complete, for the model and its baselines.",
    )


def _others() -> dict[str, Any]:
    return _lines(
        "Other metrics",
        [(f"airworthy_metric{CHOSEN}", "{{use_case}} {{metric}} {{subject}}")],
        "Metrics without a series of their own.",
    )


def _retraining() -> list[dict[str, Any]]:
    return [
        _lines(
            "Newest decision",
            [
                (f"airworthy_decision_triggers{CHOSEN}", "{{use_case}}: a signal triggers"),
                (f"airworthy_decision_retrain{CHOSEN}", "{{use_case}}: a training was decided"),
            ],
            "Both 1: a training starts. Only the first: the budget or the policy holds it.",
        ),
        _lines(
            "Trainings of this month",
            [
                (f"airworthy_trainings_claimed{CHOSEN}", "{{use_case}} claimed"),
                (f"airworthy_trainings_allowed{CHOSEN}", "{{use_case}} allowed"),
            ],
            "Trainings that decisions have started, and those that they may.",
        ),
        _lines(
            "Age of the newest decision, retraining and champion",
            [
                (_since("decision"), "{{use_case}} decision"),
                (_since("retraining"), "{{use_case}} retraining: {{outcome}}"),
                (_since("champion_effective"), "{{use_case}} champion"),
                (_since("measured_day"), "{{use_case}} measured period"),
            ],
            "Time since the start of the period.",
            "s",
        ),
    ]


def _since(name: str) -> str:
    return f"time() - airworthy_{name}_timestamp_seconds{CHOSEN}"


def _targets(lines: list[tuple[str, str]], **more: Any) -> list[dict[str, Any]]:
    return [
        {"refId": chr(ord("A") + number), "datasource": SOURCE, "expr": expression, "legendFormat": legend, **more}
        for number, (expression, legend) in enumerate(lines)
    ]


def _lines(title: str, lines: list[tuple[str, str]], description: str, unit: str = "") -> dict[str, Any]:
    dashed = {
        "matcher": {"id": "byRegexp", "options": "/(^limit of| bound$)/"},
        "properties": [{"id": "custom.lineStyle", "value": {"fill": "dash", "dash": [8, 8]}}],
    }
    return {
        "type": "timeseries",
        "title": title,
        "description": description,
        "datasource": SOURCE,
        "targets": _targets(lines),
        "fieldConfig": {
            "defaults": {"unit": unit or "short", "custom": {"lineWidth": 1, "showPoints": "auto"}},
            "overrides": [dashed],
        },
        "options": {
            "legend": {"displayMode": "list", "placement": "bottom", "showLegend": True},
            "tooltip": {"mode": "multi", "sort": "desc"},
        },
    }


def _table(title: str, expression: str, description: str) -> dict[str, Any]:
    hidden = {"Time": True, "Value": True, "__name__": True, "instance": True, "job": True}
    return {
        "type": "table",
        "title": title,
        "description": description,
        "datasource": SOURCE,
        "targets": _targets([(expression, "")], instant=True, format="table"),
        "transformations": [{"id": "organize", "options": {"excludeByName": hidden}}],
        "fieldConfig": {"defaults": {}, "overrides": []},
        "options": {"showHeader": True},
    }


if __name__ == "__main__":
    FILE.write_text(json.dumps(build_dashboard(), indent=1, ensure_ascii=False) + "\n", encoding="utf-8")
