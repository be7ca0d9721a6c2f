"""train on the toy use case: what it reads and stores, and that it does nothing twice."""

import json
from dataclasses import replace

import pyarrow as pa
import pyarrow.compute as pc
import pytest
from mlflow import MlflowClient

from include import settings
from include.declaration.period import Period
from include.errors import FeaturesMissingError, InvalidRequestError
from include.features.labels import known_labels
from include.lake.lake import Lake
from include.lake.snapshot import AsOfSnapshot
from include.model.encoding import Encoding
from include.model.model_errors import SplitsTooShortError
from include.project import open_project
from include.registry import code_digest
from include.registry.mlflow_registry import Registry
from include.training import provenance, run_logging, train
from include.training.recipe import TrainingSpec
from include.training.training_errors import OneLabelError
from tests.conftest import AS_OF
from tests.refusals import raises
from tests.toy_use_case import USE_CASE, source

pytestmark = [pytest.mark.both_places(long=True), pytest.mark.usefixtures("without_plots")]
QUICK = {"num_boost_round": 3, "early_stopping_rounds": 3}


def quick(period: Period = AS_OF, **options) -> train.TrainResult:
    return train.train_model(
        open_project(USE_CASE), period, parameters=QUICK | options.pop("parameters", {}), **options
    )


def run_of(run_id: str):
    return MlflowClient(settings.current_settings().mlflow).get_run(run_id)


def relabel(period: Period, change) -> None:
    """Write the labels of a day again, changed."""
    lake = Lake.open(USE_CASE)
    rows = lake.as_of(period).read("labels", since=period).drop_columns(["period"])
    lake.replace("labels", period, change(rows), inputs={}, stage="test")


def all_failed(rows: pa.Table) -> pa.Table:
    return rows.set_column(rows.schema.get_field_index("failed"), "failed", pa.array([1] * len(rows), pa.int8()))


def trees(result: train.TrainResult) -> str:
    return run_of(result.run_id).data.tags["airworthy.trees"]


# -- what is read


def test_nothing_of_the_day_itself_or_later_is_read(toy_lake, tracking, monkeypatch):
    asked = []
    table = AsOfSnapshot.table
    monkeypatch.setattr(AsOfSnapshot, "table", lambda self, name, since=None, until=None: (
        asked.append((name, self.period, until)), table(self, name, since, until))[1])  # fmt: skip
    quick()
    assert {(name, period) for name, period, _ in asked} == {("features", AS_OF), ("labels", AS_OF)}
    assert {until for name, _, until in asked if name == "features"} == {AS_OF - 2}


def test_whatever_happens_from_the_day_on_changes_no_tree(toy_lake, tracking):
    before = quick()
    lake = Lake.open(USE_CASE)
    for period in (AS_OF, AS_OF + 1):
        changed = source.everything(period + 1000).drop_columns(["failed"])
        lake.replace("features", period, changed, inputs={}, stage="test")
    relabel(AS_OF + 1, all_failed)
    again = quick()
    assert again.reused
    assert again.run_id == before.run_id


def test_a_changed_label_known_by_the_day_changes_the_trees(toy_lake, tracking):
    before = quick()
    relabel(AS_OF - 30, all_failed)
    again = quick()
    assert not again.reused
    assert trees(again) != trees(before)


def test_the_newest_test_day_has_the_labels_that_took_long_too(toy_lake, tracking):
    # Every seventh outcome takes a day longer: of the last day before AS_OF those are missing.
    result = quick()
    assert result.splits["test"]["last"] == "2020-02-28"
    assert result.unlabelled_rows == 0
    assert result.test["model"]["rows"] == 7 * source.ROWS


def test_rows_without_a_label_are_left_out_and_counted(toy_lake, tracking):
    known = AS_OF - 1
    lost = Lake.open(USE_CASE).as_of(known).partitions("labels", known, known)[known].rows
    relabel(known, lambda rows: rows.slice(0, 0))
    result = quick()
    assert result.unlabelled_rows == lost > 0
    assert result.test["model"]["rows"] == 7 * source.ROWS - lost


