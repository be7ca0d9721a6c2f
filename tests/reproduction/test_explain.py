"""Why a row has its prediction: LightGBM's contributions, the label when it is known, and the lineage."""

from dataclasses import replace
from pathlib import Path

import pyarrow as pa
import pytest
from typer.testing import CliRunner

from include.cli import main
from include.errors import InvalidRequestError, NotReadyError
from include.lake.lake import Lake
from include.project import open_project
from include.registry import sync
from include.reproduction.explain import UnexplainableError, explain_prediction
from include.scoring import score
from include.use_case import Binary, Multiclass, Regression
from tests.conftest import move
from tests.refusals import raises
from tests.toys import COUNTS, CUSTOMERS, EVENTS, GRADES

pytestmark = pytest.mark.slow


def opened(toy, lake_home, homes, monkeypatch):
    move(homes.champion(toy), lake_home, monkeypatch)
    score.score_period(open_project(toy.use_case), toy.as_of)
    return toy


@pytest.fixture(params=[EVENTS, COUNTS, GRADES, CUSTOMERS], ids=lambda toy: toy.use_case.name)
def scored(request, lake_home, homes, monkeypatch):
    """A toy whose day of training is scored."""
    return opened(request.param, lake_home, homes, monkeypatch)


@pytest.fixture
def events(lake_home, homes, monkeypatch):
    return opened(EVENTS, lake_home, homes, monkeypatch)


def stored(toy, table: str = "predictions", place: int = 3) -> dict:
    rows = (
        Lake.open(toy.use_case)
        .as_of(toy.as_of)
        .read(table, since=toy.as_of, until=toy.as_of, order_by=toy.use_case.keys)
    )
    return rows.slice(place, 1).to_pylist()[0]


def keys_of(toy) -> dict[str, str]:
    return {name: str(stored(toy)[name]) for name in toy.use_case.keys}


def explained(toy):
    return explain_prediction(open_project(toy.use_case), toy.as_of, keys_of(toy))


def test_the_contributions_add_up_to_the_score_of_the_stored_prediction(scored):
    found, use_case = explained(scored), scored.use_case
    project = open_project(use_case)
    model = project.registry.load(sync.version_of(project.registry, project.ledger, "1"))
    row = pa.Table.from_pylist([stored(scored, "features")]).select([*use_case.features])
    features = pa.table({name: row[name].cast(pa.string() if kind == "category" else kind)
                         for name, kind in use_case.features.items()})  # fmt: skip
    raw = model.booster.predict(model.encoding.encode(features), raw_score=True).ravel()
    for place, score_ in enumerate(raw):
        total = found.base[place] + sum(effect.contributions[place] for effect in found.effects)
        assert total == pytest.approx(score_, abs=1e-9) and found.raw[place] == pytest.approx(score_, abs=1e-9)
    assert found.notes == ()


def test_each_feature_has_its_value_and_the_largest_contribution_is_first(scored):
    found, features = explained(scored), stored(scored, "features")
    assert {effect.name: effect.value for effect in found.effects} == {n: features[n] for n in scored.use_case.features}
    sizes = [abs(effect.contributions[found.chosen]) for effect in found.effects]
    assert sizes == sorted(sizes, reverse=True) and sizes[0] > 0


def test_the_class_that_is_predicted_is_the_one_explained_first(lake_home, homes, monkeypatch):
    found = explained(opened(GRADES, lake_home, homes, monkeypatch))
    assert found.outputs[found.chosen] == stored(GRADES)["predicted_class"]
    assert all(len(effect.contributions) == len(GRADES.use_case.task.classes) for effect in found.effects)


def test_the_label_is_that_of_the_row_once_labels_are_complete(scored):
    use_case = scored.use_case
    until = scored.as_of + use_case.label.label_delay_periods
    labels = Lake.open(use_case).as_of(until).read("labels", since=scored.as_of, until=until).to_pylist()
    own = [row for row in labels if all(str(row[name]) == value for name, value in keys_of(scored).items())
           and row[use_case.label_period] == scored.as_of.start_date]  # fmt: skip
    values = [row[use_case.label.name] for row in own]
    expected = "" if not values or values[-1] is None else values[-1]
    found = explained(scored).label
    assert found == expected if isinstance(expected, str) else float(found) == pytest.approx(expected, rel=1e-4)


