"""Read records of a web service, page by page, at a limited rate."""

from __future__ import annotations

import json
import math
import time
from collections.abc import Iterator, Mapping
from datetime import timedelta
from email.utils import parsedate_to_datetime
from typing import Any, NoReturn
from urllib.parse import urljoin, urlsplit

import pyarrow as pa
import requests

from include.declaration import clock
from include.declaration.known import ByWindow
from include.declaration.period import Period
from include.declaration.sources import Http, NextPage, PageNumber
from include.errors import shorten, shorten_names
from include.ingestion.plain_values import PlainValueError, to_batch
from include.ingestion.sources.base import (
    Context,
    SourceColumnsError,
    SourceRefusedError,
    SourceUnavailableError,
    window_of,
)

TIMEOUT_S = 60
ANSWER_BYTES = 64 << 20
"""Largest answer; a service that has more delivers pages."""
ATTEMPTS, LONGEST_PAUSE_S, LONGEST_WAIT_S = 5, 60.0, 300.0
"""Attempts at a request that the service postpones; the longest pause that is waited for, and the sum of a run's."""
MOST_PAUSE_S = 21_600.0
"""Longest pause before a next try of the task; a longer one is cut."""
ANSWER_SHOWN = 200
"""Characters of an answer that an error quotes."""
_POSTPONED = frozenset({429, 503})
_PASSING = frozenset({408, 425, 500, 502, 504, *_POSTPONED})


