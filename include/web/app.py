"""Define the page's routes; each requires a logged-in user and accepts only GET."""

from __future__ import annotations

import hashlib
import time
from functools import cache
from typing import Annotated

from airflow.api_fastapi.core_api.security import GetUserDep, get_user
from fastapi import Depends, FastAPI, HTTPException, Query, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import HTMLResponse, JSONResponse, RedirectResponse, Response
from starlette.exceptions import HTTPException as AnyHTTPException

from include import page_addresses
from include.declaration.feature_group_discovery import group_name
from include.declaration.form_limits import NAME_LENGTH
from include.declaration.period import Period
from include.printable import escape_values, printable_logger
from include.project import Project, open_data_project, open_project
from include.web import (
    access,
    card,
    catalogue,
    data_docs,
    drill_down,
    html,
    overview,
    prediction,
    prometheus,
    runs,
    validation_calendar,
    validation_period,
    validation_state,
)
from include.web.date_range import RangeQuery, parse_period, read_range
from include.web.overview import Overview, StaleTables
from include.web.request_limits import PAGE, Guard

log = printable_logger(__name__)
HEADERS = {
    "Content-Security-Policy": "; ".join(
        (
            "default-src 'self'",
            "img-src 'self' data:",  # plotly draws a heat map as an image
            "style-src 'self' 'unsafe-inline'",  # plotly sets inline styles
            "object-src 'none'",
            "base-uri 'none'",
            "form-action 'self'",
            "frame-ancestors 'self'",
        )
    ),
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "same-origin",
    "Cache-Control": "private, no-store",
}
"""Load nothing from other origins, run only the page's own scripts, and let no proxy store the page."""
STALE_SECONDS = 60
_stale: dict[str, tuple[float, StaleTables]] = {}
"""When the stale tables of a use case were last found, and which."""
TITLES = {401: "Not logged in", 403: "Not allowed", 404: "Not found", 422: "Invalid request", 503: "Not available"}
REMEDIES = {
    401: "Log in to Airflow, then open this page again.",
    422: "Write a period as YYYY-MM-DD, and the span as 30, 90 or 365 periods; or the first as from, the last as to.",
    503: "Correct its declaration: `airflow dags list-import-errors` shows the same error.",
}


def build_app(routes: FastAPI | None = None) -> Guard:
    """Return the application, for a mount below Airflow's API server.

    Its routes are `page_routes()`, unless others are given.
    """
    return Guard(routes or page_routes(), PAGE, HEADERS)


def page_routes() -> FastAPI:
    """Return the page's routes, without the limits on requests."""
    html.prepare_templates()
    app = FastAPI(title="Airworthy", dependencies=[Depends(get_user)], docs_url=None, redoc_url=None, openapi_url=None)
    app.add_exception_handler(AnyHTTPException, _refused)  # type: ignore[arg-type]
    app.add_exception_handler(RequestValidationError, _misunderstood)
    app.add_exception_handler(Exception, _failed)
    drill_down.add_routes(app, _base, _page)
    for route, handler in (
        (page_addresses.INDEX, _index),
        (page_addresses.USE_CASE, _use_case),
        (page_addresses.PREDICTION, prediction.show_prediction),
        (page_addresses.CATALOGUE, _catalogue),
        (page_addresses.DAG_TAB, _dag),
        (page_addresses.VALIDATIONS, _validation),
        (page_addresses.VALIDATION, _validation_of_period),
        (page_addresses.CARD, _card),
        (page_addresses.DATA_DOCS, _data_docs),
        (page_addresses.PROMETHEUS, _metrics),
        (page_addresses.STATIC, _static),
        ("/{path:path}", _nothing),  # the last route: it matches everything
    ):
        app.add_api_route(route, handler, methods=["GET"])
    return app


