"""Read a period on the command line."""

from __future__ import annotations

from typing import Annotated, overload

import typer

from include.declaration.period import Period
from include.errors import InvalidRequestError


def parse_period(text: str | Period) -> Period:
    """Return the period with this key.

    Raises:
        typer.BadParameter: the text is no period's key.
    """
    try:
        return text if isinstance(text, Period) else Period(text)
    except InvalidRequestError as error:
        raise typer.BadParameter(str(error)) from None


PeriodArgument = Annotated[Period, typer.Argument(parser=parse_period, metavar="PERIOD")]
AnyPeriod = Annotated[Period | None, typer.Argument(parser=parse_period, metavar="[PERIOD]")]


@overload
def of_calendar(use_case: str, period: Period) -> Period: ...
@overload
def of_calendar(use_case: str, period: Period | None) -> Period | None: ...
def of_calendar(use_case: str, period: Period | None) -> Period | None:
    """Return the period if it is one of the use case's calendar.

    Raises:
        PeriodError: it is a period of another calendar.
        InvalidRequestError: there is no such use case.
    """
    from include.declaration.use_case_discovery import load_use_case

    return period and load_use_case(use_case).calendar.require(period, use_case)
