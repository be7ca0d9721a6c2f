"""The page opens with the newest period of a stretch that has labels."""

import pytest

from include.lake.lake import Lake
from include.lake.range_reader import RangeReader
from include.project import open_project
from include.web import detail_pages, history, html, opening, overview
from include.web.date_range import DateRange
from tests import toy
from tests.web import measured
from tests.web.measured import Row, period_of

LATER = 300


@pytest.fixture
def lake(lake_home):
    return Lake.open(toy.USE_CASE)


def labelled(lake: Lake, *numbers: int, rows: float = 860) -> None:
    for number in numbers:
        row = Row("labelled_rows", "model", rows, period_of(number), "1")
        measured.write(lake, period_of(number), [row, Row("rows", "features", 880, period_of(number), "1")])


def opened(lake: Lake, span: int = 90):
    return opening.opening_period(RangeReader.open(lake, "metrics", period_of(LATER)), span)


def test_nothing_measured_opens_nothing(lake):
    assert opened(lake) is None


def test_the_newest_day_is_shown_while_it_or_the_days_before_it_have_labels(lake):
    labelled(lake, 1, 2)
    labelled(lake, 5, rows=0)
    assert opened(lake) == period_of(5)


def test_a_lone_day_without_labels_leaves_the_story_to_the_days_before(lake):
    labelled(lake, 1, 2)
    labelled(lake, LATER, rows=0)
    assert opened(lake) == period_of(2)


def test_without_labels_anywhere_it_is_the_newest_day(lake):
    labelled(lake, 1, LATER, rows=0)
    assert opened(lake) == period_of(LATER)


def test_the_page_names_the_newest_day_and_its_state_when_it_opens_earlier(lake):
    measured.promote(toy.USE_CASE, "1", period_of(0))
    labelled(lake, 1, 2)
    labelled(lake, LATER, rows=0)
    seen = overview.build_overview(open_project(toy.USE_CASE), period_of(LATER), opens=True)
    assert seen.period == period_of(2) and seen.newest_status is not None
    text = html.use_case_page(seen, "/airworthy", span=90, chosen=False, several=False)
    assert f'href="?period={period_of(LATER)}&amp;span=90"' in text and seen.newest_status.name in text
    chosen = overview.build_overview(open_project(toy.USE_CASE), period_of(LATER), period_of(LATER), opens=True)
    assert chosen.period == period_of(LATER) and chosen.newest_status is None


def test_the_pages_of_details_open_with_the_same_range_as_the_overview(lake):
    labelled(lake, *range(1, 20))
    labelled(lake, 200, rows=0)
    project, dates = open_project(toy.USE_CASE), DateRange(None, 30)
    shown = overview.build_overview(project, period_of(LATER), span=30, opens=True)
    assert history.read_history(project, dates).period == shown.period == period_of(19)
    assert history.read_history(project, DateRange(period_of(200), 30)).period == period_of(200)
    assert f'value="{period_of(19)}"' in detail_pages.compare_page(project, dates, None, "/airworthy")
