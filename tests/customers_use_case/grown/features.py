"""The same features and one more, built in pandas."""

from __future__ import annotations

import ibis
import pandas as pd

from include.use_case import Period
from tests.customers_use_case import features
from tests.customers_use_case.features import labels

__all__ = ["build", "labels"]


def build(period: Period, visits: ibis.Table, customers: ibis.Table, outcomes: ibis.Table) -> pd.DataFrame:
    """One row per customer of `period`; a discount that was not recorded is null."""
    whole = visits.mutate(items=visits["items"].floor().cast("int32"))
    built = features.build(period, visits=whole, customers=customers, outcomes=outcomes)
    rows = built.to_pyarrow().to_pandas(types_mapper=pd.ArrowDtype)  # keeps integers with nulls
    bought = visits.select("customer_id", "items", "discount").to_pandas()
    # Quarters are exact, and cents are made whole, so that the order of the rows does not matter.
    sums = pd.DataFrame(
        {
            "items_14d": bought.groupby("customer_id")["items"].sum(min_count=1),
            "discounts": (bought["discount"] * 100).round().groupby(bought["customer_id"]).sum(min_count=1) / 100,
        }
    )
    return rows.drop(columns=["items_14d"]).merge(sums, how="left", left_on="customer_id", right_index=True)
