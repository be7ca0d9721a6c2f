"""`airworthy run`: the steps of the DAGs in this process, with the content that Airflow's tasks leave."""

from __future__ import annotations

import io
import shutil
import sys
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from rich.console import Console
from typer.testing import CliRunner, Result

from include.cli import main
from include.cli import run as cli_run
from include.declaration.period import Period, period_range
from include.declaration.use_case_discovery import load_use_case
from include.errors import AirworthyError
from include.lake.lake import Lake
from include.monitoring import durations
from include.orchestration.tasks import data, monitor, score, train
from include.pipelines.pipelines import scheduled_periods
from include.project import open_project
from include.registry.ledger import Ledger
from include.use_case import Approval
from tests.conftest import draw_nothing, living_in
from tests.contexts import Configure
from tests.drills.life import tables
from tests.integration.use_cases.quick_toy import USE_CASE
from tests.toy_use_case import features

pytestmark = pytest.mark.slow
FIRST, AS_OF, LAST = Period("2020-01-01"), Period("2020-01-08"), Period("2020-01-10")


def run(*arguments: str, typed: str = "") -> Result:
    return CliRunner().invoke(main.app, ["run", "quick_toy", *arguments], input=typed)


def done(*arguments: str) -> str:
    result = run(*arguments)
    assert result.exception is None, f"{result.output}\n{result.exception!r}"
    return result.output


def refused(*arguments: str) -> str:
    result = run(*arguments)
    assert isinstance(result.exception, AirworthyError), f"{result.output}\n{result.exception!r}"
    return str(result.exception)


@pytest.fixture
def toy(tracking: str, configure: Configure, without_plots: None) -> None:
    configure(use_case_packages="tests.integration.use_cases")


class Tasks:
    """Airflow's tasks of a DAG, one after the other, with what XCom hands from one to the next."""

    def __init__(self, run_as_task: Callable[[dict[str, Any]], Any]) -> None:
        self.run_as_task = run_as_task

    def begin(self, period: Period, **form: Any) -> None:
        dag_run = SimpleNamespace(partition_key=period.key, run_type="manual", triggering_user_name="ann")
        ti = SimpleNamespace(dag_id="quick_toy__of_the_task")
        self.run_as_task({"ti": ti, "dag_run": dag_run, "run_id": "r", "params": {"period": None, **form}})

    def data(self, period: Period) -> None:
        self.begin(period)
        for task in (data.ingest, data.validate, data.build_features):
            task.function("quick_toy")

    def train(self, period: Period) -> None:
        self.begin(period, promotion="automatic")
        train.prepare.function("quick_toy")
        evaluated = train.evaluate.function("quick_toy", train.train.function("quick_toy", None))
        train.promote.function("quick_toy", train.register.function("quick_toy", evaluated["run_id"]))

    def score(self, period: Period) -> None:
        self.begin(period)
        score.score.function("quick_toy")

    def monitor(self, period: Period) -> None:
        self.begin(period)
        monitor.measure.function("quick_toy")


def recorded_costs() -> list[tuple[str, Period]]:
    """The steps whose cost was recorded, with their periods."""
    project = open_project(load_use_case("quick_toy"))
    return [(cost.step, cost.period) for cost in durations.read_costs(project, FIRST, LAST)]


def lived(home: Path, template: Path, live: Callable[[], None]) -> tuple[Any, list[tuple[str, str]], Any]:
    """What a life in a home of its own leaves: tables with digests, the ledger's decisions, and costs of steps."""
    home.mkdir()
    shutil.copyfile(template, home / "mlflow.db")
    with living_in(home) as patch:
        draw_nothing(patch)
        Configure(patch)(use_case_packages="tests.integration.use_cases")
        live()
        use_case = load_use_case("quick_toy")
        entries = [(entry.version, entry.trees) for entry in Ledger.open(use_case).entries()]
        return tables(use_case), entries, recorded_costs()


def test_the_command_leaves_what_the_tasks_of_the_dags_leave(tmp_path, tracking_template, run_as_task, configure):
    configure.connections(airworthy_smtp=None, airworthy_webhook=None)
    tasks = Tasks(run_as_task)

    def by_tasks() -> None:
        for period in period_range(FIRST, LAST):
            tasks.data(period)
        tasks.train(AS_OF)
        for period in period_range(AS_OF, LAST):
            tasks.score(period)
            tasks.monitor(period)

    def by_command() -> None:
        said = done("data", "--from", str(FIRST), "--to", str(LAST))
        assert "2020-01-05  events 200 of 200 rows valid; outcomes" in said
        said = done("train", "--from", str(AS_OF))
        assert "version 1: trained on" in said and "Version 1 is the champion from 2020-01-08 on" in said
        assert "rows scored by version 1" in done("score", "--from", str(AS_OF), "--to", str(LAST))
        assert "metrics measured" in done("monitor", "--from", str(AS_OF), "--to", str(LAST))

    expected = lived(tmp_path / "tasks", tracking_template, by_tasks)
    assert expected[0]["predictions"] and expected[0]["metrics"]
    of_training = [(step, AS_OF) for step in ("train", "evaluate", "register", "promote")]
    assert sorted(expected[2]) == sorted(
        [(step, period) for period in period_range(FIRST, LAST) for step in ("ingest", "validate", "build_features")]
        + [(step, period) for period in period_range(AS_OF, LAST) for step in ("score", "measure")]
        + of_training
    )
    assert lived(tmp_path / "command", tracking_template, by_command) == expected


