"""The id of a quarantined row depends on its day and content alone."""

import itertools

import pyarrow as pa

from include.declaration.period import Period
from include.ingestion import row_ids
from tests.ingestion.test_corrections import DAY, ODD


def test_an_id_depends_on_day_and_content_alone_and_equal_rows_are_counted():
    twice = pa.concat_tables([ODD, ODD.slice(2, 1)])
    ids = row_ids.row_ids([DAY] * 7, twice, [[]] * 7)
    assert len(set(ids)) == 7
    assert ids[6] == f"{ids[2]}.2"
    assert row_ids.row_ids([DAY], ODD.slice(4, 1), [["bad"]]) == [ids[4]]
    assert row_ids.row_ids([Period("2020-01-11")], ODD.slice(4, 1), [[]]) != [ids[4]]


def test_ids_of_equal_rows_follow_their_reasons_in_whatever_order_the_lake_gives_them():
    equal, comment = pa.concat_tables([ODD.slice(0, 1)] * 3), [["bad", "worse"], ["worse"], ["bad"]]
    (name,) = row_ids.row_ids([DAY], ODD.slice(0, 1), [[]])
    expected = {("bad",): name, ("bad", "worse"): f"{name}.2", ("worse",): f"{name}.3"}
    for order in itertools.permutations(comment):
        ids = row_ids.row_ids([DAY] * 3, equal, order)
        assert dict(zip(map(tuple, order), ids, strict=True)) == expected