def _index(request: Request, user: GetUserDep) -> Response:
    base, readable, lost = _base(request), access.readable_use_cases(user), access.broken_use_cases_of(user)
    if len(readable) == 1 and not lost:
        only = page_addresses.page_path(page_addresses.USE_CASE, name=next(iter(readable)))
        return RedirectResponse(f"{base}{only}", headers=HEADERS)
    if not readable and not lost:
        return _page(
            html.message_page("No use cases", "There is no use case whose DAGs you may read.", base, home=False)
        )
    found = {name: _line(open_project(use_case)) for name, use_case in readable.items()}
    unseen = "This use case cannot be shown. The reason is in the API server's log."
    lost |= {name: unseen for name, one in found.items() if one is None}
    return _page(html.index_page([one for one in found.values() if one is not None], base, lost))


def _line(project: Project) -> Overview | None:
    """Return the index's entry of a use case; None if that fails.

    The others are then still shown.
    """
    try:
        return overview.build_overview(project, project.use_case.newest_period(), span=1, with_quarantine=False)
    except Exception:
        log.exception("The page could not read %s", project.use_case.name)
        return None


def _use_case(
    request: Request,
    user: GetUserDep,
    name: str,
    asked: Annotated[RangeQuery, Depends(read_range)],
) -> Response:
    use_case = access.require_readable(user, name)
    dates = asked.resolve(use_case)
    use_case_overview = _overview(open_project(use_case), dates.last, dates.span)
    now_runs = runs.read_runs(user, use_case, _base(request).rpartition("/")[0])
    several = len(access.readable_use_cases(user)) > 1
    stale = _stale_tables(open_project(use_case))
    return _page(
        html.use_case_page(
            use_case_overview,
            _base(request),
            span=dates.span,
            chosen=dates.chosen,
            several=several,
            stale=stale,
            runs=now_runs,
            dates=dates,
        )
    )


def _stale_tables(project: Project) -> StaleTables:
    """Return the stale tables, as they were at most `STALE_SECONDS` ago.

    To find them, all code is read.
    """
    made, found = _stale.get(project.root.uri, (0.0, None))
    if found is None or time.monotonic() - made > STALE_SECONDS:
        found = overview.stale_tables(project)
        _stale[project.root.uri] = time.monotonic(), found
    return found


def _catalogue(request: Request, user: GetUserDep, q: Annotated[str, Query(max_length=NAME_LENGTH)] = "") -> Response:
    """Return the features of all use cases and groups that the user may read.

    Only those with the words of `q` are shown at first.
    """
    groups = access.readable_feature_groups(user)
    found = catalogue.build_catalogue(
        map(open_project, access.readable_use_cases(user).values()), map(open_data_project, groups.values())
    )
    return _page(html.catalogue_page(found, _base(request), q))


def _dag(
    request: Request, user: GetUserDep, dag_id: str, asked: Annotated[RangeQuery, Depends(read_range)]
) -> Response:
    """Return the tab of a DAG: the page of its use case, or the features of its group."""
    name, kind, _ = dag_id.partition("__")
    group = group_name(name)
    if kind and group in access.readable_feature_groups(user):
        return _catalogue(request, user, group)
    if not kind or (name not in access.readable_use_cases(user) and name not in access.broken_use_cases_of(user)):
        text = f"{dag_id} is not a DAG of a use case that you may read, so this tab is empty."
        return _page(html.message_page("No use case", text, _base(request)))
    return _use_case(request, user, name, asked)


def _validation(request: Request, user: GetUserDep, name: str, until: str | None = None) -> Response:
    """Return the calendars of the validations of a use case or feature group."""
    project = access.require_readable_data(user, name)
    calendar = validation_calendar.build_calendar(project, parse_period(project.use_case, until or ""))
    return _page(html.validation_calendar_page(calendar, _base(request)))


