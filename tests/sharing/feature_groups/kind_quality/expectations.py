"""Expectations for one day's inspections."""

from __future__ import annotations

import great_expectations.expectations as gxe

from include.use_case import Suite


def inspections() -> Suite:
    """No number of defects is negative."""
    return Suite(rows=(gxe.ExpectColumnValuesToBeBetween(column="defects", min_value=0),), table=())
