"""The calendars of validations: an outcome for each period of each table."""

import pytest

from include.declaration.period import Period
from include.errors import FeedRefusedError
from include.project import open_project
from include.web import html, validation_calendar
from include.web.validation_calendar import TableCalendar
from tests import hourly_use_case, quarantined, weekly_use_case
from tests.quarantined import DAY, NEXT
from tests.toy_use_case import USE_CASE


def calendar_of(table: str = "events", until: Period | None = None, use_case=USE_CASE) -> TableCalendar:
    built = validation_calendar.build_calendar(open_project(use_case), until)
    (found,) = (each for each in built.tables if each.table == table)
    return found


def outcomes(calendar: TableCalendar) -> dict[str, str]:
    cells = (cell for _, line in calendar.lines for cell in line if cell is not None)
    return {cell.period.key: cell.outcome for cell in cells}


def test_each_period_has_its_outcome(lake_home, monkeypatch):
    quarantined.spoil(monkeypatch, "events", "hour", [77, 78], NEXT)
    quarantined.spoil(monkeypatch, "events", "hour", [77] * 50, NEXT + 1)
    quarantined.land("events", DAY, NEXT)
    with pytest.raises(FeedRefusedError):
        quarantined.land("events", NEXT + 1)
    quarantined.land("events", NEXT + 3)
    found = calendar_of()
    assert outcomes(found) == {
        DAY.key: "published", NEXT.key: "quarantined", (NEXT + 1).key: "refused", (NEXT + 2).key: "not run",
        (NEXT + 3).key: "published",
    }  # fmt: skip
    assert dict(found.counts) == {
        "published": 2, "quarantined": 1, "refused": 1, "not run": 1, "missing": 0, "not validated": 0,
    }  # fmt: skip
    (cell,) = (cell for _, line in found.lines for cell in line if cell and cell.outcome == "quarantined")
    assert (cell.sign, cell.rows, cell.quarantined) == ("2", 200, 2) and "198 rows; 2 quarantined" in cell.words


def test_a_refused_period_that_is_delivered_well_later_is_published(lake_home, monkeypatch):
    with monkeypatch.context() as patch:
        quarantined.spoil(patch, "events", "hour", [77] * 50, DAY)
        with pytest.raises(FeedRefusedError):
            quarantined.land("events", DAY)
    quarantined.land("events", DAY)
    assert outcomes(calendar_of()) == {DAY.key: "published"}


def test_features_have_a_calendar_too(lake_home):
    quarantined.run_days(DAY)
    assert outcomes(calendar_of("features"))[DAY.key] == "published"
    assert calendar_of("predictions").lines == ()


def test_an_earlier_calendar_ends_where_it_is_asked_to(lake_home):
    quarantined.land("events", DAY)
    quarantined.land("events", NEXT)
    assert outcomes(calendar_of(until=DAY)) == {DAY.key: "published"}


def test_nothing_is_created_by_looking(lake_home):
    built = validation_calendar.build_calendar(open_project(USE_CASE))
    assert all(table.lines == () for table in built.tables) and not lake_home.exists()
    assert "No day was landed" in html.validation_calendar_page(built, "/airworthy")


@pytest.mark.parametrize("use_case", [hourly_use_case.USE_CASE, weekly_use_case.USE_CASE], ids=lambda each: each.name)
def test_hours_and_weeks_have_their_own_lines(lake_home, use_case):
    feed, first = use_case.feeds[0].name, use_case.first_period + 60
    quarantined.land(feed, first, first + 1, use_case=use_case)
    found = calendar_of(feed, use_case=use_case)
    assert outcomes(found) == {first.key: "published", (first + 1).key: "published"}
    built = validation_calendar.build_calendar(open_project(use_case))
    page = html.validation_calendar_page(built, "/airworthy")
    assert f"/airworthy/validation/{use_case.name}/{feed}/{first}" in page
    assert {len(line) for _, line in found.lines} == {len(built.columns)}


def test_a_line_ends_with_its_month():
    assert validation_calendar.end_of_line(Period("2013-02-13")) == Period("2013-02-28")
    assert validation_calendar.end_of_line(Period("2013-02-13T05Z")) == Period("2013-02-13T23Z")
    assert validation_calendar.end_of_line(Period("2020-W14-1")) == Period("2020-W53-1")


def test_each_cell_leads_to_the_page_of_its_period(lake_home, monkeypatch):
    quarantined.spoil(monkeypatch, "events", "hour", [77], DAY)
    quarantined.land("events", DAY)
    page = html.validation_calendar_page(validation_calendar.build_calendar(open_project(USE_CASE)), "/airworthy")
    assert f'class="cell quarantined" href="/airworthy/validation/toy/events/{DAY}"' in page
    assert "1 with quarantined rows" in page


def test_what_is_to_look_at_and_other_stretches_are_linked_though_the_calendar_does_not_show_them(
    lake_home, monkeypatch
):
    quarantined.spoil(monkeypatch, "events", "hour", [77, 78], NEXT)
    quarantined.spoil(monkeypatch, "events", "hour", [77] * 50, NEXT + 1)
    quarantined.land("events", DAY, NEXT)
    with pytest.raises(FeedRefusedError):
        quarantined.land("events", NEXT + 1)
    quarantined.land("events", DAY + 800)
    built = validation_calendar.build_calendar(open_project(USE_CASE))
    assert built.first > NEXT + 1
    assert [(table, cell.period, cell.outcome) for table, cell in built.to_look_at] == [
        ("events", NEXT + 1, "refused"), ("events", NEXT, "quarantined"),
    ]  # fmt: skip
    assert built.elsewhere == ((DAY, NEXT + 1),)
    text = html.validation_calendar_page(built, "/airworthy")
    assert f'href="/airworthy/validation/toy/events/{NEXT}">events of {NEXT}</a> (2)' in text
    assert f'<a href="?until={NEXT + 1}">{DAY} to {NEXT + 1}</a>' in text
    shown = validation_calendar.build_calendar(open_project(USE_CASE), NEXT + 1)
    assert shown.elsewhere == ((DAY + 800, DAY + 800),) and len(shown.to_look_at) == 2


def test_only_the_newest_periods_to_look_at_are_listed(lake_home, monkeypatch):
    quarantined.spoil(monkeypatch, "events", "hour", [77], DAY, NEXT)
    quarantined.land("events", DAY, NEXT)
    built = validation_calendar.build_calendar(open_project(USE_CASE), most=1)
    assert [cell.period for _, cell in built.to_look_at] == [NEXT] and built.more == 1
    assert "and 1 earlier ones" in html.validation_calendar_page(built, "/airworthy")
