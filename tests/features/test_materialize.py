"""Results of `build` and `labels` are converted and checked, or refused with the line that made them."""

from __future__ import annotations

import inspect
from dataclasses import replace
from decimal import Decimal

import duckdb
import ibis
import pandas as pd
import pyarrow as pa
import pytest

from include.declaration.period import Period
from include.errors import BrokenUseCaseError
from include.features import materialize
from include.features.materialize import ResultRowsError
from include.lake import schemas
from include.lake.lake import Lake
from tests.toy_use_case import USE_CASE, source

DAY = Period("2020-01-10")


@pytest.fixture(autouse=True)
def checked_feeds(lake_home):
    """The clean rows of two days, as validation leaves them."""
    lake = Lake.open(USE_CASE)
    for period in (DAY - 1, DAY):
        for feed, rows in (("events", source.events(period)), ("outcomes", source.outcomes(period))):
            reasons = pa.array([[]] * rows.num_rows, schemas.REASONS.type)
            lake.replace(
                f"checked/{feed}", period, rows.append_column(schemas.REASONS, reasons), inputs={}, stage="test"
            )


def build(toy_functions, function) -> pa.Table:
    """The features of DAY where `build` is that function."""
    return _made(toy_functions, "features", "build", function)


def label(toy_functions, function) -> pa.Table:
    return _made(toy_functions, "labels", "labels", function)


def _made(toy_functions, table: str, name: str, function) -> pa.Table:
    toy_functions.features(**{name: function})
    lake = Lake.open(USE_CASE)
    materialize.materialize(USE_CASE, table, name, lake.as_of(DAY), DAY - 1)
    return lake.as_of(DAY).read(table, DAY, DAY)


def today(events: ibis.Table) -> ibis.Table:
    return features_of(events.filter(events.event_date == DAY.start_date))


def features_of(events: ibis.Table) -> ibis.Table:
    return events.select("event_date", "id", "kind", "size", "hour", "urgent")


def known(outcomes: ibis.Table) -> ibis.Table:
    return outcomes.filter(outcomes.period == DAY.start_date).select("event_date", "id", "failed")


# -- conversion


def test_what_duckdb_computes_in_another_type_is_stored_as_announced(toy_functions):
    """An int8 of `ifelse`, a decimal of a whole number times 0.5, and a sum that is a decimal of no digits."""

    def function(period, events, outcomes):
        rows = today(events)
        total = events.filter(events.period == period.start_date).id.sum().as_scalar()
        return rows.mutate(
            size=rows.id * 0.5,
            hour=ibis.ifelse(rows.hour > 12, 1, 0) + total * 0,
            urgent=ibis.ifelse(rows.hour > 12, 1, 0),
        )

    rows = build(toy_functions, function)
    assert rows["size"].to_pylist() == [each * 0.5 for each in rows["id"].to_pylist()]
    assert rows["urgent"].to_pylist() == [bool(each) for each in rows["hour"].to_pylist()]


@pytest.mark.parametrize(
    "failed", [lambda t: ibis.ifelse(t.id > 50, 1, 0), lambda t: t.id > 50, lambda t: ibis.ifelse(t.id > 50, 1.0, 0.0)]
)
def test_a_label_may_be_any_zero_and_one(toy_functions, failed):
    rows = label(toy_functions, lambda period, events, outcomes: known(outcomes).mutate(failed=failed))
    assert rows["failed"].type == pa.int8()
    assert rows["failed"].to_pylist() == [int(each > 50) for each in rows["id"].to_pylist()]


@pytest.mark.parametrize(
    "frame", [pa.Table.from_pandas, lambda frame: frame, pa.RecordBatch.from_pandas, duckdb.from_df]
)
def test_rows_in_any_order_and_any_kind_of_frame_are_stored_alike(toy_functions, frame):
    expected = build(toy_functions, lambda period, events, outcomes: today(events))
    shuffled = expected.drop_columns(["period"]).to_pandas().sample(frac=1, random_state=1)
    shuffled["event_date"] = pd.to_datetime(shuffled["event_date"])
    shuffled["kind"] = shuffled["kind"].astype("category")
    shuffled["id"] = [Decimal(each) for each in shuffled["id"]]
    files = Lake.open(USE_CASE).delta("features").file_uris()
    assert build(toy_functions, lambda period, events, outcomes: frame(shuffled)).equals(expected)
    assert Lake.open(USE_CASE).delta("features").file_uris() == files, "equal rows are not written again"


