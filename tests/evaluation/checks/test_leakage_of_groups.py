"""The leakage check covers the feature groups that a use case joins."""

from __future__ import annotations

import ibis
import pyarrow.compute as pc
import pytest

from include.declaration.period import Period
from include.declaration.use_case_discovery import load_use_case
from include.evaluation.checks.leakage_check import rebuild_periods
from include.features import build, group_join
from include.project import Project, open_project
from tests.sharing.feature_groups.kind_quality import FEATURE_GROUP, features

pytestmark = pytest.mark.slow

DAY = Period("2020-01-03")


@pytest.fixture
def orders(lake_home, configure) -> Project:
    configure(use_case_packages="tests.sharing.use_cases", feature_group_packages="tests.sharing.feature_groups")
    return open_project(load_use_case("orders"))


def test_the_leakage_check_passes_with_a_group(orders):
    for ahead in range(3):
        build.build_features(orders, DAY + ahead)
    [found] = rebuild_periods(orders, [DAY], DAY + 2)
    assert (found.rows, found.leaking, found.read, found.error, found.outdated) == (200, (), (), "", False)


def test_the_leakage_check_finds_a_group_that_reads_the_future(orders, monkeypatch):
    def planted(period: Period, inspections: ibis.Table) -> ibis.Table:
        lake = group_join.load_feature_group("kind_quality")
        later = Project(lake).lake.as_of(period + 1).read("checked/inspections", period + 1, period + 1)
        total = pc.sum(later["defects"]).as_py() or 0
        rows = sound(period, inspections)
        return rows.mutate(defects=(rows.defects + total).cast("int32"))

    sound = features.build
    monkeypatch.setattr(features, "build", planted)
    build.build_features(orders.of_group(FEATURE_GROUP), DAY + 1)
    build.build_features(orders, DAY)
    [found] = rebuild_periods(orders, [DAY], DAY + 1)
    assert found.leaking == (f"defects (feature group kind_quality of {DAY})",)


def test_the_leakage_check_finds_a_join_of_a_later_period(orders, monkeypatch):
    for ahead in range(2):
        build.build_features(orders, DAY + ahead)

    monkeypatch.setattr(group_join, "known_period", lambda group, use_case, period: period + 1)
    build.build_features(orders, DAY)
    monkeypatch.setattr("include.evaluation.checks.leakage_check.used_periods", used_today)
    [found] = rebuild_periods(orders, [DAY], DAY + 1)
    assert {"defects", "recent_defects"} <= set(found.leaking)


def used_today(use_case, period):
    return {group.group: (group, period) for group in group_join.used_groups(use_case)}
