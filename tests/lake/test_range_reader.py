"""Small tables over many days: in order, only existing days, and clear errors for damage."""

import pytest

from include import settings
from include.declaration.period import LATEST
from include.lake import range_reader
from include.lake.lake import Lake
from include.lake.object_store import StoragePath
from include.lake.range_reader import RangeReader, TableCorruptedError
from tests import toy
from tests.web import measured
from tests.web.measured import Row, period_of

pytestmark = pytest.mark.both_places(long=True)
FOREVER = LATEST
BROKEN = {"broken": True, "held": False, "not judged": None}


def write(*numbers: int) -> Lake:
    lake = Lake.open(toy.USE_CASE)
    for number in numbers:
        measured.write(lake, period_of(number), [Row("psi", "size", number, period_of(number), "1")])
    return lake


def test_days_are_read_in_order_whatever_order_they_were_written_in(lake_home):
    found = RangeReader.open(write(2, 0, 1), "metrics", FOREVER)
    assert found.periods == (period_of(0), period_of(1), period_of(2))
    assert found.rows()["period"].to_pylist() == [period.start_date for period in found.periods]
    assert found.rows()["value"].to_pylist() == [0, 1, 2]


def test_later_days_than_asked_for_are_never_read(lake_home):
    assert RangeReader.open(write(0, 1, 2), "metrics", period_of(1)).periods == (period_of(0), period_of(1))


def test_a_day_that_was_measured_again_shows_its_new_rows(lake_home):
    lake = write(0)
    assert RangeReader.open(lake, "metrics", FOREVER).rows()["value"].to_pylist() == [0]
    measured.write(lake, period_of(0), [Row("psi", "size", 9.0, period_of(0), "1")])
    assert RangeReader.open(lake, "metrics", FOREVER).rows()["value"].to_pylist() == [9]


def test_only_what_is_asked_for_is_read(lake_home):
    found = RangeReader.open(write(0, 1, 2), "metrics", FOREVER)
    assert found.newest(2).periods == (period_of(1), period_of(2)) and found.newest(0).periods == ()
    assert found.between(period_of(1), period_of(1)).periods == found.select({period_of(1)}).periods == (period_of(1),)


def test_a_table_that_no_one_wrote_is_empty_and_is_not_made(lake_home):
    found = RangeReader.open(Lake.open(toy.USE_CASE), "metrics", FOREVER)
    assert found.periods == () and found.rows().num_rows == 0
    assert not StoragePath.parse(settings.current_settings().lake).exists()


@pytest.mark.parametrize("what", ["log", "files"])
@pytest.mark.parametrize("how", ["removed", "overwritten"])
def test_a_damaged_table_is_said_to_be_one_without_naming_a_path(lake_home, what, how):
    lake = write(0)
    files = [file for _, file in RangeReader.open(lake, "metrics", FOREVER).files]
    log = lake.root / "metrics/_delta_log"
    for file in files if what == "files" else [log / name for name in log.names() if name.endswith(".json")]:
        file.remove() if how == "removed" else file.write(b"garbage")
    with pytest.raises(TableCorruptedError) as raised:
        RangeReader.open(lake, "metrics", FOREVER).rows()
    assert (raised.value.use_case, raised.value.table) == ("toy", "metrics")
    assert str(lake_home) not in str(raised.value) and "s3://" not in str(raised.value)


def test_metrics_that_are_left_out_are_kept_where_they_broke_a_limit(lake_home):
    lake = Lake.open(toy.USE_CASE)
    rows = [Row("psi", name, 0.1, period_of(0), "1", breached=broken) for name, broken in BROKEN.items()]
    measured.write(lake, period_of(0), [*rows, Row("importance", "a", 0.1, period_of(0), "1")])
    found = RangeReader.open(lake, "metrics", FOREVER)
    assert found.rows(without=frozenset({"psi"}))["subject"].to_pylist() == ["a", "broken"]
    assert found.rows().num_rows == 4  # the other reading is not remembered in place of this one


def test_many_files_are_read_in_order_too_and_one_that_is_damaged_is_reported(lake_home):
    lake = write(*range(range_reader.THREADED_FROM + 3))
    found = RangeReader.open(lake, "metrics", FOREVER)
    assert found.rows()["value"].to_pylist() == list(range(range_reader.THREADED_FROM + 3))
    range_reader._content.cache_clear()
    found.files[-1][1].write(b"garbage")
    with pytest.raises(TableCorruptedError):
        found.rows()
