"""Features: recent purchases and properties of a customer."""

from __future__ import annotations

import ibis
from ibis import _

from include.use_case import Period


def build(period: Period, visits: ibis.Table, customers: ibis.Table, outcomes: ibis.Table) -> ibis.Table:
    """One row per customer of `period`; none on the day on which the shop is shut."""
    week = _.period > (period - 7).start_date
    recent = visits.group_by("customer_id").agg(
        rows=_.count(where=week),
        items_14d=_["items"].sum(),
        cents=(_.amount * 100).round().cast("int64").sum(),  # whole, so that the order of the rows does not matter
        carded=_["paid by card"].sum(),
        visits=_.count(),
        vouchers=_.voucher.count(where=week),
    )
    rows = customers.filter(_.period == period.start_date).left_join(recent, "customer_id")
    return rows.select(
        "customer_id",
        "place",
        "âge",
        plan_name=_["plan name"],
        rows=_["rows"].fill_null(0),
        items_14d=_.items_14d.cast("int32"),
        amount_14d=_.cents / 100.0,
        probability=_.carded / _.visits,
        newest_voucher=_.vouchers.fill_null(0) > 0,
    )


def labels(period: Period, visits: ibis.Table, customers: ibis.Table, outcomes: ibis.Table) -> ibis.Table:
    """One row per outcome that became known at `period`, of a customer who was there in the period it is about."""
    labels = outcomes.filter(_.period == period.start_date).select("customer_id", "lost", labelled_period=_.scored_on)
    there = customers.select("customer_id", labelled_period=_.period)
    return labels.semi_join(there, ["customer_id", "labelled_period"])
