"""`check` lists each expectation that features of the window break once, with the days on which they do."""

from __future__ import annotations

import pytest

from include.declaration.period import Period, period_range
from include.evaluation import check_use_case
from include.lake import schemas, transaction_log
from include.project import open_project
from include.validation.errors import BrokenExpectation, PeriodRefusedError
from tests.toy_use_case import USE_CASE

AS_OF = Period("2020-02-15")
CONSTANT = BrokenExpectation("feature 'size' must have more than one value", "it is 4.0 in all 200 rows", "Correct it.")


@pytest.mark.usefixtures("lake_home")
def test_only_days_that_the_lake_lacks_are_landed_and_logs_get_a_checkpoint(monkeypatch):
    project, landed = open_project(USE_CASE), []
    periods = check_use_case.needed_periods(USE_CASE, AS_OF)
    empty = schemas.content_schema(USE_CASE, "checked/events").empty_table()
    for period in periods[:2]:
        project.lake.replace("checked/events", period, empty, inputs={}, stage="test")

    def land(project, feed, first, last):
        landed.append((feed.name, first))

    monkeypatch.setattr(check_use_case.build, "land_missing_feed", land)
    assert check_use_case.land_window(project, AS_OF, lambda _: None) == ([], len(periods))
    lacking = [("events", period) for period in periods[2:]] + [("outcomes", period) for period in periods]
    assert sorted(landed) == sorted(lacking)
    log = transaction_log.read_transaction_log(project.lake.root / "checked/events", USE_CASE.calendar)
    assert log is not None and log.checkpoint == log.version


@pytest.mark.usefixtures("lake_home")
def test_every_day_is_built_and_each_broken_expectation_is_one_finding(monkeypatch):
    built = []

    def build_features(project, period):
        built.append(period)
        if period.start_date.day > 10:
            raise PeriodRefusedError("toy", "features", period, [CONSTANT])

    monkeypatch.setattr(check_use_case.build, "build_features", build_features)
    [finding] = check_use_case.build_window(open_project(USE_CASE), AS_OF, lambda _: None)
    assert built == period_range(built[0], AS_OF), "a refused day does not end the check"
    refused = [period for period in built if period.start_date.day > 10]
    assert finding.severity == "error" and CONSTANT.expectation in finding.text and CONSTANT.remedy in finding.text
    assert f"{len(refused)} days, {refused[0]} to {refused[-1]}" in finding.text
