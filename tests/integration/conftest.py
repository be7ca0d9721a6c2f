"""One stack of real services for all tests of this folder."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import pytest

from include.declaration.period import Period
from include.local.airflow_client import AirflowClient, DagRun
from tests.integration import stack as stacks
from tests.integration.stack import Stack
from tests.integration.use_cases import quick_toy
from tests.integration.walk import Walk

TOY = Walk(quick_toy.USE_CASE, Period("2020-01-01"), Period("2020-01-10"), as_of=Period("2020-01-08"))


@pytest.fixture(scope="session")
def stack() -> Iterator[Stack]:
    with stacks.running() as running:
        yield running


@pytest.fixture(scope="session")
def api(stack: Stack) -> AirflowClient:
    return stack.api()


@pytest.fixture(scope="session")
def lived(api: AirflowClient) -> Callable[[Walk], DagRun]:
    """Lets the services walk some days, once; the run of the training."""
    trainings: dict[str, DagRun] = {}

    def live(walk: Walk) -> DagRun:
        if walk.use_case.name not in trainings:
            trainings[walk.use_case.name] = walk.by_services(api)
        return trainings[walk.use_case.name]

    return live


@pytest.fixture
def at_services(stack: Stack, monkeypatch: pytest.MonkeyPatch) -> None:
    """This process finds lake, Data Docs and MLflow where the services have them."""
    for name, value in stack.places().items():
        monkeypatch.setenv(name, value)


@pytest.fixture
def as_operator(training: DagRun, at_services: None) -> None:
    """All days have gone through the services, and this process finds what they made."""
