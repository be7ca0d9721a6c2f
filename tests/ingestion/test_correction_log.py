"""The log of corrections: only one correction per row, and none for a day that has landed."""

import json
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from include.declaration.period import DAY as DAY_UNIT
from include.declaration.period import Period
from include.errors import InvalidRequestError
from include.ingestion import corrections
from include.ingestion.correction_errors import ResubmittedBeforeError
from include.ingestion.correction_log import (
    CorrectionLog,
    CorrectionPeriodTakenError,
    CorrectionsBusyError,
    CorrectionsCorruptedError,
)
from include.ingestion.corrections import CorrectionDraft
from include.lake import schemas
from include.lake.object_store import StoragePath
from include.project import open_project
from tests.refusals import raises
from tests.toy_use_case import USE_CASE

pytestmark = pytest.mark.both_places

DAY, LATER = Period("2020-01-10"), Period("2020-01-11")
COLUMNS = schemas.content_schema(USE_CASE, "raw/outcomes")


@pytest.fixture
def book(lake_home) -> CorrectionLog:
    return CorrectionLog.open(open_project(USE_CASE), "outcomes")


def draft(*ids: int, known_on: Period = LATER, actor: str = "Ann", failed: int = 1) -> CorrectionDraft:
    """A correction of the outcomes of these ids."""
    content = pa.table([[DAY.start_date] * len(ids), list(ids), [failed] * len(ids)], schema=COLUMNS)
    origin = {
        "period": [DAY.start_date] * len(ids),
        "digest": [f"row-{each}" for each in ids],
        "reasons": [["bad"]] * len(ids),
    }
    rows = corrections.with_origin(content, origin, schemas.period_field(DAY_UNIT))
    return CorrectionDraft(kind="correct", known_on=known_on, actor=actor, comment="mistyped", rows=rows)


def test_a_correction_is_read_as_it_was_recorded(book):
    done = book.record(draft(1, 2))
    assert done.new
    (there,) = book.accepted()
    assert there.rows.equals(done.correction.rows)
    assert (there.number, there.kind, there.known_on, there.comment) == (1, "correct", LATER, "mistyped")
    assert there.recorded_at == done.correction.recorded_at


def test_corrections_belong_to_the_day_they_become_known_on(book):
    book.record(draft(1)), book.record(draft(2, known_on=Period("2020-01-12"))), book.record(draft(3))
    assert [each.number for each in book.close(LATER)] == [1, 3]
    assert [each.number for each in book.known_on(LATER)] == [1, 3]
    assert book.known_on(Period("2020-01-12")) == [], "it is not landed yet"


def test_a_closed_day_takes_none_and_what_it_has_stays(book):
    book.record(draft(1))
    book.close(LATER)
    with pytest.raises(CorrectionPeriodTakenError) as refused:
        book.record(draft(2))
    assert (refused.value.feed, refused.value.period) == ("outcomes", LATER)
    assert [each.number for each in book.close(LATER)] == [1]
    assert book.record(draft(1)).new is False, "the same again is no new one"


def test_closing_a_day_without_any_says_so_for_good(book):
    assert book.close(LATER) == []
    assert book.closed_periods() == {LATER}


def test_one_that_came_too_late_for_its_day_is_not_accepted_and_its_rows_are_free(book, monkeypatch):
    """Its process was killed, or stood still, between looking at the day and recording."""
    book.close(LATER)
    with monkeypatch.context() as patch:
        patch.setattr(CorrectionLog, "closed_periods", lambda self: set())  # it looked before the day was closed
        book.record(draft(1))
    assert book.accepted() == []
    assert book.close(LATER) == []
    assert book.record(draft(1, known_on=Period("2020-01-12"))).new


def test_a_day_whose_closing_was_cut_short_is_closed_by_the_next(book):
    book.record(draft(1))
    (book.folder / "periods" / str(LATER) / "closing").create(b"")
    with pytest.raises(CorrectionPeriodTakenError):
        book.record(draft(2))
    assert [each.number for each in book.accepted()] == [1]
    assert [each.number for each in book.close(LATER)] == [1]


def test_the_same_row_is_not_sent_back_twice_whatever_is_made_of_it(book):
    book.record(draft(1, 2))
    for other in (draft(2, failed=0), draft(2, 3), draft(1, 2, known_on=Period("2020-01-12")), draft(1, 2, failed=0)):
        with raises(ResubmittedBeforeError, "Ann", "row-"):
            book.record(other)


def test_the_same_correction_by_another_user_changes_nothing(book):
    book.record(draft(1))
    again = book.record(draft(1, actor="Bob"))
    assert (again.new, again.correction.actor) == (False, "Ann")
    moved = draft(1, known_on=Period("2020-01-12"))
    assert book.record(moved, any_period=True).correction.known_on == LATER


def test_a_release_is_not_a_correction_of_the_same_rows(book):
    book.record(draft(1))
    with raises(ResubmittedBeforeError, ids=("row-1",), count=1):
        book.record(replace(draft(1), kind="release"))


