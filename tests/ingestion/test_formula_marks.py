"""No cell of an export is executed by a spreadsheet, and an export is imported unchanged."""

from __future__ import annotations

import csv
import io

import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from include.ingestion import correction_file, correction_reader
from include.ingestion.formula_marks import mark_formulas, unmark_formulas

pytestmark = pytest.mark.security

FORMULAS = ["=cmd()", "+1", "-1", "@SUM(1)", "\t=1", "\r=1", " =1", "\n=1", "＝1", "＠x", "|calc", "%0A=1", "\ufeff=1"]
TEXTS = [*FORMULAS, "'", "''", "'=1", "'a", "a=1", "", None, "O'Hare", "1-2", "x\n=y", "NA", "\u202e=1"]
SCHEMA = pa.schema([("carrier", pa.string()), ("delay", pa.int64())])


def table(texts: list[str | None]) -> pa.Table:
    return pa.table({"carrier": pa.array(texts, pa.string()), "delay": range(-len(texts), 0)})


@pytest.mark.parametrize("text", FORMULAS)
def test_a_text_that_would_run_is_marked(text):
    assert mark_formulas(table([text]))["carrier"].to_pylist() == [f"'{text}"]


@pytest.mark.parametrize("text", ["a=1", "O'Hare", "1-2", "", None, "x\n=y", "NA"])
def test_other_texts_and_numbers_stay_as_they_are(text):
    assert mark_formulas(table([text])).equals(table([text]))


@settings(deadline=None)
@given(st.lists(st.none() | st.text(alphabet="'=+-@\t\r\n ab＝\x00\u202e") | st.text(st.characters(codec="utf-8"))))
def test_every_text_comes_back_as_it_was(texts):
    marked = mark_formulas(table(texts))
    assert unmark_formulas(marked, ["carrier", "none"]).equals(table(texts))


@settings(deadline=None, max_examples=10)  # each is read by a process of its own
@given(st.lists(st.none() | st.text(alphabet="'=+-@\t ab,\"\n"), min_size=1))
def test_an_export_of_the_quarantine_is_imported_unchanged(texts):
    rows = table(texts)
    ids = [f"2020-01-01.{number:016x}" for number in range(len(texts))]
    content = correction_file.correction_csv(rows, ids, [["=cmd()"]] * len(texts))
    found, named = correction_reader.read_corrections("rows.csv", content, SCHEMA)
    assert found.equals(rows.cast(SCHEMA).combine_chunks()) and named == ids


def test_no_text_of_an_export_begins_a_formula():
    content = correction_file.correction_csv(table(TEXTS), ["x"] * len(TEXTS), [["=cmd()"]] * len(TEXTS))
    rows = list(csv.DictReader(io.StringIO(content.decode(), newline="")))
    for row in rows:
        assert row["reasons"] == "'=cmd()"
        assert not row["carrier"].strip().startswith(("=", "+", "-", "@", "＝", "＠"))


def test_what_an_editor_writes_without_a_mark_is_taken_as_it_is():
    content = b'carrier,delay\n"=A1",1\n"\'tis",2\n"-",3\n'
    found, _ = correction_reader.read_corrections("rows.csv", content, SCHEMA)
    assert found["carrier"].to_pylist() == ["=A1", "'tis", "-"]
