"""The loss of all validation rows, which each of the processes that train together gets."""

from __future__ import annotations

import threading
from concurrent.futures import ThreadPoolExecutor
from multiprocessing import AuthenticationError
from multiprocessing.connection import Client

import pytest

from include.training.on_dask.loss_exchange import joined_exchange, mean_of
from include.training.on_dask.worker import free_ports

SECRET = b"of this test"
LOSSES = [(0.5, 100.0), (0.7, 50.0), (0.1, 3.0)]


def exchanged(secrets: list[bytes], rounds: int = 2) -> list[list[float] | BaseException]:
    """What each share gets in each round, or its error; share 0 listens before the others call."""
    (port,) = free_ports("127.0.0.1", 1)
    listening = threading.Event()

    def play(share: int) -> list[float] | BaseException:
        if share:
            listening.wait()
        try:
            with joined_exchange("127.0.0.1", port, secrets[share], share, len(secrets)) as combine:
                listening.set()
                loss, weight = LOSSES[share]
                return [combine(loss + number, weight) for number in range(rounds)]
        except (OSError, EOFError, AuthenticationError) as error:
            return error

    with ThreadPoolExecutor(len(secrets)) as pool:
        return list(pool.map(play, range(len(secrets))))


@pytest.mark.parametrize("shares", [2, 3])
def test_every_share_gets_the_weighted_mean_of_every_round(shares):
    expected = [
        sum((loss + number) * weight for loss, weight in LOSSES[:shares]) / sum(w for _, w in LOSSES[:shares])
        for number in range(2)
    ]
    for found in exchanged([SECRET] * shares):
        assert found == pytest.approx(expected, abs=1e-12)


def test_all_get_the_same_bits():
    first, *others = exchanged([SECRET] * 3)
    assert all(other == first for other in others)


def test_a_process_without_the_secret_is_refused():
    found = exchanged([SECRET, b"another"])
    assert all(isinstance(each, AuthenticationError | OSError | EOFError) for each in found)


def test_a_share_whose_partner_ends_gets_an_error():
    (port,) = free_ports("127.0.0.1", 1)

    def leave() -> None:
        with Client(("127.0.0.1", port), authkey=SECRET):
            pass

    with (
        joined_exchange("127.0.0.1", port, SECRET, 0, 2) as combine,
        ThreadPoolExecutor(1) as pool,
    ):
        pool.submit(leave)
        with pytest.raises((OSError, EOFError)):
            combine(0.5, 10.0)


def test_rows_without_weight_do_not_count():
    assert mean_of([(float("nan"), 0.0), (0.25, 4.0)]) == 0.25
