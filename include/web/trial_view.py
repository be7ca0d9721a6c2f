"""Describe and draw the trial of a version next to the champion."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from include.declaration.period import Period
from include.model.metrics import METRICS
from include.monitoring.definitions import TRIAL_DIFFERENCE, TRIAL_WINDOW
from include.monitoring.metric_table import MetricValue
from include.registry.ledger_entry import LedgerEntry
from include.registry.trials import Trial, list_trials
from include.web.overview import Overview
from include.web.plotly import GREY, add_band, add_line, new_chart, to_x

Figure = dict[str, Any]
NAME = "trial"
"""Name of the chart."""


def shown_trial(overview: Overview) -> Trial | None:
    """Return the newest trial with a drawn period; None if there is none."""
    for trial in reversed(list_trials(reversed(overview.entries))):
        ended = trial.end is not None and (trial.end <= overview.first or trial.end == trial.first)
        if not ended and trial.first <= overview.period:
            return trial
    return None


def trial_period_text(entry: LedgerEntry, entries: Sequence[LedgerEntry], until: Period) -> str:
    """Return when the trial was that an entry starts, as known by `until`.

    It is empty for any other entry. `entries` are in the order of the ledger.
    """
    trial = next((each for each in list_trials(entries) if each.entry.number == entry.number), None)
    if trial is None:
        return ""
    if trial.end is None or trial.end > until:
        return f"tried {trial.what} since {trial.first}"
    if trial.end == trial.first:
        return "tried in no period"
    return f"tried {trial.what} {trial.first} to {trial.end - 1}"


def trial_text(overview: Overview) -> str:
    """Return the sentence about the trial; empty if there is none."""
    trial = shown_trial(overview)
    if trial is None:
        return ""
    until = "" if trial.end is None or trial.end > overview.period else f" until {trial.end - 1}"
    text = f"Version {trial.version} {trial.what} since {trial.first}{until}"
    rows = _window_rows(overview, trial)
    if not rows:
        return f"{text}; {_missing_reason(overview, trial)}"
    task, newest = overview.use_case.task, rows[-1]
    metric = METRICS[task.main_metric]

    def shown(value: float) -> str:
        return f"{'+' if value > 0 else ''}{metric.value_text(value, task, 2)}".replace("-", "−")

    assert newest.value is not None
    text += f", {overview.period.unit.counted(newest.periods, 'labelled')}: {metric.label} {shown(newest.value)}"
    if newest.lower is not None and newest.upper is not None:
        text += f" [{shown(newest.lower)}, {shown(newest.upper)}]"
    return f"{text} against {newest.subject}; below 0 is better."


def is_open(overview: Overview) -> bool:
    """Return whether the shown trial has not ended."""
    trial = shown_trial(overview)
    return trial is not None and trial.ended_by is None


def trial_chart(overview: Overview) -> dict[str, Figure]:
    """Return the chart of the differences by its name; none without values."""
    trial = shown_trial(overview)
    rows = _window_rows(overview, trial) if trial is not None else []
    if trial is None or not rows:
        return {}
    once = [
        row
        for row in overview.measures.rows_of(f"{TRIAL_DIFFERENCE}{overview.use_case.task.main_metric}")
        if row.model_version == trial.version
    ]
    traces = [
        add_band(overview, rows),
        add_line(overview, once, "one period", GREY, dash="dot", detail=_measured),
        add_line(overview, rows, "since its start", "var(--first)", width=2.2, detail=_detail),
    ]
    drawn = new_chart(overview, traces)
    drawn["layout"]["shapes"].append(
        {
            "type": "line", "xref": "paper", "x0": 0, "x1": 1, "y0": 0, "y1": 0,
            "line": {"color": "var(--quiet)", "width": 1},
        }
    )  # fmt: skip
    drawn["layout"]["xaxis"]["range"][0] = to_x(max(overview.first, trial.first))
    return {NAME: drawn}


def chart_title(overview: Overview) -> str:
    """Return the title of the chart."""
    return f"{METRICS[overview.use_case.task.main_metric].title}: difference of the tried version to the champion"


def _window_rows(overview: Overview, trial: Trial) -> list[MetricValue]:
    """Return the comparisons over the trial, with the champion of the newest one."""
    rows = overview.measures.rows_of(f"{TRIAL_WINDOW}{overview.use_case.task.main_metric}")
    own = [row for row in rows if row.model_version == trial.version and row.measured_period >= trial.first]
    known = [row for row in own if row.value is not None]
    return [row for row in known if row.subject == known[-1].subject]


def _missing_reason(overview: Overview, trial: Trial) -> str:
    """Return why there is no comparison yet."""
    rows = overview.measures.rows_of(f"{TRIAL_DIFFERENCE}{overview.use_case.task.main_metric}")
    reasons = [row.missing_reason for row in rows if row.model_version == trial.version and row.missing_reason]
    return reasons[-1] if reasons else f"no {overview.period.unit.name} of it has labels yet."


def _measured(row: MetricValue) -> str:
    return f"of {row.measured_period}"


def _detail(row: MetricValue) -> str:
    reach = "" if row.lower is None or row.upper is None else f", {row.lower:.4f} to {row.upper:.4f}"
    return f"{row.period.unit.counted(row.periods)} up to {row.measured_period}{reach}"
