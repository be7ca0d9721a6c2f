"""reproduce on the toy use case: from the registry entry to equal trees, or to a report of differences."""

import shutil
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pyarrow as pa
import pyarrow.compute as pc
import pytest

from include.declaration.period import Period
from include.lake.lake import Lake
from include.lake.object_store import StoragePath
from include.model import trainer
from include.project import open_project
from include.registry.ledger import Ledger
from include.registry.mlflow_registry import Registry, UnprovenVersionError
from include.registry.model_copies import ArtifactMissingError
from include.registry.registry_errors import VersionUnknownError
from include.registry.tags import NOT_REPRODUCIBLE
from include.reproduction import reproduce, training_snapshot
from include.settings import current_settings
from include.training import provenance, train
from include.training.recipe import TrainingSpec
from include.use_case import Binary, DecisionCosts
from tests import places
from tests.conftest import AS_OF, draw_nothing, living_in, move
from tests.refusals import raises
from tests.toy_use_case import USE_CASE
from tests.versions import read_json, rerecord

pytestmark = [pytest.mark.both_places(long=True), pytest.mark.usefixtures("without_plots")]
IN_WINDOW = AS_OF - 30


@pytest.fixture(scope="module")
def registered(tmp_path_factory, filled, tracking_template) -> Path:
    """A home with one version whose training took a moment; how it was judged is not asked. Not written to."""
    home = tmp_path_factory.mktemp("registered") / "home"
    shutil.copytree(filled, home)
    shutil.copy(tracking_template, home / "mlflow.db")
    with living_in(home) as patch:
        draw_nothing(patch)
        register_one()
    return home


def register_one() -> str:
    run_id = train.train_model(
        open_project(USE_CASE), AS_OF, parameters={"num_boost_round": 5, "early_stopping_rounds": 5}
    ).run_id
    registry = Registry(USE_CASE)
    return registry.register(registry.candidate(run_id), "A model.").number


@pytest.fixture
def version(lake_home, registered, monkeypatch) -> str:
    """The number of that version, in a copy of the home as the test's own."""
    move(registered, lake_home, monkeypatch)
    return "1"


def correct(table: str, period: Period, column: str, change: Callable[[pa.ChunkedArray], pa.Array]) -> None:
    """Replace a day by the same rows with one column changed."""
    lake = Lake.open(USE_CASE)
    rows = lake.as_of(period).read(table, since=period).drop_columns(["period"])
    place = rows.schema.get_field_index(column)
    changed = rows.set_column(place, rows.schema.field(column), change(rows[column]))
    assert lake.replace(table, period, changed, inputs={}, stage="test").changed


def enlarge() -> None:
    correct("features", IN_WINDOW, "size", lambda sizes: pc.multiply(sizes, 2.0))


def shrink() -> None:
    correct("features", IN_WINDOW, "size", lambda sizes: pc.divide(sizes, 2.0))


def vacuum(table: str) -> None:
    delta = Lake.open(USE_CASE).delta(table)
    assert delta.vacuum(0, dry_run=False, enforce_retention_duration=False)


def tamper(version: str, change: Callable[[TrainingSpec], TrainingSpec]) -> None:
    registry = Registry(USE_CASE)
    known = TrainingSpec.from_tag(registry.version(version).tags["recipe"])
    rerecord(version, recipe=change(known).to_tag())


def with_seed(known: TrainingSpec) -> TrainingSpec:
    chosen = {**known.parameters.lightgbm, "seed": 7, "feature_fraction": 0.5}
    return replace(known, parameters=replace(known.parameters, lightgbm=chosen))


def with_rounds(known: TrainingSpec) -> TrainingSpec:
    return replace(known, parameters=replace(known.parameters, num_boost_round=3))


def with_costs(known: TrainingSpec) -> TrainingSpec:
    costs = known.task["costs"]
    return replace(known, task={**known.task, "costs": {**costs, "false_negative": costs["false_negative"] + 1}})


def files() -> dict[str, bytes]:
    return places.contents(StoragePath.parse(current_settings().lake))


# -- equal


def test_a_version_is_built_again_byte_for_byte_from_its_entry(version):
    found = reproduce.reproduce_version(open_project(USE_CASE), version)
    assert (found.outcome, found.model, found.surroundings, found.data) == ("equal", (), {}, ())
    assert Registry(USE_CASE).version(version).tags["reproduced"] == "equal"
    kept = read_json(found.run_id, "reproduction.json")
    assert (kept["version"], kept["outcome"]) == (version, "equal")
    assert reproduce.require_reproducible(open_project(USE_CASE), version) == found