def test_a_rerun_changes_nothing_and_says_so(toy):
    done("data", "--from", str(FIRST))
    before, costs = tables(load_use_case("quick_toy")), recorded_costs()
    assert len(costs) == 3
    assert "(unchanged)" in done("data", "--from", str(FIRST))
    assert tables(load_use_case("quick_toy")) == before
    folder = open_project(load_use_case("quick_toy")).root / "durations"
    assert [len((folder / step / "2020").names()) for step, _ in costs] == [1, 1, 1]


@pytest.fixture
def small(toy: None, declare: Callable[..., None]) -> Callable[..., None]:
    """Declares the toy with changes, under the name that the commands use."""

    def declared(**changes: Any) -> None:
        declare(replace(USE_CASE, **changes))

    return declared


def test_a_model_that_a_person_must_approve_is_not_promoted_and_the_way_on_is_named(small):
    small(approval=Approval(required=True))
    done("data", "--from", str(FIRST), "--to", str(AS_OF))
    said = done("train", "--from", str(AS_OF), "--parameters", '{"num_leaves": 4}')
    assert "Version 1 is not promoted: It waits for a person's approval." in said
    assert "trigger quick_toy__train in Airflow for 2020-01-08" in said
    assert Ledger.open(USE_CASE).entries() == []
    assert (
        open_project(USE_CASE)
        .registry.get_run(open_project(USE_CASE).registry.version("1").run_id)
        .data.params["num_leaves"]
        == "4"
    )


def test_a_step_that_fails_stops_the_range_with_its_message(toy, toy_functions):
    ask = features.build
    toy_functions.features(build=lambda period, **feeds: ask(period, **feeds) if period < FIRST + 1 else 1 / 0)
    said = refused("data", "--from", str(FIRST), "--to", str(LAST))
    assert "features of 2020-01-02" in said and "ZeroDivisionError" in said
    assert len(Lake.open(USE_CASE).as_of(LAST).partitions("features")) == 1


def test_the_debugger_opens_in_the_function_that_raised(toy, toy_functions):
    def build(period: Period, **feeds: Any) -> Any:
        return int(str(period))

    toy_functions.features(build=build)
    result = run("data", "--from", str(FIRST), "--debug", typed="p ('here', period.key)\nq\n")
    assert isinstance(result.exception, AirworthyError)
    assert f"('here', '{FIRST}')" in result.output


def test_a_breakpoint_stops_in_the_function_that_called_it_without_a_bar_over_it(toy, toy_functions):
    def build(period: Period, **feeds: Any) -> Any:
        breakpoint()
        return features_build(period, **feeds)

    features_build = features.build
    toy_functions.features(build=build)
    hook, output = sys.breakpointhook, io.StringIO()
    console = Console(file=output, force_terminal=True, width=120)
    with CliRunner().isolation(input="p ('here', period.key)\nc\n") as (said, *_):
        cli_run.run_periods(console, cli_run.RunRequest("quick_toy", "data", FIRST, FIRST))
        assert f"('here', '{FIRST}')" in said.getvalue().decode()
    assert sys.breakpointhook is hook
    assert "quick_toy data" in output.getvalue(), "a bar was drawn"


@pytest.mark.parametrize(
    ("arguments", "named"),
    [
        (("data", "--from", "2020-01-02", "--to", "2020-01-01"), ["--to 2020-01-01", "--from 2020-01-02"]),
        (("data", "--from", "2019-12-31"), ["2020-01-01"]),
        (("data", "--from", "2020-01-01", "--rescore"), ["--rescore", "'data'"]),
        (("monitor", "--from", "2020-01-01", "--version", "1"), ["--version", "'monitor'"]),
        (("train", "--from", "2020-01-07", "--to", "2020-01-09"), ["2020-01-07", "2020-01-09"]),
        (("train", "--from", "2020-01-07", "--parameters", "[1]"), ["--parameters"]),
    ],
)
def test_what_cannot_be_run_is_refused_before_anything_is_written(toy, lake_home, arguments, named):
    message = refused(*arguments)
    assert [value for value in named if value not in message] == []
    assert not (lake_home / "lake").exists()


def test_a_range_of_trainings_means_the_days_on_which_they_are_scheduled():
    found = scheduled_periods(USE_CASE, "train", Period("2020-01-01"), Period("2020-01-31"))
    assert [str(period) for period in found] == ["2020-01-06", "2020-01-13", "2020-01-20", "2020-01-27"]
    assert scheduled_periods(USE_CASE, "train", Period("2020-01-07"), Period("2020-01-07")) == [Period("2020-01-07")]


def test_every_field_of_a_form_is_an_option():
    from include.orchestration import params

    forms = {"train": params.train_params(USE_CASE), "score": params.score_params(USE_CASE), "monitor": {}}
    assert {kind: set(cli_run.FIELDS[kind]) for kind in forms} == {kind: set(form) for kind, form in forms.items()}