def together(count: int, act: Callable[[int], object]) -> list[object]:
    """Run this number of threads at once; return the result or the error of each."""
    gate = threading.Barrier(count)

    def one(number: int) -> object:
        gate.wait()
        try:
            return act(number)
        except InvalidRequestError as error:
            return error

    with ThreadPoolExecutor(count) as pool:
        return list(pool.map(one, range(count)))


def test_of_racing_operators_one_sends_a_row_back(book):
    found = together(6, lambda n: book.record(draft(1, failed=n, known_on=Period(f"2020-01-{11 + n:02}"))))
    assert [isinstance(each, InvalidRequestError) for each in found].count(False) == 1
    assert len(book.accepted()) == 1


def test_operators_with_different_rows_do_not_hinder_each_other(book):
    found = together(6, lambda n: book.record(draft(n)))
    assert sorted(each.correction.number for each in found) == [1, 2, 3, 4, 5, 6]
    assert len(book.close(LATER)) == 6


@pytest.mark.parametrize("trial", range(5))
def test_a_day_landed_while_it_is_corrected_has_exactly_the_confirmed_corrections(book, trial):
    def act(number: int) -> object:
        return book.close(LATER) if number % 3 == 0 else book.record(draft(number))

    found = together(9, act)
    landed = [[each.number for each in one] for one in found if isinstance(one, list)]
    confirmed = sorted(one.correction.number for one in found if hasattr(one, "correction"))
    assert landed == [confirmed] * 3
    assert [each.number for each in book.accepted()] == confirmed


def test_one_that_comes_between_counting_and_closing_is_refused_not_confirmed_and_forgotten(book, monkeypatch):
    counted, said = CorrectionLog._all, []

    def counting(self: CorrectionLog) -> list[corrections.Correction]:
        found = counted(self)
        if not said:
            said.append("refused")
            with pytest.raises(CorrectionPeriodTakenError):
                book.record(draft(1))
        return found

    monkeypatch.setattr(CorrectionLog, "_all", counting)
    assert book.close(LATER) == []
    assert (said, book.accepted()) == (["refused"], [])


def test_one_that_always_comes_second_is_advised_to_send_it_again_and_not_that_its_day_was_landed(book, monkeypatch):
    monkeypatch.setattr(StoragePath, "create", lambda self, content: False)
    with pytest.raises(CorrectionsBusyError) as busy:
        book.record(draft(1))
    assert busy.value.feed == "outcomes"
    assert busy.value.retryable


def test_a_missing_correction_stops_its_feed(book):
    book.record(draft(1)), book.record(draft(2))
    (book.folder / "000001.parquet").remove()
    with pytest.raises(CorrectionsCorruptedError) as refused:
        book.close(LATER)
    assert refused.value.place.name == "000001.parquet"


@pytest.mark.parametrize("content", [b"", b"PAR1 no more", b"{}"])
def test_a_damaged_correction_stops_its_feed(book, content):
    book.record(draft(1))
    (book.folder / "000001.parquet").write(content)
    with pytest.raises(CorrectionsCorruptedError) as refused:
        book.close(LATER)
    assert refused.value.place.name == "000001.parquet"


def test_a_damaged_closing_is_said(book):
    book.close(LATER)
    (book.folder / "periods" / str(LATER) / "closed.json").write(b"[]")
    with pytest.raises(CorrectionsCorruptedError) as refused:
        book.known_on(LATER)
    assert refused.value.place.name == "closed.json"


def test_a_correction_that_was_renamed_is_noticed(book):
    book.record(draft(1)), book.record(draft(2))
    place: StoragePath = book.folder / "000001.parquet"
    place.write((book.folder / "000002.parquet").read())
    with pytest.raises(CorrectionsCorruptedError) as refused:
        book.accepted()
    assert refused.value.place.name == "000001.parquet"


def test_strangers_in_the_folder_are_passed_over(book):
    book.record(draft(1))
    for name in (".DS_Store", "notes.txt", "days/.DS_Store"):
        (book.folder / name).write(b"x")
    assert len(book.close(LATER)) == 1


def test_a_correction_of_format_1_is_read_by_its_former_names(book):
    book.record(draft(1))
    place: StoragePath = book.folder / "000001.parquet"
    rows = pq.read_table(pa.BufferReader(place.read()))
    about = json.loads(rows.schema.metadata[b"airworthy"])
    assert about.keys() == {"number", "kind", "known_on", "actor", "comment", "recorded_at"}
    former = {**about, "who": about.pop("actor"), "why": about.pop("comment")}
    del former["actor"], former["comment"]
    sink = pa.BufferOutputStream()
    pq.write_table(rows.replace_schema_metadata({b"airworthy": json.dumps(former).encode()}), sink)
    place.write(sink.getvalue().to_pybytes())
    (there,) = book.accepted()
    assert (there.actor, there.comment) == ("Ann", "mistyped")
