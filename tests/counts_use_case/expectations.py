"""Expectations for one day's shops and visits."""

from __future__ import annotations

import great_expectations.expectations as gxe

from include.use_case import Suite


def shops() -> Suite:
    """A town is one of three."""
    towns = ["north", "south", "west"]
    return Suite(
        rows=(
            gxe.ExpectColumnValuesToNotBeNull(column="town"),
            gxe.ExpectColumnValuesToBeInSet(column="town", value_set=towns),
        ),
        table=(),
    )


def visits() -> Suite:
    """A number of visits is not negative."""
    return Suite(rows=(gxe.ExpectColumnValuesToBeBetween(column="visits", min_value=0),), table=())
