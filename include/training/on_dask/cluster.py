"""Start Dask workers on this machine, or connect to those of a cluster."""

from __future__ import annotations

import logging
import multiprocessing
import sys
import tempfile
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from multiprocessing.process import AuthenticationString  # type: ignore[attr-defined]
from typing import Any
from urllib.parse import urlsplit

import dask
from distributed import Client, Future, LocalCluster, wait
from distributed.client import FutureCancelledError, FuturesCancelledError
from distributed.scheduler import KilledWorker
from distributed.security import Security
from distributed.system import MEMORY_LIMIT

from include.declaration.period import Period
from include.declaration.training_engine import Dask
from include.declaration.use_case import UseCase
from include.training.on_dask.errors import (
    DaskClusterError,
    DaskTrainingError,
    DaskWorkerLostError,
    PartRefusedError,
)

CONNECT_TIMEOUT = "120s"
START_TIMEOUT = "600s"
"""Time for the workers to appear; a busy machine imports for minutes."""
POLL_SECONDS = 5
"""Time after which a wait checks that the workers are still there."""
_LOCAL = "this machine"
_CONFIG: Mapping[str, Any] = {
    # A worker that ended is not replaced by another in the middle of a training: the others wait for it.
    "distributed.scheduler.allowed-failures": 0,
    "distributed.scheduler.http.routes": [],
    "distributed.worker.http.routes": [],
    "distributed.admin.large-graph-warning-threshold": "1GB",
}


@dataclass(frozen=True)
class Workers:
    """The workers of one training, in the order of their shares."""

    client: Client
    addresses: tuple[str, ...]
    use_case: UseCase
    as_of: Period
    scheduler: str
    """Its address; empty for workers on this machine."""

    @property
    def hosts(self) -> tuple[str, ...]:
        return tuple(str(urlsplit(address).hostname) for address in self.addresses)

    def send(self, values: Sequence[Any]) -> list[Future]:
        """Send one value to each worker."""
        return [
            self.client.scatter(value, workers=[address], direct=False, hash=False)
            for value, address in zip(values, self.addresses, strict=True)
        ]

    def submit(self, share: int, function: Callable[..., Any], *arguments: Any) -> Future:
        """Call a function on the worker of a share, and keep its result there."""
        return self.client.submit(
            function, *arguments, workers=[self.addresses[share]], allow_other_workers=False, pure=False, retries=0
        )

    def results(self, futures: Sequence[Future]) -> list[Any]:
        """Return the results, in order; the first error ends the wait.

        Raises:
            DaskTrainingError: a function raised an error.
            DaskWorkerLostError: a worker ended.
        """
        self.wait(futures)
        with self._translated_errors():
            return list(self.client.gather(list(futures)))

    def wait(self, futures: Sequence[Future]) -> None:
        """Wait until all are done; raises the same errors."""
        pending = set(futures)
        while pending:
            try:
                with self._translated_errors():
                    done = wait(pending, timeout=POLL_SECONDS, return_when="FIRST_COMPLETED").done
            except TimeoutError:
                self._require_present()
                continue
            pending -= done
            for future in done:
                if future.status != "finished":
                    with self._translated_errors():
                        future.result()

    def _require_present(self) -> None:
        """Check that no worker is gone: its rows are lost, and Dask would wait for it.

        Raises:
            DaskWorkerLostError: one is.
        """
        gone = set(self.addresses) - set(self.client.scheduler_info(n_workers=-1)["workers"])
        if gone:
            raise self._lost(f"{', '.join(sorted(gone))} left the cluster")

    def _lost(self, reason: str) -> DaskWorkerLostError:
        return DaskWorkerLostError(self.use_case.name, self.as_of, str(self.use_case.training.engine), reason)

    @contextmanager
    def _translated_errors(self) -> Iterator[None]:
        name, as_of = self.use_case.name, self.as_of
        try:
            yield
        except PartRefusedError as error:
            found = error.part, error.kind, error.text
            raise DaskTrainingError(name, as_of, *found, retryable=error.retryable) from None
        except (KilledWorker, FutureCancelledError, FuturesCancelledError) as error:
            raise self._lost(str(error)) from error


@contextmanager
def dask_workers(use_case: UseCase, as_of: Period, engine: Dask, scheduler: str) -> Iterator[Workers]:
    """Yield the workers of a training.

    Those on this machine end with the block.

    Raises:
        DaskClusterError: the cluster does not answer, or has too few workers.
    """
    with ExitStack() as opened:
        opened.enter_context(dask.config.set({**_CONFIG, "distributed.comm.timeouts.connect": CONNECT_TIMEOUT}))
        try:
            address = scheduler or opened.enter_context(_local_cluster(engine))
            client = opened.enter_context(Client(address, timeout=CONNECT_TIMEOUT, set_as_default=False))
            opened.enter_context(client.as_current())
            client.wait_for_workers(engine.workers, timeout=START_TIMEOUT)
        except (OSError, TimeoutError) as error:
            raise DaskClusterError(use_case.name, scheduler or _LOCAL, engine.workers, str(error)) from error
        found = sorted(client.scheduler_info(n_workers=-1)["workers"])[: engine.workers]
        yield Workers(client, tuple(found), use_case, as_of, scheduler)


@contextmanager
def _allowed_children() -> Iterator[None]:
    """Let this process start processes, although it may be a daemon, as Celery's are.

    Python forbids it because a daemon's children would outlive it. Dask's workers do not: each ends when the pipe to
    its parent closes.
    """
    config: dict[str, Any] = multiprocessing.current_process()._config  # type: ignore[attr-defined]  # noqa: SLF001
    before = dict(config)
    config["daemon"] = False
    if "authkey" in config:  # Celery's is of another class, which Python's own processes refuse to hand on
        config["authkey"] = AuthenticationString(bytes(config["authkey"]))
    # A new process would import the file that this one was started from. Airflow's fails in a task, whose environment
    # has no database; the workers need nothing of it.
    main = sys.modules["__main__"].__dict__
    hidden: dict[str, Any] = {name: main.pop(name) for name in ("__file__", "__spec__") if name in main}
    main["__spec__"] = None
    try:
        yield
    finally:
        main.update(hidden)
        config.clear()
        config.update(before)


@contextmanager
def _local_cluster(engine: Dask) -> Iterator[LocalCluster]:
    """Start workers on this machine: on loopback and encrypted."""
    with (
        _allowed_children(),
        tempfile.TemporaryDirectory(prefix="airworthy-dask-", ignore_cleanup_errors=True) as folder,
        dask.config.set({"temporary-directory": folder}),
        LocalCluster(
            n_workers=engine.workers,
            threads_per_worker=1,
            processes=True,
            host="127.0.0.1",
            protocol="tls",
            security=Security.temporary(),
            dashboard_address="127.0.0.1:0",
            local_directory=folder,
            memory_limit=MEMORY_LIMIT // engine.workers,
            silence_logs=logging.ERROR,
        ) as cluster,
    ):
        yield cluster
