"""The report of a validation: one per period and table, made of the content alone."""

import json

import pytest

from include.declaration.period import Period
from include.errors import FeedRefusedError
from include.ingestion import validate, validation_report
from include.ingestion.rule_result import RuleResult
from include.ingestion.validation_report import ReportUnreadableError, ValidationReport
from include.lake.lake import Lake
from include.project import open_project
from tests import places, quarantined
from tests.quarantined import DAY, HOUR, NEXT
from tests.toy_use_case import USE_CASE


@pytest.fixture
def lake(lake_home):
    return Lake.open(USE_CASE)


def report_of(lake: Lake, period: Period = DAY, table: str = "events") -> ValidationReport:
    (name,) = validation_report.list_reports(lake, table, f"{period.key}.")
    return validation_report.read_report(lake, table, name)


def test_a_published_period_has_its_counts_and_the_judgement_of_each_rule(lake, monkeypatch):
    quarantined.spoil(monkeypatch, "events", "hour", [77, 78], DAY)
    quarantined.land("events", DAY)
    report = report_of(lake)
    assert (report.outcome, report.rows, report.quarantined, report.reasons) == ("published", 200, 2, {HOUR: 2})
    rules = {rule.rule: rule for rule in report.rules}
    assert rules[HOUR] == RuleResult(HOUR, "row", met=False, unexpected=2)
    count = rules["expect_table_row_count_to_be_between(min_value=1, max_value=1000000)"]
    assert (count.level, count.met, count.observed) == ("table", True, "200")
    assert {rule.met for rule in report.rules if rule.rule.startswith("keys must")} == {True}


def test_a_refused_period_has_a_report_with_what_failed(lake, monkeypatch):
    quarantined.spoil(monkeypatch, "events", "hour", [77] * 50, DAY)
    with pytest.raises(FeedRefusedError) as refused:
        quarantined.land("events", DAY)
    report = report_of(lake)
    assert (report.outcome, report.rows, report.quarantined) == ("refused", 200, 50)
    assert report.refusals == refused.value.reasons and "50 of 200 rows" in report.refusals[0]
    assert refused.value.page.endswith(f"/airworthy/validation/toy/events/{DAY}")


@pytest.mark.both_places
def test_a_rerun_changes_no_report_and_another_content_replaces_it(lake, monkeypatch):
    quarantined.land("events", DAY)
    (before,) = validation_report.list_reports(lake, "events")
    file = lake.root / validation_report.FOLDER / "events" / before.file
    written = file.read()
    validate.check_feed(open_project(USE_CASE), USE_CASE.feed("events"), DAY, again=True)
    assert validation_report.list_reports(lake, "events") == [before] and file.read() == written
    quarantined.spoil(monkeypatch, "events", "hour", [77], DAY)
    quarantined.land("events", DAY)
    (after,) = validation_report.list_reports(lake, "events")
    assert (after.quarantined, before.quarantined) == (1, 0) and after.content != before.content


def test_a_period_whose_report_is_lost_is_judged_again_and_not_committed_again(lake):
    quarantined.land("events", DAY)
    (name,) = validation_report.list_reports(lake, "events")
    file = lake.root / validation_report.FOLDER / "events" / name.file
    written = file.read()
    file.remove()
    result = validate.check_feed(open_project(USE_CASE), USE_CASE.feed("events"), DAY)
    assert file.read() == written and not result.commit.changed


def test_a_report_has_no_value_of_a_row(lake, monkeypatch):
    quarantined.spoil(monkeypatch, "events", "hour", [7771], DAY)
    quarantined.land("events", DAY)
    (name,) = validation_report.list_reports(lake, "events")
    assert b"7771" not in (lake.root / validation_report.FOLDER / "events" / name.file).read()


def test_features_have_a_report_of_each_period_without_a_suite_too(lake):
    quarantined.run_days(DAY)
    report = report_of(lake, table="features")
    assert (report.outcome, report.rows, report.quarantined) == ("published", 200, 0)


@pytest.mark.parametrize("content", [b"", b"[]", b"{}", b'{"outcome": "other"}'])
def test_a_damaged_report_is_said_to_be_damaged(lake, content):
    quarantined.land("events", DAY)
    (name,) = validation_report.list_reports(lake, "events")
    (lake.root / validation_report.FOLDER / "events" / name.file).write(content)
    with pytest.raises(ReportUnreadableError) as unreadable:
        validation_report.read_report(lake, "events", name)
    assert (unreadable.value.table, unreadable.value.period) == ("events", DAY)


def test_other_files_of_the_folder_are_no_reports(lake):
    quarantined.land("events", DAY, NEXT)
    folder = lake.root / validation_report.FOLDER / "events"
    for name in ("x.json", f"{DAY}.published.json", f"{DAY}.other.1.1.abc.json", f"{DAY}.refused.x.1.abc.json"):
        (folder / name).write(b"{}")
    assert [name.period for name in validation_report.list_reports(lake, "events")] == [DAY, NEXT]


def test_equal_reports_have_equal_content():
    rules = (RuleResult("a", "row", met=True, unexpected=0),)
    one = ValidationReport("published", 3, 1, rules, {"b": 1, "a": 2})
    other = ValidationReport("published", 3, 1, rules, {"a": 2, "b": 1})
    assert one.to_json() == other.to_json() and ValidationReport.from_json(one.to_json()) == one
    assert json.loads(one.to_json())["rows"] == 3


def test_reports_lie_next_to_the_tables(lake):
    quarantined.land("events", DAY)
    assert [file.name for file in places.files(lake.root / validation_report.FOLDER)] == [
        name.file for name in validation_report.list_reports(lake, "events")
    ]