def test_of_two_labels_for_a_row_the_newest_counts_as_far_as_it_was_known(toy_lake):
    lake = Lake.open(USE_CASE)
    first, corrected = AS_OF - 9, AS_OF - 5
    key = {"event_date": (first - 1).start_date, "id": 0}
    old = lake.as_of(AS_OF).read("labels", since=first, until=first).filter(pc.field("id") == 0)["failed"][0].as_py()
    correction = pa.Table.from_pylist([key | {"failed": 1 - old}], schema=pa.schema(
        [("event_date", pa.date32()), ("id", pa.int64()), ("failed", pa.int8())]))  # fmt: skip
    relabel(corrected, lambda rows: pa.concat_tables([rows, correction]))

    def label(as_of: Period) -> list[int]:
        known = known_labels(USE_CASE, lake.as_of(as_of), since=first)
        return (
            known.filter((known.id == 0) & (known.event_date == key["event_date"])).to_pyarrow()["failed"].to_pylist()
        )

    assert label(corrected - 1) == [old]
    assert label(corrected) == [1 - old]


def test_a_label_corrected_to_null_is_not_known(toy_lake):
    period = AS_OF - 5
    relabel(period, lambda rows: rows.set_column(2, "failed", pa.nulls(len(rows), pa.int8())))
    known = known_labels(USE_CASE, Lake.open(USE_CASE).as_of(period), since=period)
    assert known.count().execute() == 0


def test_a_day_whose_data_run_has_not_been_is_refused(toy_lake, tracking):
    with pytest.raises(FeaturesMissingError) as refused:
        quick(Period("2020-03-11"))
    assert refused.value.period == Period("2020-03-11")


def test_missing_days_are_left_out_and_reported(toy_lake, tracking):
    lake = Lake.open(USE_CASE)
    for period in (Period("2020-01-10"), Period("2020-01-11"), Period("2020-02-01")):
        lake.remove_partition("features", period, stage="test")
    assert quick().missing_periods == ("2020-01-10..2020-01-11", "2020-02-01")


def test_periods_that_the_code_of_now_did_not_make_are_named_and_train_all_the_same(toy_lake, tracking):
    """The toy lake was written by no stage, so nothing says what code made it."""
    [labels, features] = quick().stale
    assert labels.startswith("labels: ") and "with no record of the code that made them" in features


def test_a_mixed_history_is_warned_of_and_recorded_with_the_version(toy_lake, tracking, caplog):
    from include.pipelines import train as steps
    from include.pipelines.context import PipelineRun

    lake, period = Lake.open(USE_CASE), AS_OF - 30
    rows = lake.as_of(period).read("features", since=period).drop_columns(["period"])
    lake.replace("features", period, rows, inputs={}, stage="build", code="that of another day")
    result = steps.train(PipelineRun(open_project(USE_CASE), AS_OF, {"parameters": QUICK}))
    [sentence] = result.mixed_history
    assert sentence.startswith("features: ") and f"1 period, {period} to {period}" in sentence
    assert run_of(result.run_id).data.tags["airworthy.mixed_history"] == sentence
    assert [record for record in caplog.records if record.levelname == "WARNING" and sentence in record.getMessage()]
    assert open_project(USE_CASE).registry.candidate(result.run_id).report["mixed_history"] == [sentence]


# -- what is refused


def test_too_short_a_history_is_refused_with_what_is_there(toy_lake, tracking):
    with raises(SplitsTooShortError, labelled=18, first=Period("2020-01-01"), last=Period("2020-01-18")):
        quick(Period("2020-01-20"))


def test_one_class_alone_teaches_nothing(toy_lake, tracking):
    for period in range(1, 31):
        relabel(Period("2020-01-01") + period, all_failed)
    with raises(OneLabelError, value="failed = 1", others=0):
        quick(Period("2020-01-31"))


def test_one_class_in_train_alone_asks_for_a_longer_window(toy_lake, tracking):
    for period in range(1, 17):
        relabel(Period("2020-01-01") + period, all_failed)
    with raises(OneLabelError, value="failed = 1") as caught:
        quick(Period("2020-01-31"))
    assert caught.value.others > 0


def test_wrong_parameters_are_refused_before_anything_is_read(lake_home):
    with pytest.raises(InvalidRequestError) as refused:
        train.train_model(open_project(USE_CASE), AS_OF, parameters={"num_leafs": 3})
    assert "num_leafs" in refused.value.problems[0].path


