"""The validation of one period: its rules, its quarantined rows, and what to enter to resubmit them."""

import json

import pytest

from include.errors import FeedRefusedError
from include.ingestion import resubmit, validation_report
from include.project import open_project
from include.web import html, validation_period
from tests import places, quarantined
from tests.quarantined import DAY, HOUR, NEXT
from tests.toy_use_case import USE_CASE

HOSTILE = "</script><script>alert(1)</script>\u202e"


def view_of(period=DAY, table="events"):
    return validation_period.build_period(open_project(USE_CASE), table, period)


def page_of(period=DAY, table="events") -> str:
    return html.validation_period_page(view_of(period, table), "/airworthy")


def test_a_period_with_quarantined_rows_shows_rules_rows_and_the_form(lake_home, monkeypatch):
    quarantined.spoil(monkeypatch, "events", "hour", [77, 78], DAY)
    quarantined.land("events", DAY)
    view = view_of()
    assert (view.cell.outcome, view.total, [row.state for row in view.rows]) == ("quarantined", 2, ["open", "open"])
    assert {row.values[view.columns.index("hour")] for row in view.rows} == {"77", "78"}
    release, correct = view.forms
    assert json.loads(release.conf) == {
        "feed": "events", "action": "release", "quarantined_on": DAY.key, "reasons": [HOUR], "comment": "…",
    }  # fmt: skip
    assert json.loads(correct.conf)["action"] == "correct"
    page = page_of()
    assert HOUR in page and "/dags/toy__quarantine" in page and "✗" in page


def test_what_the_page_says_to_enter_releases_the_rows(lake_home, monkeypatch):
    quarantined.spoil(monkeypatch, "events", "hour", [77, 78], DAY)
    quarantined.land("events", DAY)
    values = json.loads(view_of().forms[0].conf)
    result = resubmit.resubmit_released(
        open_project(USE_CASE), values["feed"], values["reasons"], period=DAY, actor="Ann", comment="it is right"
    )
    assert result.rows == 2
    view = view_of()
    assert view.forms == () and all("released by Ann" in row.state and not row.is_open for row in view.rows)


def test_a_refused_period_shows_the_failing_expectation(lake_home, monkeypatch):
    quarantined.spoil(monkeypatch, "events", "hour", [77] * 50, DAY)
    with pytest.raises(FeedRefusedError):
        quarantined.land("events", DAY)
    view, page = view_of(), page_of()
    assert view.cell.outcome == "refused" and view.rows == ()
    assert "50 of 200 rows" in page and '<tr class="unmet">' in page
    assert page.index('<tr class="unmet">') < page.index('<tr class="met">')


def test_only_some_rows_are_listed_and_all_are_counted(lake_home, monkeypatch):
    quarantined.spoil(monkeypatch, "events", "hour", [77, 78], DAY)
    quarantined.land("events", DAY)
    view = validation_period.build_period(open_project(USE_CASE), "events", DAY, most=1)
    assert (len(view.rows), view.total) == (1, 2)
    assert "airworthy quarantine show toy" in html.validation_period_page(view, "/airworthy")


def test_the_neighbours_with_rows_are_one_click_away(lake_home):
    quarantined.land("events", DAY)
    quarantined.land("events", NEXT + 3)
    view = view_of(NEXT)
    assert (view.before, view.after, view.cell.outcome) == (DAY, NEXT + 3, "not run")


def test_a_lost_report_is_said_to_be_lost(lake_home):
    quarantined.land("events", DAY)
    for file in places.files(open_project(USE_CASE).lake.root / validation_report.FOLDER):
        file.remove()
    view = view_of()
    assert view.report is None and view.cell.outcome == "published"
    assert "There is no report of this validation" in page_of()


def test_a_damaged_report_is_reported_and_the_rows_are_shown(lake_home, monkeypatch):
    quarantined.spoil(monkeypatch, "events", "hour", [77], DAY)
    quarantined.land("events", DAY)
    for file in places.files(open_project(USE_CASE).lake.root / validation_report.FOLDER):
        file.write(b"garbage")
    view = view_of()
    assert view.report is None and len(view.rows) == 1 and "cannot be read" in view.problems[0]


def test_hostile_values_stay_text(lake_home, monkeypatch):
    quarantined.spoil(monkeypatch, "events", "kind", [HOSTILE], DAY)
    quarantined.spoil(monkeypatch, "events", "hour", [77], DAY)
    quarantined.land("events", DAY)
    page = page_of()
    assert "<script>alert" not in page and "\u202e" not in page and "&lt;script&gt;alert(1)" in page


def test_features_show_their_judgement(lake_home):
    quarantined.run_days(DAY)
    view = view_of(table="features")
    assert view.cell.outcome == "published" and view.report is not None and view.report.rows == 200
