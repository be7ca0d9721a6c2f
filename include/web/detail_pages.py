"""Render the pages of details of a use case as HTML."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any
from urllib.parse import urlencode

import numpy as np

from include import page_addresses
from include.declaration.feature import as_feature
from include.declaration.gates import MODEL
from include.model.metrics import METRICS
from include.monitoring.definitions import metric_label
from include.monitoring.metric_table import MetricTable
from include.page_addresses import page_path
from include.project import Project
from include.registry import lifecycle
from include.registry.ledger_entry import LedgerEntry
from include.web import comparison, detail_charts, feature_view, heat_map, html, performance_view, stored_metrics
from include.web.comparison import Side
from include.web.date_range import SPANS, DateRange
from include.web.detail_charts import value_text
from include.web.history import OF_FEATURES, MetricHistory, read_history
from include.web.version_records import StoredModel, read_models

Figures = dict[str, dict[str, Any]]
UNDRAWN = OF_FEATURES - {"psi", "importance"}
"""Metrics of features that the page of all features shows of the newest period alone."""
MONTH = 30
"""Periods of each side of a comparison, unless others are asked for."""
DIFFERENCES = 300
"""Rows of the table of a comparison."""


def features_page(project: Project, dates: DateRange, base: str) -> str:
    """Render the list of all features, with the heat map of their drift."""
    history = read_history(project, dates, without=UNDRAWN)
    newest = history.measures.periods[-1:]
    of_newest = read_history(project, DateRange(newest[0], 1, is_free=True)) if newest else history
    grid = heat_map.drift_grid(history.measures, history.calendar, project.use_case.monitoring.feature_psi)
    figure = heat_map.drift_heatmap(history)
    return _page(
        "features.html", history, dates, base, page_addresses.FEATURES, "features", {"heat": figure} if figure else {},
        features=_feature_rows(project, grid, of_newest.measures), psi_note=html.PSI_NOTE,
    )  # fmt: skip


def feature_page(project: Project, dates: DateRange, base: str, name: str) -> str | None:
    """Render the page of one feature; None if it is neither declared nor measured."""
    history = read_history(project, dates, only=[name])
    measured = [metric for metric in detail_charts.FEATURE_METRICS if history.measures.rows_of(metric, name)]
    if name not in project.use_case.features and not measured:
        return None
    view = feature_view.build_feature_view(project, history, name)
    titles = detail_charts.feature_titles()
    drawn = {metric: detail_charts.metric_chart(history, metric, [name]) for metric in titles}
    figures = {metric: figure for metric, figure in drawn.items() if figure is not None}
    if view.distribution is not None:
        figures["distribution"] = detail_charts.distribution_chart(
            view.distribution, str(view.period or "the period"), view.version or "?"
        )
    newest = {metric: row for metric in titles if (row := view.newest(metric)) is not None}
    task = project.use_case.task
    facts = [
        (
            f"{titles[metric]}, {row.period}",
            value_text(metric, row.value, task)
            + (f" (limit {value_text(metric, row.limit, task)})" if row.limit is not None else ""),
            bool(row.breached),
        )
        for metric, row in newest.items()
    ]
    return _page(
        "feature.html", history, dates, base, page_addresses.FEATURES, name, figures, problems=view.problems, view=view,
        facts=facts, charts=list(titles.items()), psi_note=html.PSI_NOTE,
    )  # fmt: skip


def performance_page(project: Project, dates: DateRange, base: str) -> str:
    """Render performance, calibration, confusion, costs and groups of rows over time."""
    history = read_history(project, dates, without=OF_FEATURES)
    view = performance_view.build_performance(history)
    panels = [*view.metrics, *view.levels, *(each.panel for each in view.slices)]
    figures = {panel.name: panel.figure for panel in panels if panel.figure is not None}
    return _page(
        "performance.html", history, dates, base, page_addresses.PERFORMANCE, "performance", figures, view=view
    )


def metrics_page(project: Project, dates: DateRange, base: str) -> str:
    """Render the list of every stored metric."""
    history = read_history(project, dates)
    groups = stored_metrics.list_metrics(history.measures)
    rows = sum(len(group.subjects) for group in groups)
    return _page(
        "metrics.html", history, dates, base, page_addresses.METRICS, "all metrics", {}, groups=groups, rows=rows
    )


def metric_page(project: Project, dates: DateRange, base: str, metric: str, key: str = "") -> str | None:
    """Render one metric over time; None if it is not stored.

    Drawn is the subject with this key, or else the first ones.
    """
    history = read_history(project, dates)
    chosen = history.measures.of_metric(metric)
    groups = stored_metrics.list_metrics(chosen)
    if not groups:
        return None
    (group,) = groups
    subjects = [each.subject for each in group.subjects if not key or each.key == key]
    shown = subjects[: detail_charts.MOST_LINES]
    figure = detail_charts.metric_chart(history, metric, shown, height=300)
    title = f"{group.label}{f' of {shown[0]}' if len(shown) == 1 else ''}"
    hint = f"the first {len(shown)} of {len(subjects)} subjects; choose one below" if len(subjects) > len(shown) else ""
    return _page(
        "metric.html", history, dates, base, page_addresses.METRICS, metric, {"series": figure} if figure else {},
        group=group, limit=group.defined.limit.replace("`", "") if group.defined else "",
        title=title, hint=hint, chosen=key, keep=key,
        values=history.measures.rows_of(metric, shown[0])[::-1] if len(shown) == 1 else [],
    )  # fmt: skip


def compare_page(
    project: Project, dates: DateRange, with_dates: DateRange | None, base: str, versions: tuple[str, str] = ("", "")
) -> str:
    """Render two ranges of periods side by side, or what two versions scored.

    Without a range to compare with, it is as long as the first and ends before it, or for another version the same. If
    no range is asked for and nothing was measured before, the halves of the newest one are compared.
    """
    is_asked = dates.is_free or dates.chosen or with_dates is not None or versions[0] != versions[1]
    history = read_history(project, dates if dates.is_free or dates.chosen else DateRange(None, MONTH))
    span = history.period - history.first + 1
    if with_dates is None:
        end = history.period if versions[0] != versions[1] else history.first - 1
        with_dates = DateRange(max(end, project.use_case.first_period), span, is_free=True)
    earlier = read_history(project, with_dates)
    measured, before = history.measures.periods, [each for each in earlier.measures.periods if each < history.first]
    if not is_asked and not before and len(measured) > 1:
        middle = measured[len(measured) // 2]
        earlier = read_history(project, DateRange(middle - 1, middle - history.first, is_free=True))
        history = read_history(project, DateRange(history.period, history.period - middle + 1, is_free=True))
    one, other = Side(earlier, versions[0]), Side(history, versions[1])
    differences = comparison.compare_sides(one, other)
    task = project.use_case.task
    titles = {
        **{name: (name, MODEL, METRICS[name].title) for name in task.charted[:2]},
        "weighted_drift": ("weighted_drift", "features", "Weighted drift"),
        "prediction_drift": ("prediction_drift", "prediction", "Prediction drift"),
    }
    drawn = {key: comparison.aligned_chart(one, other, metric, of) for key, (metric, of, _) in titles.items()}
    return _page(
        "compare.html", history, dates, base, page_addresses.COMPARISON, "comparison",
        {name: figure for name, figure in drawn.items() if figure is not None},
        problems=[*dict.fromkeys((*earlier.problems, *history.problems))],
        one=one, other=other, versions=history.versions, presets=_presets(history),
        charts=[(name, title) for name, (_, _, title) in titles.items()],
        models=_models(project, history.entries, versions),
        metrics=[(name, METRICS[name].title) for name in task.metrics],
        differences=differences[:DIFFERENCES], more=max(len(differences) - DIFFERENCES, 0),
    )  # fmt: skip


@dataclass(frozen=True)
class ModelColumn:
    """What was measured when a version was trained."""

    title: str
    as_of: str
    decision: str
    metrics: Mapping[str, float]


def _models(project: Project, entries: Sequence[LedgerEntry], versions: tuple[str, str]) -> list[ModelColumn]:
    """Return the two versions, as far as they are recorded.

    After a challenger comes its champion on the same test rows.
    """
    wanted = [number for number in dict.fromkeys(versions) if number]
    models = read_models(project, entries, wanted) if wanted else {}
    columns: list[ModelColumn] = []
    for number in wanted:
        model = models.get(number)
        decided = next((entry for entry in entries if entry.version == number), None)
        decision = f"{decided.action} from {decided.effective_from}" if decided else "none"
        if model is None:
            columns.append(ModelColumn(f"version {number}: no record", "–", decision, {}))
            continue
        judged = model.judged.get(MODEL) or model.test.get(MODEL, {})
        columns.append(ModelColumn(f"version {number}", str(model.version.as_of), decision, judged))
        columns += _champion_of(model, number)
    return columns


def _champion_of(model: StoredModel, number: str) -> list[ModelColumn]:
    compared = model.judged.get("champion")
    if not compared:
        return []
    return [ModelColumn(f"its champion, on the same rows as version {number}", "–", "–", compared)]


def _presets(history: MetricHistory) -> list[tuple[str, str]]:
    """Return the comparisons that are asked for most, as text and part of an address."""
    unit, last, first = history.period.unit.name, history.period, history.use_case.first_period
    presets = []
    for span in SPANS[:2]:
        start = last - (span - 1)
        if start - 1 >= first:
            sides = {"from": start, "to": last, "with_from": max(start - span, first), "with_to": start - 1}
            presets.append((f"last {span} {unit}s and the {span} before", urlencode(sides)))
    champion = lifecycle.champion_of(last, history.entries)
    if champion is None:
        return presets
    for other in [number for number in history.versions if number != champion.version][:2]:
        sides = {"from": history.first, "to": last, "with_from": history.first, "with_to": last}
        query = urlencode({**sides, "version": champion.version, "with_version": other})
        presets.append((f"version {other} and the champion, version {champion.version}", query))
    return presets


def _feature_rows(project: Project, grid: heat_map.DriftGrid, newest: MetricTable) -> list[dict[str, Any]]:
    """Return a row for each feature that is measured or declared."""
    task, declared = project.use_case.task, project.use_case.features
    rows = []
    of_newest = {
        metric: {row.subject: row for row in newest.rows_of(metric)} for metric in ("psi", "null_share", "unseen_share")
    }
    for name in dict.fromkeys((*grid.features, *declared)):
        psi, nulls, unseen = (of_newest[metric].get(name) for metric in of_newest)
        place = grid.features.index(name) if name in grid.features else None
        share = grid.importance[place] if place is not None else None
        ratio = psi.value / psi.limit if psi and psi.value is not None and psi.limit else None
        rows.append(
            {
                "name": name,
                "description": as_feature(declared.get(name, "")).description,
                "importance": value_text("importance", share, task),
                "psi": value_text("psi", psi.value if psi else None, task),
                "limit": value_text("psi", psi.limit if psi else None, task),
                "ratio": "–" if ratio is None else f"{ratio:.2f}",
                "is_broken": bool(psi and psi.breached),
                "breaches": int(grid.broken[place].sum()) if place is not None else 0,
                "measured": int(np.isfinite(grid.psi[place]).sum()) if place is not None else 0,
                "nulls": value_text("null_share", nulls.value if nulls else None, task),
                "nulls_broken": bool(nulls and nulls.breached),
                "unseen": value_text("unseen_share", unseen.value if unseen else None, task),
                "unseen_broken": bool(unseen and unseen.breached),
            }
        )
    return rows


def _page(
    template: str,
    history: MetricHistory,
    dates: DateRange,
    base: str,
    here: str,
    heading: str,
    figures: Figures,
    *,
    problems: Sequence[str] | None = None,
    **values: object,
) -> str:
    """Render a page of details with what all of them need."""
    use_case, periods = history.use_case, history.measures.periods
    return html.render_template(
        template, base, figures=figures, shown=history, use_case=use_case, dates=dates, spans=SPANS, here=here,
        heading=heading, unit=history.period.unit.name, today=use_case.newest_period(), plotly=html.plotly_version(),
        problems=history.problems if problems is None else problems,
        links={
            "feature": base + page_path(page_addresses.FEATURE, name=use_case.name, feature_name=""),
            "metric": base + page_path(page_addresses.METRIC, name=use_case.name, metric_name=""),
        },
        before=max((period for period in periods if period < history.period), default=None),
        after=history.period + 1 if history.newest and history.newest > history.period else None,
        text_of=partial(_text_of, use_case.task), label_of=metric_label, **values,
    )  # fmt: skip


def _text_of(task: Any, metric: str, value: float | None) -> str:
    return value_text(metric, value, task)