def test_an_ibis_key_of_another_type_is_put_in_order_as_it_is_announced(toy_functions):
    def function(period, events, outcomes):
        rows = today(events)
        return rows.mutate(id=rows.id.cast("decimal(10, 1)"))

    assert build(toy_functions, function).equals(build(toy_functions, lambda period, events, outcomes: today(events)))


def test_a_value_that_would_change_is_refused_with_column_value_and_keys(toy_functions):
    with pytest.raises(ResultRowsError, match=r"'hour' is .*int32: .*0\.5.* event_date=2020-01-10 id=1\."):
        build(toy_functions, lambda period, events, outcomes: today(events).mutate(hour=events.id * 0.5))


# -- what must hold


def test_a_null_key_of_features_and_labels_is_refused_and_counted(toy_functions):
    def nulled(table):
        return table.mutate(id=ibis.ifelse(table.id < 2, None, table.id))

    with pytest.raises(ResultRowsError) as refused:
        build(toy_functions, lambda period, events, outcomes: nulled(today(events)))
    assert (refused.value.table, refused.value.period) == (
        "features",
        DAY,
    ) and "2 rows without a 'id'" in refused.value.what
    with pytest.raises(ResultRowsError) as refused:
        label(toy_functions, lambda period, events, outcomes: nulled(known(outcomes)))
    assert refused.value.table == "labels" and "'id'" in refused.value.what
    with pytest.raises(ResultRowsError) as refused:
        label(toy_functions, lambda period, events, outcomes: known(outcomes).mutate(event_date=ibis.null("date")))
    assert "'event_date'" in refused.value.what


@pytest.mark.parametrize(
    ("failed", "said"),
    [
        (lambda t: ibis.ifelse(t.id < 100, 1, -1), r"'failed' is 1 in \d+ rows, -1 in \d+ rows\. A label is binary"),
        (lambda t: ibis.ifelse(t.id < 100, 2, 0), r"2 in \d+ rows, 0 in \d+ rows"),
        (lambda t: t.id % 3, r"is \d in \d+ rows, \d in \d+ rows, \d in \d+ rows\."),
        (lambda t: t.id, r"and 19\d other values"),
        (lambda t: t.id / 7, "labels that are not 0, 1 or null"),
        (lambda t: t.id * 1000, "labels that are not 0, 1 or null"),
        (lambda t: ibis.ifelse(t.id < 100, "yes", "no"), r"'yes' in \d+ rows"),
        (lambda t: ibis.literal(float("nan")), r"nan in \d+ rows"),
    ],
)
def test_a_label_that_is_not_binary_is_refused_with_the_values_and_their_rows(toy_functions, failed, said):
    with pytest.raises(ResultRowsError, match=said):
        label(toy_functions, lambda period, events, outcomes: known(outcomes).mutate(failed=failed))


@pytest.mark.parametrize(
    ("failed", "kind"),
    [
        ([[1]], "list<"),
        ([{"a": 1}], "struct<"),
        (pd.cut([1], [0, 3]), r"extension<pandas\.interval"),
        (pd.arrays.IntervalArray.from_breaks([0, 1]), r"extension<pandas\.interval"),
    ],
)
def test_a_label_of_no_single_value_is_refused_with_its_type_and_what_to_return(toy_functions, failed, kind):
    frame = pd.DataFrame({"event_date": [(DAY - 1).start_date], "id": [1], "failed": failed})
    with pytest.raises(ResultRowsError, match=rf"'failed' is {kind}"):
        label(toy_functions, lambda period, events, outcomes: frame)


def test_a_bool_feature_may_be_a_float_or_a_decimal_of_0_and_1(toy_functions):
    for one, zero in ((1.0, 0.0), (Decimal("1.0"), Decimal("0.0")), (1, 0)):
        rows = build(
            toy_functions,
            lambda period, events, outcomes, one=one, zero=zero: today(events).mutate(
                urgent=ibis.ifelse(events.id < 3, one, zero)
            ),
        )
        assert sum(rows["urgent"].to_pylist()) == 3


