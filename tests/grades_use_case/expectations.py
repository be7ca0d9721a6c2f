"""Expectations for one day's parts and inspections."""

from __future__ import annotations

import great_expectations.expectations as gxe

from include.use_case import Suite

MACHINES = ["lathe", "mill", "press"]
GRADES = ["best", "good", "fair", "poor", "scrap"]


def parts() -> Suite:
    """A part was made by a known machine."""
    return _known("machine", MACHINES)


def inspections() -> Suite:
    """An inspection gives a known grade."""
    return _known("grade", GRADES)


def _known(column: str, values: list[str]) -> Suite:
    return Suite(
        rows=(
            gxe.ExpectColumnValuesToNotBeNull(column=column),
            gxe.ExpectColumnValuesToBeInSet(column=column, value_set=values),
        ),
        table=(),
    )
