"""Findings of `airworthy check` about tables: quarantined rows, useless features, lost labels, short histories."""

from __future__ import annotations

import pyarrow as pa
import pyarrow.compute as pc
import pytest

from include.declaration.period import Period
from include.evaluation import check_tables
from include.features import build
from include.lake.lake import Lake
from include.project import open_project
from tests import toy
from tests.toy_use_case import USE_CASE, source

FIRST, LAST = Period("2020-01-01"), Period("2020-01-12")


def texts(findings) -> list[tuple[str, str]]:
    return [(finding.severity, finding.text) for finding in findings]


@pytest.fixture
def lake(lake_home) -> Lake:
    return Lake.open(USE_CASE)


def changed(**columns):
    """The rows of a day with other columns."""

    def rows(period: Period) -> pa.Table:
        found = source.everything(period)
        for name, change in columns.items():
            found = found.set_column(found.column_names.index(name), name, change(found[name]))
        return found

    return rows


def test_of_good_tables_nothing_is_found(lake):
    toy.fill(lake, FIRST, LAST)
    project = open_project(USE_CASE)
    assert texts(check_tables.findings_of_features(project, LAST)) == []
    assert texts(check_tables.findings_of_joined_labels(project, LAST)) == []


def test_features_that_are_null_or_always_the_same_are_named(lake):
    rows = changed(
        size=lambda column: pa.nulls(len(column), pa.float64()),
        hour=lambda column: pa.array([7] * len(column), pa.int32()),
        urgent=lambda column: pc.if_else(column, True, None),
    )
    toy.fill(lake, FIRST, LAST, rows)
    [size, hour, urgent] = texts(check_tables.findings_of_features(open_project(USE_CASE), LAST))
    assert size[0] == "warning" and "feature 'size' is null in all" in size[1]
    assert "feature 'hour' is the same in all" in hour[1]
    assert "feature 'urgent' is the same wherever it is not null" in urgent[1]


def test_labels_that_belong_to_no_row_are_counted(lake):
    toy.fill(lake, FIRST, LAST, lambda period: source.everything(period).slice(10))
    [(severity, text)] = texts(check_tables.findings_of_joined_labels(open_project(USE_CASE), LAST))
    periods = LAST - FIRST - 1  # the labels of the last two days have not matured
    assert severity == "warning" and text.startswith(f"{10 * periods:,} of ")
    assert "['event_date', 'id']" in text


def test_quarantined_rows_are_counted_by_their_reasons(lake, toy_functions):
    toy_functions.source(events=lambda period: changed(hour=_bad_hours)(period).drop_columns(["failed"]))
    build.land_missing(open_project(USE_CASE), FIRST, FIRST + 1)
    [(severity, text)] = texts(check_tables.findings_of_quarantine(open_project(USE_CASE), FIRST, FIRST + 1))
    assert severity == "warning" and "feed 'events': 4 of 400 rows are quarantined" in text
    assert "hour" in text and "(4)" in text


def _bad_hours(column: pa.ChunkedArray) -> pa.Array:
    return pa.array([99, 99, *column.to_pylist()[2:]], pa.int32())


def test_a_history_that_is_too_short_is_an_error_with_the_way_out(lake):
    toy.fill(lake, FIRST, LAST)
    [(severity, text)] = texts(check_tables.findings_of_history(open_project(USE_CASE), LAST))
    assert severity == "error" and "needs 10 days to train" in text and "toy__data" in text
