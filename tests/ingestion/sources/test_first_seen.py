"""A source without times: each row is of the period whose load saw it first, and the past is refused."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from include.declaration.period import Period
from include.features import staleness
from include.ingestion.sources.first_seen import PastNotSeenError
from include.project import open_project
from include.use_case import Files, FirstSeen

COLUMNS = {"id": "int64", "state": "string"}


@pytest.fixture
def at(set_clock):
    """Sets the clock to a number of hours after a local midnight in Berlin, in winter."""
    return lambda period, hours=1: set_clock(
        datetime.combine(Period(period).start_date, datetime.min.time(), UTC) + timedelta(hours=hours - 1)
    )


@pytest.fixture
def orders(tmp_path: Path):
    """Writes the source: its id and state of each order."""

    def write(*rows: str) -> None:
        (tmp_path / "orders.csv").write_text("\n".join(["id,state", *rows]) + "\n")

    return write


@pytest.fixture
def use_case(declare, tmp_path):
    return declare(Files(str(tmp_path / "orders.csv"), known=FirstSeen()), columns=COLUMNS)


def values(rows):
    return [(row["id"], row["state"]) for row in rows]


def test_each_load_keeps_the_rows_that_no_earlier_load_saw(use_case, land, orders, at):
    at("2020-03-01"), orders("1,new", "2,")
    assert values(land(use_case, "2020-03-01")) == [(1, "new"), (2, None)]
    at("2020-03-02"), orders("1,paid", "2,", "3,new")
    assert values(land(use_case, "2020-03-02")) == [(1, "paid"), (3, "new")]
    at("2020-03-03"), orders("3,new", "3,new")
    assert values(land(use_case, "2020-03-03")) == [(3, "new")]


def test_a_rerun_reads_what_was_kept_though_the_source_has_changed(use_case, land, land_commit, orders, at):
    at("2020-03-01"), orders("1,new")
    land(use_case, "2020-03-01")
    at("2020-05-01"), orders("1,paid", "2,new")
    assert values(land(use_case, "2020-03-01")) == [(1, "new")]
    assert not land_commit(use_case, "2020-03-01").changed


@pytest.mark.parametrize(
    ("loaded", "asked", "now", "hours", "reason"),
    [
        (["2020-03-02"], "2020-03-01", "2020-03-02", 2, "before the first load, that of 2020-03-02"),
        (["2020-03-01", "2020-03-03"], "2020-03-02", "2020-03-03", 2, "2020-03-03 is loaded already"),
        ([], "2020-03-01", "2020-03-01", 7, "7:00:00 after its decision time, more than within=6:00:00"),
        (["2020-03-01"], "2020-03-02", "2020-03-05", 1, "3 days, 1:00:00 after its decision time"),
    ],
)
def test_the_past_is_refused_in_words(use_case, land, orders, at, loaded, asked, now, hours, reason):
    orders("1,new")
    for period in loaded:
        at(period), land(use_case, period)
    at(now, hours)
    with pytest.raises(PastNotSeenError, match=reason) as refused:
        land(use_case, asked)
    assert not refused.value.retryable and "missing_periods" in str(refused.value)


def test_a_period_that_is_declared_missing_is_empty_though_it_is_over(declare, land, orders, at, tmp_path):
    orders("1,new"), at("2020-03-09")
    source = Files(str(tmp_path / "orders.csv"), known=FirstSeen())
    use_case = declare(source, columns=COLUMNS, missing_periods=frozenset({Period("2020-03-01")}))
    assert land(use_case, "2020-03-01") == []


def test_kept_rows_are_not_stale_though_the_code_has_changed(use_case, land, orders, at, monkeypatch):
    at("2020-03-01"), orders("1,new")
    land(use_case, "2020-03-01")
    monkeypatch.setattr("include.registry.code_digest.table_code_digest", lambda *_, **__: "other")
    assert [table.stale for table in staleness.find_stale(open_project(use_case))] == [()]
