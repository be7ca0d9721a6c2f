"""Render the page of one use case, and the index of several, as HTML."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping, Sequence
from functools import cache
from importlib.metadata import version as installed
from importlib.util import find_spec
from itertools import groupby
from pathlib import Path

from jinja2 import Environment, FileSystemLoader, StrictUndefined
from markupsafe import Markup

from include import settings
from include.declaration.period import Period
from include.model.metrics import METRICS
from include.monitoring import false_alarm_text, status
from include.monitoring.definitions import Chart, MonitoringMetric, find_metric
from include.monitoring.durations import StepCost
from include.monitoring.metric_table import MetricValue, measured_stretches, measuring_gaps
from include.monitoring.status import QUIET, URGENCY
from include.printable import escape_text, escape_values
from include.web import charts, cost_charts, links
from include.web.card import CardView
from include.web.catalogue import Catalogue
from include.web.overview import Overview, StaleTables

HERE = Path(__file__).parent
SPANS = (30, 90, 365)
"""Numbers of days that a page can draw."""
HOLDS = 6
"""Number of newest decisions that are all listed; of older ones, only those that led to a training."""
BREACHES = 14
"""Rows of the table of breaches."""
COSTS = 200
"""Rows of the table of costs."""
FILES = {
    "page.css": "text/css",
    "page.js": "text/javascript",
    "catalogue.js": "text/javascript",
    "theme.js": "text/javascript",
    "links.js": "text/javascript",
    "card.css": "text/css",
    "icon.svg": "image/svg+xml",
}


@cache
def _templates() -> Environment:
    made = Environment(
        loader=FileSystemLoader(HERE / "templates"), autoescape=True, undefined=StrictUndefined, finalize=_printable
    )
    made.policies["json.dumps_function"] = lambda value, **options: json.dumps(escape_values(value), **options)
    return made


def _printable(value: object) -> object:
    """Return a value for a template; in a text, invisible characters are escaped."""
    return escape_text(value) if type(value) is str else value


def prepare_templates() -> None:
    """Compile every template now, so that the first request does not wait for it."""
    for name in _templates().list_templates():
        _templates().get_template(name)


def use_case_page(
    overview: Overview, base: str, *, span: int, chosen: bool, several: bool, stale: StaleTables | None = None
) -> str:
    """Render the page of a use case.

    `base` is the path of these pages; `chosen` is true if the request names the day.
    """
    airflow, where = base.rpartition("/")[0], settings.current_settings()
    breaches, periods = _broken(overview), overview.measured
    return _rendered(
        "use_case.html",
        base,
        overview=overview,
        figures=(charts.all_charts(overview) if overview.measures.periods else {}) | cost_charts.cost_charts(overview),
        cost_metrics=cost_charts.COSTS,
        costs=overview.costs[::-1][:COSTS],
        cost_text=_cost_text,
        limited=charts.LIMITED,
        evaluated=[METRICS[name] for name in overview.use_case.task.charted],
        plotly=_version_of_plotly(),
        links=links.links_of(overview, base, where),
        version=lambda number: links.version_link(where, overview.use_case.name, number),
        airflow=airflow,
        span=span,
        spans=SPANS,
        chosen=chosen,
        several=several,
        stale=stale,
        before=max((period for period in periods if period < overview.period), default=None),
        after=min((period for period in periods if period > overview.period), default=None),
        missing=measuring_gaps(overview.measures.periods),
        elsewhere=_elsewhere(overview),
        age=_age(overview),
        decisions=[
            each for number, each in enumerate(overview.decisions) if number < HOLDS or each.outcome == "retrain"
        ],
        breaches=breaches[:BREACHES],
        false_alarms=false_alarm_text.false_alarm_sentence(
            overview.measures.rows_on(overview.period), overview.use_case.monitoring
        ),
        more=len(breaches) - BREACHES if len(breaches) > BREACHES else 0,
        no_performance=_missing_reason(overview, ("performance",), "No period has labels yet."),
        no_rows=_missing_reason(overview, ("volumes",), "No feed was counted in the periods shown."),
        no_quarantine=_no_quarantine(overview),
        no_drift=_missing_reason(overview, ("heat", "limited"), "Drift was not measured."),
    )


def index_page(overviews: Sequence[Overview], base: str, lost: Mapping[str, str] | None = None) -> str:
    """Render the index of several use cases; those that need attention first.

    `lost` has the reason why one cannot be shown.
    """
    urgent = sorted(overviews, key=lambda each: (URGENCY.index(each.status.name), each.use_case.name))
    waiting = sum(each.status.name not in QUIET for each in overviews) + len(lost or {})
    return _rendered("index.html", base, overviews=urgent, lost=lost or {}, waiting=waiting)


def catalogue_page(catalogue: Catalogue, base: str, words: str = "") -> str:
    """Render the catalogue of features.

    Those without the words are hidden; the page's script shows others as the words change.
    """
    matching = {id(entry) for entry in catalogue.matching(words).entries}
    shown = [id(entry) in matching for entry in catalogue.entries]
    return _rendered("catalogue.html", base, catalogue=catalogue, shown=shown, words=words)


def card_page(view: CardView, base: str) -> str:
    """Render the model card of a version, with what the ledger says above it.

    Its page was verified: its parts are the HTML that `card_html` made.
    """
    from include.promotion.model_card import card_parts

    parts = card_parts(view.page)
    sections = [(name, Markup(text)) for name, text in parts.sections]  # noqa: S704 # nosec B704
    body = Markup(parts.body)  # noqa: S704 # nosec B704
    airflow, where = base.rpartition("/")[0], settings.current_settings()
    address = links.version_link(where, view.use_case, view.version)
    return _rendered("card.html", base, view=view, sections=sections, body=body, address=address, airflow=airflow)


def message_page(title: str, text: str, base: str, *, action: str = "", home: bool = True) -> str:
    """Render a page with one message."""
    return _rendered("message.html", base, title=title, text=text, action=action, home=home)


def _rendered(template: str, base: str, **values: object) -> str:
    return _templates().get_template(template).render(base=base, stamp=static_stamp(), **values)


def _elsewhere(overview: Overview) -> list[tuple[Period, Period]]:
    """Return the measured stretches that are not drawn, newest first."""
    stretches = reversed(measured_stretches(overview.measured))
    return [(first, last) for first, last in stretches if last < overview.first or first > overview.period][:6]


def _age(overview: Overview) -> MetricValue | None:
    rows = overview.measures.rows_of("staleness", "model")
    return rows[-1] if rows and rows[-1].period == overview.period and rows[-1].value is not None else None


def _broken(overview: Overview) -> list[tuple[MetricValue, str]]:
    """Return every breach and its sentence, newest first, minor ones last.

    Minor ones are informational. Drifted features of a day share one row, that of the most drifted: dozens would hide
    the rest.
    """
    breaches: list[tuple[MetricValue, str]] = []
    task = overview.use_case.task
    broken = [*overview.measures.breached(), *overview.cost_metrics.breached()]
    broken.sort(key=lambda row: row.period, reverse=True)  # keeps the order within a day
    for _, rows in groupby(broken, key=lambda row: row.period):
        of_period = list(rows)
        shown = sorted((row for row in of_period if status.is_shown_only(row)), key=lambda row: -(row.value or 0))
        acting = sorted((row for row in of_period if not status.is_shown_only(row)), key=status.order)
        breaches += [(row, status.in_words(row, task, overview.period.unit)) for row in acting]
        if shown:
            more = f" And {len(shown) - 1} more." if len(shown) > 1 else ""
            breaches.append((shown[0], status.in_words(shown[0], task, overview.period.unit) + more))
    return breaches


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
def _version_of_plotly() -> str:
    return installed("plotly")