@pytest.mark.both_places(not_on_s3="of a real server only its answers differ")
@pytest.mark.slow
@pytest.mark.long
def test_it_is_the_same_on_a_real_server(toy_lake, mlflow_server, configure):
    configure(mlflow=mlflow_server)
    number = register_one()
    found = reproduce.reproduce_version(open_project(USE_CASE), number)
    assert found.outcome == "equal"
    assert read_json(found.run_id, "reproduction.json")["outcome"] == "equal"
    tamper(number, with_costs)
    assert reproduce.reproduce_version(open_project(USE_CASE), number).outcome == "differs"
    assert Registry(USE_CASE).version(number).tags["reproduced"] == "differs"


def test_a_day_corrected_since_is_read_as_it_was(version):
    enlarge()
    found = reproduce.reproduce_version(open_project(USE_CASE), version)
    assert found.outcome == "equal"
    assert [f"features of {IN_WINDOW} changed since" in note for note in found.data] == [True]


def test_labels_corrected_since_are_read_as_they_were(version):
    correct("labels", IN_WINDOW, "failed", lambda failed: pc.subtract(pa.scalar(1, pa.int8()), failed))
    assert reproduce.reproduce_version(open_project(USE_CASE), version).outcome == "equal"


def test_other_code_with_equal_trees_is_equal_and_mentioned(version, monkeypatch):
    made = provenance.current_provenance(USE_CASE)
    monkeypatch.setattr(
        provenance, "current_provenance", lambda _: replace(made, code="other code", lock="another lock")
    )
    found = reproduce.reproduce_version(open_project(USE_CASE), version)
    assert found.outcome == "equal"
    assert found.surroundings == {"code": (made.code, "other code"), "lock": (made.lock, "another lock")}
    assert "code is now other code" in found.report()


@pytest.mark.parametrize(
    "changed",
    [
        {"features": {"hour": "int32", "kind": "category"}},
        {"training": replace(USE_CASE.training, test_periods=3, parameters={"num_leaves": 2}, seed=1)},
        {"label": replace(USE_CASE.label, label_delay_periods=5)},
        {"task": Binary(costs=DecisionCosts(false_negative=9, false_positive=1, unit="points"))},
    ],
    ids=lambda changed: next(iter(changed)),
)
def test_what_is_declared_now_changes_no_rebuild(version, changed):
    found = reproduce.reproduce_version(open_project(replace(USE_CASE, **changed)), version)
    assert found.outcome == "equal"
    assert list(found.surroundings) == ([] if "label" in changed else ["declaration"])


def test_it_changes_nothing_in_lake_ledger_or_alias(version, lake_home):
    Registry(USE_CASE).set_champion(version)
    before = files(), Ledger.open(USE_CASE).entries(), Registry(USE_CASE).champion()
    reproduce.reproduce_version(open_project(USE_CASE), version)
    assert (files(), Ledger.open(USE_CASE).entries(), Registry(USE_CASE).champion()) == before


# -- another model, another recipe


def test_other_trees_are_reported_with_the_first_that_differs(version, monkeypatch):
    fit = trainer.fit_model

    def with_less(features, train_rows, validation, parameters, *given, **options):
        other = replace(parameters, lightgbm={**parameters.lightgbm, "learning_rate": 0.5})
        return fit(features, train_rows, validation, other, *given, **options)

    monkeypatch.setattr(trainer, "fit_model", with_less)
    found = reproduce.reproduce_version(open_project(USE_CASE), version)
    assert found.outcome == "differs"
    assert [line.partition(":")[0] for line in found.model] == ["the trees differ from tree 0 on"]
    assert "do not trust this version" in found.report()


@pytest.mark.parametrize(
    ("change", "trees"),
    [
        (with_seed, "the trees differ from tree 0 on"),
        (with_rounds, "the trees differ: 3 trees were built, 5 are registered, and those in both are equal"),
        (with_costs, "with the current recipe the model is equal"),
    ],
)
def test_a_recipe_that_was_changed_since_is_never_equal(version, change, trees):
    tamper(version, change)
    with pytest.raises(reproduce.NotReproducedError) as refused:
        reproduce.require_reproducible(open_project(USE_CASE), version)
    lines = refused.value.reproduction.model
    assert any(line.startswith(reproduce.RECIPE_CHANGED) for line in lines)
    assert any(line.startswith(trees) for line in lines)
    assert Registry(USE_CASE).version(version).tags["reproduced"] == "differs"


def test_a_recipe_that_was_changed_in_mlflow_changes_nothing(version):
    registry = Registry(USE_CASE)
    found = registry.version(version)
    forged = with_rounds(TrainingSpec.from_tag(found.tags["recipe"])).to_tag()
    registry.tag_version(version, {"recipe": forged})
    registry.log(found.run_id, tags={"recipe": forged})
    assert reproduce.reproduce_version(open_project(USE_CASE), version).outcome == "equal"


# -- not rebuilt


