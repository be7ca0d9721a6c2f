"""End every test run with a summary, whatever a test does and however busy the machine is (a pytest plugin).

A test that hangs fails by its limit (pytest-timeout, a signal); if it still hangs a minute later, its worker is killed
from outside. A worker that dies is replaced, its test is reported as failed, and the run continues. Everything that the
worker started is killed. `--run-limit=MINUTES` ends the whole run with a summary.
"""

from __future__ import annotations

import os
import signal
import threading
from collections.abc import Iterator
from typing import Any

import pytest
from xdist.scheduler import LoadFileScheduling
from xdist.workermanage import WorkerController

from tests.guardian import GRACE_S, Guardian

PLUGIN = "run_summary"


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--run-limit", type=float, metavar="MINUTES", help="end the run after so long, with a summary")


def pytest_configure(config: pytest.Config) -> None:
    is_worker = hasattr(config, "workerinput")
    if is_worker:
        os.setsid()  # so that forks of this worker, which have no mark of their own, are known as its own
    config.pluginmanager.register(RunSummary(config, is_worker=is_worker), PLUGIN)


def pytest_xdist_make_scheduler(config: pytest.Config, log: Any) -> LoadFileScheduling | None:
    return FilesOnce(config, log) if config.getvalue("dist") in ("loadfile", "loadgroup") else None


class FilesOnce(LoadFileScheduling):
    """Hand whole files to workers, and a test that has ended its worker to no worker again.

    Tests with a mark `xdist_group` are handed out by their group instead, with `--dist loadgroup`: a long suite is one
    file all the same. xdist's own scheduler has the test that ended its worker run once more by the next one.
    """

    def _split_scope(self, nodeid: str) -> str:
        """Return the unit that goes to one worker: the group, which xdist adds to the name, or the file."""
        is_grouped = nodeid.rfind("@") > nodeid.rfind("]")
        return nodeid.rpartition("@")[2] if is_grouped else nodeid.split("::", 1)[0]

    def remove_node(self, node: WorkerController) -> str | None:
        """Forget a worker; the test at which it died, or None. What it had not begun goes to others."""
        workload = self.assigned_work.pop(node)
        crashed = next((name for unit in workload.values() for name, done in unit.items() if not done), None)
        if crashed is None:
            return None
        workload[self._split_scope(crashed)][crashed] = True
        self.workqueue.update({file: unit for file, unit in workload.items() if not all(unit.values())})
        for other in self.assigned_work:
            self._reschedule(other)
        return crashed


class RunSummary:
    """Record what one process of the tests has run, for the summary."""

    def __init__(self, config: pytest.Config, *, is_worker: bool) -> None:
        self.config, self.guardian = config, Guardian()
        self.limit = None if is_worker else config.getoption("run_limit")
        self.running: list[str] = []
        self.ended: set[str] = set()
        self.is_late = False

    @pytest.hookimpl(tryfirst=True)
    def pytest_runtestloop(self) -> None:
        if self.limit:
            # Not SIGINT, which is ignored where a shell has started this in the background.
            signal.signal(signal.SIGUSR2, self._stop)
            main = threading.main_thread().ident
            assert main is not None
            timer = threading.Timer(60 * self.limit, signal.pthread_kill, (main, signal.SIGUSR2))
            timer.daemon = True
            timer.start()

    def _stop(self, _number: int, _frame: object) -> None:
        self.is_late = True
        raise KeyboardInterrupt

    @pytest.hookimpl(wrapper=True, tryfirst=True)
    def pytest_runtest_protocol(self, item: pytest.Item) -> Iterator[None]:
        marker = item.get_closest_marker("timeout")
        own = (*marker.args, marker.kwargs.get("timeout"))[0] if marker else None
        self.guardian.start(item.nodeid, float(own or self.config.getini("timeout")) + GRACE_S)
        try:
            return (yield)
        finally:
            self.guardian.end()

    def pytest_runtest_logstart(self, nodeid: str) -> None:
        self.running.append(nodeid)

    def pytest_runtest_logfinish(self, nodeid: str) -> None:
        self.running.remove(nodeid)
        self.ended.add(nodeid)

    def pytest_terminal_summary(self, terminalreporter: Any) -> None:
        """Say what was cut off by the limit of the run."""
        if not self.is_late:
            return
        total = terminalreporter._session.testscollected
        terminalreporter.section(f"The run was ended by its limit of {self.limit:g} minutes", red=True)
        terminalreporter.line(f"{len(self.ended)} of {total} tests had ended. These were running:")
        for name in self.running:
            terminalreporter.line(f"  {name}")
