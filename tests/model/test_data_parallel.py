"""Trees of several processes: the same in each and in every run, whatever the objective. Threads are the processes."""

from __future__ import annotations

import socket
import threading
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace

import numpy as np
import pyarrow as pa
import pytest

from include.model import data_parallel, trainer
from include.model.data_parallel import Network, boost_share
from include.model.encoding import learn_encoding
from include.model.lightgbm_params import Parameters
from include.model.model import trees_digest
from include.model.trainer import BoostedTrees, EncodedRows

FEATURES = {"number": "float64", "other": "float64", "rank": "int32", "kind": "category"}
ROWS, VALIDATED = 3_000, 600
OWN = {
    "deterministic": True,
    "force_row_wise": True,
    "verbosity": -1,
    "seed": 7,
    "learning_rate": 0.1,
    "num_leaves": 15,
}
OBJECTIVES = {
    "binary": {"objective": "binary", "metric": "binary_logloss"},
    "multiclass": {"objective": "multiclass", "metric": "multi_logloss", "num_class": 3},
    "quantile": {"objective": "quantile", "metric": "quantile", "alpha": 0.9},
    **{name: {"objective": name, "metric": name} for name in ("l2", "l1", "huber", "poisson", "gamma", "tweedie")},
}


def made_rows(objective: str = "l2", weighted: bool = False) -> EncodedRows:
    """Train and validation rows whose label grows with `number`, with nulls in `other`."""
    chance = np.random.default_rng(11)
    number, other = chance.normal(size=ROWS), chance.normal(size=ROWS)
    kinds = chance.integers(0, 4, ROWS)
    table = pa.table(
        {
            "number": number,
            "other": pa.array(other, mask=chance.random(ROWS) < 0.1),
            "rank": pa.array(chance.integers(0, 50, ROWS), pa.int32()),
            "kind": [f"kind {kind}" for kind in kinds],
        }
    )
    mean = np.exp(number / 2 + 0.3 * np.sin(3 * other) + 0.2 * kinds)
    noise = chance.gamma(4.0, 0.25, ROWS)
    labels = {
        "binary": (mean * noise > 1.2).astype(float),
        "multiclass": np.digitize(mean * noise, [0.8, 1.8]).astype(float),
        "poisson": chance.poisson(mean).astype(float),
    }.get(objective, mean * noise)
    encoding = learn_encoding(FEATURES, table)
    encoded, cut = encoding.encode(table), ROWS - VALIDATED
    weights = chance.uniform(0.5, 2.0, ROWS) if weighted else None
    return EncodedRows(
        encoding,
        encoded.slice(0, cut),
        labels[:cut],
        encoded.slice(cut),
        labels[cut:],
        None if weights is None else weights[:cut],
        None if weights is None else weights[cut:],
    )


def parameters(objective: str, rounds: int = 25, **more: object) -> Parameters:
    return Parameters({**OBJECTIVES[objective], **OWN, **more}, rounds, 10)  # type: ignore[dict-item]


