"""Expectations of both feeds, of the kinds that the shipped use cases declare."""

from __future__ import annotations

import great_expectations.expectations as gxe

from include.use_case import Suite


def events() -> Suite:
    """Limits of each column."""
    return Suite(
        rows=[
            gxe.ExpectColumnValuesToBeBetween(column="cents", min_value=0, max_value=100_000),
            gxe.ExpectColumnValuesToBeBetween(column="size", min_value=-9, max_value=9),
            gxe.ExpectColumnValuesToBeBetween(column="customer", min_value=0),
            gxe.ExpectColumnValuesToBeInSet(column="kind", value_set=["a", "bb", "ccc"]),
            gxe.ExpectColumnValuesToMatchRegex(column="kind", regex="^[a-c]{1,3}$"),
            gxe.ExpectColumnValueLengthsToBeBetween(column="kind", min_value=1, max_value=3),
            gxe.ExpectColumnValuesToNotBeNull(column="customer"),
            gxe.ExpectColumnValuesToNotBeNull(column="size"),
        ],
        table=[
            gxe.ExpectTableRowCountToBeBetween(min_value=1),
            gxe.ExpectColumnMeanToBeBetween(column="size", min_value=-1, max_value=1),
        ],
    )


def outcomes() -> Suite:
    """The outcome is 0 or 1."""
    return Suite(rows=[gxe.ExpectColumnValuesToBeInSet(column="failed", value_set=[0, 1])])
