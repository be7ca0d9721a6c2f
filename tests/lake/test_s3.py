"""S3 servers that are busy, gone or refuse: the error names the setting to check."""

from dataclasses import replace

import pytest

from include.declaration.period import Period
from include.lake import history, s3
from include.lake.lake import Lake
from include.lake.object_store import StoragePath
from include.lake.s3 import ObjectStoreError
from tests.refusals import raises
from tests.toy_use_case import USE_CASE, source

DAY, TABLE = Period("2020-01-02"), "raw/outcomes"


@pytest.fixture
def lake(lake_home, bucket, configure) -> Lake:
    configure(lake=f"{bucket}/lake")
    return Lake.open(USE_CASE)


def write(lake: Lake, period: Period = DAY) -> bool:
    return lake.replace(TABLE, period, source.outcomes(period), inputs={}, stage="test").changed


def everything(lake: Lake):
    """Each kind of thing that is done to S3, by either library."""
    return {
        "write a file": lambda: (lake.root / "file").write(b"x"),
        "create a file": lambda: (lake.root / "new").create(b"x"),
        "write a table": lambda: write(lake, Period("2020-01-03")),
        "read a file": (lake.root / "there").read,
        "list a folder": lake.root.names,
        "look for a file": lake.root.exists,
        "open a table": lambda: lake.delta(TABLE),
        "open a version": lambda: history.open_table(lake.uri(TABLE), 0),
        "read a history": lambda: history.read_commit_notes(lake.uri(TABLE)),
        "read a table": lambda: lake.as_of(DAY).read(TABLE),
    }


WRITES, READS = ("write a file", "create a file", "write a table"), ("read a file", "open a table", "list a folder")


@pytest.fixture
def filled(lake) -> Lake:
    (lake.root / "there").write(b"x")
    write(lake)
    return lake


@pytest.mark.parametrize(("status", "code"), [(503, "SlowDown"), (500, "InternalError")])
@pytest.mark.parametrize("what", [*WRITES, *READS])
def test_a_server_that_is_busy_for_a_moment_is_asked_again(filled, refuse, what, status, code):
    refuse(status, code, 1)
    everything(filled)[what]()


@pytest.mark.slow
@pytest.mark.parametrize("what", ["write a table", "read a file"])
def test_a_server_that_stays_busy_is_reported_as_worth_another_try(filled, refuse, set_limits, what):
    set_limits(s3_retries=1)
    s3._client.cache_clear()
    refuse(503, "SlowDown", 1000)
    with pytest.raises(ObjectStoreError, match="SlowDown") as raised:
        everything(filled)[what]()
    assert raised.value.retryable
    refuse(200, "", 0)
    s3._client.cache_clear()
    everything(filled)[what]()


@pytest.mark.parametrize("what", WRITES)
def test_a_bucket_that_may_only_be_read_is_reported_with_what_the_keys_must_allow(filled, refuse, what):
    refuse(403, "AccessDenied", 1000, "PUT", "POST", "DELETE")
    with raises(ObjectStoreError, "AccessDenied", "AWS_ACCESS_KEY_ID") as raised:
        everything(filled)[what]()
    assert not raised.value.retryable
    assert filled.as_of(DAY).read(TABLE).num_rows


@pytest.mark.parametrize("what", [*WRITES, *READS, "open a version", "read a history"])
def test_a_bucket_that_is_missing_is_named_with_the_setting_that_names_it(lake, configure, what):
    configure(lake="s3://no-such-bucket/lake")
    done = everything(replace(lake, root=StoragePath.parse("s3://no-such-bucket/lake/toy")))[what]
    with raises(ObjectStoreError, "'no-such-bucket'", "http://", "AIRWORTHY_LAKE"):
        done()


@pytest.mark.parametrize("what", ["write a file", "write a table"])
def test_a_server_that_cannot_be_reached_is_named_with_its_setting(lake, set_limits, configure, what):
    set_limits(s3_retries=0)
    configure.aws(endpoint_url="http://somebody:secret@127.0.0.1:1")  # pragma: allowlist secret
    with raises(ObjectStoreError, "http://127.0.0.1:1", "AWS_ENDPOINT_URL") as raised:
        everything(lake)[what]()
    assert raised.value.retryable


def test_without_credentials_the_settings_for_them_are_named(lake, configure, tmp_path):
    configure.aws(
        access_key_id=None,
        secret_access_key=None,
        ec2_metadata_disabled="true",
        shared_credentials_file=tmp_path / "none",
        config_file=tmp_path / "none",
    )
    for what in ("write a file", "write a table"):
        with pytest.raises(ObjectStoreError, match="AWS_ACCESS_KEY_ID"):
            everything(lake)[what]()


def test_a_create_whose_answer_got_lost_finds_its_own_file(bucket, monkeypatch):
    """The file is created, but the answer is an error; the second attempt finds the name taken."""
    place, client = StoragePath.parse(bucket) / "claim", s3.client()
    client.meta.events.register_first("needs-retry.s3.PutObject", lost := Lost())
    try:
        assert place.create(b"mine")
    finally:
        client.meta.events.unregister("needs-retry.s3.PutObject", lost)
    assert lost.answers == [200, 412]
    assert not place.create(b"another's")


class Lost:
    """Has the first answer dropped, after the server has done what was asked."""

    def __init__(self) -> None:
        self.answers: list[int] = []

    def __call__(self, response, **_):
        self.answers.append(response[0].status_code)
        return 0 if len(self.answers) == 1 else None


def test_no_secret_is_in_what_is_reported(lake, refuse, configure):
    configure.aws(secret_access_key="hunter2")
    refuse(403, "SignatureDoesNotMatch", 1000)
    for what in (*WRITES, *READS):
        with pytest.raises(ObjectStoreError) as raised:
            everything(lake)[what]()
        assert "hunter2" not in f"{raised.value!r} {raised.value.__cause__!r}"


def test_a_create_whose_winner_has_removed_the_file_since_has_not_made_it(bucket, refuse):
    place = StoragePath.parse(bucket) / "claim"
    refuse(412, "PreconditionFailed", 1, "PUT")  # by then the file no longer exists
    assert not place.create(b"mine")
    assert not place.exists()


def test_of_writers_of_one_name_at_the_same_moment_each_waits_a_little_longer_before_it_asks_again(
    bucket, refuse, monkeypatch
):
    paused: list[float] = []
    monkeypatch.setattr("include.lake.s3_object.time.sleep", paused.append)
    refuse(409, "ConditionalRequestConflict", 3, "PUT")
    assert (StoragePath.parse(bucket) / "claim").create(b"mine")
    assert len(paused) == 3
    assert 0 < paused[0] < paused[1] < paused[2] < 2


def test_a_name_that_others_write_all_the_time_is_reported_as_worth_another_try(bucket, refuse, set_limits):
    set_limits(conditional_write_pause_s=0)
    refuse(409, "ConditionalRequestConflict", 1000, "PUT")
    with pytest.raises(ObjectStoreError, match="ConditionalRequestConflict") as raised:
        (StoragePath.parse(bucket) / "claim").create(b"mine")
    assert raised.value.retryable


@pytest.mark.parametrize("name", ["secret_access_key", "session_token"])
def test_another_secret_or_token_is_used_from_the_next_request_on(bucket, configure, name):
    before = s3.client()
    assert s3.client() is before
    configure.aws(**{name: "another"})
    assert s3.client() is not before
