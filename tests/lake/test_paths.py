"""Names of folders above the lake do not change what is read."""

import pyarrow as pa
import pytest

from include.declaration.period import Period
from include.lake import batch_reader
from include.lake.lake import Lake
from tests.lake.test_schema_evolution import declared

DAY = Period("2020-01-01")
NEXT = DAY + 1
COLUMNS = {"site": "string", "failed": "int8"}
FOLDERS = [
    *(
        "site=berlin",
        "period=2020-02-02",
        "digest=b2-x",
        "failed=1",
        "a b",
        "ü",
        "läke🙂",
        "#",
        "a#b",
        "?",
        "'",
        '"',
        "*",
    ),
    *(
        "a**",
        "[x]",
        "[",
        "{a,b}",
        "trailing.",
        "...x",
        "%",
        "100%",
        "$HOME",
        "~",
        "&;",
        "<>",
        "|",
        ":",
        "-rf",
        "+",
        "=",
    ),
]


@pytest.mark.parametrize("folder", FOLDERS)
def test_a_lake_below_any_folder_reads_what_was_written(lake_home, configure, folder):
    configure(home=lake_home / folder)
    lake, kinds = Lake.open(declared(**COLUMNS)), {"event_date": "date32", "id": "int64"} | COLUMNS
    rows = {"event_date": [DAY.start_date] * 2, "id": [1, 2], "site": ["paris", None], "failed": [0, None]}
    table = pa.table(rows, schema=pa.schema({name: pa.type_for_alias(kind) for name, kind in kinds.items()}))
    for period in (DAY, NEXT):
        lake.replace("raw/outcomes", period, table, inputs={}, stage="test")
    assert not lake.replace("raw/outcomes", DAY, table, inputs={}, stage="test").changed
    expected = [row | {"period": period.start_date} for period in (DAY, NEXT) for row in table.to_pylist()]
    view = lake.as_of(NEXT)
    assert view.read("raw/outcomes", order_by=["period", "id"]).to_pylist() == expected
    assert view.table("raw/outcomes").order_by(["period", "id"]).to_pyarrow().to_pylist() == expected
    assert [batch.to_pylist() for batch in batch_reader.row_batches(view, "raw/outcomes", DAY, kinds)] == [
        table.to_pylist()
    ]
    assert [path.name for path in lake_home.iterdir()] == [folder], "nothing lies elsewhere"
