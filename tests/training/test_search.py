"""Which ranges may be searched, and how a search proceeds on given results."""

from dataclasses import replace

import numpy as np
import optuna
import pytest
from lightgbm.basic import LightGBMError

from include.model import trainer
from include.training import search as training_search
from include.training.training_errors import SearchSpaceFixedError, SearchSpaceMissingError
from include.use_case import SearchRange
from tests.model.test_trainer import TRAIN, VALIDATION
from tests.refusals import invalid, raises
from tests.toy_use_case import USE_CASE

SPACE = {"learning_rate": SearchRange(0.01, 0.5, log=True), "num_leaves": SearchRange(2, 40)}


def searching(search: dict[str, SearchRange], **declared):
    """The toy use case with that search space, and these parameters declared besides its own."""
    training = replace(USE_CASE.training, search_space=search, parameters={**USE_CASE.training.parameters, **declared})
    return replace(USE_CASE, training=training)


def bowl(values, report) -> float:
    """Least at a learning rate of 0.2 and 10 leaves; every round says the same."""
    loss = abs(np.log(values["learning_rate"] / 0.2)) + abs(values["num_leaves"] - 10) / 10
    for round_ in range(1, 11):
        report(round_, loss)
    return loss


def search(
    judge=bowl, *, trials=12, seed=1, over=lambda: False, keep=lambda trial: None, warm_up=3
) -> training_search.SearchResult:
    space = training_search.search_space(searching(SPACE))
    return training_search.search_parameters(
        space, judge, seed=seed, trials=trials, warm_up=warm_up, over=over, keep=keep
    )


# -- the space


def test_whole_numbers_are_searched_where_both_ends_are_whole():
    found = training_search.search_space(searching(SPACE)).distributions()
    assert found["num_leaves"] == optuna.distributions.IntDistribution(2, 40)
    assert found["learning_rate"] == optuna.distributions.FloatDistribution(0.01, 0.5, log=True)


def test_what_a_person_fixed_is_not_searched():
    assert list(training_search.search_space(searching(SPACE), {"num_leaves": 7, "num_boost_round": 5}).ranges) == [
        "learning_rate"
    ]


def test_nothing_left_to_search_is_refused():
    with raises(SearchSpaceFixedError, parameters=("learning_rate", "num_leaves")):
        training_search.search_space(searching(SPACE), {"num_leaves": 7, "learning_rate": 0.1})


def test_a_use_case_without_a_space_is_advised_how_to_declare_one():
    with raises(SearchSpaceMissingError, 'search_space={"num_leaves": SearchRange'):
        training_search.search_space(searching({}))


@pytest.mark.parametrize(
    ("name", "wrong", "hint"),
    [
        ("num_leafs", SearchRange(2, 8), "Did you mean 'num_leaves'?"),
        ("objective", SearchRange(2, 8), "These can be searched: "),
        ("num_boost_round", SearchRange(2, 8), "These can be searched: bagging_fraction, "),
        ("num_leaves", SearchRange(2.0, 31.0), ""),
        ("num_leaves", SearchRange(1, 31), ""),
        ("learning_rate", SearchRange(0.01, 1.5), ""),
        ("lambda_l2", SearchRange(0.0, float("inf")), ""),
        ("lambda_l2", SearchRange(0.0, 5.0), ""),
        ("num_leaves", SearchRange(20, 40), ""),
        ("learning_rate", SearchRange(0, 1), ""),
    ],
)
def test_a_misdeclared_space_is_refused_when_it_is_declared(name, wrong, hint):
    with invalid(f"search_space[{name!r}]") as refused:
        searching({name: wrong})
    assert refused.value.problems[0].hint.startswith(hint)


def test_all_that_is_wrong_is_said_at_once():
    with invalid("search_space['num_leafs']", "search_space['learning_rate']"):
        searching({"num_leafs": SearchRange(2, 8), "learning_rate": SearchRange(0.01, 1.5)})


def test_a_declared_fraction_is_not_among_whole_numbers():
    with invalid("search_space['lambda_l2']"):
        searching({"lambda_l2": SearchRange(1, 5)}, lambda_l2=2.5)


# -- the search


def test_the_declared_parameters_are_the_first_trial():
    kept = []
    found = search(keep=kept.append)
    assert kept[0].params == {"learning_rate": 0.1, "num_leaves": 15}
    assert found.declared_loss == kept[0].value


def test_a_search_finds_better_parameters_and_says_how_good_they_are():
    found = search(trials=40)
    assert found.loss < found.declared_loss / 2
    assert found.loss == pytest.approx(bowl(found.parameters, lambda *_: None))


