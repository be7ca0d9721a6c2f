"""Define the routes of the pages of details."""

from __future__ import annotations

from collections.abc import Callable
from typing import Annotated

from airflow.api_fastapi.core_api.security import GetUserDep
from fastapi import Depends, FastAPI, HTTPException, Query, Request
from fastapi.responses import Response

from include import page_addresses
from include.project import open_project
from include.web import access, detail_pages
from include.web.date_range import Key, RangeQuery, read_range

Asked = Annotated[RangeQuery, Depends(read_range)]
KEY_LENGTH = 12
"""Length of the short name of a subject."""
VERSION_LENGTH = 20


def add_routes(app: FastAPI, base_of: Callable[[Request], str], page: Callable[[str], Response]) -> None:
    """Add the routes of the pages of details.

    `base_of` returns the path of these pages, `page` makes an answer of HTML.
    """

    def features(request: Request, user: GetUserDep, name: str, asked: Asked) -> Response:
        project = open_project(access.require_readable(user, name))
        return page(detail_pages.features_page(project, asked.resolve(project.use_case), base_of(request)))

    def feature(request: Request, user: GetUserDep, name: str, feature_name: str, asked: Asked) -> Response:
        project = open_project(access.require_readable(user, name))
        text = detail_pages.feature_page(project, asked.resolve(project.use_case), base_of(request), feature_name)
        return page(_found(text, f"There is no feature {feature_name!r} here."))

    def performance(request: Request, user: GetUserDep, name: str, asked: Asked) -> Response:
        project = open_project(access.require_readable(user, name))
        return page(detail_pages.performance_page(project, asked.resolve(project.use_case), base_of(request)))

    def metrics(request: Request, user: GetUserDep, name: str, asked: Asked) -> Response:
        project = open_project(access.require_readable(user, name))
        return page(detail_pages.metrics_page(project, asked.resolve(project.use_case), base_of(request)))

    def metric(
        request: Request,
        user: GetUserDep,
        name: str,
        metric_name: str,
        asked: Asked,
        of: Annotated[str, Query(max_length=KEY_LENGTH)] = "",
    ) -> Response:
        project = open_project(access.require_readable(user, name))
        text = detail_pages.metric_page(project, asked.resolve(project.use_case), base_of(request), metric_name, of)
        return page(_found(text, f"The metric {metric_name!r} is not stored for these periods."))

    def compare(
        request: Request,
        user: GetUserDep,
        name: str,
        asked: Asked,
        with_from: Key = "",
        with_to: Key = "",
        version: Annotated[str, Query(max_length=VERSION_LENGTH)] = "",
        with_version: Annotated[str, Query(max_length=VERSION_LENGTH)] = "",
    ) -> Response:
        project = open_project(access.require_readable(user, name))
        other = RangeQuery(first=with_from, last=with_to)
        dates, with_dates = asked.resolve(project.use_case), other.resolve(project.use_case) if with_from else None
        versions = with_version, version
        return page(detail_pages.compare_page(project, dates, with_dates, base_of(request), versions))

    for route, handler in (
        (page_addresses.FEATURES, features),
        (page_addresses.FEATURE, feature),
        (page_addresses.PERFORMANCE, performance),
        (page_addresses.METRICS, metrics),
        (page_addresses.METRIC, metric),
        (page_addresses.COMPARISON, compare),
    ):
        app.add_api_route(route, handler, methods=["GET"])


def _found(text: str | None, missing: str) -> str:
    if text is None:
        raise HTTPException(404, missing)
    return text
