"""`check` lists each expectation that features of the window break once, with the days on which they do."""

from __future__ import annotations

import pytest

from include.declaration.period import Period, period_range
from include.evaluation import check_use_case
from include.project import open_project
from include.validation.errors import BrokenExpectation, PeriodRefusedError
from tests.toy_use_case import USE_CASE

AS_OF = Period("2020-02-15")
CONSTANT = BrokenExpectation("feature 'size' must have more than one value", "it is 4.0 in all 200 rows", "Correct it.")


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
