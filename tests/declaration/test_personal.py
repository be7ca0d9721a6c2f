"""Values of columns that are declared personal are masked in everything that people read."""

import re
from dataclasses import replace

import great_expectations.expectations as gxe
import pyarrow as pa
import pytest
from typer.testing import CliRunner

from include.cli import main
from include.declaration.personal import MASK, mask_text, mask_values, masked_errors
from include.declaration.problems import DeclarationError
from include.errors import AirworthyError, ColumnsError, SourceError
from include.features import materialize
from include.features.results import ResultRefusedError, converted
from include.ingestion import data_docs, expectations, ingest, validate
from include.ingestion.known_at import KnownTooLateError, require_known_in_time
from include.lake.storable_values import find_unsound, row_text
from include.project import open_project
from include.scoring import score
from include.use_case import Feed, Period, SliceGate, Suite
from include.web import html, prediction, validation_period
from tests.conftest import LAST
from tests.quarantined import spoil
from tests.toy_use_case import USE_CASE, source

DAY = Period("2020-01-05")
SECRET = 4242424242
FEEDS = tuple(replace(feed, personal=("id",)) for feed in USE_CASE.feeds)
PRIVATE = replace(USE_CASE, feeds=FEEDS)


def test_a_personal_column_is_one_of_the_feed():
    with pytest.raises(DeclarationError, match="personal columns \\['name'\\] are not among its columns"):
        Feed("people", columns={"id": "int64"}, keys=("id",), personal=("name",))


def test_a_personal_column_is_no_feature():
    feeds = (replace(USE_CASE.feeds[0], personal=("kind",)), USE_CASE.feeds[1])
    with pytest.raises(DeclarationError, match="features \\['kind'\\] are columns that a feed declares personal"):
        replace(USE_CASE, feeds=feeds)


def test_a_personal_key_defines_no_slice():
    assert "id" in USE_CASE.slice_columns() and "id" not in PRIVATE.slice_columns()
    with pytest.raises(DeclarationError):
        replace(PRIVATE, gates=(SliceGate("id", "log_loss", max_degradation=0.1, reference="prior", min_rows=10),))


def test_values_are_masked_and_nulls_stay_visible():
    masked = mask_values({"name": "Ada", "phone": None, "size": 3}, {"name", "phone"})
    assert masked == {"name": MASK, "phone": None, "size": 3}


@pytest.mark.parametrize(
    "text",
    [
        "column 'id' is string and must be int64: the value 'Ada Lovelace' would change",
        "column 'id' is int64 and must be int8: the value 4242424242 would change",
        "column 'id': Decimal('4242424242') is not a value of int8",
        "CSV conversion error to int64: invalid value 'Ada Lovelace'",
        'it has "Ada \\"the\\" Lovelace" in it',
        "cut off: 'Ada Love",
        "b'Ada' is not UTF-8",
    ],
)
def test_a_text_about_rows_quotes_no_value(text):
    masked = mask_text(text, {"id"})
    assert MASK in masked and "Ada" not in masked and "Love" not in masked and "4242" not in masked
    assert ("'id'" in text) == ("'id'" in masked)


def test_an_error_is_masked_with_its_causes():
    def failing():
        try:
            raise ValueError("Ada")
        except ValueError as error:
            raise AirworthyError("the value 'Ada' would change") from error

    with pytest.raises(AirworthyError) as refused, masked_errors({"id"}, {"id"}):
        failing()
    assert str(refused.value) == f"the value {MASK} would change"
    assert refused.value.__cause__ is None and refused.value.__context__ is None


def test_without_personal_columns_an_error_stays_as_it_is():
    with pytest.raises(AirworthyError, match="Ada") as refused, masked_errors((), ()):
        raise AirworthyError("the value 'Ada' would change") from ValueError("x")
    assert refused.value.__cause__ is not None


def test_the_keys_of_a_row_and_a_value_that_cannot_be_stored_are_masked():
    rows = pa.table({"id": [SECRET], "size": [float("nan")], "age": [float("inf")]})
    assert row_text(rows.to_batches()[0], 0, ["id", "size"], {"id"}) == f"id={MASK} size=nan"
    found = {each.column: each for each in find_unsound(rows, ["id"], {"id", "age"})}
    assert found["age"].value == MASK and found["size"].value == "nan"
    assert {each.row for each in found.values()} == {f"id={MASK}"}


def test_a_row_that_is_known_too_late_is_named_without_personal_keys():
    feed = replace(FEEDS[0], known_at="event_date")
    rows = pa.table({"event_date": pa.array([DAY.start_date], pa.date32()), "id": [SECRET]})
    with pytest.raises(KnownTooLateError) as refused:
        require_known_in_time(PRIVATE, feed, DAY, rows)
    assert str(SECRET) not in str(refused.value) and f"id={MASK}" in str(refused.value)


def test_a_feature_row_that_does_not_fit_is_named_without_personal_keys():
    rows = pa.table({"id": [SECRET], "size": [1.5]})
    announced = pa.schema([("id", pa.int64()), ("size", pa.int8())])
    with pytest.raises(ResultRefusedError) as refused:
        list(converted(rows.to_batches(), announced, ["id"], {"id"}))
    assert str(SECRET) not in str(refused.value) and "1.5" in str(refused.value)
    with pytest.raises(ResultRefusedError) as refused:
        list(converted(rows.to_batches(), pa.schema([("id", pa.int8()), ("size", pa.float64())]), ["id"], {"id"}))
    assert str(SECRET) not in str(refused.value)


