"""Counts of quarantined rows by state equal those of the rows themselves."""

from include.ingestion import quarantine, quarantine_counts, validation_report
from include.ingestion.quarantine_counts import RowStates
from include.lake.object_store import StoragePath
from include.project import open_project
from tests import places, quarantined
from tests.quarantined import DAY, HOUR, NEXT
from tests.toy_use_case import USE_CASE

AFTER = NEXT + 1


def states(until=AFTER) -> RowStates | None:
    return quarantine_counts.count_states(open_project(USE_CASE), "events", until)


def test_nothing_is_counted_before_anything_was_validated(lake_home):
    assert states() is None and not lake_home.exists()


def test_rows_are_counted_by_state_as_known_in_a_period(lake_home, monkeypatch):
    quarantined.spoil(monkeypatch, "events", "hour", [77, 78], DAY, NEXT)
    quarantined.land("events", DAY, NEXT)
    assert (states(DAY), states()) == (RowStates(open=2), RowStates(open=4))
    quarantined.released("events", HOUR, period=DAY, known_on=AFTER)
    assert states(NEXT) == RowStates(open=2, waiting=2)
    assert states() == RowStates(open=2, replayed=2)
    rows = quarantine.read_quarantine(open_project(USE_CASE), "events")
    assert sum(rows.is_open) == 2


def test_a_row_that_the_source_has_corrected_since_it_was_resubmitted_is_not_subtracted(lake_home, monkeypatch):
    with monkeypatch.context() as patch:
        quarantined.spoil(patch, "events", "hour", [77, 78], DAY)
        quarantined.land("events", DAY)
        quarantined.released("events", HOUR, known_on=AFTER)
    quarantined.spoil(monkeypatch, "events", "hour", [99], DAY)
    quarantined.land("events", DAY)
    assert states() == RowStates(open=1)


def test_partitions_of_the_counted_periods_are_not_read(lake_home, monkeypatch):
    quarantined.spoil(monkeypatch, "events", "hour", [77], DAY)
    quarantined.land("events", DAY, NEXT)
    for file in places.files(open_project(USE_CASE).lake.root / "checked"):
        if file.name.endswith(".parquet"):
            file.remove()
    assert states() == RowStates(open=1)


def test_without_reports_the_partitions_are_read(lake_home, monkeypatch):
    quarantined.spoil(monkeypatch, "events", "hour", [77], DAY)
    quarantined.land("events", DAY, NEXT)
    folder: StoragePath = open_project(USE_CASE).lake.root / validation_report.FOLDER
    for file in places.files(folder):
        file.remove()
    assert states() == RowStates(open=1)


def test_a_report_of_other_content_is_not_believed(lake_home, monkeypatch):
    quarantined.spoil(monkeypatch, "events", "hour", [77], DAY)
    quarantined.land("events", DAY)
    (name,) = validation_report.list_reports(open_project(USE_CASE).lake, "events")
    folder = open_project(USE_CASE).lake.root / validation_report.FOLDER / "events"
    (folder / name.file).remove()
    (folder / f"{DAY}.published.200.99.{'0' * 12}.json").write(b"{}")
    assert states() == RowStates(open=1)


def test_states_add_up_in_words():
    total = RowStates(open=1) + RowStates(waiting=2, replayed=3)
    assert total.summary == "1 open, 2 waiting for their period, 3 replayed"
