"""A day of files from a landing bucket through the real steps: what lands, and what is refused."""

from __future__ import annotations

import gzip
import io
import os
import pickle
import re
import zipfile
from dataclasses import replace
from datetime import UTC, datetime, time, timedelta
from pathlib import Path

import pyarrow as pa
import pyarrow.compute as pc
import pytest

from include.declaration.landing import DeliveryMissingError, DeliveryTooLargeError
from include.errors import RowsUnexpectedError
from include.evaluation.checks.leakage_check import rebuild_periods
from include.features import build
from include.ingestion import ingest, validate
from include.ingestion.bucket import Bucket
from include.ingestion.known_at import KnownTooLateError
from include.ingestion.sources.base import FileInvalidError
from include.lake import history
from include.lake.lake import Lake
from include.project import open_project
from include.untrusted.untrusted_process import UntrustedProcess
from tests import toy
from tests.ingestion.hostile_files import repeated
from tests.landing_bucket import DAY, as_csv, as_parquet, deliver, landing_toy
from tests.refusals import raises
from tests.toy_use_case import source

pytestmark = [pytest.mark.slow, pytest.mark.security]

EVENTS = f"events/{DAY}/events.csv"


def zipped(**files: bytes | str) -> bytes:
    sink = io.BytesIO()
    with zipfile.ZipFile(sink, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in files.items():
            archive.writestr(name.replace("__", "."), content)
    return sink.getvalue()


def lake(use_case) -> Lake:
    return Lake.open(use_case)


def raw(use_case, feed: str = "events", period=DAY) -> pa.Table:
    return lake(use_case).as_of(period).read(f"raw/{feed}", period, period)


def land(use_case, feed: str = "events", period=DAY, **how):
    return ingest.land_feed(open_project(use_case), use_case.feed(feed), period, **how)


def test_a_day_of_files_becomes_the_same_content_as_the_same_rows_from_a_function(landing):
    use_case = landing_toy(landing.name)
    for earlier in range(8):
        deliver(landing, DAY - earlier)
    (
        ingest.ingest_period(open_project(use_case), DAY),
        validate.validate_period(open_project(use_case), DAY),
        build.build_features(open_project(use_case), DAY),
    )
    tables = ("raw/events", "raw/outcomes", "checked/events", "checked/outcomes", "features", "labels")
    found = {table: lake(use_case).as_of(DAY).digest_of_periods(table) for table in tables}
    other = replace(toy.USE_CASE, name="other")
    (
        ingest.ingest_period(open_project(other), DAY),
        validate.validate_period(open_project(other), DAY),
        build.build_features(open_project(other), DAY),
    )
    assert found == {table: lake(other).as_of(DAY).digest_of_periods(table) for table in tables}


def test_a_use_case_of_delivered_feeds_alone_needs_no_source(landing):
    deliver(landing)
    use_case = replace(landing_toy(landing.name), package="tests.ingestion.sourceless", look_back_periods=0)
    (
        ingest.ingest_period(open_project(use_case), DAY),
        validate.validate_period(open_project(use_case), DAY),
        build.build_features(open_project(use_case), DAY),
    )
    (rebuilt,) = rebuild_periods(open_project(use_case), [DAY], DAY + 1)
    assert (rebuilt.rows, rebuilt.leaking, rebuilt.error) == (source.ROWS, (), "")


def test_rows_with_nulls_lie_in_the_order_that_the_lake_gives_a_table(landing):
    """Sorted by DuckDB here and by Arrow there: equal content must be equal."""
    rows = source.events(DAY)
    shuffled = rows.take(pc.sort_indices(pc.random(rows.num_rows, initializer=3)))
    keys = [None if n % 3 else f"ü{n}\0" if n % 2 else "A" for n in range(rows.num_rows)]
    shuffled = shuffled.set_column(2, "kind", pa.array(keys)).set_column(1, "id", pa.array([7] * rows.num_rows))
    landing.put(f"events/{DAY}/x.parquet", as_parquet(shuffled))
    use_case = landing_toy(landing.name, events={"format": "parquet"})
    there = land(use_case).partition
    other = Lake(replace(use_case, name="other"), Lake.open(use_case).root)
    assert other.replace("raw/events", DAY, shuffled, inputs={}, stage="test").partition == there
    assert there.rows == rows.num_rows


def test_a_column_may_be_called_anything_and_is_never_read_as_sql(landing):
    key = 'id" desc, (select 1), "kind'
    toys = landing_toy(landing.name, events={"format": "parquet"})
    events = toys.feed("events")
    columns = {key if name == "id" else name: kind for name, kind in events.columns.items()}
    odd = replace(events, columns=columns, keys=("event_date", key))
    use_case = replace(toys, feeds=(odd, toys.feed("outcomes")))
    rows = source.events(DAY).rename_columns([*columns])
    landing.put(f"events/{DAY}/x.parquet", as_parquet(rows.sort_by([(key, "descending")])))
    assert land(use_case).partition.rows == source.ROWS
    assert not lake(use_case).replace("raw/events", DAY, rows, inputs={}, stage="test").changed


@pytest.mark.parametrize("packed", ["csv", "csv.gz", "CSV.GZ", "zip"])
def test_a_csv_file_may_be_packed(landing, packed):
    content = as_csv(source.events(DAY))
    packs = {"csv": content, "csv.gz": gzip.compress(content), "zip": zipped(inside__csv=content)}
    landing.put(f"events/{DAY}/part.{packed}", packs[packed.lower()])
    use_case = landing_toy(landing.name)
    land(use_case)
    assert raw(use_case).drop(["period"]).sort_by("id").equals(source.events(DAY).sort_by("id"))


def test_every_file_under_the_days_prefix_is_a_part_of_the_day_and_marks_are_not(landing):
    rows = source.events(DAY)
    landing.put(f"events/{DAY}/b/2.csv.gz", gzip.compress(as_csv(rows.slice(100))))
    landing.put(f"events/{DAY}/1.csv", as_csv(rows.slice(0, 100)))
    for other in ("_temporary/1.csv", ".1.csv", "readme.txt", "_SUCCESS"):
        landing.put(f"events/{DAY}/{other}", "no rows")
    landing.put(f"events/{DAY}0/3.csv", "another period")
    use_case = landing_toy(landing.name)
    assert land(use_case).partition.rows == 200
    kept = lake(use_case).as_of(DAY).read("deliveries/events", order_by=["key"]).to_pylist()
    assert [row["key"] for row in kept] == [f"events/{DAY}/1.csv", f"events/{DAY}/b/2.csv.gz"]


def test_of_each_file_size_etag_checksum_and_version_are_kept_and_the_commit_names_the_checksums(landing):
    import hashlib

    landing.client.put_bucket_versioning(Bucket=landing.name, VersioningConfiguration={"Status": "Enabled"})
    content = as_csv(source.events(DAY))
    landing.put(EVENTS, content)
    use_case = landing_toy(landing.name)
    commit = land(use_case)
    (kept,) = lake(use_case).as_of(DAY).read("deliveries/events").to_pylist()
    head = landing.client.head_object(Bucket=landing.name, Key=EVENTS)
    assert (kept["size"], kept["etag"]) == (len(content), head["ETag"].strip('"'))
    assert kept["version_id"] == head["VersionId"]
    assert kept["sha256"] == hashlib.sha256(content).hexdigest()
    (note,) = history.read_commit_notes(lake(use_case).uri("raw/events"))
    assert (note.version, note.inputs) == (
        commit.version,
        {f"s3://{landing.name}/{EVENTS}": f"sha256-{kept['sha256']}"},
    )


@pytest.mark.both_places(long=True)
def test_landing_the_same_files_again_commits_nothing(landing):
    deliver(landing)
    use_case = landing_toy(landing.name)
    ingest.ingest_period(open_project(use_case), DAY)
    tables = ("raw/events", "raw/outcomes", "deliveries/events", "deliveries/outcomes")
    before = {table: lake(use_case).as_of(DAY).version(table) for table in tables}
    assert not any(commit.changed for commit in ingest.ingest_period(open_project(use_case), DAY).values())
    assert before == {table: lake(use_case).as_of(DAY).version(table) for table in tables}


def test_a_missing_value_is_null_and_words_are_words(landing):
    rows = "event_date,id,kind,size,hour,urgent\n2020-01-10,1,NA,,3,true\n2020-01-10,2,,1.5,,false\n"
    landing.put(EVENTS, rows + '2020-01-10,3,"",2,3,1\n')
    use_case = landing_toy(landing.name)
    land(use_case)
    found = raw(use_case).sort_by("id")
    assert found["kind"].to_pylist() == ["NA", None, ""]
    assert (found["size"].to_pylist(), found["hour"].to_pylist()) == ([None, 1.5, 2.0], [3, None, 3])


def test_columns_may_come_in_another_order_with_a_mark_of_utf_8_and_another_delimiter(landing):
    landing.put(EVENTS, b"\xef\xbb\xbfid;hour;kind;urgent;size;event_date\r\n1;3;a;true;-;2020-01-10\r\n")
    use_case = landing_toy(landing.name, events={"delimiter": ";", "nulls": ("-",)})
    land(use_case)
    (row,) = raw(use_case).drop(["period"]).to_pylist()
    assert row == {"event_date": DAY.start_date, "id": 1, "kind": "a", "size": None, "hour": 3, "urgent": True}


def test_text_in_any_of_arrows_layouts_is_text(landing):
    rows = source.events(DAY)
    for n, layout in enumerate((pa.large_string(), pa.dictionary(pa.int32(), pa.string()))):
        part = rows.slice(n * 100, 100)
        part = part.set_column(2, "kind", part["kind"].cast(layout))
        landing.put(f"events/{DAY}/{n}.parquet", as_parquet(part))
    use_case = landing_toy(landing.name, events={"format": "parquet"})
    land(use_case)
    assert raw(use_case).drop(["period"]).sort_by("id").equals(rows.sort_by("id"))


HEADER = "event_date,id,kind,size,hour,urgent\n"
ROW = "2020-01-10,1,a,1.5,3,true\n"
GOOD = (HEADER + ROW * 3000).encode()
METHOD = zipfile.ZIP_DEFLATED.to_bytes(2, "little")
WRONG = {
    "another header": ("x.csv", HEADER.replace("kind", "type") + ROW, r"\['kind'\].*\['type'\]"),
    "a column too many": ("x.csv", HEADER.replace("\n", ",more\n") + ROW.replace("\n", ",1\n"), "undeclared 'more'"),
    "a name twice": ("x.csv", HEADER.replace("kind", "hour"), r"\['kind'\].*\['hour'\]"),
    "no header": ("x.csv", ROW, r"\['event_date', "),
    "nothing": ("x.csv", "", ""),
    "a value of another type": ("x.csv", HEADER + ROW.replace(",1,", ",one,"), "int64.*'one'"),
    "a number with a fraction": ("x.csv", HEADER + ROW.replace(",3,", ",3.5,"), "int32.*'3.5'"),
    "a row cut short": ("x.csv", HEADER + ROW + "2020-01-10,1", "Expected 6 columns, got 2"),
    "text that is not UTF-8": ("x.csv", (HEADER + ROW).encode().replace(b",a,", b",\xff\xfe,"), "UTF8"),
    "UTF-16": ("x.csv", (HEADER + ROW).encode("utf-16"), "UTF-16|UTF8"),
    "a truncated gz": ("x.csv.gz", gzip.compress(GOOD)[:-20], "end-of-stream|ended"),
    "a gz that is none": ("x.csv.gz", GOOD, "gzip"),
    "a gz with a wrong checksum": ("x.csv.gz", gzip.compress(GOOD)[:-8] + b"\0" * 8, "CRC"),
    "a truncated zip": ("x.zip", zipped(a__csv=GOOD)[:-30], "zip"),
    "a zip with two files": ("x.zip", zipped(a__csv=GOOD, b__csv=GOOD), r"a\.csv.*b\.csv"),
    "a zip with something else": ("x.zip", zipped(a__exe=GOOD), r"a\.exe"),
    "a zip packed as Python cannot": ("x.zip", zipped(a__csv=GOOD).replace(METHOD, b"\x09\x00"), "compression"),
    "a bomb in a gz": ("x.csv.gz", gzip.compress(GOOD * 50), "max_bytes=1,000,000"),
    "a bomb in a zip": ("x.zip", zipped(a__csv=GOOD * 50), "max_bytes=1,000,000"),
}


@pytest.mark.long
@pytest.mark.parametrize("name", WRONG)
def test_a_wrong_csv_file_is_refused_by_name_and_nothing_is_written(landing, name):
    file, content, said = WRONG[name]
    landing.put(f"events/{DAY}/a.csv", HEADER + ROW)
    landing.put(f"events/{DAY}/{file}", content)
    use_case = landing_toy(landing.name, events={"max_bytes": 1_000_000})
    with pytest.raises(FileInvalidError) as refused:
        land(use_case)
    assert (refused.value.feed, refused.value.period) == ("events", DAY) and refused.value.where.endswith(f"/{file}")
    assert re.search(said, refused.value.reason, re.DOTALL)
    assert raw(use_case).num_rows == 0
    assert lake(use_case).as_of(DAY).read("deliveries/events").num_rows == 0


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (as_parquet(source.events(DAY))[:-100], "Parquet"),
        (b"PAR1", "Parquet"),
        (as_parquet(source.events(DAY).drop_columns(["kind"])), "lacks 'kind'"),
        (
            as_parquet(source.events(DAY).set_column(4, "hour", pa.array([3] * 200, pa.int64()))),
            "hour.*int64.*int32",
        ),
    ],
    ids=["truncated", "cut to its mark", "a column less", "another type"],
)
def test_a_wrong_parquet_file_is_refused_by_name_and_nothing_is_written(landing, content, said):
    landing.put(f"events/{DAY}/x.parquet", content)
    use_case = landing_toy(landing.name, events={"format": "parquet"})
    with pytest.raises(FileInvalidError) as refused:
        land(use_case)
    assert refused.value.where.endswith("/x.parquet")
    assert re.search(said, refused.value.reason, re.DOTALL)
    assert raw(use_case).num_rows == 0