@pytest.mark.parametrize(
    "rule",
    [
        gxe.ExpectColumnValuesToBeBetween(column="id", max_value=10),
        gxe.ExpectCompoundColumnsToBeUnique(column_list=["id", "size"]),
    ],
    ids=["column", "several columns"],
)
@pytest.mark.slow
def test_data_docs_and_the_reasons_of_a_rule_show_counts_alone(rule, lake_home):
    rows = pa.table({"id": [SECRET, SECRET], "size": [1.0, 1.0]})
    plain = expectations.judge_rows(Suite(rows=(rule,)), rows, "toy")
    judged = expectations.judge_rows(Suite(rows=(rule,)), rows, "toy", personal=["id"])
    page = data_docs.write_data_docs("toy", "events", DAY, "digest", judged.document).read().decode()
    assert str(SECRET) not in page and str(SECRET) not in str(judged)
    assert judged.reasons == plain.reasons and judged.quarantined == 2
    (result,) = judged.document.results
    assert result.result["unexpected_count"] == 2


@pytest.mark.slow
def test_a_rule_of_another_column_shows_its_values():
    rows = pa.table({"id": [SECRET], "size": [7.25]})
    rule = gxe.ExpectColumnValuesToBeBetween(column="size", max_value=0)
    judged = expectations.judge_rows(Suite(rows=(rule,)), rows, "toy", personal=["id"])
    assert "7.25" in str(judged.document.results[0].result)


@pytest.mark.slow
def test_a_table_level_rule_names_no_observed_value():
    rows = pa.table({"id": [SECRET]})
    rule = gxe.ExpectColumnMaxToBeBetween(column="id", max_value=0)
    judged = expectations.judge_rows(Suite(table=(rule,)), rows, "toy", personal=["id"])
    assert [each.observed for each in judged.broken] == [MASK]


@pytest.mark.slow
def test_a_source_that_fails_and_values_that_do_not_fit_are_reported_without_values(lake_home, toy_functions):
    def failing(period):
        raise KeyError(f"person '{SECRET}'")

    toy_functions.source(events=failing)
    with pytest.raises(SourceError) as refused:
        ingest.land_feed(open_project(PRIVATE), PRIVATE.feed("events"), DAY)
    assert str(SECRET) not in str(refused.value) and refused.value.__cause__ is None

    def wrong(period):
        rows = source.everything(period).drop_columns(["failed"])
        numbers = pa.array([f"x{SECRET}"] * rows.num_rows)
        yield rows.set_column(rows.column_names.index("id"), "id", numbers)

    toy_functions.source(events=wrong)
    with pytest.raises(ColumnsError) as unfit:
        ingest.land_feed(open_project(PRIVATE), PRIVATE.feed("events"), DAY)
    assert str(SECRET) not in str(unfit.value)


@pytest.fixture
def private(lake_home, declare, monkeypatch) -> None:
    """A day of the toy, whose ids are personal; two of its rows are quarantined."""
    declare(PRIVATE)
    spoil(monkeypatch, "events", "hour", [25, -1], DAY)
    project = open_project(PRIVATE)
    ingest.land_feed(project, project.use_case.feed("events"), DAY)
    validate.check_feed(project, project.use_case.feed("events"), DAY)


def typed(*arguments: str) -> str:
    done = CliRunner().invoke(main.app, [*arguments], catch_exceptions=False)
    assert done.exit_code == 0, done.output
    return done.output


@pytest.mark.slow
def test_quarantined_rows_are_listed_without_personal_values(private):
    shown = typed("quarantine", "show", "toy", "--feed", "events")
    assert f"id={MASK}, kind=" in shown and not re.search(r"\bid=\d", shown)


@pytest.mark.slow
def test_who_exports_rows_for_correction_is_told_that_the_file_is_personal(private, tmp_path):
    file = tmp_path / "rows.csv"
    assert "holds personal data (id)" in typed("quarantine", "export", "toy", str(file), "--feed", "events")
    assert MASK not in file.read_text()  # the rows go back as they are


@pytest.mark.slow
def test_a_printed_table_is_masked_and_a_file_is_not(private, tmp_path):
    printed = typed("frame", "toy", "raw/events", str(DAY))
    assert printed.count(MASK) == 10
    typed("frame", "toy", "raw/events", str(DAY), "--out", str(tmp_path / "rows.csv"))
    assert MASK not in (tmp_path / "rows.csv").read_text()


@pytest.mark.slow
def test_the_validation_page_lists_quarantined_rows_without_personal_values(private):
    project = open_project(PRIVATE)
    view = validation_period.build_period(project, "events", DAY)
    ids = {row.values[view.columns.index("id")] for row in view.rows}
    assert len(view.rows) == 2 and ids == {MASK}
    assert MASK in html.validation_period_page(view, "/airworthy")


@pytest.mark.slow
def test_predictions_with_personal_keys_are_listed_without_them_and_without_an_address(champion, declare):
    declare(PRIVATE)
    project = open_project(PRIVATE)
    score.score_period(project, LAST, allow_future_model=True)
    rows = prediction.listed_rows(project, LAST)
    assert rows and all(f"id={MASK}" in row.keys and row.query == "" for row in rows)
    page = prediction.prediction_page(PRIVATE, LAST, "/airworthy", None, rows)
    assert "?period=" not in page.partition("<table>")[2]


@pytest.mark.slow
def test_a_feature_function_that_quotes_a_row_is_told_without_it(private, toy_functions):
    def failing(period, events, outcomes):
        raise ValueError(f"cannot read 'person {SECRET}'")

    toy_functions.features(build=failing)
    project = open_project(PRIVATE)
    with pytest.raises(AirworthyError) as refused:
        materialize.materialize(PRIVATE, "features", "build", project.lake.as_of(DAY), DAY)
    assert str(SECRET) not in str(refused.value) and refused.value.__cause__ is None
