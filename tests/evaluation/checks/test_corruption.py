"""Corrupted input, one feature at a time: what is changed, and with what the predictions are compared."""

import re

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pytest

from include.evaluation.checks import corruption
from include.model import lightgbm_params, trainer
from include.model.model import Model
from include.model.tasks import task_model
from include.model.trainer import TrainingRows
from tests.toy_use_case import USE_CASE as TOY

FEATURES = {"kind": "category", "size": "float64", "hour": "int8", "urgent": "bool", "empty": "float32"}


def rows(n: int = 300) -> pa.Table:
    rng = np.random.default_rng(1)
    return pa.table(
        {
            "id": pa.array(range(n)),
            "kind": pa.array(rng.choice(["bolt", "nut"], n)),
            "size": pa.array(rng.uniform(10, 20, n)),
            "hour": pa.array(rng.integers(0, 24, n), pa.int8()),
            "urgent": pa.array(rng.random(n) < 0.5),
            "empty": pa.nulls(n, pa.float32()),
        }
    )


@pytest.fixture(scope="module")
def model() -> Model:
    """Fitted to labels that follow `size` alone."""
    features, labels = rows().select(list(FEATURES)), (np.asarray(rows()["size"]) > 15).astype(np.float64)
    examples = TrainingRows(features, labels, np.full(len(labels), np.datetime64("2020-01-01")))
    quick = lightgbm_params.merge_parameters(TOY, {"num_boost_round": 10, "min_data_in_leaf": 5})
    return trainer.fit_model(FEATURES, examples, examples, quick, threads=1, task=task_model(TOY)).model


class Brittle(Model):
    """Answers otherwise where `sees` finds a row."""

    def __init__(self, model: Model, sees, answer) -> None:
        super().__init__(model.booster, model.encoding, model.baselines)
        object.__setattr__(self, "sees", sees)
        object.__setattr__(self, "answer", answer)

    def predict(self, rows, threads=1):
        usual = super().predict(rows, threads)
        return self.answer(usual) if pc.any(self.sees(rows)).as_py() else usual


class Recorder(Model):
    """Keeps what it was asked."""

    def __init__(self, model: Model) -> None:
        super().__init__(model.booster, model.encoding, model.baselines)
        object.__setattr__(self, "asked", [])

    def predict(self, rows, threads=1):
        self.asked.append(rows)
        return super().predict(rows, threads)


def asked_of(model: Model, sample: pa.Table) -> dict[tuple[str, str], object]:
    """The one bad value of each perturbation."""
    recorder = Recorder(model)
    found = corruption.corrupt_features(recorder, sample, TOY.task)
    values = [asked[one.feature].unique().to_pylist() for one, asked in zip(found, recorder.asked[1:], strict=True)]
    assert all(len(value) == 1 for value in values)
    return {(one.feature, one.how): value[0] for one, value in zip(found, values, strict=True)}


def test_every_feature_is_made_bad_in_every_way_its_type_can_be(model):
    sample = rows().set_column(3, "hour", pa.array([10, 20] * 150, pa.int8()))
    sample = sample.set_column(2, "size", pa.array([10.0, 20.0] * 150))
    assert asked_of(model, sample) == {
        ("kind", "nulled"): None,
        ("kind", "a new category"): "never seen",
        ("size", "nulled"): None,
        ("size", "far above"): 120,
        ("size", "far below"): -90,
        ("hour", "nulled"): None,
        ("hour", "far above"): 120,
        ("hour", "far below"): -90,
        ("urgent", "nulled"): None,
        ("empty", "nulled"): None,
        ("empty", "far above"): 10,
        ("empty", "far below"): -10,
    }


def test_a_number_stays_within_the_limits_of_its_type(model):
    sample = rows().set_column(3, "hour", pa.array([-100, 127] * 150, pa.int8()))
    sample = sample.set_column(2, "size", pa.array([-1.7e308, 1.7e308] * 150))
    asked = asked_of(model, sample)
    assert (asked["hour", "far below"], asked["hour", "far above"]) == (-128, 127)
    assert (asked["size", "far below"], asked["size", "far above"]) == (np.finfo("f8").min, np.finfo("f8").max)


def test_a_number_that_is_the_same_everywhere_is_still_moved_far(model):
    asked = asked_of(model, rows().set_column(2, "size", pa.array([40.0] * 300)))
    assert (asked["size", "far below"], asked["size", "far above"]) == (-360, 440)


def test_a_new_category_is_one_that_neither_train_rows_nor_sample_have(model):
    asked = asked_of(model, rows().set_column(1, "kind", pa.array(["never seen", "nut"] * 150)))
    assert asked["kind", "a new category"] == "never seen!"


def test_the_change_is_that_of_the_mean_absolute_probability(model):
    found = {(one.feature, one.how): one for one in corruption.corrupt_features(model, rows(), TOY.task)}
    above = rows().set_column(2, "size", pa.repeat(pa.scalar(1e3), 300))
    expected = np.abs(model.predict(above) - model.predict(rows())).mean()
    assert found["size", "far above"].change == pytest.approx(expected)
    assert found["size", "far above"].change > 0.1
    assert found["kind", "nulled"].change == 0, "labels follow the size alone"
    assert not any(one.error for one in found.values())


def test_the_rows_stay_as_they_are_but_for_one_feature(model):
    recorder = Recorder(model)
    found = corruption.corrupt_features(recorder, rows(), TOY.task)
    for one, asked in zip(found, recorder.asked[1:], strict=True):
        assert asked.drop([one.feature]).equals(recorder.asked[0].drop([one.feature]))


def test_of_many_rows_500_spread_over_all_are_used(model):
    recorder = Recorder(model)
    many = rows(5000)
    corruption.corrupt_features(recorder, many, TOY.task)
    assert {asked.num_rows for asked in recorder.asked} == {500}
    assert recorder.asked[0]["size"][0] == many["size"][0]
    assert recorder.asked[0]["size"][499] == many["size"][4999]


def fall_over(_):
    raise RuntimeError("no size")


def test_a_model_that_raises_is_reported_with_what_it_was_asked(model):
    found = corruption.corrupt_features(
        Brittle(model, lambda rows: pc.is_null(rows["size"]), fall_over), rows(), TOY.task
    )
    broken = [one for one in found if one.error]
    assert [(one.feature, one.how, one.change) for one in broken] == [("size", "nulled", 1.0)]
    assert broken[0].error == "With null it raised RuntimeError: no size"


@pytest.mark.parametrize(
    ("answer", "says"),
    [
        (lambda usual: usual * np.nan, "300 of 300 answers are not a probability between 0 and 1, the first nan"),
        (lambda usual: np.where(np.arange(len(usual)) == 7, np.inf, usual), "1 of 300 .* the first inf"),
        (lambda usual: usual + 1, "300 of 300 .* not a probability"),
        (lambda usual: usual - 1, "300 of 300 .* not a probability"),
        (lambda usual: usual[:-1], r"300 rows got answers of the shape \(299,\)"),
    ],
    ids=["NaN", "one infinity", "above 1", "below 0", "one too few"],
)
def test_an_answer_that_is_no_probability_is_an_error(model, answer, says):
    brittle = Brittle(model, lambda rows: pc.greater(rows["hour"], 100), answer)
    (broken,) = [one for one in corruption.corrupt_features(brittle, rows(), TOY.task) if one.error]
    assert (broken.feature, broken.how) == ("hour", "far above")
    assert re.search(says, broken.error), broken.error


def test_no_rows_at_all_are_refused(model):
    with pytest.raises(corruption.SampleEmptyError):
        corruption.corrupt_features(model, rows(0), TOY.task)