def test_a_day_without_files_is_named_with_its_bucket_and_prefix(landing):
    use_case = landing_toy(landing.name)
    with raises(DeliveryMissingError, landing.name, f"events/{DAY}/", feed="events", period=DAY):
        ingest.ingest_period(open_project(use_case), DAY)


def test_a_look_back_day_without_files_is_named_by_the_day_that_needs_it(landing):
    for earlier in (0, 1, 2):
        deliver(landing, DAY - earlier)
    use_case = landing_toy(landing.name)
    ingest.ingest_period(open_project(use_case), DAY), validate.validate_period(open_project(use_case), DAY)
    with pytest.raises(DeliveryMissingError) as refused:
        build.build_features(open_project(use_case), DAY)
    assert (refused.value.feed, refused.value.period) == ("events", DAY - 7)


def test_a_day_is_not_there_before_its_mark_is(landing):
    deliver(landing)
    use_case = landing_toy(landing.name, events={"ready": "_SUCCESS"})
    with raises(DeliveryMissingError, "_SUCCESS"):
        land(use_case)
    landing.put(f"events/{DAY}/_SUCCESS", "")
    assert land(use_case).partition.rows == 200


def test_a_day_declared_absent_needs_no_files_and_may_have_no_rows(landing):
    use_case = landing_toy(landing.name)
    first = use_case.first_period
    assert land(use_case, "outcomes", first).partition.rows == 0
    landing.put(f"outcomes/{first.start_date:%Y/%m/%d}/x.parquet", as_parquet(source.outcomes(DAY)))
    with raises(RowsUnexpectedError, feed="outcomes", period=first):
        land(use_case, "outcomes", first)


