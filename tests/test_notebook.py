"""Loading tables in a notebook: as of a period, from the lake or from the data that `check` kept."""

from __future__ import annotations

import sys
from types import ModuleType

import pyarrow.compute as pc
import pyarrow.parquet as pq
import pytest
from typer.testing import CliRunner

from include.cli.main import app
from include.declaration.calendars import Daily
from include.declaration.period import Period, PeriodError
from include.errors import BeforeFirstPeriodError, InvalidRequestError, NotReadyError, UseCaseUnknownError
from include.evaluation.check_use_case import kept_home
from include.lake.lake import Lake
from include.lake.object_store import StoragePath
from include.notebook import load
from include.pipelines.context import DataRun
from include.project import open_project
from tests import toy
from tests.conftest import AS_OF
from tests.contexts import Configure
from tests.refusals import raises
from tests.toy_use_case import USE_CASE, source

DAYS = [Period("2020-01-10") + n for n in range(3)]


@pytest.fixture(autouse=True)
def _toy(lake_home, configure: Configure) -> None:
    configure(use_case_packages="tests.use_cases")


def test_a_table_is_a_frame_of_the_period_with_its_rows_in_order_of_keys():
    toy.fill(Lake.open(USE_CASE), DAYS[0], DAYS[2])
    frame = load("toy", "2020-01-11")["features"]
    assert frame["id"].tolist() == source.everything(DAYS[1])["id"].to_pylist()
    assert set(frame["event_date"]) == {DAYS[1].start_date}
    assert load("toy", DAYS[1])["features"].equals(frame)


def test_periods_before_are_read_on_demand_and_later_ones_never():
    toy.fill(Lake.open(USE_CASE), DAYS[0], DAYS[2])
    for since in (DAYS[0], DAYS[0].start_date, "2020-01-10"):
        periods = load("toy", DAYS[1]).read("features", since=since)["period"].to_pylist()
        assert Daily().periods_of(periods) == [DAYS[0]] * source.ROWS + [DAYS[1]] * source.ROWS


def test_what_the_lake_lacks_is_read_from_what_check_has_kept():
    kept = Lake(USE_CASE, StoragePath.parse(kept_home(USE_CASE) / "lake") / "toy")
    toy.fill(kept, DAYS[0], DAYS[0])
    assert len(load("toy", DAYS[0])["features"]) == source.ROWS
    toy.fill(Lake.open(USE_CASE), DAYS[0], DAYS[0], lambda period: source.everything(period, rows=3))
    assert len(load("toy", DAYS[0])["features"]) == 3


def test_what_is_not_there_is_refused_with_what_makes_it(lake_home):
    with raises(NotReadyError, "2020-01-10", "toy__data", "airworthy check toy 2020-01-10"):
        load("toy", DAYS[0])["features"]
    assert not [*lake_home.rglob("*.parquet")]


@pytest.mark.parametrize(
    ("ask", "refusal"),
    [
        (lambda: load("toy", "1.4.2020"), raises(PeriodError, "'1.4.2020'")),
        (lambda: load("toy", "2019-12-31"), raises(BeforeFirstPeriodError, first=USE_CASE.first_period)),
        (lambda: load("missing", "2020-01-10"), raises(UseCaseUnknownError, name="missing")),
        (lambda: load("toy", "2020-01-10")["feature"], raises(InvalidRequestError, "'feature'", "'features'")),
        (
            lambda: load("toy", "2020-01-10").read("features", since="2020-01-11"),
            raises(InvalidRequestError, "2020-01-11", "2020-01-10"),
        ),
    ],
    ids=["no day", "too early", "use case", "table", "since"],
)
def test_what_cannot_be_meant_is_refused(ask, refusal):
    with refusal:
        ask()


def test_features_predictions_and_metrics_are_read_as_of_the_period(champion):
    from include.monitoring import monitor
    from include.project import open_project
    from include.scoring import score

    score.score_period(open_project(USE_CASE), AS_OF)
    monitor.monitor_period(open_project(USE_CASE), AS_OF)
    frames = load("toy", AS_OF)
    features, predictions, metrics = frames.features(), frames.predictions(), frames.metrics()
    assert features["id"].tolist() == predictions["id"].tolist() == list(range(source.ROWS))
    assert predictions["probability"].between(0, 1).all()
    assert "rows" in set(metrics["metric"])
    assert len(frames.features(since=AS_OF - 1)) == 2 * source.ROWS
    with raises(NotReadyError, "predictions", f"airworthy run toy score --from {AS_OF - 1}"):
        load("toy", AS_OF - 1).predictions()


