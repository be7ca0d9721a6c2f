"""A task that exceeds its memory limit is ended with a message."""

from __future__ import annotations

import os
import subprocess
import sys
import textwrap

import pytest

from include import task_memory
from include.errors import InvalidRequestError
from include.orchestration import dag_factory
from include.settings import REPOSITORY
from include.task_memory import TaskMemoryError, limited_memory
from tests.refusals import fails_task, raises


def test_without_a_declaration_nothing_is_watched(monkeypatch, configure):
    configure(task_memory_gb=None)
    monkeypatch.setattr(task_memory, "_Watch", None)
    with limited_memory():
        pass


@pytest.mark.parametrize("given", ["0", "-1", "much", "nan", "inf", "1e400"])
def test_a_declaration_that_is_no_size_is_refused(configure, given):
    configure(task_memory_gb=given)
    with raises(InvalidRequestError, f"AIRWORTHY_TASK_MEMORY_GB={given!r}"), limited_memory():
        pass


def run(body: str) -> subprocess.CompletedProcess[str]:
    """Run a task's body in a process of its own, with a margin of 100 MB above the 0.4 GB that are declared."""
    script = """
        import logging
        from include import task_memory
        from include.task_memory import TaskMemoryError, limited_memory
        logging.basicConfig()
        task_memory.MARGIN, task_memory.POLL_SECONDS = 100_000_000, 0.01
    """
    return subprocess.run(
        [sys.executable, "-c", textwrap.dedent(script) + textwrap.dedent(body)],
        cwd=REPOSITORY,
        env=os.environ | {task_memory.VARIABLE: "0.4", "PYTHONPATH": str(REPOSITORY)},
        capture_output=True,
        text=True,
        timeout=1200,
        check=False,
    )


def test_a_task_that_grows_is_ended_though_it_catches_every_exception():
    done = run("""
        try:
            with limited_memory():
                kept = []
                while True:
                    try:
                        kept.append(b"x" * 1_000_000)
                    except Exception:
                        pass
        except TaskMemoryError as error:
            del kept
            print(error)
    """)
    assert done.returncode == 0, done.stderr
    assert "more than 1 GB above the 0.4 GB of AIRWORTHY_TASK_MEMORY_GB" in done.stdout


def test_a_library_that_does_not_come_back_to_python_is_ended_with_its_words():
    done = run("""
        import duckdb
        with limited_memory(), duckdb.connect(config={"memory_limit": "8GB", "threads": 1}) as connection:
            connection.execute("CREATE TABLE grown AS SELECT hash(range) AS value FROM range(100_000_000_000)")
    """)
    assert done.returncode == 1
    assert "ERROR:include.task_memory:The task used" in done.stderr


def test_a_task_that_stays_within_is_left_alone():
    done = run("""
        with limited_memory():
            kept = [b"x" * 1_000_000 for _ in range(50)]
        print(len(kept))
    """)
    assert (done.returncode, done.stdout) == (0, "50\n"), done.stderr


def spin() -> None:
    while True:
        pass


def test_airflow_does_not_retry_it(set_limits, configure):
    configure(task_memory_gb="0.001")
    set_limits(memory_margin=0)
    with (
        fails_task(TaskMemoryError, "AIRWORTHY_TASK_MEMORY_GB"),
        dag_factory.fail_without_retry(),
    ):
        spin()


def test_the_block_s_own_error_is_what_is_raised(configure):
    configure(task_memory_gb="1000")
    with pytest.raises(ZeroDivisionError), limited_memory():
        raise ZeroDivisionError
    assert not TaskMemoryError(2, 1).retryable
