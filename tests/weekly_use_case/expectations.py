"""Expectations for one week's shops and orders."""

from __future__ import annotations

import great_expectations.expectations as gxe

from include.use_case import Suite


def shops() -> Suite:
    """A town has a name."""
    return Suite(rows=(gxe.ExpectColumnValuesToNotBeNull(column="town"),), table=())


def orders() -> Suite:
    """A number of orders is not negative."""
    return Suite(rows=(gxe.ExpectColumnValuesToBeBetween(column="orders", min_value=0),), table=())
