"""Show one prediction: contributions, distributions, label and lineage.

The address names the row: `?period=…&key=<key>=<value>`, `key` once for each key. Without keys the
page lists some rows of the period.
"""

from __future__ import annotations

import shlex
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Annotated
from urllib.parse import urlencode

from airflow.api_fastapi.core_api.security import GetUserDep
from fastapi import HTTPException, Query, Request
from fastapi.responses import HTMLResponse, Response

from include.declaration.feature import as_feature
from include.declaration.period import Period, PeriodError
from include.declaration.personal import mask_values
from include.declaration.use_case import UseCase
from include.errors import AirworthyError, InvalidRequestError, NotReadyError
from include.lake.history import TableVersionMissingError
from include.model.tasks import task_model
from include.printable import printable_logger
from include.project import Project, open_project
from include.registry import tags
from include.reproduction.explain import Explanation, FeatureEffect, explain_prediction
from include.reproduction.lineage import Content
from include.web import access, html

log = printable_logger(__name__)
ROWS, TOP = 20, 20
"""Rows that are listed without keys, and features that are shown at first."""
_UNREADABLE = "This prediction cannot be explained now. The reason is in the API server's log."


@dataclass(frozen=True)
class ListedRow:
    """A row of the period: its keys, its prediction, and the address of its page.

    Without an address, the row has personal keys, which an address would show.
    """

    keys: str
    predicted: str
    query: str


def show_prediction(
    request: Request,
    user: GetUserDep,
    name: str,
    period: str | None = None,
    key: Annotated[list[str] | None, Query()] = None,
) -> Response:
    """Return the page of a prediction, or of the period's rows if no key is given."""
    use_case = access.require_readable(user, name)
    project = open_project(use_case)
    shown = _period(use_case, period)
    base: str = request.scope["root_path"].rstrip("/")
    try:
        given = parse(key or ())
        found = explain_prediction(project, shown, given) if any(given.values()) else None  # an empty form names no row
        rows = () if found else listed_rows(project, shown)
    except (InvalidRequestError, NotReadyError) as error:
        raise HTTPException(404, str(error)) from None
    except AirworthyError:
        log.exception("The page could not explain a prediction of %s", name)
        return HTMLResponse(html.message_page("Not available", _UNREADABLE, base), 503)
    return HTMLResponse(prediction_page(use_case, shown, base, found, rows))


def prediction_page(
    use_case: UseCase, period: Period, base: str, found: Explanation | None, rows: Sequence[ListedRow]
) -> str:
    """Render the page."""
    return html.render_template(
        "prediction.html",
        base,
        use_case=use_case,
        period=period,
        found=found,
        rows=rows,
        top=TOP,
        keys=_key_fields(use_case, found),
        bars=_bars(found) if found else {},
        value_text=value_text,
        tags=(("trained as of", tags.AS_OF), ("commit", tags.COMMIT), ("code", tags.CODE), ("lock file", tags.LOCK)),
        contents=_contents(found) if found else (),
        descriptions={name: as_feature(kind).description for name, kind in use_case.features.items()},
        command=_command(found) if found else "",
    )


def parse(given: Sequence[str]) -> dict[str, str]:
    """Return key to value of words `key=value`; a value may hold further equals signs.

    Raises:
        InvalidRequestError: a word has another form, or a key is given twice.
    """
    values: dict[str, str] = {}
    for word in given:
        name, equals, value = word.partition("=")
        if not equals or name in values:
            raise InvalidRequestError("Give each key once, as key=<name>=<value>.")
        values[name] = value
    return values


def query_of(period: Period, keys: dict[str, object]) -> str:
    """Return the query of the address of a row."""
    return urlencode([("period", period.key), *(("key", f"{name}={value}") for name, value in keys.items())])


def listed_rows(project: Project, period: Period) -> list[ListedRow]:
    """Return the rows of a period with the highest predictions, if there are any."""
    use_case, task = project.use_case, task_model(project.use_case)
    try:
        view = project.lake.at_versions(period, {"predictions": None})
    except TableVersionMissingError:
        return []
    if not view.partitions("predictions", period, period):
        return []
    rows = view.table("predictions", period, period)
    order = [rows[task.order_column].desc(), *use_case.keys]
    found = rows.order_by(order).limit(ROWS).to_pyarrow().to_pylist()
    has_personal_keys = not use_case.personal_columns.isdisjoint(use_case.keys)
    return [
        ListedRow(
            ", ".join(f"{name}={value}" for name, value in mask_values(keys, use_case.personal_columns).items()),
            task.describe_prediction(row),
            "" if has_personal_keys else query_of(period, keys),
        )
        for row in found
        for keys in [{name: row[name] for name in use_case.keys}]
    ]


def value_text(value: object) -> str:
    """Return the value of a feature; null as –."""
    if value is None:
        return "–"
    return f"{value:.6g}" if isinstance(value, float) else str(value)


def _period(use_case: UseCase, key: str | None) -> Period:
    try:
        return use_case.calendar.parse(key, use_case.name) if key else use_case.newest_period()
    except PeriodError as error:
        raise HTTPException(422, str(error)) from None


def _key_fields(use_case: UseCase, found: Explanation | None) -> list[tuple[str, str]]:
    """Return each key with the value that its field of the form begins with."""
    return [(name, str(found.lineage.keys[name]) if found else "") for name in use_case.keys]


def _bars(found: Explanation) -> dict[str, tuple[float, float]]:
    """Return feature to the start and width of its bar in percent; 50 is zero."""
    largest = max((abs(effect.contributions[found.chosen]) for effect in found.effects), default=0.0) or 1.0

    def bar(effect: FeatureEffect) -> tuple[float, float]:
        share = 50 * effect.contributions[found.chosen] / largest
        return round(50 + min(share, 0.0), 2), round(abs(share), 2)

    return {effect.name: bar(effect) for effect in found.effects}


def _command(found: Explanation) -> str:
    """Return the command that prints the whole lineage, quoted for a shell."""
    lineage = found.lineage
    keys = (shlex.quote(f"{name}={value}") for name, value in lineage.keys.items())
    return " ".join(("airworthy lineage", lineage.use_case, lineage.period.key, *keys))


def _contents(found: Explanation) -> list[Content]:
    """Return what the prediction was made from, the prediction first."""
    return [each for each in (found.lineage.prediction, found.lineage.features) if each is not None]
