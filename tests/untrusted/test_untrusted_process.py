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
from include.untrusted.errors import UntrustedContentError, UntrustedProcessError
from include.untrusted.untrusted_process import UntrustedProcess

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
    ("name", "arguments", "kind", "said"),
    [
        ("crash", (), "crash", r"crashed the process that reads it \(by SIGSEGV\)"),
        ("exit_with", (3,), "crash", r"crashed the process that reads it \(with code 3\)"),
        ("exit_with", (0,), "crash", r"crashed the process that reads it \(with code 0\)"),
        ("grow", (1 << 20,), "memory", r"more than 314,572,800 bytes of memory and was stopped"),
        ("refuse", ("it has 3 heads",), "refused", "^it has 3 heads$"),
        ("refuse_as_request", ("it has 3 heads",), "refused", "^it has 3 heads$"),
        ("refuse", ("x" * 100_000,), "refused", r"^x{4000}$"),
        ("fail", ("a\nb\x1b" + "x" * 100_000,), "failed", r"^RuntimeError: a b\\x1bx{400,500}$"),
        ("answer_at_length", (messages.MESSAGE_BYTES,), "failed", r"an answer of 67,\d\d\d,\d\d\d bytes"),
    ],
)
def test_what_content_does_to_its_reader_is_a_refusal_that_is_not_tried_again(child, name, arguments, kind, said):
    with pytest.raises(UntrustedContentError, match=said) as refused:
        call(child, name, *arguments)
    assert refused.value.kind == kind and not refused.value.retryable
    assert call(child, "echo", "next") == ["next"], "other content is still read"


def test_a_loop_is_stopped_at_its_limit_of_time(child):
    call(child, "echo")
    pid = child.pid
    with pytest.raises(UntrustedContentError, match=r"0\.2 ") as refused:
        call(child, "loop", seconds=0.2)
    assert refused.value.kind == "time" and not psutil.pid_exists(pid)


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


@pytest.mark.parametrize("name", ["find_disk_full", "kill_itself"])
def test_what_does_not_lie_with_the_content_is_worth_another_try(child, name):
    with pytest.raises(UntrustedProcessError, match=r"No space left|killed by SIGKILL") as failed:
        call(child, name)
    assert failed.value.retryable


def test_a_process_that_ended_between_two_calls_is_noticed(child):
    call(child, "echo")
    psutil.Process(child.pid).kill()
    with pytest.raises(UntrustedProcessError, match="killed by SIGKILL"):
        call(child, "echo")
    assert call(child, "echo", 1) == [1]


def test_a_process_that_cannot_start_is_our_trouble_and_not_the_contents(child, set_python):
    set_python("/nonexistent/python")
    with pytest.raises(UntrustedProcessError, match="could not be started"):
        call(child, "echo")
    set_python("/bin/false")
    with pytest.raises(UntrustedProcessError, match="did not start"):
        call(child, "echo")


def test_an_order_that_has_no_function_is_our_trouble(child):
    with pytest.raises(UntrustedProcessError, match="No module named"):
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
