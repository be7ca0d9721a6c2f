"""Features use no future data, even if no key holds a date.

Everything that becomes known after a day is changed at the source, and the day's features, labels and quarantined rows
stay equal. A planted leak is detected.
"""

import functools
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pytest

from include.declaration.period import Period
from include.features import build as features_build
from include.ingestion import ingest
from include.ingestion.known_at import KnownTooLateError
from include.lake.lake import Lake
from include.project import open_project
from include.use_case import Suite
from tests.customers_use_case import CORRECTED_AFTER_DAYS, USE_CASE, features, source

pytestmark = pytest.mark.slow

PATIENT = replace(
    USE_CASE,
    look_back_periods=CORRECTED_AFTER_DAYS + 1,
    feeds=tuple(replace(feed, max_quarantined=0.99) for feed in USE_CASE.feeds),
)
"""The look-back reaches the oldest correction; absurd rows of later days are quarantined, and do not refuse a day."""
SHORT = replace(PATIENT, look_back_periods=4, feeds=tuple(replace(feed, known_at=None) for feed in PATIENT.feeds))
"""For leaks that are planted: they show in a few days' history as well, and nothing refuses them."""
DAYS = [Period("2025-04-25"), Period("2025-04-27"), Period("2025-10-31")]
"""A day that has no midnight, a Sunday, and the day after one of 25 hours."""
HAPPENED = {name: getattr(source, name) for name in ("visited", "registered", "reported")}
TABLES = ("features", "labels", "checked/visits", "checked/customers", "checked/outcomes")