class Evil:
    """Unpickled, it makes a folder."""

    def __init__(self, marker: Path) -> None:
        self.marker = marker

    def __reduce__(self):
        return os.mkdir, (str(self.marker),)


@pytest.mark.parametrize("name", ["arrow.py_extension_type", "arrow.opaque"])
def test_what_a_parquet_file_says_of_python_types_is_never_unpickled(landing, tmp_path, name):
    rows, marker = source.events(DAY), tmp_path / "marker"
    says = {"ARROW:extension:name": name, "ARROW:extension:metadata": pickle.dumps(Evil(marker))}
    odd = rows.schema.set(1, rows.schema.field("id").with_metadata(says))
    landing.put(f"events/{DAY}/x.parquet", as_parquet(rows.cast(odd)))
    use_case = landing_toy(landing.name, events={"format": "parquet"})
    try:
        land(use_case)
    except FileInvalidError:
        assert not raw(use_case).num_rows
    else:
        assert raw(use_case).drop(["period"]).schema.equals(rows.schema, check_metadata=True)
    assert not marker.exists()
    pickle.loads(says["ARROW:extension:metadata"])
    assert marker.exists()  # the trap works


def fetches(monkeypatch) -> list[str]:
    """Return a list of the keys that are fetched from now on."""
    fetch, seen = Bucket.fetch, []
    monkeypatch.setattr(Bucket, "fetch", lambda self, listed, to: (seen.append(listed.key), fetch(self, listed, to))[1])
    return seen