# -- that nothing is done twice


def test_a_rerun_trains_nothing_and_returns_the_run(toy_lake, tracking):
    first, again = quick(), quick(reason="cleared")
    assert (first.reused, again.reused) == (False, True)
    assert replace(again, reused=False) == first
    assert len(MlflowClient(tracking).search_runs(["1"])) == 1


def test_equal_inputs_give_equal_trees_in_another_store(toy_lake, tracking, trained):
    home, run_id = trained
    result = train.train_model(open_project(USE_CASE), AS_OF)
    assert trees(result) == MlflowClient(f"sqlite:///{home}/mlflow.db").get_run(run_id).data.tags["airworthy.trees"]


@pytest.mark.parametrize("options", [{"parameters": {"num_leaves": 4}}, {"window_periods": 50}])
def test_other_parameters_or_another_window_are_another_training(toy_lake, tracking, options):
    assert quick().fingerprint != quick(**options).fingerprint


@pytest.mark.parametrize("name", ["code", "lock"])
def test_other_code_or_libraries_are_another_training(toy_lake, tracking, monkeypatch, name):
    first, made = quick(), provenance.current_provenance(USE_CASE)
    monkeypatch.setattr(provenance, "current_provenance", lambda _: replace(made, **{name: "other"}))
    assert quick().fingerprint != first.fingerprint


def test_a_commit_that_changes_no_code_is_the_same_training(toy_lake, tracking, monkeypatch):
    first, made = quick(), provenance.current_provenance(USE_CASE)
    monkeypatch.setattr(provenance, "current_provenance", lambda _: replace(made, commit="a page later"))
    assert quick().run_id == first.run_id


@pytest.mark.parametrize(
    ("path", "reused"), [("web/app.py", True), ("features/labels.py", False), ("model/trainer.py", False)]
)
def test_a_training_is_reused_after_a_change_of_the_page_and_not_after_one_of_what_it_learns_from(
    toy_lake, tracking, engine, path, reused
):
    first = quick()
    with (engine / path).open("a") as module:
        module.write("\n_MORE = 1\n")
    code_digest.forget_files()  # as a process that starts now
    again = quick()
    assert (again.reused, again.run_id == first.run_id) == (reused, reused)


def test_a_training_that_broke_half_way_is_done_again(toy_lake, tracking, monkeypatch):
    with monkeypatch.context() as broken:
        broken.setattr(run_logging, "_tables", lambda *_: 1 / 0)
        with pytest.raises(ZeroDivisionError):
            quick()
    statuses = [run.info.status for run in MlflowClient(tracking).search_runs(["1"])]
    assert statuses == ["FAILED"]
    assert not quick().reused
    assert Registry(USE_CASE).versions() == []


# -- what is kept


def test_the_run_says_what_it_was_made_from(trained_toy):
    run = run_of(trained_toy).data
    view = Lake.open(USE_CASE).as_of(AS_OF)
    assert run.tags["airworthy.features.digest"] == view.digest_of_periods("features", Period("2020-01-01"), AS_OF - 2)
    assert run.tags["airworthy.labels.digest"] == view.digest_of_periods("labels", Period("2020-01-01"), AS_OF)
    assert run.tags["airworthy.features.version"] == str(view.version("features"))
    assert run.tags["airworthy.window"] == "2020-01-01..2020-02-28"
    assert (run.tags["airworthy.as_of"], run.tags["airworthy.reason"]) == ("2020-03-01", "a first model")
    assert run.tags["airworthy.commit"] == "tests"
    assert len(run.tags["airworthy.lock"]) == 64
    assert run.tags["airworthy.code"].startswith("b2-")
    assert run.params["num_leaves"] == "15"
    assert run.params["seed"] == str(USE_CASE.training.seed)
    assert float(run.params["threshold"]) == 0.25


