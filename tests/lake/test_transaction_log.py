"""The log of a table, read as a whole and compared with deltalake's view of each version."""

import json
from datetime import UTC, datetime, timedelta

import pytest

from include.declaration.period import Period
from include.lake import history, inventory, transaction_log
from include.lake.lake import Lake
from include.lake.transaction_log import LogIncompleteError
from tests import toy
from tests.refusals import raises

pytestmark = pytest.mark.both_places
FIRST = Period("2020-01-01")
SECOND = FIRST + 1


@pytest.fixture
def lake(lake_home) -> Lake:
    """Two days of features, the first corrected once, then emptied."""
    lake = Lake.open(toy.USE_CASE)
    toy.fill(lake, FIRST, SECOND)
    rows = lake.as_of(FIRST).read("features", FIRST).drop_columns(["period"])
    lake.replace("features", FIRST, rows.slice(0, 9), inputs={}, stage="test")
    lake.replace("features", FIRST, rows.slice(0, 0), inputs={}, stage="test")
    return lake


def test_each_version_holds_the_files_that_deltalake_says(lake):
    log = transaction_log.read_transaction_log(lake.root / "features", toy.USE_CASE.calendar)
    assert log.version == history.open_table(lake.uri("features")).version() == 4
    for version in range(5):
        delta = history.open_table(lake.uri("features"), version)
        ours = sorted(f"{lake.uri('features')}/{part.path}" for part in log.parts if part.is_in(version))
        assert ours == sorted(delta.file_uris())


def test_a_part_says_its_day_digest_and_bytes_and_when_it_was_replaced(lake):
    log = transaction_log.read_transaction_log(lake.root / "features", toy.USE_CASE.calendar)
    sizes = {file.name: file.bytes for file in inventory.list_files(lake.root / "features")}
    assert {part.path: part.bytes for part in log.parts}.items() <= sizes.items()
    now = lake.as_of(SECOND).partitions("features")
    assert {part.period: part.digest for part in log.parts if part.removed is None} == {
        period: partition.digest for period, partition in now.items()
    }
    assert {(part.period, part.added, part.removed) for part in log.parts} == {
        (FIRST, 1, 3), (SECOND, 2, None), (FIRST, 3, 4), (FIRST, 4, None),
    }  # fmt: skip
    hour_ago = datetime.now(UTC) - timedelta(hours=1)
    assert all(hour_ago < part.removed_at == log.committed_at[part.removed] for part in log.parts if part.removed)


def test_a_file_that_is_listed_again_existed_all_the_time(lake):
    """As a writer does that recomputes statistics: the same file once more, and no `remove`."""
    folder = lake.root / "features/_delta_log"
    actions = [json.loads(line) for line in (folder / f"{2:020d}.json").read().splitlines()]
    again = [action for action in actions if "add" in action or "commitInfo" in action]
    (folder / f"{5:020d}.json").write("\n".join(json.dumps(action) for action in again).encode())
    [part] = [
        part
        for part in transaction_log.read_transaction_log(lake.root / "features", toy.USE_CASE.calendar).parts
        if part.period == SECOND
    ]
    assert (part.added, part.removed) == (2, None)
    assert f"{lake.uri('features')}/{part.path}" in history.open_table(lake.uri("features"), 2).file_uris()


def test_checkpoint_and_clean_up_are_reported(lake):
    assert (
        transaction_log.read_transaction_log(lake.root / "features", toy.USE_CASE.calendar).checkpoint,
        transaction_log.read_transaction_log(lake.root / "labels", toy.USE_CASE.calendar).cleans_up,
    ) == (
        None,
        False,
    )
    lake.delta("features").create_checkpoint()
    assert transaction_log.read_transaction_log(lake.root / "features", toy.USE_CASE.calendar).checkpoint == 4
    lake.delta("features").alter.set_table_properties({"delta.enableExpiredLogCleanup": "true"})
    assert transaction_log.read_transaction_log(lake.root / "features", toy.USE_CASE.calendar).cleans_up


def test_no_table_has_no_log_and_none_is_made(lake):
    assert transaction_log.read_transaction_log(lake.root / "predictions", toy.USE_CASE.calendar) is None
    assert not (lake.root / "predictions").exists()


@pytest.mark.parametrize("version", [0, 2])
def test_a_log_that_lacks_a_commit_is_refused(lake, version):
    (lake.root / f"features/_delta_log/{version:020d}.json").remove()
    with raises(LogIncompleteError, "4"):
        transaction_log.read_transaction_log(lake.root / "features", toy.USE_CASE.calendar)


def test_a_commit_that_cannot_be_read_is_refused(lake):
    (lake.root / f"features/_delta_log/{2:020d}.json").write(b'{"add": 3}\n')
    with pytest.raises(LogIncompleteError, match=r"\b2\b"):
        transaction_log.read_transaction_log(lake.root / "features", toy.USE_CASE.calendar)
