"""A Dask cluster that several trainings use; starting one takes most of the time of a small training."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace
from types import ModuleType
from typing import TYPE_CHECKING, Any

import pytest

from include.model import trainer
from include.use_case import Dask, UseCase
from tests.contexts import Configure

if TYPE_CHECKING:
    from distributed import LocalCluster


def require_engines() -> ModuleType:
    """The module `distributed`, without which a test is skipped."""
    reason = "`make setup` does not install the optional engines; `make engines` does"
    module: ModuleType = pytest.importorskip("distributed", reason=reason)
    return module


def start_cluster() -> Iterator[LocalCluster]:
    """Two workers on loopback, until the generator is closed."""
    with require_engines().LocalCluster(
        n_workers=2, threads_per_worker=1, host="127.0.0.1", dashboard_address="127.0.0.1:0", memory_limit=0
    ) as cluster:
        yield cluster


@pytest.fixture
def own_cluster(configure: Configure) -> Iterator[LocalCluster]:
    """Two running workers that the test may end."""
    for cluster in start_cluster():
        configure(dask_scheduler=cluster.scheduler_address)
        yield cluster


@pytest.fixture(scope="session")
def shared_cluster() -> Iterator[LocalCluster]:
    """Two workers on loopback."""
    yield from start_cluster()


@pytest.fixture
def cluster(shared_cluster: LocalCluster, configure: Configure) -> LocalCluster:
    """Two running workers that the trainings of the test use."""
    configure(dask_scheduler=shared_cluster.scheduler_address)
    return shared_cluster


@pytest.fixture
def nothing_trained_here() -> Iterator[None]:
    """Training in this process raises."""

    def refuse(*_: object, **__: object) -> None:
        raise AssertionError("trained in this process")

    with pytest.MonkeyPatch.context() as patch:
        for name in ("boost_trees", "fit_model"):
            patch.setattr(trainer, name, refuse)
        yield


@pytest.fixture
def on_dask() -> Callable[..., UseCase]:
    """Declares two workers for a use case, and changes its training."""
    require_engines()

    def declared(use_case: UseCase, workers: int = 2, partitions: int = 4, **training: Any) -> UseCase:
        changed = {"engine": Dask(workers=workers, partitions=partitions), "search_space": {}, **training}
        return replace(use_case, training=replace(use_case.training, **changed))

    return declared