class HttpReader:
    """The records of a web service: see `FeedReader`."""

    def __init__(self, context: Context, source: Http) -> None:
        self._context, self._source = context, source
        self._where = f"{source.endpoint!r} in the Connection {source.conn_id!r}"
        self._connection = context.project.connections.connection(source.conn_id)
        self._next_at = self._paused = 0.0
        self.inputs: dict[str, str] = {}

    def batches(self, period: Period) -> Iterator[pa.RecordBatch]:
        """Yield the records of a period, one page at a time."""
        with requests.Session() as session:
            session.headers.update(self._connection.http_headers())
            if self._connection.login:
                session.auth = (self._connection.login, self._connection.password)
            for records in self._pages(session, period):
                yield self._converted(records)

    def _pages(self, session: requests.Session, period: Period) -> Iterator[list[Any]]:
        source, paging = self._source, self._source.paging
        address, parameters = self._connection.http_address(source.endpoint), self._parameters(period)
        if isinstance(paging, PageNumber):
            parameters[paging.parameter] = str(paging.first)
        before: object = None
        for number in range(source.max_pages):
            answer = self._ask(session, address, parameters)
            records = self._records(answer)
            if records and records == before:
                self._refuse(f"page {number + 1} repeats the page before", "Correct the declared paging.")
            if records or paging is None:
                yield records
            before = records
            if isinstance(paging, PageNumber):
                if not records:
                    return
                parameters[paging.parameter] = str(paging.first + number + 1)
            elif isinstance(paging, NextPage):
                following = _value_at(answer, paging.field)
                if following in (None, "", False):
                    return
                if paging.parameter:
                    parameters[paging.parameter] = str(following)
                else:
                    address, parameters = self._same_host(address, str(following)), {}
            else:
                return
        self._refuse(f"there are more than max_pages={source.max_pages:,} pages", "Raise max_pages.")

    def _parameters(self, period: Period) -> dict[str, str]:
        known = self._source.known
        values: dict[str, str] = {}
        if isinstance(known, ByWindow):
            window = window_of(period, known.delay_periods, self._context.project.use_case)
            values = {
                "start": f"{window.start:%Y-%m-%dT%H:%M:%SZ}",
                "end": f"{window.end:%Y-%m-%dT%H:%M:%SZ}",
                "start_date": window.period.start_date.isoformat(),
                "end_date": window.next_period.start_date.isoformat(),
            }
        return {name: text.format(**values) for name, text in self._source.parameters.items()}

    def _ask(self, session: requests.Session, address: str, parameters: Mapping[str, str]) -> Any:
        """Return the JSON of an answer; wait where the service asks for it."""
        for attempt in range(ATTEMPTS):
            self._keep_rate()
            try:
                with session.get(
                    address, params=parameters, timeout=TIMEOUT_S, stream=True, allow_redirects=False
                ) as answer:
                    content = self._content(answer)
            except requests.RequestException as error:
                # The text of the error has the address with the parameters, which may hold a key.
                raise SourceUnavailableError(*self._context.names, self._where, type(error).__name__) from None
            if answer.status_code == requests.codes.ok:
                return self._parsed(content)
            pause = _pause(answer.headers.get("Retry-After"))
            self._paused += pause
            is_bounded = pause <= LONGEST_PAUSE_S and self._paused <= LONGEST_WAIT_S
            if answer.status_code not in _POSTPONED or not is_bounded or attempt == ATTEMPTS - 1:
                self._raise_status(answer.status_code, content, pause)
            self._next_at = time.monotonic() + pause
        raise AssertionError("unreachable")

    def _content(self, answer: requests.Response) -> bytes:
        content = bytearray()
        for part in answer.iter_content(1 << 16):
            content += part
            if len(content) > ANSWER_BYTES:
                reason = f"an answer is larger than {ANSWER_BYTES:,} bytes"
                self._refuse(reason, "Ask for smaller pages by a parameter, and declare their paging.")
        return bytes(content)

    def _parsed(self, content: bytes) -> Any:
        try:
            return json.loads(content)
        except (ValueError, RecursionError) as error:
            reason = f"the answer is not JSON ({shorten(str(error), ANSWER_SHOWN)})"
            raise SourceColumnsError(*self._context.names, self._where, reason) from None

    def _raise_status(self, status: int, content: bytes, pause: float) -> NoReturn:
        text = " ".join(content.decode("utf-8", "replace").split())
        reason = self._connection.hide_secrets(f"it answered {status} {shorten(text, ANSWER_SHOWN)}".rstrip())
        if status in _POSTPONED:
            reason += f". It asks for a pause of {pause:,.0f} s, which is kept before the next try"
        if status in _PASSING:
            raise SourceUnavailableError(*self._context.names, self._where, reason, timedelta(seconds=pause))
        if status in (401, 403):
            remedy = f"Correct user, password or headers in the Connection {self._source.conn_id!r}."
        else:
            remedy = "Correct the endpoint or its parameters."
        self._refuse(reason, remedy)

    def _records(self, answer: Any) -> list[Any]:
        records = _value_at(answer, self._source.records)
        if not isinstance(records, list):
            reason = f"the answer has no list at records={self._source.records!r}"
            raise SourceColumnsError(*self._context.names, self._where, reason)
        return records

    def _converted(self, records: list[Any]) -> pa.RecordBatch:
        schema, ignored = self._context.schema, {*self._source.ignored_columns}
        for number, record in enumerate(records, start=1):
            if not isinstance(record, dict):
                self._refuse_record(number, "is not an object")
            if missing := sorted(set(schema.names) - record.keys()):
                self._refuse_record(number, f"lacks {shorten_names(missing)}")
            if extra := sorted(record.keys() - {*schema.names} - ignored):
                self._refuse_record(number, f"has undeclared {shorten_names(extra)}")
        try:
            return to_batch(records, schema)
        except PlainValueError as error:
            self._refuse_record(error.row + 1, str(error))

    def _refuse_record(self, number: int, reason: str) -> NoReturn:
        raise SourceColumnsError(*self._context.names, self._where, f"record {number} of a page {reason}")

    def _refuse(self, reason: str, remedy: str) -> NoReturn:
        raise SourceRefusedError(*self._context.names, self._where, reason, remedy)

    def _same_host(self, address: str, following: str) -> str:
        """Return the address of the next page, which must be on the same host.

        The reason is that the request has credentials.
        """
        joined = urljoin(address, following)
        if urlsplit(joined)[:2] != urlsplit(address)[:2]:
            self._refuse("the next page is on another host", "Declare NextPage(parameter=…) if it is a cursor.")
        return joined

    def _keep_rate(self) -> None:
        time.sleep(max(0.0, self._next_at - time.monotonic()))
        self._next_at = time.monotonic() + 1 / self._source.requests_per_second


def _value_at(answer: Any, path: str) -> Any:
    """Return the value at a path of names; None if there is none."""
    for name in path.split(".") if path else []:
        answer = answer.get(name) if isinstance(answer, dict) else None
    return answer


def _pause(value: str | None) -> float:
    """Return the seconds of the header Retry-After, which is a number or a time.

    Without one that can be read, they are 1.
    """
    try:
        seconds = float(value) if value else 1.0
    except ValueError:
        seconds = _seconds_until(str(value))
    return min(max(seconds, 0.0), MOST_PAUSE_S) if math.isfinite(seconds) else 1.0


def _seconds_until(moment: str) -> float:
    """Return the seconds until a time in the format of HTTP; 1 if it is none."""
    try:
        return (parsedate_to_datetime(moment) - clock.now()).total_seconds()
    except (ValueError, TypeError):
        return 1.0