def test_a_key_that_no_reader_holds_is_named_also_where_rows_are_about_another_day(toy_functions):
    far = pa.array([2932897], pa.int32()).cast(pa.date32())  # the first day of the year 10000

    def labels(period, events, outcomes):
        return pa.table({"event_date": far, "id": [1], "failed": [1]})

    with pytest.raises(ResultRowsError, match="event_date=10000-01-01 id=1"):
        label(toy_functions, labels)


def test_a_day_of_labels_that_are_all_null_or_none_is_fine(toy_functions):
    rows = label(toy_functions, lambda period, events, outcomes: known(outcomes).mutate(failed=ibis.null()))
    assert rows["failed"].null_count == rows.num_rows > 0
    assert label(toy_functions, lambda period, events, outcomes: known(outcomes).limit(0)).num_rows == 0


def test_a_key_that_occurs_again_in_the_next_batch_is_noticed():
    first, empty, second = (pa.record_batch({"id": pa.array(ids, pa.int64())}) for ids in ([1, 2], [], [2, 3]))
    for batches in ([first, second], [first, empty, second]):
        with pytest.raises(RuntimeError, match="id=2"):
            list(materialize._checked(batches, ["id"], (), [], RuntimeError))
    assert len(list(materialize._checked([first, empty], ["id"], (), [], RuntimeError))) == 2


# -- where it was made


def line_in(function, text: str) -> str:
    lines, first = inspect.getsourcelines(function)
    return f"test_materialize.py:{first + next(at for at, line in enumerate(lines) if text in line)}"


def test_an_error_names_the_line_of_the_use_case_that_raised(toy_functions):
    def function(period, events, outcomes):
        rows = today(events)
        return rows.select(rows.nowhere)

    with pytest.raises(ResultRowsError) as caught:
        build(toy_functions, function)
    assert caught.value.table == "features"
    assert caught.value.where.endswith(line_in(function, "nowhere"))
    assert not caught.value.retryable
    assert (caught.value.use_case, caught.value.table, caught.value.period) == ("toy", "features", DAY)


@pytest.mark.parametrize(
    "broken", [lambda t: t.kind.cast("int64"), lambda t: ibis.literal("x").cast("date") == t.event_date]
)
def test_an_error_while_rows_are_computed_names_the_function(toy_functions, broken):
    def function(period, events, outcomes):
        return today(events).mutate(hour=broken)

    with pytest.raises(ResultRowsError, match="ConversionException: ") as caught:
        build(toy_functions, function)
    assert caught.value.where.endswith(line_in(function, "def function"))
    assert not caught.value.retryable


def test_code_that_cannot_be_read_is_named_with_its_line(tmp_path, monkeypatch):
    package = tmp_path / "unreadable_case"
    package.mkdir()
    (package / "__init__.py").touch()
    (package / "features.py").write_text("def build(day):\n    return (\n")
    monkeypatch.syspath_prepend(tmp_path)
    use_case = replace(USE_CASE, package="unreadable_case")
    with pytest.raises(BrokenUseCaseError) as caught:
        materialize.materialize(use_case, "features", "build", Lake.open(USE_CASE).as_of(DAY), DAY)
    assert caught.value.reason.startswith("SyntaxError")
    assert caught.value.where.endswith("features.py:2")


@pytest.mark.parametrize(
    ("returned", "said"),
    [
        (lambda rows: None, r"the function returned None \(is a `return` missing\?\)"),
        (lambda rows: rows.id, "the function returned a ibis"),
        (lambda rows: rows.drop("size"), r"lack 'size'"),
        (lambda rows: rows.mutate(more=1), r"have undeclared 'more'"),
        (lambda rows: rows.drop("id"), r"lack 'id'"),
        (lambda rows: rows.mutate(size=rows.kind), "'size' is string and must be double"),
    ],
)
def test_what_is_returned_instead_of_rows_is_refused_in_words(toy_functions, returned, said):
    with pytest.raises(ResultRowsError, match=said) as caught:
        build(toy_functions, lambda period, events, outcomes: returned(today(events)))
    assert "test_materialize.py" in caught.value.where


def test_trouble_of_the_machine_is_not_blamed_on_the_function(monkeypatch, toy_functions):
    def full(*_):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(materialize, "converted", full)
    with pytest.raises(OSError, match="No space left"):
        build(toy_functions, lambda period, events, outcomes: today(events))