@pytest.mark.parametrize(
    ("limits", "limit", "measured"),
    [
        ({"max_files": 2}, "max_files=2", r".*\b2\b.*"),
        ({"max_bytes": 9_999}, "max_bytes=9,999", r".*\b2\b.*\b1\d,\d\d\d\b.*"),
    ],
)
def test_more_than_a_day_may_have_is_refused_before_a_byte_is_fetched(landing, monkeypatch, limits, limit, measured):
    deliver(landing)
    landing.put(f"events/{DAY}/more.csv", as_csv(source.events(DAY)))
    landing.put(f"events/{DAY}/_mark", b"")
    use_case, seen = landing_toy(landing.name, events=limits), fetches(monkeypatch)
    address = f"s3://{landing.name}/events/{DAY}/"
    with pytest.raises(DeliveryTooLargeError) as refused:
        land(use_case)
    assert (refused.value.feed, refused.value.period, refused.value.where, refused.value.limit) == (
        "events",
        DAY,
        address,
        limit,
    )
    assert re.fullmatch(measured, refused.value.measured)
    assert not refused.value.retryable
    assert seen == [] and raw(use_case).num_rows == 0


def test_a_file_that_crashes_its_reader_is_refused_by_name_and_nothing_is_written(landing, monkeypatch):
    deliver(landing)
    use_case, call = landing_toy(landing.name), UntrustedProcess.call
    hostile = "tests.hostile_parsers:crash_at_any_order"
    monkeypatch.setattr(
        UntrustedProcess,
        "call",
        lambda self, name, *given: call(self, hostile if name.endswith(":append") else name, *given),
    )
    with pytest.raises(FileInvalidError) as refused:
        land(use_case)
    assert refused.value.where.endswith(EVENTS) and "SIGSEGV" in refused.value.reason
    assert not refused.value.retryable and raw(use_case).num_rows == 0


