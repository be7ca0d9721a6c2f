"""The lock: one holder at a time, and it is released if the holder dies."""

from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from threading import Barrier

import pytest

from include.lake import lock

pytestmark = pytest.mark.both_places


@pytest.fixture
def file(place):
    (place / "letter.json").write(b"{}")
    return place / "letter.json"


def test_a_file_is_held_by_one_at_a_time_and_free_afterwards(file):
    with lock.try_lock(file) as mine:
        with lock.try_lock(file) as also:
            assert (mine, also) == (True, False)
        with lock.try_lock(file) as still:
            assert not still
    with lock.try_lock(file) as again:
        assert again


def test_of_many_at_once_one_holds_it(file):
    everybody = Barrier(8)

    def hold(_: int) -> bool:
        with lock.try_lock(file) as mine:
            everybody.wait(1200)  # no process releases the lock before all have tried
            return mine

    with ThreadPoolExecutor(8) as pool:
        assert sorted(pool.map(hold, range(8))) == [False] * 7 + [True]


def test_an_error_within_lets_it_go(file):
    with pytest.raises(RuntimeError), lock.try_lock(file):
        raise RuntimeError
    with lock.try_lock(file) as mine:
        assert mine


@pytest.mark.parametrize("left", [b'{"until": "2020-01-01T00:00:00+00:00"}', b"{", b"[]"])
def test_what_a_dead_holder_left_is_passed_over_once_its_time_is_over(file, place, left):
    (place / "letter.json.holder-1").write(left)
    with lock.try_lock(file) as mine, lock.try_lock(file) as also:
        assert (mine, also) == (True, False)


def test_what_a_holder_left_that_may_live_is_kept_to(file, place, set_limits):
    if file.is_local:
        pytest.skip("on disk the system itself lets a dead process's lock go")
    with lock.try_lock(file):
        left = {name: (place / name).read() for name in place.names() if "holder" in name}
    for name, content in left.items():
        (place / name).write(content)  # as if it had died within
    with lock.try_lock(file) as mine:
        assert not mine
    set_limits(lock_lasts=timedelta(seconds=-1))
    with lock.try_lock(file) as mine:
        assert not mine, "how long it lasts is said by who holds it"


def test_of_many_dead_holders_one_record_stays(file, place):
    if file.is_local:
        pytest.skip("on disk there are no records")
    for number in (1, 2, 9, 10):
        (place / f"letter.json.holder-{number}").write(b'{"until": "2020-01-01T00:00:00+00:00"}')
    (place / "another.json.holder-1").write(b"{}")
    with lock.try_lock(file) as mine:
        assert mine
        assert place.names("letter.json.holder-") == ["letter.json.holder-10", "letter.json.holder-11"]
    assert place.names() == ["another.json.holder-1", "letter.json", "letter.json.holder-10"]
