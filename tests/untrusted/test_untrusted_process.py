"""Untrusted content can end only the process that reads it, and the caller gets the reason."""

from __future__ import annotations

import signal
import subprocess
import sys
import textwrap
from collections.abc import Iterator

import psutil
import pytest

from include.settings import REPOSITORY
from include.untrusted import messages, untrusted_process
from include.untrusted.errors import (
    ReaderCrashedError,
    ReaderMemoryError,
    ReaderTimeError,
    UntrustedContentError,
    UntrustedProcessError,
)
from include.untrusted.untrusted_process import UntrustedProcess
from tests.refusals import raises

pytestmark = pytest.mark.security

MEMORY = 300 << 20


@pytest.fixture
def child() -> Iterator[UntrustedProcess]:
    with UntrustedProcess(memory_bytes=MEMORY, seconds=60) as child:
        yield child


def call(child: UntrustedProcess, name: str, *arguments: object, **options: float) -> object:
    return child.call(f"tests.hostile_parsers:{name}", *arguments, **options)


def test_a_call_returns_the_plain_result_of_the_function(child):
    assert call(child, "echo", 1, 2.5, "ä\x00", None, True, [1], {"a": []}) == [
        1,
        2.5,
        "ä\x00",
        None,
        True,
        [1],
        {"a": []},
    ]


def test_one_fresh_process_serves_all_calls_and_ends_with_the_block():
    with UntrustedProcess(memory_bytes=MEMORY, seconds=60) as child:
        assert child.pid is None, "none is started before it is needed"
        pids = {call(child, "pid") for _ in range(3)}
        assert pids == {child.pid}
    assert child.pid is None and not psutil.pid_exists(pids.pop())


@pytest.mark.parametrize(
    ("name", "arguments", "refusal"),
    [
        ("crash", (), raises(ReaderCrashedError, kind="crash", end="SIGSEGV")),
        ("exit_with", (3,), raises(ReaderCrashedError, kind="crash", end="exit code 3")),
        ("exit_with", (0,), raises(ReaderCrashedError, kind="crash", end="exit code 0")),
        ("grow", (1 << 20,), raises(ReaderMemoryError, "314,572,800", kind="memory", most=MEMORY)),
        ("refuse", ("it has 3 heads",), raises(UntrustedContentError, kind="refused", reason="it has 3 heads")),
        (
            "refuse_as_request",
            ("it has 3 heads",),
            raises(UntrustedContentError, kind="refused", reason="it has 3 heads"),
        ),
        ("refuse", ("x" * 100_000,), raises(UntrustedContentError, kind="refused", reason="x" * 4_000)),
        (
            "fail",
            ("a\nb\x1b" + "x" * 100_000,),
            raises(UntrustedContentError, rf"RuntimeError: a b\x1b{'x' * 400}", kind="failed"),
        ),
        ("answer_at_length", (messages.MESSAGE_BYTES,), raises(UntrustedContentError, " 67,", kind="failed")),
    ],
)
def test_what_content_does_to_its_reader_is_a_refusal_that_is_not_tried_again(child, name, arguments, refusal):
    with refusal as refused:
        call(child, name, *arguments)
    assert not refused.value.retryable and len(str(refused.value)) <= 4_000
    assert call(child, "echo", "next") == ["next"], "other content is still read"


def test_a_loop_is_stopped_at_its_limit_of_time(child):
    call(child, "echo")
    pid = child.pid
    with raises(ReaderTimeError, kind="time", seconds=0.2):
        call(child, "loop", seconds=0.2)
    assert not psutil.pid_exists(pid)


def test_the_memory_of_the_process_never_passes_its_limit_by_much(child, monkeypatch):
    largest = 0

    class Watched(psutil.Process):
        def memory_info(self):
            nonlocal largest
            largest = max(largest, (found := super().memory_info()).rss)
            return found

    monkeypatch.setattr(psutil, "Process", Watched)
    with pytest.raises(UntrustedContentError):
        call(child, "grow", 16 << 20)
    assert MEMORY < largest < 2 * MEMORY


@pytest.mark.parametrize(
    ("name", "trouble", "detail"),
    [("find_disk_full", "failed", "No space left"), ("kill_itself", "killed", "SIGKILL")],
)
def test_what_does_not_lie_with_the_content_is_worth_another_try(child, name, trouble, detail):
    with raises(UntrustedProcessError, detail, trouble=trouble, retryable=True):
        call(child, name)


def test_a_process_that_ended_between_two_calls_is_noticed(child):
    call(child, "echo")
    psutil.Process(child.pid).kill()
    with raises(UntrustedProcessError, trouble="killed", detail="SIGKILL"):
        call(child, "echo")
    assert call(child, "echo", 1) == [1]


def test_a_process_that_cannot_start_is_our_trouble_and_not_the_contents(child, set_python):
    set_python("/nonexistent/python")
    with raises(UntrustedProcessError, trouble="not started"):
        call(child, "echo")
    set_python("/bin/false")
    with raises(UntrustedProcessError, trouble="no answer"):
        call(child, "echo")


def test_an_order_that_has_no_function_is_our_trouble(child):
    with raises(UntrustedProcessError, "No module named", trouble="failed"):
        child.call("tests.no_such_module:read")


def test_the_process_knows_no_connection_key_or_password(child, monkeypatch):
    for name in ("AIRFLOW_CONN_AWS_DEFAULT", "AWS_SECRET_ACCESS_KEY", "MLFLOW_TRACKING_PASSWORD", "ANY_TOKEN"):
        monkeypatch.setenv(name, "secret")
    found = call(child, "environment")
    assert isinstance(found, dict) and "secret" not in found.values() and "PATH" in found


def test_what_libraries_print_reaches_no_log(child, capfd):
    assert call(child, "print_much") == 1
    assert capfd.readouterr() == ("", "")


def test_the_process_ends_with_a_parent_that_is_killed(tmp_path):
    mark = tmp_path / "pid"
    code = f"""
        from include.untrusted.untrusted_process import UntrustedProcess
        with UntrustedProcess(memory_bytes={MEMORY}, seconds=600) as child:
            print(child.call("tests.hostile_parsers:pid"), flush=True)
            child.call("tests.hostile_parsers:loop", {str(mark)!r})
    """
    with subprocess.Popen(
        [sys.executable, "-c", textwrap.dedent(code)], cwd=REPOSITORY, stdout=subprocess.PIPE, text=True
    ) as parent:
        assert parent.stdout is not None
        reader = psutil.Process(int(parent.stdout.readline()))
        parent.send_signal(signal.SIGKILL)
        parent.wait()
    reader.wait(timeout=60)
    assert not reader.is_running()


def test_an_interrupted_call_leaves_no_process(child, monkeypatch):
    call(child, "echo")
    pid = child.pid

    def interrupt(*_: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(untrusted_process, "receive_message", interrupt)
    with pytest.raises(KeyboardInterrupt):
        call(child, "loop")
    assert child.pid is None and not psutil.pid_exists(pid)