@pytest.mark.parametrize("plain", [False, True])
def test_a_few_bytes_that_unpack_to_gigabytes_are_refused_and_nothing_is_written(landing, plain):
    toys = landing_toy(landing.name, events={"format": "parquet"})
    feed = replace(toys.feed("events"), columns={"kind": "string"}, keys=("kind",))
    content = repeated(2_000, 1_500_000, "kind", plain=plain)
    assert len(content) < 697
    landing.put(f"events/{DAY}/x.parquet", content)
    use_case = replace(toys, feeds=(feed, toys.feed("outcomes")))
    with pytest.raises(FileInvalidError) as refused:
        land(use_case)
    assert refused.value.where.endswith("x.parquet") and "134,217,728" in refused.value.reason
    assert raw(use_case).num_rows == 0


@pytest.mark.long
def test_long_rows_within_the_limits_land_whole(landing):
    rows = source.events(DAY)
    long = rows.set_column(2, "kind", pa.array([f"{n:0>600000}" for n in range(rows.num_rows)]))
    landing.put(f"events/{DAY}/x.parquet", as_parquet(long))
    use_case = landing_toy(landing.name, events={"format": "parquet"})
    assert land(use_case).partition.rows == rows.num_rows
    assert raw(use_case).drop(["period"]).sort_by("id").equals(long.sort_by("id"))


@pytest.mark.parametrize("late", [0, 1])
def test_rows_that_became_known_after_the_decision_time_are_refused(landing, late):
    toys = landing_toy(landing.name)
    events = toys.feed("events")
    feed = replace(events, columns={**events.columns, "seen": "timestamp"}, known_at="seen")
    use_case = replace(toys, feeds=(feed, toys.feed("outcomes")))
    midnight = datetime.combine(DAY.start_date, time(), UTC)
    rows = source.events(DAY)
    seen = pa.array([midnight + timedelta(seconds=late)] * rows.num_rows, pa.timestamp("us", "UTC"))
    landing.put(f"events/{DAY}/x.csv", as_csv(rows.append_column("seen", seen)))
    if late:
        with pytest.raises(KnownTooLateError) as refused:
            land(use_case)
        assert (refused.value.column, refused.value.rows) == ("seen", 200)
        assert lake(use_case).as_of(DAY).partitions("raw/events") == {}
    else:
        land(use_case)
        assert set(raw(use_case)["seen"].to_pylist()) == {midnight}
