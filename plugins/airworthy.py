"""Register the page of include/web in Airflow.

It is in the navigation, and a tab of every DAG.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, MutableMapping
from typing import Any, ClassVar

from airflow.plugins_manager import AirflowPlugin

Messages = Callable[..., Awaitable[Any]]


class Page:
    """The page as an ASGI application, built at the first request.

    Every process of Airflow loads this file, but only the API server serves the page.
    """

    def __init__(self) -> None:
        self._app: Callable[..., Awaitable[None]] | None = None

    async def __call__(self, scope: MutableMapping[str, Any], receive: Messages, send: Messages) -> None:
        if self._app is None:
            from include.web import app

            self._app = app.build_app()
        await self._app(scope, receive, send)


def limit_requests(app: Callable[..., Awaitable[Any]]) -> Callable[..., Awaitable[Any]]:
    """Return the API server's application with limits on the size of requests."""
    from include.web.request_limits import guard_airflow

    return guard_airflow(app)


class AirworthyPlugin(AirflowPlugin):
    name = "airworthy"
    fastapi_root_middlewares: ClassVar[list[Any]] = [{"middleware": limit_requests, "name": "Airworthy request limits"}]
    # Addresses are relative to Airflow's, which may be below a path.
    fastapi_apps: ClassVar[list[Any]] = [{"app": Page(), "url_prefix": "/airworthy", "name": "Airworthy"}]
    external_views: ClassVar[list[Any]] = [
        {
            "name": "Airworthy",
            "href": "airworthy/",
            "destination": "nav",
            "url_route": "airworthy",
            "icon": "airworthy/static/icon.svg",
            "nav_top_level": True,
        },
        {
            "name": "Airworthy",
            "href": "airworthy/dag/{DAG_ID}",
            "destination": "dag",
            "url_route": "airworthy_dag",
            "icon": "airworthy/static/icon.svg",
        },
    ]