def test_the_recipe_says_what_a_rebuild_needs(toy_lake, tracking):
    found = run_of(quick(parameters={"num_leaves": 4}).run_id).data
    known = TrainingSpec.from_tag(found.tags["airworthy.recipe"])
    assert (known.as_of, f"{known.first}..{known.last}") == (AS_OF, found.tags["airworthy.window"])
    assert (known.features, known.keys, known.label) == (USE_CASE.features, USE_CASE.key_types(), "failed")
    assert known.data == {
        f"{t}.{of}": found.tags[f"airworthy.{t}.{of}"] for t in ("features", "labels") for of in ("version", "digest")
    }
    assert (known.parameters.lightgbm["num_leaves"], known.parameters.num_boost_round) == (4, 3)
    code, lock = (found.tags[f"airworthy.{name}"] for name in ("code", "lock"))
    assert known.fingerprint(USE_CASE, code, lock) == found.tags["airworthy.fingerprint"]


def test_the_run_shows_all_metrics_of_the_model_and_few_of_the_baselines(trained_toy):
    shown, recorded = run_of(trained_toy).data.metrics, Registry(USE_CASE).candidate(trained_toy).metrics
    of_baselines = {name for name in shown if name.endswith((".prior", ".logistic"))}
    assert of_baselines == {
        f"test/{name}.{subject}" for name in USE_CASE.task.headline for subject in ("prior", "logistic")
    }
    assert {name for name in recorded if name.endswith(".model")} <= set(shown)
    assert all(shown[name] == recorded[name] for name in shown if name in recorded)


def test_the_run_names_its_data_and_its_source(trained_toy):
    run, tags = run_of(trained_toy), Registry(USE_CASE).candidate(trained_toy).tags
    datasets = {each.dataset.name: each for each in run.inputs.dataset_inputs}
    assert set(datasets) == {"toy/features", "toy/labels"}
    for name, found in datasets.items():
        table = name.partition("/")[2]
        assert found.dataset.digest == tags[f"{table}.digest"][:36] != ""
        assert json.loads(found.dataset.source)["delta_table_version"] == tags[f"{table}.version"]
        assert [(tag.key, tag.value) for tag in found.tags] == [("mlflow.data.context", "training")]
    columns = json.loads(datasets["toy/features"].dataset.schema)["mlflow_colspec"]
    assert [column["name"] for column in columns] == list(USE_CASE.features)
    assert run.data.tags["mlflow.source.name"] == "toy__train"
    assert run.data.tags["mlflow.source.git.commit"] == tags["commit"]


@pytest.mark.parametrize("split", ["train", "validation", "test"])
@pytest.mark.parametrize("subject", ["model", "prior", "logistic"])
def test_every_metric_is_kept_for_every_split_and_subject(trained_toy, split, subject):
    found = Registry(USE_CASE).candidate(trained_toy).metrics
    names = ["log_loss", "auc", "average_precision", "brier", "ece", "expected_cost", "base_rate", "rows"]
    assert [name for name in names if f"{split}/{name}.{subject}" not in found] == []
    assert found[f"{split}/days"] == {"train": 43, "validation": 7, "test": 7}[split]


def test_the_model_finds_the_signal_that_no_linear_model_can(trained_toy):
    test = train._result(Registry(USE_CASE), trained_toy, reused=False).test
    assert test["model"]["log_loss"] < test["logistic"]["log_loss"] - 0.03
    assert test["logistic"]["log_loss"] < test["prior"]["log_loss"]


def test_plots_and_tables_are_kept(trained_toy, tmp_path):
    kept = tmp_path / "kept"
    kept.mkdir()
    path = MlflowClient(settings.current_settings().mlflow).download_artifacts(trained_toy, "", str(kept))
    found = {str(file.relative_to(path)) for file in kept.rglob("*") if file.is_file()}
    plots = {"roc_and_precision_recall", "calibration", "confusion", "importance", "rate_by_day"}
    tables = {"splits", "profile", "encoding", "importance", "report", "material"}
    made = {f"plots/{name}.png" for name in plots} | {f"{name}.json" for name in tables} | {"rehearsal/sample.parquet"}
    assert {name for name in found if not name.startswith("evaluation/")} == made
    splits = json.loads((kept / "splits.json").read_text())
    assert (splits["test"][0], splits["test"][-1]) == ("2020-02-22", "2020-02-28")
    encoding = Encoding.from_json(json.loads((kept / "encoding.json").read_text()))
    assert list(encoding.features) == list(USE_CASE.features)