def _validation_of_period(request: Request, user: GetUserDep, name: str, table: str, period: str) -> Response:
    """Return the validation of one period of a feed, of features or of predictions."""
    project = access.require_readable_data(user, name)
    if table not in validation_state.table_names(project.use_case):
        raise HTTPException(404, f"{name} has no feed or table {table!r} that is validated.")
    shown = parse_period(project.use_case, period)
    assert shown is not None  # a part of a path is never empty
    if not project.use_case.first_period <= shown <= project.use_case.newest_period():
        raise HTTPException(404, f"{shown} is no period of {name}: it has not begun, or is before the first.")
    return _page(html.validation_period_page(validation_period.build_period(project, table, shown), _base(request)))


def _card(request: Request, user: GetUserDep, name: str, version: str) -> Response:
    """Return the model card of a version."""
    use_case, base = access.require_readable(user, name), _base(request)
    try:
        view = card.read_card(open_project(use_case), version)
        return _page(html.card_page(view, base))
    except card.CardUnavailableError as error:
        return _page(html.message_page("No model card", str(error), base, action=error.action), error.status)


def _data_docs(user: GetUserDep, name: str, path: str) -> Response:
    return data_docs.data_docs_page(access.require_readable(user, name).name, path or "index.html")


def _metrics(user: GetUserDep) -> Response:
    """Return the Prometheus metrics of the use cases that the user may read."""
    text = prometheus.render_metrics(access.readable_use_cases(user).values())
    return Response(text, headers=HEADERS | {"Content-Type": prometheus.CONTENT_TYPE})


def _static(request: Request, name: str) -> Response:
    """Return a file of the page, or Plotly.

    The address has the version, so browsers may cache it forever.
    """
    if name not in html.FILES and name != "plotly.js":
        raise HTTPException(404, f"There is no file {name!r}.")
    content, tag = _file(name)
    headers = {
        "ETag": tag,
        "Cache-Control": "private, max-age=31536000, immutable",
        "X-Content-Type-Options": "nosniff",
    }
    if request.headers.get("If-None-Match") == tag:
        return Response(status_code=304, headers=headers)
    return Response(content, media_type=html.FILES.get(name, "text/javascript"), headers=headers)


def _nothing(path: str) -> Response:
    raise HTTPException(404, f"There is no page {path!r} here.")


@cache
def _file(name: str) -> tuple[bytes, str]:
    """Return a file's content and its ETag."""
    path = html.plotly_file() if name == "plotly.js" else html.HERE / "static" / name
    content = path.read_bytes()
    return content, f'"{hashlib.sha256(content).hexdigest()[:20]}"'


def _overview(project: Project, period: Period | None, span: int) -> Overview:
    return overview.build_overview(project, project.use_case.newest_period(), period, span, opens=True)


def _base(request: Request) -> str:
    """Return the path of these pages, without a trailing slash."""
    path: str = request.scope["root_path"]
    return path.rstrip("/")


def _page(text: str, status: int = 200) -> HTMLResponse:
    return HTMLResponse(text, status, headers=HEADERS)


def _refused(request: Request, error: AnyHTTPException) -> Response:
    """Return an error as a page to browsers, and as JSON to programs."""
    if "text/html" not in request.headers.get("Accept", ""):
        return JSONResponse(
            {"detail": escape_values(error.detail)}, error.status_code, headers=HEADERS | dict(error.headers or {})
        )
    title, code = TITLES.get(error.status_code, "Refused"), error.status_code
    text = html.message_page(title, str(error.detail), _base(request), action=REMEDIES.get(code, ""), home=code != 401)
    return HTMLResponse(text, code, headers=HEADERS | dict(error.headers or {}))


def _misunderstood(request: Request, error: Exception) -> Response:
    del error
    return _refused(request, HTTPException(422, REMEDIES[422]))


def _failed(request: Request, error: Exception) -> Response:
    """Return a page for an unexpected error.

    Its reason is only in the API server's log.
    """
    log.error("The page failed at %s", request.url.path, exc_info=error)
    text = "The page could not be rendered. The reason is in the API server's log."
    return _page(
        html.message_page("Something failed", text, _base(request), action="Reload it, or notify an operator."), 500
    )
