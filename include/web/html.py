"""Render the page of one use case, and the index of several, as HTML."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping, Sequence
from functools import cache, partial
from importlib.metadata import version as installed
from importlib.util import find_spec
from itertools import groupby
from pathlib import Path
from typing import TYPE_CHECKING

from jinja2 import Environment, FileSystemLoader, StrictUndefined, pass_context
from jinja2.runtime import Context
from markupsafe import Markup

from include import page_addresses, settings
from include.declaration import clock
from include.declaration.data_declaration import DataDeclaration
from include.declaration.feature_group import FeatureGroup
from include.declaration.period import Period
from include.declaration.use_case import UseCase
from include.model.metrics import METRICS
from include.monitoring import breach_runs, false_alarm_text, status
from include.monitoring.breach_runs import BreachRun
from include.monitoring.definitions import Chart, MonitoringMetric, find_metric
from include.monitoring.durations import StepCost
from include.monitoring.metric_table import MetricValue, measured_stretches, measuring_gaps
from include.monitoring.status import QUIET, URGENCY
from include.page_addresses import Query
from include.printable import escape_text, escape_values
from include.web import (
    charts,
    cost_charts,
    estimate_chart,
    ledger_rows,
    links,
    trial_view,
    validation_calendar,
    validation_state,
)
from include.web.card import CardView
from include.web.catalogue import Catalogue
from include.web.date_range import SPANS, DateRange
from include.web.overview import Overview, StaleTables
from include.web.validation_calendar import ValidationCalendar
from include.web.validation_period import PeriodValidation

if TYPE_CHECKING:
    from include.web.runs import RunsView

HERE = Path(__file__).parent
PSI_NOTE = (
    "PSI compares the shares of rows per bin with those of the training: 0 is equal, above 0.25 is usually called a"
    " large shift. It has no upper bound: a bin that is empty on one side can add 1 or more, so with few rows values of"
    " 2 to 7 are common. Each limit allows for the rows of the period and for what the test periods showed."
)
"""What a PSI value means, below its chart."""
HOLDS = 6
"""Number of newest decisions that are all listed; of older ones, only those that led to a training."""
BREACHES = 14
"""Rows of the table of breaches."""
COSTS = 200
"""Rows of the table of costs."""
FILES = {
    "page.css": "text/css",
    "page.js": "text/javascript",
    "address.js": "text/javascript",
    "catalogue.js": "text/javascript",
    "theme.js": "text/javascript",
    "validation.css": "text/css",
    "validation.js": "text/javascript",
    "prediction.css": "text/css",
    "links.js": "text/javascript",
    "card.css": "text/css",
    "icon.svg": "image/svg+xml",
}


@cache
def _templates() -> Environment:
    made = Environment(
        loader=FileSystemLoader(HERE / "templates"), autoescape=True, undefined=StrictUndefined, finalize=_printable
    )
    made.globals |= {"addresses": page_addresses, "page": _page}
    made.policies["json.dumps_function"] = lambda value, **options: json.dumps(escape_values(value), **options)
    return made


@pass_context
def _page(context: Context, route: str, query: Query = (), **values: object) -> str:
    """Return the address of a page, for a template."""
    return f"{context['base']}{page_addresses.page_path(route, query, **values)}"


def _printable(value: object) -> object:
    """Return a value for a template; in a text, invisible characters are escaped."""
    return escape_text(value) if type(value) is str else value


def prepare_templates() -> None:
    """Compile every template now, so that the first request does not wait for it."""
    for name in _templates().list_templates():
        _templates().get_template(name)


def use_case_page(
    overview: Overview,
    base: str,
    *,
    span: int,
    chosen: bool,
    several: bool,
    stale: StaleTables | None = None,
    runs: RunsView | None = None,
    dates: DateRange | None = None,
) -> str:
    """Render the page of a use case.

    `base` is the path of these pages; `chosen` is true if the request names the day. `dates` is the range that it asks
    for; by default `span` days up to that.
    """
    airflow, where = base.rpartition("/")[0], settings.current_settings()
    breaches, periods = _broken(overview), overview.measured
    figures = charts.all_charts(overview) if overview.measures.periods else {}
    figures |= estimate_chart.estimate_charts(overview) | cost_charts.cost_charts(overview)
    figures |= trial_view.trial_chart(overview)
    reasons = {
        "no_performance": _missing_reason(overview, ("performance",), "No period has labels yet."),
        "no_rows": _missing_reason(overview, ("volumes",), "No feed was counted in the periods shown."),
        "no_quarantine": _no_quarantine(overview),
        "no_drift": _missing_reason(overview, ("heat", "limited"), "Drift was not measured."),
    }
    return render_template(
        "use_case.html",
        base,
        overview=overview,
        figures=figures,
        **reasons,
        unsaid=_repeated_panels(overview, figures, reasons),
        estimates=estimate_chart.estimate_texts(overview),
        trial=trial_view.trial_text(overview),
        trial_title=trial_view.chart_title(overview),
        trial_is_open=trial_view.is_open(overview),
        cost_metrics=cost_charts.COSTS,
        costs=overview.costs[::-1][:COSTS],
        cost_text=_cost_text,
        limited=charts.LIMITED,
        evaluated=[METRICS[name] for name in overview.use_case.task.charted],
        plotly=plotly_version(),
        links=links.links_of(overview, base, where),
        version=partial(page_addresses.model_address, where.mlflow_shown, overview.use_case.name),
        airflow=airflow,
        ledger=ledger_rows.ledger_rows(overview.use_case.name, overview.entries, overview.period),
        dates=dates or DateRange(overview.period if chosen else None, span),
        spans=SPANS,
        psi_note=PSI_NOTE,
        several=several,
        stale=stale,
        runs=runs,
        now=f"{clock.now().astimezone(overview.use_case.zone):%H:%M} {overview.use_case.time_zone}",
        before=max((period for period in periods if period < overview.period), default=None),
        after=min((period for period in periods if period > overview.period), default=None),
        missing=measuring_gaps(overview.measures.periods),
        elsewhere=_elsewhere(overview),
        age=_age(overview),
        decisions=[
            (each, *_folded(each.reason, is_whole=number == 0 or each.outcome == "retrain"))
            for number, each in enumerate(overview.decisions)
            if number < HOLDS or each.outcome == "retrain"
        ],
        breaches=breaches[:BREACHES],
        false_alarms=false_alarm_text.false_alarm_sentence(
            overview.measures.rows_on(overview.period), overview.use_case.monitoring
        ),
        more=len(breaches) - BREACHES if len(breaches) > BREACHES else 0,
    )


def index_page(overviews: Sequence[Overview], base: str, lost: Mapping[str, str] | None = None) -> str:
    """Render the index of several use cases; those that need attention first.

    `lost` has the reason why one cannot be shown.
    """
    urgent = sorted(overviews, key=lambda each: (URGENCY.index(each.status.name), each.use_case.name))
    waiting = sum(each.is_started and each.status.name not in QUIET for each in overviews) + len(lost or {})
    return render_template("index.html", base, overviews=urgent, lost=lost or {}, waiting=waiting)


def catalogue_page(catalogue: Catalogue, base: str, words: str = "") -> str:
    """Render the catalogue of features.

    Those without the words are hidden; the page's script shows others as the words change.
    """
    matching = {id(entry) for entry in catalogue.matching(words).entries}
    shown = [id(entry) in matching for entry in catalogue.entries]
    return render_template("catalogue.html", base, catalogue=catalogue, shown=shown, words=words)


def validation_calendar_page(calendar: ValidationCalendar, base: str) -> str:
    """Render the calendars of a use case's or feature group's validations."""
    first, unit = calendar.first, calendar.last.unit.name
    return render_template(
        "validation_calendar.html",
        base,
        calendar=calendar,
        **_named(calendar.use_case),
        earlier=first - 1 if first > calendar.use_case.first_period else None,
        line_name={"day": "month", "hour": "day (UTC)", "week": "year"}[unit],
        legend=validation_state.legend(unit),
    )


def validation_period_page(view: PeriodValidation, base: str) -> str:
    """Render the validation of a period; broken expectations come first."""
    tones = {"published": "ok", "quarantined": "warn", "refused": "degraded", "not validated": "warn"}
    return render_template(
        "validation_period.html",
        base,
        view=view,
        **_named(view.use_case),
        until=validation_calendar.end_of_line(view.period),
        airflow=base.rpartition("/")[0],
        tone=tones.get(view.cell.outcome, "plain"),
        kind="score" if view.table == "predictions" else "data",
        rules=sorted(view.report.rules, key=lambda rule: rule.met) if view.report else (),
    )


def _named(declared: DataDeclaration) -> dict[str, object]:
    """Return the name of a use case or feature group, and which of the two it is."""
    is_use_case = isinstance(declared, UseCase)
    return {
        "shown_name": declared.group if isinstance(declared, FeatureGroup) else declared.name,
        "is_use_case": is_use_case,
    }


def card_page(view: CardView, base: str) -> str:
    """Render the model card of a version, with what the ledger says above it.

    Its page was verified: its parts are the HTML that `card_html` made.
    """
    from include.promotion.model_card import card_parts

    parts = card_parts(view.page)
    sections = [(name, Markup(text)) for name, text in parts.sections]  # noqa: S704 # nosec B704
    body = Markup(parts.body)  # noqa: S704 # nosec B704
    airflow, mlflow = base.rpartition("/")[0], settings.current_settings().mlflow_shown
    address = page_addresses.model_address(mlflow, view.use_case, view.version)
    return render_template("card.html", base, view=view, sections=sections, body=body, address=address, airflow=airflow)


def message_page(title: str, text: str, base: str, *, action: str = "", home: bool = True) -> str:
    """Render a page with one message."""
    return render_template("message.html", base, title=title, text=text, action=action, home=home)


def render_template(template: str, base: str, **values: object) -> str:
    """Render a template with what every page needs."""
    return _templates().get_template(template).render(base=base, stamp=static_stamp(), **values)


def _repeated_panels(overview: Overview, figures: Mapping[str, object], reasons: Mapping[str, str]) -> set[str]:
    """Return the charts without data whose reason another panel says already."""
    panels = [(name, reasons["no_performance"]) for name in overview.use_case.task.charted]
    panels += [(name, reasons["no_drift"]) for name in ("heat", *(metric.name for metric in charts.LIMITED))]
    panels += [("quarantine", reasons["no_quarantine"]), ("volumes", reasons["no_rows"])]
    empty = [(name, reason) for name, reason in panels if name not in figures]
    said = {reason: name for name, reason in reversed(empty)}
    return {name for name, reason in empty if said[reason] != name}


def _folded(reason: str, *, is_whole: bool) -> tuple[str, str]:
    """Return the first sentence of a reason, and the others.

    If it is shown whole, there are no others.
    """
    first, stop, others = reason.partition(". ")
    return (reason, "") if is_whole or not stop else (f"{first}.", others)


def _elsewhere(overview: Overview) -> list[tuple[Period, Period]]:
    """Return the measured stretches that are not drawn, newest first."""
    stretches = reversed(measured_stretches(overview.measured))
    return [(first, last) for first, last in stretches if last < overview.first or first > overview.period][:6]


def _age(overview: Overview) -> MetricValue | None:
    rows = overview.measures.rows_of("staleness", "model")
    return rows[-1] if rows and rows[-1].period == overview.period and rows[-1].value is not None else None


def _broken(overview: Overview) -> list[tuple[BreachRun, str]]:
    """Return every breach with its sentence, the newest first.

    Those of consecutive days are one. Minor ones are informational and come last. Features that drifted last on the
    same day share one row, that of the most drifted: dozens would hide the rest.
    """
    task, unit = overview.use_case.task, overview.period.unit
    costs = [row for cost in overview.costs for row in cost.rows if row.breached]
    measured = overview.measures.periods
    runs = breach_runs.join_breaches(overview.measures.breached(), measured)
    runs += breach_runs.join_breaches(costs, sorted({cost.period for cost in overview.costs}))
    breaches: list[tuple[BreachRun, str]] = []
    for _, of_period in groupby(sorted(runs, key=lambda run: run.newest.period, reverse=True), _last_period):
        ended = list(of_period)
        shown = [run for run in ended if status.is_of_feature(run.newest)]
        acting = sorted((run for run in ended if not status.is_of_feature(run.newest)), key=_urgency)
        breaches += [(run, status.in_words(run.newest, task, unit)) for run in acting]
        if shown:
            most = max(shown, key=lambda run: run.newest.value or 0)
            more = f" And {len(shown) - 1} more." if len(shown) > 1 else ""
            breaches.append((most, status.in_words(most.newest, task, unit) + more))
    return breaches


def _last_period(run: BreachRun) -> Period:
    return run.newest.period


def _urgency(run: BreachRun) -> tuple[object, ...]:
    return status.order(run.newest)


def _cost_text(cost: StepCost, metric: MonitoringMetric) -> tuple[str, bool]:
    """Return a measured cost as text, and whether it is more than usual."""
    figure = cost.figure_of(metric.name)
    if figure is None:
        return "–", False
    return status.number_text(figure.value, metric.unit), bool(figure.breached)


def _missing_reason(overview: Overview, charts_: Sequence[Chart], otherwise: str) -> str:
    """Return the newest stored reason why those charts have no data."""
    stated = [row for row in overview.measures.rows_on(overview.period) if row.missing_reason]
    defined = [(find_metric(row.metric), row.missing_reason) for row in stated]
    reasons = [reason for metric, reason in defined if metric is not None and metric.is_explained_on(*charts_)]
    return reasons[0] if reasons else otherwise


def _no_quarantine(overview: Overview) -> str:
    """Return why no quarantined row is drawn.

    There was none, or the number is not known.
    """
    rows = overview.measures.rows_of("quarantined")
    unknown = [row for row in rows if row.value is None]
    if not rows:
        return _missing_reason(overview, ("volumes",), "No feed was validated in the periods shown.")
    if not unknown:
        return "No row was quarantined in the periods that were measured."
    newest, known = unknown[-1], len(rows) > len(unknown)
    also = " No row was quarantined where something was published." if known else ""
    return f"{newest.subject} of {newest.measured_period}: {newest.missing_reason}{also}"


@cache
def static_stamp() -> str:
    """Return a digest of the page's own files.

    It makes addresses that can be cached forever.
    """
    return hashlib.sha256(b"".join((HERE / "static" / name).read_bytes() for name in sorted(FILES))).hexdigest()[:12]


@cache
def plotly_file() -> Path:
    """Return the path of Plotly's JavaScript, without importing Plotly.

    It is in its package.
    """
    found = find_spec("plotly")
    if found is None or not found.submodule_search_locations:
        raise ModuleNotFoundError("plotly is not installed: run `make setup`.")
    return Path(found.submodule_search_locations[0]) / "package_data" / "plotly.min.js"


@cache
def plotly_version() -> str:
    """Return the installed version of Plotly."""
    return installed("plotly")
