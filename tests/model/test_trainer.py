"""Fitting on a known signal."""

import os
import subprocess
import sys

import numpy as np
import pyarrow as pa
import pytest

from include.declaration.period import Period
from include.evaluation.checks import corruption
from include.model import lightgbm_params, trainer
from include.model.tasks import task_model
from include.model.trainer import TrainingRows
from include.monitoring import reference_profile
from include.settings import REPOSITORY
from tests.toy_use_case import USE_CASE, source

BINARY = task_model(USE_CASE)


def rows(first: Period, periods: int) -> TrainingRows:
    table = pa.concat_tables([source.everything(first + n) for n in range(periods)])
    labels = table["failed"].to_numpy().astype(float)
    return TrainingRows(table.select(list(USE_CASE.features)), labels, table["event_date"].to_numpy())


TRAIN, VALIDATION, TEST = rows(Period("2020-01-01"), 40), rows(Period("2020-02-11"), 7), rows(Period("2020-02-20"), 7)


def fit(
    threads: int = 1, train: TrainingRows = TRAIN, validation: TrainingRows = VALIDATION, **overrides
) -> trainer.FittedModel:
    return trainer.fit_model(
        USE_CASE.features, train, validation, lightgbm_params.merge_parameters(USE_CASE, overrides), threads, BINARY
    )


def test_two_trainings_give_the_same_trees_on_any_number_of_threads():
    assert fit(threads=1).model.trees == fit(threads=2).model.trees


def test_another_row_gives_other_trees():
    assert fit(train=rows(Period("2020-01-02"), 39)).model.trees != fit().model.trees


def test_training_stops_by_the_validation_days_log_loss():
    fitted = fit(early_stopping_rounds=5)
    assert fitted.best_round == int(np.argmin(fitted.validation_loss)) + 1
    assert fitted.model.booster.num_trees() == fitted.best_round
    assert len(fitted.validation_loss) == fitted.best_round + 5


def test_the_vocabulary_is_fixed_by_train_alone():
    kinds = pa.array(["unheard of"] * VALIDATION.features.num_rows)
    strange = VALIDATION.features.set_column(0, "kind", kinds)
    assert fit(validation=TrainingRows(strange, VALIDATION.labels, VALIDATION.periods)).model.encoding.vocabulary == {
        "kind": ("bolt", "nut", "rivet", "screw")
    }


@pytest.mark.parametrize("batch", [1, 7, 200])
def test_predictions_are_lightgbms_own_to_the_bit_however_rows_are_cut(batch):
    model = fit().model
    whole = model.booster.predict(model.encoding.encode(TEST.features), num_threads=2)
    parts = [model.predict(TEST.features.slice(at, batch)) for at in range(0, len(TEST.labels), batch)]
    assert np.concatenate(parts).tolist() == whole.tolist()


def test_a_matrix_of_numbers_gives_the_same_predictions_as_arrow():
    model = fit().model
    encoded = model.encoding.encode(TEST.features)
    matrix = np.column_stack([encoded[name].to_numpy() for name in encoded.column_names])
    assert model.predict(TEST.features).tolist() == model.booster.predict(matrix).tolist()


def test_each_round_is_reported_with_its_log_loss():
    watched = []
    rows = trainer.encode_rows(USE_CASE.features, TRAIN, VALIDATION)
    boosted = trainer.boost_trees(
        rows, lightgbm_params.merge_parameters(USE_CASE, None), 1, lambda *round_: watched.append(round_)
    )
    assert watched == list(enumerate(boosted.validation_loss, start=1))


def test_watching_changes_no_tree():
    rows = trainer.encode_rows(USE_CASE.features, TRAIN, VALIDATION)
    watched = trainer.boost_trees(rows, lightgbm_params.merge_parameters(USE_CASE, None), 1, lambda *_: None).booster
    assert watched.model_to_string() == fit().model.booster.model_to_string()


def test_who_watches_may_end_the_fit():
    class EnoughError(Exception):
        pass

    def watch(round_: int, log_loss: float) -> None:
        if round_ == 3:
            raise EnoughError

    rows = trainer.encode_rows(USE_CASE.features, TRAIN, VALIDATION)
    with pytest.raises(EnoughError):
        trainer.boost_trees(rows, lightgbm_params.merge_parameters(USE_CASE, None), 1, watch)


