"""The recipe of a model: its content, and that a tag stores all of it."""

from dataclasses import replace

import pytest

from include.declaration.period import Period
from include.model.lightgbm_params import merge_parameters
from include.training import spec
from include.training.recipe import LONGEST_TAG, TrainingSpec, TrainingSpecError
from include.training.spec import TrainingInputs
from include.use_case import SliceGate, UseCase
from tests.toy_use_case import USE_CASE

DATA = {"features.version": "12", "features.digest": "b2-f", "labels.version": "13", "labels.digest": "b2-l"}


def made_from(use_case: UseCase = USE_CASE) -> TrainingInputs:
    return TrainingInputs(
        as_of=Period("2020-03-01"),
        first=Period("2020-01-01"),
        last=Period("2020-02-28"),
        parameters=merge_parameters(use_case, {"learning_rate": 0.1 + 0.2}),
        data=DATA,
        code="code",
        commit="commit",
        lock="lock",
        processor="processor",
        declaration=spec.declaration_values(use_case),
    )


def recipe(use_case: UseCase = USE_CASE) -> TrainingSpec:
    return TrainingSpec.from_inputs(use_case, made_from(use_case))


def test_a_recipe_comes_out_of_its_tag_as_it_went_in():
    assert TrainingSpec.from_tag(recipe().to_tag()) == recipe()
    assert TrainingSpec.from_tag(recipe().to_tag()).to_tag() == recipe().to_tag()


def test_the_order_of_features_and_the_last_digit_of_a_parameter_survive():
    found = TrainingSpec.from_tag(recipe().to_tag())
    assert list(found.features) == ["kind", "size", "hour", "urgent"]
    assert found.parameters.lightgbm["learning_rate"] == 0.1 + 0.2
    assert found.parameters.lightgbm["seed"] == USE_CASE.training.seed
    assert found.versions == {"features": 12, "labels": 13}


def test_a_recipe_of_very_many_features_still_fits_into_a_tag():
    many = replace(USE_CASE, features={f"average_of_the_last_{n}_days": "float64" for n in range(1000)})
    tag = recipe(many).to_tag()
    assert len(tag) <= LONGEST_TAG
    assert TrainingSpec.from_tag(tag) == recipe(many)


@pytest.mark.parametrize("tag", ["", "[]", "null", "{}", recipe().to_tag()[:-9], "zlib:", "zlib:AAAA", "zlib:%"])
def test_what_is_no_recipe_is_refused(tag):
    with pytest.raises(TrainingSpecError):
        TrainingSpec.from_tag(tag)


def test_the_use_case_is_as_it_was_whatever_is_declared_now():
    now = replace(
        USE_CASE,
        features={"hour": "int32"},
        label=replace(USE_CASE.label, name="broken", label_delay_periods=9),
        training=replace(USE_CASE.training, window_periods=400, test_periods=90, gap_periods=5),
        gates=(SliceGate("hour", "log_loss", 0.1),),
    )
    then = recipe().as_declared_then(now)
    assert dict(then.features) == dict(USE_CASE.features)
    assert then.key_types() == USE_CASE.key_types()
    assert (then.label.name, then.label.label_delay_periods) == ("failed", 2)
    assert (then.training.validation_periods, then.training.test_periods, then.training.gap_periods) == (7, 7, 1)
    assert spec.declaration_values(then) == spec.declaration_values(USE_CASE)


def test_its_fingerprint_is_that_of_the_training():
    assert recipe().fingerprint(USE_CASE, "code", "lock") == made_from().fingerprint


@pytest.mark.parametrize(
    "changed",
    [
        {"label": "other"},
        {"task": {"kind": "binary", "costs": {"false_negative": 1, "false_positive": 1, "unit": ""}}},
        {"first": Period("2020-01-02")},
        {"data": DATA | {"labels.digest": "b2-x"}},
    ],
    ids=lambda changed: next(iter(changed)),
)
def test_whatever_is_changed_in_it_changes_its_fingerprint(changed):
    assert replace(recipe(), **changed).fingerprint(USE_CASE, "code", "lock") != made_from().fingerprint
