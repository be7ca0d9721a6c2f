"""After a refused type, the table starts again from a period on, and its old versions stay readable."""

import pytest

from include.lake.lake import Lake
from include.lake.schema_evolution import SchemaNarrowedError
from include.maintenance.rebuild import TableNotWrittenError, TableUnknownError, rebuild_table
from include.project import open_project
from tests.lake.test_schema_evolution import DAY, NEXT, TABLE, declared, read, write
from tests.refusals import raises

LAST = NEXT + 1


def test_a_dry_run_says_what_would_leave_and_changes_nothing(lake_home):
    write(DAY, {"failed": ["x"]}, failed="string")
    write(NEXT, {"failed": ["y"]}, failed="string")
    plan = rebuild_table(open_project(declared(failed="int8")), TABLE, NEXT)
    assert (plan.removed, plan.unreadable, plan.kept) == ((NEXT,), (DAY,), 0)
    assert "1 period (2020-01-02) from 2020-01-02 on would leave toy/raw/outcomes." in plan.lines
    assert "nothing was changed" in plan.lines[-1]
    assert read(failed="string") == [{"failed": "x"}, {"failed": "y"}]


def test_after_it_the_refused_type_is_written_and_old_versions_read_as_they_were(lake_home):
    write(DAY, {"failed": ["x"]}, failed="string")
    then = write(NEXT, {"failed": ["y"]}, failed="string").version
    with pytest.raises(SchemaNarrowedError):
        write(NEXT, {"failed": [1]}, failed="int8")
    done = rebuild_table(open_project(declared(failed="int8")), TABLE, NEXT, apply=True)
    assert "backfill toy__data from 2020-01-01 to 2020-01-02" in done.lines[-1]
    write(NEXT, {"failed": [1]}, failed="int8")
    assert read(failed="int8") == [{"failed": 1}]
    old = Lake.open(declared(failed="string")).at_versions(NEXT, {TABLE: then})
    assert old.read(TABLE, order_by=["period"])["failed"].to_pylist() == ["x", "y"]


def test_earlier_periods_that_can_be_read_stay(lake_home):
    write(DAY, {"failed": [1]}, failed="int8")
    write(NEXT, {"failed": [0.5]}, failed="float64")
    write(LAST, {"failed": [0.5]}, failed="float64")
    done = rebuild_table(open_project(declared(failed="int16")), TABLE, NEXT, apply=True)
    assert (done.removed, done.unreadable, done.kept) == ((NEXT, LAST), (), 1)
    write(NEXT, {"failed": [300]}, failed="int16")
    assert read(failed="int16") == [{"failed": 1}, {"failed": 300}]


@pytest.mark.parametrize(("table", "error"), [("raw/nothing", TableUnknownError), ("features", TableNotWrittenError)])
def test_a_table_that_is_not_there_is_refused(lake_home, table, error):
    with raises(error, table=table):
        rebuild_table(open_project(declared(failed="int8")), table, DAY)