def test_a_label_that_has_not_come_is_not_known_and_nothing_is_written(events):
    lake = Lake.open(EVENTS.use_case)
    for number in range(EVENTS.use_case.label.label_delay_periods + 1):
        lake.remove_partition("labels", EVENTS.as_of + number, stage="test")
    before = {
        table: Lake.open(EVENTS.use_case).as_of(EVENTS.as_of).version(table) for table in ("predictions", "labels")
    }
    assert explained(EVENTS).label == ""
    after = {
        table: Lake.open(EVENTS.use_case).as_of(EVENTS.as_of).version(table) for table in ("predictions", "labels")
    }
    assert before == after


def test_the_value_lies_in_its_bin_of_the_train_rows(events):
    kind = next(effect for effect in explained(EVENTS).effects if effect.name == "kind")
    assert kind.spread.names[kind.spread.place] == kind.value
    assert sum(kind.spread.shares) == pytest.approx(1)


def changed_features() -> None:
    """Every hour of the scored day is moved by half a day."""
    lake = Lake.open(EVENTS.use_case)
    rows = lake.as_of(EVENTS.as_of).read("features", since=EVENTS.as_of, until=EVENTS.as_of).drop_columns(["period"])
    moved = pa.array([(hour + 12) % 24 for hour in rows["hour"].to_pylist()], pa.int32())
    changed = rows.set_column(rows.schema.get_field_index("hour"), "hour", moved)
    lake.replace("features", EVENTS.as_of, changed, inputs={}, stage="test")


def test_features_that_changed_since_are_read_as_they_were_scored(events):
    before = explained(EVENTS)
    changed_features()
    after = explained(EVENTS)
    assert after.effects == before.effects and after.notes == ()
    assert not after.lineage.features.still


def test_features_whose_old_files_are_gone_are_explained_with_a_note(events):
    lake = Lake.open(EVENTS.use_case)
    scored_files = [path for _, path in lake.as_of(EVENTS.as_of).files("features", EVENTS.as_of, EVENTS.as_of)]
    changed_features()
    for path in scored_files:
        Path(path).unlink()
    notes = explained(EVENTS).notes
    assert len(notes) == 2 and "were removed" in notes[0] and "do not give the stored prediction" in notes[1]


def test_features_that_are_not_declared_any_more_are_refused_in_words(events):
    narrow = replace(EVENTS.use_case, features={"hour": "float64"})
    with raises(UnexplainableError, use_case="toy", period=EVENTS.as_of):
        explain_prediction(open_project(narrow), EVENTS.as_of, keys_of(EVENTS))


def test_a_row_that_is_not_there_and_a_day_without_predictions_are_refused(events):
    project = open_project(EVENTS.use_case)
    with pytest.raises(InvalidRequestError, match="no prediction"):
        explain_prediction(project, EVENTS.as_of, keys_of(EVENTS) | {"id": "987654"})
    with pytest.raises(InvalidRequestError, match="missing"):
        explain_prediction(project, EVENTS.as_of, {"id": "1"})
    with pytest.raises(NotReadyError):
        explain_prediction(project, EVENTS.as_of - 1, keys_of(EVENTS) | {"event_date": str(EVENTS.as_of - 1)})


def test_the_command_prints_the_largest_contributions_and_the_sum(events, configure):
    configure(use_case_packages="tests.use_cases")
    found, named = explained(EVENTS), [f"--key={name}={value}" for name, value in keys_of(EVENTS).items()]
    result = CliRunner().invoke(main.app, ["explain", "toy", "--period", str(EVENTS.as_of), *named, "--top", "1"])
    assert result.exception is None, result.output
    rest = sum(effect.contributions[0] for effect in found.effects[1:])
    assert f"({len(found.effects) - 1} others)" in result.output and f"{rest:+.4f}" in result.output
    assert found.effects[0].name in result.output and f"{found.raw[0]:+.4f}" in result.output


@pytest.mark.parametrize(
    ("task", "scale"),
    [
        (Binary(), "log-odds"),
        (Multiclass(classes=("a", "b", "c")), "score of each class before the softmax"),
        (Regression(unit="minutes"), "minutes"),
        (Regression(objective="poisson", unit="minutes"), "logarithm of minutes"),
        (Regression(), "the unit of the label"),
    ],
    ids=str,
)
def test_the_scale_of_contributions_is_said(task, scale):
    assert task.score_scale == scale