def test_rows_encoded_once_may_be_fitted_again_and_again():
    rows = trainer.encode_rows(USE_CASE.features, TRAIN, VALIDATION)
    first, second = (
        trainer.boost_trees(rows, lightgbm_params.merge_parameters(USE_CASE, {"max_bin": n}), 1) for n in (15, 255)
    )
    again = trainer.boost_trees(rows, lightgbm_params.merge_parameters(USE_CASE, {"max_bin": 15}), 1)
    assert first.booster.model_to_string() == again.booster.model_to_string() != second.booster.model_to_string()


def test_names_that_lightgbm_refuses_or_changes_alter_no_prediction_and_keep_their_gains():
    odd = dict(zip(USE_CASE.features, ("a b", "a_b", "distance, km", '"[{:}]"'), strict=True))
    features = {odd[name]: kind for name, kind in USE_CASE.features.items()}

    def renamed(part: TrainingRows) -> TrainingRows:
        return TrainingRows(part.features.rename_columns(odd), part.labels, part.periods)

    merged = lightgbm_params.merge_parameters(USE_CASE, {"num_boost_round": 10})
    plain = fit(num_boost_round=10).model
    found = trainer.fit_model(features, renamed(TRAIN), renamed(VALIDATION), merged, 1, BINARY).model
    assert plain.booster.feature_name() == list(USE_CASE.features)
    assert found.predict(renamed(TEST).features).tolist() == plain.predict(TEST.features).tolist()
    assert found.gains == {odd[name]: gain for name, gain in plain.gains.items()}
    assert sum(found.gains.values()) > 0


def test_a_model_of_one_category_without_a_value_answers_the_rate():
    nothing = TrainingRows(
        pa.table({"kind": pa.nulls(200, pa.string())}), np.array([1.0, 0.0] * 100), TRAIN.periods[:200]
    )
    found = trainer.fit_model(
        {"kind": "category"},
        nothing,
        nothing,
        lightgbm_params.merge_parameters(USE_CASE, {"num_boost_round": 3}),
        1,
        BINARY,
    ).model
    answers = found.predict_all(pa.table({"kind": ["a"]}))
    assert {subject: round(float(each[0]), 6) for subject, each in answers.items()} == dict.fromkeys(answers, 0.5)


def test_numbers_that_no_float_holds_and_the_largest_ones_get_answers_that_are_probabilities():
    rng = np.random.default_rng(3)
    far = {"id": rng.integers(-(2**62), 2**62, 600), "size": rng.choice([-1e308, 1e308, 0.0, 1.0], 600)}
    train = TrainingRows(pa.table(far), (far["size"] > 0).astype(float), TRAIN.periods[:600])
    kinds = {"id": "int64", "size": "float64"}
    found = trainer.fit_model(
        kinds, train, train, lightgbm_params.merge_parameters(USE_CASE, {"num_boost_round": 5}), 1, BINARY
    ).model
    period = pa.table({"id": [2**53 + 1, 2**63 - 1, -(2**63)], "size": [1.7e308, -1.7e308, None]})
    for answers in found.predict_all(period).values():
        assert ((answers >= 0) & (answers <= 1)).all()
    corrupted = corruption.corrupt_features(found, train.features, USE_CASE.task)
    assert all(0 <= each.change <= 1 and not each.error for each in corrupted)
    parts = dict.fromkeys(("train", "validation", "test"), train)
    predicted = dict.fromkeys(parts, found.predict_all(train.features))
    spread = reference_profile.build_profile(found, parts, predicted, USE_CASE.task)
    assert set(spread.importance) == set(kinds)


def test_threads_of_a_training_sleep_while_they_wait_for_each_other():
    """If they spin, a training takes 20 times as long while another process runs."""
    script = "import include, os; print(os.environ['OMP_WAIT_POLICY'])"
    clean = {name: value for name, value in os.environ.items() if name != "OMP_WAIT_POLICY"}
    done = subprocess.run([sys.executable, "-c", script], cwd=REPOSITORY, env=clean, capture_output=True, text=True)
    assert done.stdout == "PASSIVE\n", done.stderr
