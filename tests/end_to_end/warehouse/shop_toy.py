"""The toy use case with its rows in a database, to which its predictions are delivered."""

from __future__ import annotations

from dataclasses import replace

from include.use_case import ByColumn, Sql, ToSql
from tests.integration.use_cases.quick_toy import USE_CASE as QUICK

EVENTS, OUTCOMES = QUICK.feeds

USE_CASE = replace(
    QUICK,
    name="shop_toy",
    feeds=(
        replace(EVENTS, source=Sql("shop", table="plan.events", known=ByColumn("known_on", delay_periods=0))),
        replace(
            OUTCOMES,
            source=Sql(
                "shop",
                query="select event_date, id, failed from plan.outcomes where known_on >= :start_date"
                " and known_on < :end_date",
                complete="select count(*) > 0 from plan.loads where loaded_on = :end_date",
            ),
        ),
    ),
    exports=(ToSql("shop", "desk.predictions"),),
)
