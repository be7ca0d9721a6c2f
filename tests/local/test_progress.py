"""Progress is shown, as lines if there is no terminal."""

from __future__ import annotations

import io
import re
import time
from collections.abc import Callable

import pytest
from rich.console import Console

from include.local import progress
from include.local.progress import PhaseProgress, show_waiting


@pytest.fixture
def output(set_limits: Callable[..., None]) -> io.StringIO:
    """What is printed; the next line is due at any moment."""
    set_limits(progress_interval_s=0.01)
    return io.StringIO()


def wait_for(condition: Callable[[], bool]) -> None:
    end = time.monotonic() + 1200
    while not condition():
        assert time.monotonic() < end
        time.sleep(0.001)


def times(output: io.StringIO, line: str) -> int:
    """How often the line was printed, with any number of seconds."""
    return re.sub(r"\d+ s\b", "0 s", output.getvalue()).count(f"{line}\n")


def test_a_phase_is_a_line_at_its_start_and_while_nothing_changes_and_at_its_end(output):
    phases = PhaseProgress(Console(file=output, width=200))
    with phases.draw(), phases.start_phase("toy__data 2020-01-01 … 2020-01-10", 10) as update:
        assert output.getvalue() == "toy__data 2020-01-01 … 2020-01-10\n"
        update(3, "2 queued, 5 running")
        line = "  toy__data 2020-01-01 … 2020-01-10, 3 of 10 after 0 s: 2 queued, 5 running"
        wait_for(lambda: times(output, line) >= 2)
        update(10, "")
    assert re.search(r"\n  toy__data 2020-01-01 … 2020-01-10, 10 of 10 after \d+ s\n$", output.getvalue())


def test_no_line_comes_after_a_phase_that_failed(output):
    def fail() -> None:
        with PhaseProgress(Console(file=output)).start_phase("toy__train", 1):
            wait_for(lambda: output.getvalue().count("\n") > 1)
            raise RuntimeError

    with pytest.raises(RuntimeError):
        fail()
    before = output.getvalue()
    with show_waiting(Console(file=output), "Stopping …"):
        wait_for(lambda: output.getvalue().count("Stopping …") > 2)
    assert "toy__train" not in output.getvalue().removeprefix(before)


def test_what_takes_long_is_said_again_and_again(output):
    with show_waiting(Console(file=output), "Starting …"):
        assert output.getvalue() == "Starting …\n"
        wait_for(lambda: times(output, "  Starting … (0 s)") >= 2)


def test_a_line_is_due_every_ten_seconds():
    assert progress.INTERVAL_S <= 10


def test_in_a_terminal_a_phase_is_a_bar(output):
    phases = PhaseProgress(Console(file=output, width=200, force_terminal=True))
    with phases.draw(), phases.start_phase("toy__data", 10) as update:
        update(3, "7 running")
    printed = output.getvalue()
    assert "━" in printed and "3/10" in printed and "7 running" in printed
    assert "3 of 10" not in printed