def test_a_version_that_was_vacuumed_is_reported_with_table_day_and_delta_version(version):
    reproduce.reproduce_version(open_project(USE_CASE), version)
    recorded = Registry(USE_CASE).version(version).tags["features.version"]
    enlarge()
    vacuum("features")
    with pytest.raises(reproduce.NotReproducedError) as refused:
        reproduce.require_reproducible(open_project(USE_CASE), version)
    assert f"features at Delta version {recorded}: of {IN_WINDOW} a file is missing (vacuumed, or lost)" in str(
        refused.value
    )
    assert Registry(USE_CASE).version(version).tags["reproduced"] == "not rebuilt"


def test_a_version_whose_data_go_while_they_are_read_is_reported_and_is_no_traceback(version, monkeypatch):
    """Maintenance tags the version, then removes: here between the look at the files and the reading of them."""
    enlarge()
    look = training_snapshot.load_training_snapshot

    def raced(*args):
        found = look(*args)
        Registry(USE_CASE).tag_version(version, {NOT_REPRODUCIBLE: "since today, because of the declared retention."})
        vacuum("features")
        return found

    monkeypatch.setattr(training_snapshot, "load_training_snapshot", raced)
    found = reproduce.reproduce_version(open_project(USE_CASE), version)
    assert found.outcome == "not rebuilt"
    assert "it is no longer reproducible since today, because of the declared retention." in found.model[0]


def test_after_vacuuming_the_same_content_is_found_where_it_is_today(version):
    enlarge()
    shrink()
    vacuum("features")
    found = reproduce.reproduce_version(open_project(USE_CASE), version)
    assert found.outcome == "equal"
    assert "equal content was read from today" in found.data[0]


def test_rows_that_were_changed_behind_the_log_are_noticed(version):
    lake = Lake.open(USE_CASE)
    [(_, file)] = lake.as_of(IN_WINDOW).storage_paths("features", IN_WINDOW, IN_WINDOW)
    [(_, other)] = lake.as_of(AS_OF).storage_paths("features", AS_OF, AS_OF)
    file.write(other.read())
    found = reproduce.reproduce_version(open_project(USE_CASE), version)
    assert found.outcome == "not rebuilt"
    assert f"of {IN_WINDOW} a file does not hold the bytes that were written" in found.report()


def test_a_file_that_cannot_be_read_is_reported_without_a_traceback(version):
    [(_, file)] = Lake.open(USE_CASE).as_of(IN_WINDOW).storage_paths("labels", IN_WINDOW, IN_WINDOW)
    file.write(b"not Parquet")
    assert (
        f"of {IN_WINDOW} a file does not hold the bytes that were written"
        in reproduce.reproduce_version(open_project(USE_CASE), version).report()
    )


def test_a_lake_that_is_gone_is_reported_and_not_made_again(version, lake_home):
    places.empty(Lake.open(USE_CASE).root)
    with pytest.raises(UnprovenVersionError) as refused:
        reproduce.reproduce_version(open_project(USE_CASE), version)
    assert refused.value.name == "version 1"
    assert files() == {}


def test_tables_that_are_gone_are_reported_and_not_made_again(version, lake_home):
    for table in ("features", "labels"):
        places.empty(Lake.open(USE_CASE).root / table)
    before = files().keys()
    assert "cannot be read at Delta version" in reproduce.reproduce_version(open_project(USE_CASE), version).report()
    assert files().keys() == before


@pytest.mark.parametrize("tag", ["", "{}", "zlib:AAAA", '{"as_of": 3}'])
def test_a_tag_that_is_no_recipe_is_reported(version, tag):
    rerecord(version, recipe=tag)
    found = reproduce.reproduce_version(open_project(USE_CASE), version)
    assert found.outcome == "not rebuilt"
    assert "holds no recipe" in found.report()


def test_a_recipe_that_lightgbm_refuses_is_reported(version):
    wrong = {"num_leaves": 1}
    tamper(version, lambda known: replace(known, parameters=replace(known.parameters, lightgbm=wrong)))
    assert "its recipe cannot be followed" in reproduce.reproduce_version(open_project(USE_CASE), version).report()


# -- refused


def test_an_unknown_version_is_refused_with_the_list(version):
    with raises(VersionUnknownError, version="99", versions=("1",)):
        reproduce.reproduce_version(open_project(USE_CASE), "99")


def test_a_damaged_artifact_is_reported_before_anything_is_trained(version, lake_home, monkeypatch):
    Registry(USE_CASE).tag_version(version, {"reproduced": "equal"})
    monkeypatch.setattr(trainer, "fit_model", lambda *_, **__: pytest.fail("trained"))
    [model] = lake_home.rglob("model.lgb")
    model.write_text(model.read_text().replace("leaf_value=", "leaf_value=1", 1))
    with pytest.raises(ArtifactMissingError) as refused:
        reproduce.reproduce_version(open_project(USE_CASE), version)
    assert refused.value.what.startswith("model.lgb: ")
    assert Registry(USE_CASE).version(version).tags["reproduced"] == "not rebuilt"
