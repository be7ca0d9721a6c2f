"""Buckets on a failing server: what is retried, and the error text."""

from __future__ import annotations

import hashlib
import os
import subprocess
import sys

import pytest

from include.connections import EnvironmentConnections
from include.ingestion import bucket as buckets
from include.ingestion.bucket import Bucket, BucketError, ListedObject, ObjectChangedError, TooManyObjectsError
from include.lake import s3_retries
from include.settings import REPOSITORY
from tests.refusals import raises

MEGABYTE = 1024 * 1024


pytestmark = [pytest.mark.slow, pytest.mark.usefixtures("hasty"), pytest.mark.security]


@pytest.fixture
def content(landing) -> bytes:
    made = os.urandom(20 * MEGABYTE)
    landing.put("large", made)
    return made


def fetched(landing, path):
    reader = Bucket(landing.name, "aws_default", EnvironmentConnections())
    return reader.fetch(reader.list("large")[0], path)


def test_a_large_object_is_fetched_in_parts_and_whole(landing, content, faults, tmp_path):
    found = fetched(landing, tmp_path / "copy")
    assert (tmp_path / "copy").read_bytes() == content
    assert found.sha256 == hashlib.sha256(content).hexdigest()
    assert found.version_id is None
    parts = [range_ for method, range_ in faults.seen if method == "GET"]
    assert sorted(parts) == ["bytes=0-8388607", "bytes=16777216-", "bytes=8388608-16777215"]


@pytest.mark.parametrize("fault", ["500", "503", "truncate"])
def test_what_fails_at_times_is_tried_again(landing, content, faults, tmp_path, fault):
    reader = Bucket(landing.name, "aws_default", EnvironmentConnections())
    listed = reader.list("large")[0]
    faults.next = ["", fault, fault, "", fault]
    assert reader.fetch(listed, tmp_path / "copy").sha256 == hashlib.sha256(content).hexdigest()
    assert faults.next == []
    assert (tmp_path / "copy").read_bytes() == content


def test_a_server_that_goes_on_failing_is_worth_another_try_of_the_task(landing, faults):
    faults.next = ["503"] * 100
    with pytest.raises(BucketError) as failed:
        Bucket(landing.name, "aws_default", EnvironmentConnections()).list("")
    assert (failed.value.bucket, failed.value.conn_id) == (landing.name, "aws_default")
    assert "503" in failed.value.reason
    assert failed.value.retryable
    assert len(faults.next) == 100 - (s3_retries.RETRIES + 1)


def test_a_server_that_is_not_there_is_worth_another_try(landing, configure):
    configure.connections(aws_default="aws://k:s@/?region_name=x&endpoint_url=http%3A%2F%2F127.0.0.1%3A9")
    with raises(BucketError, "127.0.0.1:9") as failed:
        Bucket(landing.name, "aws_default", EnvironmentConnections()).list("")
    assert failed.value.retryable


def test_a_bucket_that_is_not_there_is_not_tried_again(landing):
    with pytest.raises(BucketError) as failed:
        Bucket("nowhere", "aws_default", EnvironmentConnections()).list("")
    assert failed.value.bucket == "nowhere"
    assert "NoSuchBucket" in failed.value.reason
    assert not failed.value.retryable


@pytest.mark.parametrize("code", ["403", "401"])
def test_a_refusal_is_not_tried_again(landing, faults, code):
    faults.next = [code] * 3
    with pytest.raises(BucketError) as failed:
        Bucket(landing.name, "aws_default", EnvironmentConnections()).list("")
    assert not failed.value.retryable
    assert len(faults.next) == 2


def test_an_object_that_is_replaced_between_listing_and_reading_is_not_taken(landing, content, tmp_path):
    reader = Bucket(landing.name, "aws_default", EnvironmentConnections())
    listed = reader.list("large")[0]
    landing.put("large", b"another")
    with pytest.raises(ObjectChangedError) as changed:
        reader.fetch(listed, tmp_path / "copy")
    assert changed.value.retryable
    with pytest.raises(ObjectChangedError):
        reader.fetch(ListedObject("gone", 1, "x"), tmp_path / "copy")