def test_a_training_set_is_what_the_training_reads_split_by_split(toy_lake):
    from include.model import splits
    from include.project import open_project
    from include.training import dataset

    frames = load("toy", AS_OF, "arrow")
    rows = frames.training_set()
    view = open_project(USE_CASE).lake.as_of(AS_OF)
    first, last = splits.training_window(USE_CASE, AS_OF)
    labelled = dataset.labelled_rows(USE_CASE, view, first, last)
    cut = splits.split_periods(USE_CASE, AS_OF, first, Daily().periods_of(labelled["period"].unique().to_pylist()))
    for name, periods in cut.items():
        expected = dataset.split_rows(USE_CASE, labelled, periods, name, AS_OF)
        of_split = rows.filter(pc.equal(rows["split"], name))
        assert of_split.select([*USE_CASE.features]).equals(expected.features)
        assert of_split[USE_CASE.label.name].to_pylist() == expected.labels.tolist()
    assert rows.column_names[:4] == ["period", "split", "event_date", "id"]
    gap = cut.validation[0] - 1
    assert gap.start_date in labelled["period"].to_pylist() and gap.start_date not in rows["period"].to_pylist()


def test_a_training_set_with_days_that_are_not_built_is_refused_with_what_builds_them():
    toy.fill(Lake.open(USE_CASE), DAYS[1], DAYS[2])
    with raises(NotReadyError, "airworthy run toy data --from 2020-01-01 --to 2020-01-12"):
        load("toy", DAYS[2]).training_set()


def test_the_training_set_is_written_to_a_file_as_of_a_day(toy_lake, tmp_path):
    for arguments in (["2020-03-01"], ["--as-of", "2020-03-01"]):
        file = tmp_path / "train.parquet"
        done = CliRunner().invoke(app, ["frame", "toy", "train", *arguments, "--out", str(file)])
        assert done.exception is None, done.output
        assert pq.read_table(file).equals(load("toy", "2020-03-01", "arrow").training_set())
    for wrong in ([], ["2020-03-01", "--as-of", "2020-03-01"]):
        assert CliRunner().invoke(app, ["frame", "toy", "train", *wrong]).exit_code == 2


def test_frames_are_those_of_the_library_that_was_chosen(monkeypatch):
    toy.fill(Lake.open(USE_CASE), DAYS[0], DAYS[0])
    expected = load("toy", DAYS[0]).read("features")
    assert load("toy", DAYS[0], "arrow").features().equals(expected)
    assert load("toy", DAYS[0], "arrow")["features"].equals(expected)
    polars = ModuleType("polars")
    polars.from_arrow = lambda rows: ("a polars frame", rows)
    monkeypatch.setitem(sys.modules, "polars", polars)
    assert load("toy", DAYS[0], "polars").features() == ("a polars frame", expected)


def test_a_library_that_is_not_installed_is_named(monkeypatch):
    monkeypatch.setitem(sys.modules, "polars", None)
    with raises(InvalidRequestError, "'polars'"):
        load("toy", DAYS[0], "polars")
    with raises(InvalidRequestError, "'spark'", "'polars'"):
        load("toy", DAYS[0], "spark")


def test_what_the_steps_of_a_period_cost_is_a_frame_too():
    project = open_project(USE_CASE)
    for day in DAYS[:2]:
        with DataRun(project, day, {}).measured("ingest") as work:
            work.done(changed=True, amount=7)
    frames = load("toy", DAYS[1])
    assert "durations" in frames.names
    rows = frames["durations"]
    assert (
        set(rows["period"]) == {DAYS[1].start_date} and set(rows["step"]) == {"ingest"} and set(rows["amount"]) == {7}
    )
    assert {"step_seconds", "step_cpu_seconds", "step_peak_memory"} <= set(rows["metric"]) and (
        rows["value"] >= 0
    ).all()
    assert set(frames.durations(since=DAYS[0])["period"]) == {day.start_date for day in DAYS[:2]}
    assert len(load("toy", DAYS[2])["durations"]) == 0
    printed = CliRunner().invoke(app, ["frame", "toy", "durations", str(DAYS[1])])
    assert printed.exit_code == 0 and f"toy: durations of {DAYS[1]}" in printed.output
