"""Expectations for one day's visits, customers and outcomes."""

from __future__ import annotations

import great_expectations.expectations as gxe

from include.use_case import Suite

CHANNELS = ["Ünïted", "café", "متجر"]


def visits() -> Suite:
    """A visit is of a known kind, and no one carries more than fifty things."""
    return Suite(
        rows=(
            gxe.ExpectColumnValuesToBeBetween(column="items", min_value=0, max_value=50),
            gxe.ExpectColumnValuesToBeInSet(column="channel", value_set=CHANNELS),
            gxe.ExpectColumnValuesToBeUnique(column="voucher"),
        ),
        table=(gxe.ExpectTableRowCountToBeBetween(min_value=1, max_value=1_000_000),),
    )


def customers() -> Suite:
    """A customer is of age."""
    return Suite(
        rows=(gxe.ExpectColumnValuesToBeBetween(column="âge", min_value=18, max_value=110),),
        table=(gxe.ExpectColumnValuesToNotBeNull(column="plan name"),),
    )


def outcomes() -> Suite:
    """A customer was lost or was not; null takes back what was reported."""
    return Suite(rows=(gxe.ExpectColumnValuesToBeInSet(column="lost", value_set=[0, 1]),), table=())