@pytest.mark.parametrize("size", [1000, 20 * MEGABYTE])
@pytest.mark.parametrize("request_", ["HeadObject", "GetObject"])
def test_an_object_that_is_replaced_after_it_was_looked_at_is_not_taken(landing, tmp_path, size, request_):
    """Between our look and boto3's own, or after both."""
    landing.put("large", os.urandom(size))
    reader = Bucket(landing.name, "aws_default", EnvironmentConnections())
    listed = reader.list("large")[0]
    asked = []

    def replaced(**_):
        asked.append(1)
        if len(asked) == (2 if request_ == "HeadObject" else 1):  # of as many bytes, so that the size tells nothing
            landing.put("large", os.urandom(size))  # by another client

    events = reader._client.meta.events
    events.register(f"before-send.s3.{request_}", replaced)
    try:
        with pytest.raises(ObjectChangedError):
            reader.fetch(listed, tmp_path / "copy")
    finally:
        events.unregister(f"before-send.s3.{request_}", replaced)
    assert len(asked) > (request_ == "HeadObject")


def test_an_empty_object_is_fetched_too(landing, tmp_path):
    landing.put("large", b"")
    assert fetched(landing, tmp_path / "copy").sha256 == hashlib.sha256(b"").hexdigest()


def test_more_objects_than_one_answer_holds_are_all_listed_or_refused_where_they_are_too_many(landing):
    for n in range(1003):
        landing.put(f"many/{n:04d}", b"")
    reader = Bucket(landing.name, "aws_default", EnvironmentConnections())
    pages = requests(reader, "ListObjectsV2")
    assert [each.key for each in reader.list("many/", 1003)] == [f"many/{n:04d}" for n in range(1003)]
    assert len(pages) == 2
    with pytest.raises(TooManyObjectsError) as refused:
        reader.list("many/", 5)
    assert (refused.value.bucket, refused.value.prefix, refused.value.limit) == (landing.name, "many/", 5)
    assert len(pages) == 3, "no further page is asked for"
    assert not refused.value.retryable


def requests(reader, operation: str) -> list[int]:
    """Return a list that grows with each request of that kind."""
    seen: list[int] = []
    reader._client.meta.events.register(f"before-send.s3.{operation}", lambda **_: seen.append(1))
    return seen


def test_an_object_that_is_larger_than_listed_is_not_fetched(landing, tmp_path):
    landing.put("large", b"x" * 100)
    reader = Bucket(landing.name, "aws_default", EnvironmentConnections())
    (listed,) = reader.list("large")
    landing.put("large", os.urandom(MEGABYTE))
    fetched_parts = requests(reader, "GetObject")
    with pytest.raises(ObjectChangedError):
        reader.fetch(listed, tmp_path / "copy")
    assert fetched_parts == [] and not (tmp_path / "copy").exists()


def test_a_copy_ends_with_the_bytes_that_were_listed(landing, tmp_path):
    """The object is replaced by a larger one between our look and boto3's own."""
    landing.put("large", b"x" * 100)
    reader = Bucket(landing.name, "aws_default", EnvironmentConnections())
    (listed,) = reader.list("large")
    looks = []

    def replaced(**_):
        looks.append(1)
        if len(looks) == 2:
            landing.put("large", os.urandom(100 * MEGABYTE))

    parts = requests(reader, "GetObject")
    reader._client.meta.events.register("before-send.s3.HeadObject", replaced)
    with pytest.raises(ObjectChangedError):
        reader.fetch(listed, tmp_path / "copy")
    assert len(looks) == 2, "it is refused by what was copied, not by a look afterwards"
    assert len(parts) <= 2 * buckets.AT_ONCE and not (tmp_path / "copy").exists()


def test_stages_do_not_import_airflow_or_boto3_for_a_use_case_without_landing():
    code = "import sys, include.ingestion.ingest; print({'airflow', 'boto3'} & set(sys.modules))"
    done = subprocess.run([sys.executable, "-c", code], cwd=REPOSITORY, capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "set()"
