"""Expectations for one day's events and outcomes."""

from __future__ import annotations

import great_expectations.expectations as gxe

from include.use_case import Suite


def events() -> Suite:
    """Hours lie within a day."""
    return Suite(
        rows=(gxe.ExpectColumnValuesToBeBetween(column="hour", min_value=0, max_value=23),),
        table=(gxe.ExpectTableRowCountToBeBetween(min_value=1, max_value=1_000_000),),
    )


def outcomes() -> Suite:
    """An event failed or did not."""
    return Suite(rows=(gxe.ExpectColumnValuesToBeInSet(column="failed", value_set=[0, 1]),), table=())
