"""Build the validation page of one period of one table.

It has the report of the validation, and the quarantined rows.
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from typing import Any

from include.declaration.data_declaration import DataDeclaration
from include.declaration.period import Period
from include.declaration.personal import mask_values
from include.errors import AirworthyError, shorten
from include.ingestion import quarantine, validation_report
from include.ingestion.quarantine import QuarantinedRows
from include.ingestion.validation_report import ValidationReport
from include.project import DataProject
from include.web import validation_state
from include.web.validation_state import CalendarCell

ROWS = 50
"""Quarantined rows that the page of a period lists."""
VALUE_LENGTH = 80
"""Characters of a value of a row."""


@dataclass(frozen=True)
class ShownRow:
    """A quarantined row, as text."""

    id: str
    state: str
    reasons: tuple[str, ...]
    values: tuple[str, ...]
    is_open: bool


@dataclass(frozen=True)
class FormValues:
    """The fields to enter in the form of the quarantine DAG, to do one thing."""

    title: str
    fields: tuple[tuple[str, str], ...]
    """Label to value."""
    conf: str
    """The same as the configuration JSON of the form's advanced options."""


@dataclass(frozen=True)
class PeriodValidation:
    """The validation of one period of one table."""

    use_case: DataDeclaration
    table: str
    is_feed: bool
    cell: CalendarCell
    report: ValidationReport | None
    columns: tuple[str, ...] = ()
    rows: tuple[ShownRow, ...] = ()
    total: int = 0
    """Quarantined rows; some are listed."""
    forms: tuple[FormValues, ...] = ()
    problems: tuple[str, ...] = ()
    before: Period | None = None
    after: Period | None = None

    @property
    def period(self) -> Period:
        """Return the validated period."""
        return self.cell.period


def build_period(project: DataProject, table: str, period: Period, most: int = ROWS) -> PeriodValidation:
    """Build the page of one period of one table.

    At most `most` quarantined rows are listed.
    """
    use_case, problems = project.use_case, list[str]()
    state = validation_state.read_state(project, table, problems)
    cell = state.cell(period, state.refused())
    current = [name for name in state.reports if name.key == period.key and state.is_current(name)]
    report = None
    if current:
        try:
            report = validation_report.read_report(project.lake, table, current[-1])
        except AirworthyError as error:
            problems.append(str(error))
    known = {*state.landed, *state.published}
    view = PeriodValidation(
        use_case, table, state.is_feed, cell, report,
        before=max((other for other in known if other < period), default=None),
        after=min((other for other in known if other > period), default=None),
        problems=tuple(problems),
    )  # fmt: skip
    return _with_rows(project, view, most) if cell.outcome == "quarantined" else view


def _with_rows(project: DataProject, view: PeriodValidation, most: int) -> PeriodValidation:
    """Add the quarantined rows of the period, and what to enter to resubmit them."""
    try:
        found = quarantine.read_quarantine(project, view.table, view.period, checked=False)
    except AirworthyError as error:
        return replace(view, problems=(*view.problems, str(error)))
    shown = found.only(range(min(most, found.rows.num_rows)))
    columns = tuple(found.feed.columns)
    rows = tuple(_shown_rows(shown, columns))
    forms = tuple(_forms(view, found))
    return replace(view, columns=columns, rows=rows, total=found.rows.num_rows, forms=forms)


def _shown_rows(shown: QuarantinedRows, columns: Iterable[str]) -> Iterator[ShownRow]:
    personal = shown.feed.personal or ()
    content = (
        tuple(map(_text, mask_values(row, personal).values())) for row in shown.rows.select([*columns]).to_pylist()
    )
    for row, reasons, state, is_open, values in zip(
        shown.rows["digest"].to_pylist(), shown.rows["reasons"].to_pylist(), shown.states(), shown.is_open, content,
        strict=True,
    ):  # fmt: skip
        yield ShownRow(row, state, tuple(reasons), values, is_open)


def _text(value: object) -> str:
    return "–" if value is None else shorten(str(value), VALUE_LENGTH)


def _forms(view: PeriodValidation, found: QuarantinedRows) -> Iterator[FormValues]:
    """Yield what to enter to release the open rows, and to correct them.

    There is one for each set of reasons.
    """
    sets = Counter(
        tuple(reasons)
        for reasons, is_open in zip(found.rows["reasons"].to_pylist(), found.is_open, strict=True)
        if is_open
    )
    for reasons, count in sets.most_common():
        noun = "row" if count == 1 else "rows"
        yield _form(view, f"Release {count:,} {noun}: {'; '.join(reasons)}", "release", {"reasons": list(reasons)})
    if sets:
        file = f"{view.table}_{view.period.key}.csv"
        yield _form(view, "Correct rows with a file of the inbox", "correct", {"file": file})


_LABELS = {"feed": "Feed", "action": "Action", "quarantined_on": "Quarantined on", "reasons": "Reasons", "file": "File"}
"""Field to its label in the form."""


def _form(view: PeriodValidation, title: str, action: str, more: dict[str, Any]) -> FormValues:
    conf = {"feed": view.table, "action": action, "quarantined_on": view.period.key, **more}
    fields = [
        (_LABELS[name], "\n".join(value) if isinstance(value, list) else str(value)) for name, value in conf.items()
    ]
    return FormValues(title, tuple(fields), json.dumps(conf | {"comment": "…"}, indent=1, ensure_ascii=False))