def perturbed(happened: Callable[[Period], pa.Table], period: Period, at: Period) -> pa.Table:
    """What happened `at` a day, with other values in every column of the rows that become known after `day` begins.

    Some of these rows are taken away, others are added, and some break what is expected of them.
    """
    rows = happened(at)
    later = pc.greater(rows["known_at"], pa.scalar(source.begins(period), source.INSTANT)).to_numpy()
    changed = rows.filter(pa.array(later))
    rng = np.random.default_rng(at.start_date.toordinal())
    for place, name in enumerate(rows.column_names):
        if name != "known_at":
            changed = changed.set_column(place, rows.schema.field(name), _others(changed[name].combine_chunks()))
    changed = changed.filter(pa.array(rng.random(changed.num_rows) > 0.2))
    more = changed.slice(0, changed.num_rows // 5)
    more = more.set_column(0, rows.schema.field(0), pc.add(more[0], 5_000))  # the first column is of the key
    return pa.concat_tables([rows.filter(pa.array(~later)), changed, more])


def _others(values: pa.Array) -> pa.Array:
    """Of each value another one, and a value of each null; of each fourth one that was never there."""
    strange = np.arange(len(values)) % 4 == 0
    if pa.types.is_string(values.type):
        known = sorted(values.unique().drop_null().to_pylist())
        following = dict(zip(known, [*known[1:], *known[:1]], strict=True))
        others = [following.get(value, "×") for value in values.to_pylist()]
        return pc.if_else(pa.array(strange), pa.scalar("×"), pa.array(others, values.type))
    if pa.types.is_boolean(values.type):
        return pc.invert(values)
    if pa.types.is_date32(values.type):
        return pc.add(values.cast(pa.int32()), pa.scalar(1, pa.int32())).cast(values.type)
    if pa.types.is_floating(values.type):
        return pc.add(pc.fill_null(values, 0.0), 17.5)
    if values.type == pa.int8() and pc.max(values).as_py() == 1:
        return pc.subtract(pa.scalar(1, pa.int8()), pc.fill_null(values, 0))
    if values.type == pa.int64():  # identities: another one's, and each still apart from the others
        return pc.add(pc.fill_null(values, 3), 1)
    return pc.add(pc.fill_null(values, 3), pa.array(np.where(strange, 60, 1), values.type))


def change_the_future(patch: pytest.MonkeyPatch, period: Period) -> None:
    for name, happened in HAPPENED.items():
        patch.setattr(source, name, functools.partial(perturbed, happened, period))


def built(home: Path, period: Period, use_case=SHORT, *, future: bool) -> dict[str, str]:
    """Digests of a day's tables in a lake of its own, built after the days that follow it are there to be seen."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("AIRWORTHY_HOME", str(home))
        patch.delenv("AIRWORTHY_LAKE", raising=False)
        if future:
            change_the_future(patch, period)
        since, until = period - use_case.look_back_periods, period + 2
        features_build.land_missing(open_project(use_case), since, until)
        features_build.build_features(open_project(use_case), period)
        later, view = Lake.open(use_case).as_of(until), Lake.open(use_case).as_of(period)
        assert max(later.partitions("checked/customers")) > period
        return {table: view.digest_of_periods(table, since) for table in TABLES}


def differing(tmp_path: Path, period: Period) -> set[str]:
    """The tables of `day` that differ where only the future does."""
    same, changed = built(tmp_path / "same", period, future=False), built(tmp_path / "changed", period, future=True)
    return {table for table in TABLES if same[table] != changed[table]}


def deliver_too_early(patch: pytest.MonkeyPatch, feed: str) -> None:
    """The feed delivers what will be known a day later, but for days that bring nothing."""
    honest, absent = getattr(source, feed), USE_CASE.feed(feed).missing_periods

    def early(period: Period) -> pa.Table:
        after = period + 1
        return honest(period if {period, after} & absent else after)

    patch.setattr(source, feed, early)


@pytest.fixture
def _nothing_expected(customers_functions):
    for feed in USE_CASE.feeds:
        customers_functions.expectations(**{feed.name: lambda: Suite(rows=(), table=())})


@pytest.mark.parametrize("period", DAYS, ids=str)
def test_features_labels_and_quarantine_stay_equal_when_everything_known_later_changes(tmp_path, period):
    same = built(tmp_path / "same", period, PATIENT, future=False)
    assert built(tmp_path / "changed", period, PATIENT, future=True) == same
    assert all(same.values())


@pytest.mark.parametrize("period", DAYS, ids=str)
def test_the_perturbation_reaches_every_column_and_nothing_that_was_known(period, monkeypatch):
    periods = [period + number for number in range(-3, 6)]
    before = {(feed.name, each): getattr(source, feed.name)(each) for feed in USE_CASE.feeds for each in periods}
    change_the_future(monkeypatch, period)
    for feed in USE_CASE.feeds:
        after = {each: getattr(source, feed.name)(each) for each in periods}
        assert all(after[each].equals(before[feed.name, each]) for each in periods if each <= period)
        later = [each for each in periods if each > period and each not in feed.missing_periods]
        for each in later:
            for column in feed.columns:
                assert after[each][column].to_pylist() != before[feed.name, each][column].to_pylist(), column
        assert any(after[each].num_rows != before[feed.name, each].num_rows for each in later)


@pytest.mark.usefixtures("_nothing_expected")
def test_without_a_leak_a_short_history_stays_equal_too(tmp_path):
    assert differing(tmp_path, DAYS[0]) == set()


@pytest.mark.usefixtures("_nothing_expected")
def test_an_outcome_that_is_delivered_too_early_is_caught(tmp_path, monkeypatch):
    deliver_too_early(monkeypatch, "outcomes")
    assert "labels" in differing(tmp_path, DAYS[0])


@pytest.mark.parametrize("feed", ["visits", "outcomes"])
def test_a_row_that_is_delivered_before_it_is_known_is_refused(lake_home, monkeypatch, feed):
    deliver_too_early(monkeypatch, feed)
    with pytest.raises(KnownTooLateError) as refused:
        ingest.land_feed(open_project(USE_CASE), USE_CASE.feed(feed), DAYS[0])
    assert refused.value.period == DAYS[0]
    assert not Lake.open(USE_CASE).as_of(DAYS[0]).partitions(f"raw/{feed}")


@pytest.mark.usefixtures("_nothing_expected")
def test_a_visit_that_counts_on_its_day_though_it_was_reported_later_is_caught(tmp_path, customers_functions):
    def by_date(period: Period) -> pa.Table:
        return source.visited(period - 1)

    customers_functions.source(visits=by_date)
    assert "features" in differing(tmp_path, DAYS[0])


@pytest.mark.usefixtures("_nothing_expected")
def test_a_customer_as_they_are_the_day_after_is_caught(tmp_path, monkeypatch):
    deliver_too_early(monkeypatch, "customers")
    assert "features" in differing(tmp_path, DAYS[0])


@pytest.mark.usefixtures("_nothing_expected")
def test_an_expectation_that_knows_how_it_ended_is_caught(tmp_path, customers_functions):
    """Visits of customers who will be lost are quarantined: a choice by the outcome."""
    import great_expectations.expectations as gxe

    def by_outcome() -> Suite:
        outcomes = source.reported(DAYS[0])
        lost = outcomes.filter(pc.equal(outcomes["lost"], 1))["customer_id"].to_pylist()
        return Suite(rows=(gxe.ExpectColumnValuesToNotBeInSet(column="customer_id", value_set=lost),), table=())

    customers_functions.expectations(visits=by_outcome)
    assert "checked/visits" in differing(tmp_path, DAYS[0])


@pytest.mark.usefixtures("_nothing_expected")
def test_features_and_labels_that_ask_for_later_days_find_none(tmp_path, customers_functions):
    """A leak in features.py itself: it asks for later days, which are in the lake, and the view holds none."""
    build, labels = features.build, features.labels

    def greedy_build(period, *, visits, customers, outcomes):
        later = outcomes.filter(outcomes.period > period.start_date).count().as_scalar()
        rows = build(period, visits=visits, customers=customers, outcomes=outcomes)
        return rows.mutate(rows=rows["rows"] + later)

    def greedy_labels(period, *, visits, customers, outcomes):
        return labels(period, visits=visits, customers=customers, outcomes=outcomes).union(
            labels(period + 1, visits=visits, customers=customers, outcomes=outcomes)
        )

    honest = built(tmp_path / "honest", DAYS[0], future=False)
    customers_functions.features(build=greedy_build, labels=greedy_labels)
    assert built(tmp_path / "greedy", DAYS[0], future=False) == honest
