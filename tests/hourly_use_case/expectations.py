"""Expectations for one hour's stops and passengers."""

from __future__ import annotations

import great_expectations.expectations as gxe

from include.use_case import Suite


def stops() -> Suite:
    """A line has a name."""
    return Suite(rows=(gxe.ExpectColumnValuesToNotBeNull(column="line"),), table=())


def passengers() -> Suite:
    """A number of passengers is not negative."""
    return Suite(rows=(gxe.ExpectColumnValuesToBeBetween(column="passengers", min_value=0),), table=())
