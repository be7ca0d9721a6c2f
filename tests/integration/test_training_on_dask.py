"""A month of flights whose model is trained on Dask workers, by the same steps and tasks as any other."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from include.declaration.period import Period, period_range
from include.local.airflow_client import AirflowClient, DagRun
from include.pipelines.context import PipelineRun
from include.pipelines.pipelines import PIPELINES, Kind
from include.project import Project, open_project
from include.registry.tags import RECIPE
from include.reproduction import reproduce
from include.training import engine
from include.training.recipe import TrainingSpec
from tests.conftest import draw_nothing, living_in
from tests.end_to_end.conftest import succeeded
from tests.integration.stack import WORKERS
from tests.integration.walk import Walk

pytestmark = [pytest.mark.integration, pytest.mark.timeout(3600, method="signal")]

ENGINE = {"kind": "dask", "workers": 2, "partitions": 4, "threads": 1}


def run_steps(project: Project, kind: Kind, first: Period, last: Period, **params: object) -> None:
    """Run the steps of a DAG for each period."""
    for period in period_range(first, last):
        run = PipelineRun(project, period, params, actor="a test", reason="integration")
        for step in PIPELINES[kind]:
            step(run)


@pytest.fixture(scope="module")
def walk() -> Walk:
    """A month of flights, if the optional engines are installed."""
    reason = "`make setup` does not install the optional engines; `make engines` does"
    pytest.importorskip("distributed", reason=reason)
    from tests.integration.use_cases import dask_flights

    return Walk(dask_flights.USE_CASE, Period("2013-01-01"), Period("2013-01-30"), as_of=Period("2013-01-29"))


@pytest.fixture(scope="module")
def month(walk: Walk, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """A home with the data of the month."""
    home = tmp_path_factory.mktemp("month")
    with living_in(home) as patch:
        draw_nothing(patch)
        run_steps(open_project(walk.use_case), "data", walk.first, walk.last)
        yield home


@pytest.mark.usefixtures("month")
def test_a_model_of_dask_workers_goes_through_the_same_steps_as_any_other(walk):
    project = open_project(walk.use_case)
    with pytest.raises(AssertionError, match="computed in this process"):
        engine.load_into_process(walk.use_case, project.lake.as_of(walk.as_of), walk.first, walk.as_of)
    run_steps(project, "train", walk.as_of, walk.as_of)
    entry = project.ledger.champion_of(walk.as_of)
    assert entry is not None
    version = project.registry.version(entry.version)
    assert TrainingSpec.from_tag(version.tags[RECIPE]).engine == ENGINE
    assert {each["outcome"] for each in version.gate_results} == {"passed"}
    run_steps(project, "score", walk.as_of, walk.last)
    run_steps(project, "monitor", walk.as_of, walk.last)
    scored = project.lake.as_of(walk.last).read("predictions", walk.as_of, walk.last)
    assert scored.num_rows > 1000 and set(scored["model_version"].to_pylist()) == {entry.version}
    found = reproduce.reproduce_version(project, entry.version)
    assert (found.outcome, found.model) == ("equal", ())


@pytest.fixture(scope="module")
def training(walk: Walk, lived: Callable[[Walk], DagRun]) -> DagRun:
    """The training, after all its days have gone through the services."""
    return lived(walk)


@pytest.mark.usefixtures("as_operator")
def test_the_services_train_the_same_model_on_dask_and_leave_no_worker(walk, tmp_path, stack):
    assert walk.tables() == walk.in_process(tmp_path / "home")
    left = [process.cmdline() for name in WORKERS for process in stack.processes(name)]
    assert not [command for command in left if any("spawn_main" in part or "distributed" in part for part in command)]


def test_the_services_rebuild_it_on_dask(walk, training, api: AirflowClient):
    api.unpause(walk.dag("reproduce"))
    succeeded(api, walk.dag("reproduce"), api.trigger(walk.dag("reproduce"), conf={"version": "1"}))