def test_nothing_worse_than_declared_is_ever_chosen():
    def declared_is_best(values, report):
        return 0.0 if values == {"learning_rate": 0.1, "num_leaves": 15} else 1.0

    found = search(declared_is_best)
    assert found.parameters == {"learning_rate": 0.1, "num_leaves": 15}
    assert found.loss == found.declared_loss


def test_of_equals_the_declared_parameters_are_chosen():
    assert search(lambda *_: 1.0).parameters == {"learning_rate": 0.1, "num_leaves": 15}


def test_the_same_seed_tries_the_same_and_another_seed_does_not():
    def tried(seed: int) -> list[dict]:
        kept = []
        search(seed=seed, keep=kept.append, trials=20)
        return [trial.params for trial in kept]

    assert tried(1) == tried(1)
    assert tried(1) != tried(2)


def test_noise_in_the_last_bits_changes_no_choice():
    noise = np.random.default_rng(0)

    def noisy(values, report):
        return bowl(values, lambda at, loss: report(at, loss + noise.normal(0, 1e-15))) + noise.normal(0, 1e-15)

    assert search(noisy, trials=30) == search(trials=30)


def test_no_more_trials_than_asked():
    kept = []
    found = search(trials=7, keep=kept.append)
    assert (found.trials, len(kept), found.stopped_by) == (7, 7, "trials")


def test_no_trial_is_begun_when_time_is_over_but_the_declared_one():
    assert search(over=lambda: True).trials == 1
    left = iter([False, False, True])
    found = search(over=lambda: next(left))
    assert (found.trials, found.stopped_by) == (3, "minutes")


def test_a_search_whose_last_trial_took_the_last_of_the_time_was_stopped_by_its_trials():
    left = iter([False, True])
    assert search(trials=3, over=lambda: next(left, True)).stopped_by == "minutes"
    assert search(trials=1, over=lambda: True).stopped_by == "trials"


def test_a_hopeless_trial_is_pruned_after_the_warm_up():
    kept = []
    found = search(trials=30, keep=kept.append)
    pruned = [trial for trial in kept if trial.state is optuna.trial.TrialState.PRUNED]
    assert found.pruned == len(pruned) > 0
    assert {max(trial.intermediate_values) for trial in pruned} == {3}
    assert min(trial.number for trial in pruned) >= training_search.STARTUP_TRIALS


def test_parameters_that_lightgbm_refuses_are_a_failed_trial():
    def refusing(values, report):
        if values["num_leaves"] > 30:
            raise LightGBMError("too many leaves")
        return bowl(values, report)

    kept = []
    found = search(refusing, trials=20, keep=kept.append)
    failed = [trial for trial in kept if trial.state is optuna.trial.TrialState.FAIL]
    assert found.failed == len(failed) > 0
    assert {trial.user_attrs["error"] for trial in failed} == {"too many leaves"}


def test_declared_parameters_that_lightgbm_refuses_end_the_search():
    def refusing(values, report):
        raise LightGBMError("nothing to learn")

    with pytest.raises(LightGBMError, match="nothing to learn"):
        search(refusing)


# -- the judge


def test_parameters_are_judged_by_the_log_loss_of_the_model_that_they_make():
    rows = trainer.encode_rows(USE_CASE.features, TRAIN, VALIDATION)
    reported = []
    judge = training_search.judge_on_validation(USE_CASE, {"num_boost_round": 20}, rows, threads=1)
    loss = judge({"num_leaves": 4}, lambda *at: reported.append(at))
    fitted = trainer.boost_trees(
        rows, training_search.merge_parameters(USE_CASE, {"num_boost_round": 20, "num_leaves": 4}), threads=1
    )
    predicted = fitted.booster.predict(rows.validation)
    happened = np.where(VALIDATION.labels > 0, predicted, 1 - predicted)
    assert loss == pytest.approx(-np.log(happened).mean())
    assert reported == [(n, loss) for n, loss in enumerate(fitted.validation_loss, start=1)]


def test_a_trial_of_many_rounds_reports_some_of_them(set_limits):
    set_limits(search_reports=4)
    rows, reported = trainer.encode_rows(USE_CASE.features, TRAIN, VALIDATION), []
    judge = training_search.judge_on_validation(
        USE_CASE, {"num_boost_round": 20, "early_stopping_rounds": 20}, rows, threads=1
    )
    judge({"num_leaves": 4}, lambda at, loss: reported.append(at))
    assert reported == [5, 10, 15, 20]