def share_of(rows: EncodedRows, share: int, shares: int, block: int) -> EncodedRows:
    """Alternating blocks of the train rows, and a part of the validation rows."""
    mine = np.flatnonzero(np.arange(rows.train.num_rows) // block % shares == share)
    own = np.array_split(np.arange(rows.validation.num_rows), [VALIDATED // 3 * each for each in range(1, shares)])[
        share
    ]
    return replace(
        rows,
        train=rows.train.take(mine),
        train_labels=rows.train_labels[mine],
        train_weights=None if rows.train_weights is None else rows.train_weights[mine],
        validation=rows.validation.take(own),
        validation_labels=rows.validation_labels[own],
        validation_weights=None if rows.validation_weights is None else rows.validation_weights[own],
    )


def combined(shares: int) -> list[Callable[[float, float], float]]:
    """Functions that wait for each other, and return the weighted mean."""
    pairs: list[tuple[float, float]] = [(0.0, 0.0)] * shares
    barrier = threading.Barrier(shares, timeout=1200)

    def combine(share: int, loss: float, weight: float) -> float:
        pairs[share] = loss, weight
        barrier.wait()
        mean = sum(loss * weight for loss, weight in pairs) / sum(weight for _, weight in pairs)
        barrier.wait()
        return mean

    return [lambda loss, weight, own=share: combine(own, loss, weight) for share in range(shares)]  # type: ignore[misc]


def fit(
    rows: EncodedRows, chosen: Parameters, shares: int = 2, threads: int = 1, block: int = 200
) -> list[BoostedTrees]:
    """The result of each share."""
    opened = [socket.socket() for _ in range(shares)]
    for each in opened:
        each.bind(("127.0.0.1", 0))
    machines = tuple(f"127.0.0.1:{each.getsockname()[1]}" for each in opened)
    for each in opened:
        each.close()
    functions = combined(shares)
    with ThreadPoolExecutor(shares) as pool:
        results = [
            pool.submit(
                boost_share,
                share_of(rows, share, shares, block),
                rows.train,
                chosen,
                threads,
                Network(machines, share),
                functions[share],
            )
            for share in range(shares)
        ]
        return [result.result() for result in results]


def digests(results: Sequence[BoostedTrees]) -> set[str]:
    return {trees_digest(result.booster.model_to_string()) for result in results}


@pytest.mark.parametrize("objective", OBJECTIVES)
def test_all_shares_get_the_same_trees_in_every_run(objective):
    rows, chosen = made_rows(objective), parameters(objective)
    first, again = fit(rows, chosen), fit(rows, chosen)
    assert len(digests(first + again)) == 1
    assert len({result.best_round for result in first + again}) == 1
    assert first[0].validation_loss == first[1].validation_loss == again[0].validation_loss


@pytest.mark.parametrize("objective", ["binary", "multiclass", "poisson", "quantile"])
def test_they_are_about_as_good_as_the_trees_of_one_process(objective):
    rows, chosen = made_rows(objective), parameters(objective, rounds=60)
    alone, together = trainer.boost_trees(rows, chosen, 1), fit(rows, chosen)[0]
    assert min(together.validation_loss) == pytest.approx(min(alone.validation_loss), rel=0.03)


def test_a_feature_that_grows_with_time_has_bins_everywhere():
    """Share 0 has earlier rows than share 1, and the label depends on the later ones."""
    rows = made_rows()
    times = np.arange(ROWS, dtype=float)
    late = (times % 200 < 100).astype(float) * (times > ROWS / 2)
    cut = ROWS - VALIDATED
    train = rows.train.set_column(0, "number", pa.array(times[:cut]))
    validation = rows.validation.set_column(0, "number", pa.array(times[:cut:4]))
    grown = replace(rows, train=train, train_labels=late[:cut], validation=validation, validation_labels=late[:cut:4])
    chosen = parameters("l2", min_data_in_leaf=5)
    together, alone = fit(grown, chosen, block=cut // 2)[0], trainer.boost_trees(grown, chosen, 1)
    assert min(together.validation_loss) == pytest.approx(min(alone.validation_loss), rel=0.1)


def test_threads_change_no_tree():
    rows, chosen = made_rows(), parameters("l2")
    assert len(digests(fit(rows, chosen, threads=1) + fit(rows, chosen, threads=2))) == 1


def test_the_number_of_shares_may_change_trees():
    rows, chosen = made_rows("l1"), parameters("l1")
    assert len(digests(fit(rows, chosen, shares=2) + fit(rows, chosen, shares=3))) == 2


def test_samples_of_rows_and_features_are_the_same_in_every_run():
    more = {"bagging_fraction": 0.5, "bagging_freq": 1, "feature_fraction": 0.7, "feature_fraction_bynode": 0.8}
    rows, chosen = made_rows("binary"), parameters("binary", extra_trees=True, **more)
    assert len(digests(fit(rows, chosen) + fit(rows, chosen))) == 1
    assert digests(fit(rows, chosen)) != digests(fit(rows, parameters("binary")))


def test_weights_change_the_trees_and_the_loss():
    weighted, chosen = made_rows(weighted=True), parameters("l2")
    plain = replace(weighted, train_weights=None, validation_weights=None)
    heavy, light = fit(weighted, chosen), fit(plain, chosen)
    assert len(digests(heavy)) == 1 and digests(heavy) != digests(light)
    errors = np.square(heavy[0].booster.predict(weighted.validation) - weighted.validation_labels)
    loss = np.average(errors, weights=weighted.validation_weights)
    assert min(heavy[0].validation_loss) == pytest.approx(loss, rel=1e-6)


def test_the_declared_directions_hold():
    rows, chosen = made_rows(), parameters("l2", monotone_constraints="1,0,0,0")
    booster = fit(rows, chosen)[0].booster
    ladder = rows.validation.slice(0, 1).to_pylist() * 50
    numbers = np.linspace(-3, 3, 50)
    steps = pa.Table.from_pylist(
        [{**row, "number": number} for row, number in zip(ladder, numbers, strict=True)], schema=rows.validation.schema
    )
    assert (np.diff(booster.predict(steps)) >= 0).all()


def test_training_ends_by_the_loss_of_all_validation_rows():
    rows, chosen = (
        made_rows("binary"),
        replace(parameters("binary", rounds=400, learning_rate=0.3), early_stopping_rounds=5),
    )
    first, second = fit(rows, chosen)
    assert first.best_round == second.best_round < 100
    assert first.best_round == int(np.argmin(first.validation_loss)) + 1
    predicted = first.booster.predict(rows.validation)
    loss = -np.mean(np.log(np.where(rows.validation_labels > 0, predicted, 1 - predicted)))
    assert min(first.validation_loss) == pytest.approx(loss, rel=1e-9)


def test_the_model_names_no_machine_and_predicts_after_it_is_loaded():
    rows = made_rows()
    text = fit(rows, parameters("l2"))[0].booster.model_to_string()
    assert "127.0.0.1" not in text and "local_listen_port" not in text
    assert "[learning_rate: 0.1]" in text


def test_a_vocabulary_has_the_words_of_all_parts_in_order():
    parts = [{"kind": ("b", "c"), "town": ()}, {"kind": ("a", "c"), "town": ("x",)}]
    assert data_parallel.merged_vocabulary(parts) == {"kind": ("a", "b", "c"), "town": ("x",)}
