"""Rows of a correction file match quarantined rows; a released reason applies to these rows only."""

from datetime import date

import pyarrow as pa
import pytest

from include.declaration.period import Period
from include.ingestion import correction_file, correction_reader, corrections
from include.ingestion.correction_errors import (
    CorrectedTwiceError,
    CorrectionFileError,
    CorrectionKindError,
    NotQuarantinedError,
    RowAmbiguousError,
)
from include.ingestion.corrections import SAME_KEYS
from tests.refusals import raises

DAY = Period("2020-01-10")
ON = DAY.start_date
SCHEMA = pa.schema([("id", pa.int64()), ("name", pa.string()), ("size", pa.float64()), ("on", pa.date32()),
                    ("small", pa.int8()), ("sure", pa.bool_()), ("half", pa.float32())])  # fmt: skip


def rows(*content: tuple) -> pa.Table:
    return pa.Table.from_pylist([dict(zip(SCHEMA.names, each, strict=True)) for each in content], schema=SCHEMA)


ODD = rows(
    (1, "", 0.1 + 0.2, ON, -128, True, 0.1),
    (2, None, None, None, None, None, None),
    (2**62, 'quoted "text", with\na line break', -1e-300, date(1970, 1, 1), 0, False, 3.0),
    (4, "NA", 1e22, ON, 1, False, 1.5),
    (5, "nan", 5.0, ON, 1, False, 1.5),
    (6, "ünï ☃ ", 5e-324, ON, 1, False, 1.5),
)


def test_what_is_exported_comes_back_as_it_was():
    ids, reasons = [f"a.{n}" for n in range(6)], [["bad, very", "worse"]] * 6
    back, named = correction_reader.read_corrections("x.csv", correction_file.correction_csv(ODD, ids, reasons), SCHEMA)
    assert named == ids
    assert back.equals(ODD)


def test_columns_may_come_in_another_order_and_with_a_byte_order_mark():
    text = "\ufeffsize,id,name,on,small,sure,half\n1.5,7,x,2020-01-10,1,true,0.5\n"
    back, named = correction_reader.read_corrections("x.csv", text.encode(), SCHEMA)
    assert (back.to_pylist(), named) == (rows((7, "x", 1.5, ON, 1, True, 0.5)).to_pylist(), None)


@pytest.mark.parametrize("value", ["128", "1.5", "x", "1e3"])
def test_a_value_that_does_not_fit_is_refused_rather_than_bent(value):
    text = f"id,name,size,on,small,sure,half\n7,x,1.5,2020-01-10,{value},true,0.5\n"
    with raises(CorrectionFileError, file="x.csv"):
        correction_reader.read_corrections("x.csv", text.encode(), SCHEMA)


def test_a_parquet_file_of_other_types_is_refused():
    import pyarrow.parquet as pq

    sink = pa.BufferOutputStream()
    pq.write_table(ODD.set_column(0, "id", ODD["small"].cast(pa.float64())), sink)
    with raises(CorrectionFileError, "id", "double", "int64"):
        correction_reader.read_corrections("x.parquet", sink.getvalue().to_pybytes(), SCHEMA)


def test_other_kinds_of_files_are_refused():
    with raises(CorrectionKindError, file="x.pickle"):
        correction_reader.read_corrections("x.pickle", b"", SCHEMA)


class Asked(list[bool]):
    """Counts how often it is asked."""

    count = 0

    def __getitem__(self, place):
        self.count += 1
        return super().__getitem__(place)


def test_finding_rows_by_their_keys_grows_as_their_number_however_often_keys_are_repeated():
    many = 2_000
    there = pa.table({"id": [1] * many, "digest": [f"d{n}" for n in range(many)]})
    is_open = Asked([True] + [False] * (many - 1))
    with raises(CorrectedTwiceError, rows=((1,),)):
        corrections.match_corrections(pa.table({"id": [1] * many}), None, there, ["id"], is_open)
    assert is_open.count <= 2 * many


def test_an_error_about_many_rows_is_short():
    there = pa.table({"id": ["x" * 100_000] * 500, "digest": [f"d{n}" for n in range(500)]})
    for sent, error in (("x" * 100_000, RowAmbiguousError), ("y" * 100_000, NotQuarantinedError)):
        with pytest.raises(error) as refused:
            corrections.match_corrections(pa.table({"id": [sent]}), None, there, ["id"], [True] * 500)
        assert len(str(refused.value)) < 2_000


def test_places_are_those_of_equal_rows_each_once():
    landed = pa.concat_tables([ODD, ODD.slice(1, 1)])
    assert corrections.correction_places(landed, landed.take([1, 6, 3]), "id") == [1, 6, 3]
    assert corrections.correction_places(ODD, landed.take([1, 6]), "id") is None
    assert corrections.correction_places(ODD, rows((1, "", 0.3, ON, -128, True, 0.1)), "id") is None
    assert corrections.correction_places(ODD, ODD.slice(0, 0), "id") == []


def test_a_reason_is_waived_for_its_row_alone_and_equal_keys_for_none():
    keys = [(1,), (2,), (3,), (3,)]
    found = corrections.judge_corrections(
        [["a", "b"], ["a"], [], []], [["a"], [], [], [SAME_KEYS]], keys, others=[(2,)]
    )
    assert found == [["b"], ["a", SAME_KEYS], [SAME_KEYS], [SAME_KEYS]]
