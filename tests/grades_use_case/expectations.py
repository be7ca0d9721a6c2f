"""Expectations for one day's parts and inspections."""

from __future__ import annotations

import great_expectations.expectations as gxe

from include.use_case import Suite


def parts() -> Suite:
    """A part was made by a machine."""
    return Suite(rows=(gxe.ExpectColumnValuesToNotBeNull(column="machine"),), table=())


def inspections() -> Suite:
    """An inspection gives a grade."""
    return Suite(rows=(gxe.ExpectColumnValuesToNotBeNull(column="grade"),), table=())
