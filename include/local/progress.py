"""Show progress by a bar or a spinner, or by a line every few seconds.

Bars and spinners need a terminal.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from time import monotonic

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

INTERVAL_S = 10.0
"""Seconds between two lines of the same phase."""

Update = Callable[[int, str], None]
"""Takes the number of finished units of a phase, and what is still open."""


@contextmanager
def show_waiting(console: Console, what: str) -> Iterator[None]:
    """Show that `what` is running until the block ends."""
    if console.is_terminal:
        with console.status(what):
            yield
        return
    began = monotonic()
    console.print(what)
    with _repeat(lambda: console.print(f"  {what} ({monotonic() - began:.0f} s)")):
        yield


class PhaseProgress:
    """Show the phases of a long command, within a `with` block of `show`."""

    def __init__(self, console: Console, *, plain: bool = False) -> None:
        self._console, self._drawn = console, console.is_terminal and not plain
        columns = (TextColumn("{task.description:<44}"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn())
        self._bars = Progress(*columns, TextColumn("{task.fields[waiting]}"), console=console)

    @contextmanager
    def draw(self) -> Iterator[None]:
        """Draw the bars until the block ends.

        Without a terminal they would appear once, at the end.
        """
        if not self._drawn:
            yield
            return
        with self._bars:
            yield

    def stop(self) -> None:
        """Draw nothing from now on, such as while a debugger asks for commands."""
        if self._drawn:
            self._bars.stop()

    @contextmanager
    def start_phase(self, what: str, total: int) -> Iterator[Update]:
        """Show a phase until the block ends; yield the function that updates it."""
        if not self._drawn:
            with self._print_phase(what, total) as update:
                yield update
            return
        bar = self._bars.add_task(what, total=total, waiting="")
        yield lambda done, waiting: self._bars.update(bar, completed=done, waiting=waiting)

    @contextmanager
    def _print_phase(self, what: str, total: int) -> Iterator[Update]:
        """Print a line when the phase starts, every `INTERVAL_S`, and at its end."""
        began, state = monotonic(), {"done": 0, "waiting": ""}

        def update(done: int, waiting: str) -> None:
            state.update(done=done, waiting=waiting)

        def print_state() -> None:
            waiting = f": {state['waiting']}" if state["waiting"] else ""
            seconds = monotonic() - began
            self._console.print(f"  {what}, {state['done']} of {total} after {seconds:.0f} s{waiting}")

        self._console.print(what)
        with _repeat(print_state):
            yield update
        print_state()


@contextmanager
def _repeat(report: Callable[[], None]) -> Iterator[None]:
    """Call `report` every `INTERVAL_S` until the block ends, even while it waits."""
    ended = threading.Event()

    def repeat() -> None:
        while not ended.wait(INTERVAL_S):
            report()

    thread = threading.Thread(target=repeat, daemon=True)
    thread.start()
    try:
        yield
    finally:
        ended.set()
        thread.join()
