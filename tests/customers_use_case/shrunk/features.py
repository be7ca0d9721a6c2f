"""The same features, without ages."""

from __future__ import annotations

import ibis
import pandas as pd

from include.use_case import Period
from tests.customers_use_case.features import labels
from tests.customers_use_case.grown import features

__all__ = ["build", "labels"]


def build(period: Period, visits: ibis.Table, customers: ibis.Table, outcomes: ibis.Table) -> pd.DataFrame:
    """One row per customer of `period`."""
    aged = customers.mutate(âge=ibis.null("int8"))
    return features.build(period, visits=visits, customers=aged, outcomes=outcomes).drop(columns=["âge"])
