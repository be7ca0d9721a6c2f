"""Features that call any function of the source are detected, in whatever way they got the function."""

import contextlib
import functools
import gc
import sys
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from cProfile import Profile
from dataclasses import replace

import pyarrow.parquet as pq
import pytest

from include.declaration.period import Period
from include.evaluation.checks.leakage_check import rebuild_periods
from include.evaluation.inputs import RebuiltPeriod
from include.project import open_project
from include.registry import code_digest
from tests.toy_use_case import USE_CASE, features, source

pytestmark = [pytest.mark.slow, pytest.mark.both_places(long=True)]

DAY, AS_OF = Period("2020-01-09"), Period("2020-01-18")
TOMORROW = DAY + 1
honest = features.build
"""The toy's own features; monkeypatching hides them."""


@pytest.fixture
def tried(place, toy_functions) -> Callable[..., RebuiltPeriod]:
    """Builds the features of DAY from an empty lake, by what a test gives."""

    def rebuilt(build=None, package=USE_CASE.package) -> RebuiltPeriod:
        if build is not None:
            toy_functions.features(build=build)
        use_case = replace(USE_CASE, package=package)
        [found] = rebuild_periods(open_project(use_case).in_lake(place.uri), [DAY], AS_OF)
        return found

    return rebuilt


def leaking(*called: str) -> RebuiltPeriod:
    return RebuiltPeriod(DAY, rows=0, read=called)


def within_a_closure(asked):
    def ask(period):
        return [asked(period)]

    return ask


WAYS = {
    "by its name": (source.outcomes, "source.outcomes"),
    "another than a feed's": (lambda day: source.everything(day, rows=3), "source.everything"),
    "from a list": ([source.everything][0], "source.everything"),
    "from a partial": (functools.partial(source.everything, rows=3), "source.everything"),
    "from a closure": (within_a_closure(source.everything), "source.everything"),
    "as an argument": (lambda day: [*map(source.everything, [day])], "source.everything"),
    "in a thread": (lambda day: ThreadPoolExecutor(1).submit(source.everything, day).result(), "source.everything"),
}


@pytest.mark.parametrize(("way", "period"), [*((way, TOMORROW) for way in WAYS), ("another than a feed's", DAY)])
def test_features_that_call_the_source_are_caught_by_the_function_they_called(tried, way, period):
    """Even of the day itself: of its events, another function tells how they ended."""
    call, named = WAYS[way]

    def build(_, events, outcomes):
        call(period)
        return honest(DAY, events, outcomes)

    assert tried(build) == leaking(named)


def test_features_that_leave_the_source_alone_have_called_none_of_it(tried):
    assert tried() == leaking()


def test_a_call_within_rows_that_are_read_later_is_caught_too(tried):
    def build(period, events, outcomes):
        class Late:
            def __arrow_c_stream__(self, requested_schema=None):
                source.everything(TOMORROW)
                return honest(period, events, outcomes).to_pyarrow().__arrow_c_stream__(requested_schema)

        return Late()

    assert tried(build) == leaking("source.everything")


def test_one_that_raises_is_caught_by_what_it_called(tried):
    def build(period, events, outcomes):
        source.everything(TOMORROW)
        raise ZeroDivisionError

    assert tried(build).read == ("source.everything",)


def test_a_source_that_is_a_package_is_caught_in_each_of_its_modules(tried, monkeypatch, tmp_path):
    (tmp_path / "split" / "source").mkdir(parents=True)
    for name, text in {"__init__": "", "source/__init__": "", "source/feeds": "def ask(day): return day"}.items():
        (tmp_path / "split" / f"{name}.py").write_text(text)
    (tmp_path / "split" / "features.py").write_text(
        "from split.source import feeds\n"
        "from tests.toy_use_case import features\n"
        "labels = features.labels\n"
        "def build(day, events, outcomes):\n"
        "    feeds.ask(day)\n"
        "    return features.build(day, events, outcomes)\n"
    )
    monkeypatch.syspath_prepend(tmp_path)
    assert tried(package="split") == leaking("source.feeds.ask")


HELPER = """
from datetime import date
from pathlib import Path
import pandas as pd
import pyarrow.parquet as pq

OUTSIDE = Path(__file__).parents[2] / "elsewhere"
def clock(day): return date.today()
def pandas_clock(day): return pd.Timestamp.now()
def file(day): return (OUTSIDE / "a.txt").read_text()
def parquet(day): return pq.read_metadata(OUTSIDE / "a.parquet")
def constants(day): return Path(__file__).with_name("rates.csv").read_text()
"""


@pytest.mark.parametrize(
    ("function", "read"),
    [
        ("clock", "the clock (date.today(), common/rates.py:8)"),
        ("pandas_clock", "the clock (pd.Timestamp.now(), common/rates.py:9)"),
        ("file", "elsewhere/a.txt"),
        ("parquet", "elsewhere/a.parquet"),
        ("constants", ""),
    ],
)
def test_a_helper_that_lies_outside_the_package_is_the_use_cases_own_code(tried, monkeypatch, tmp_path, function, read):
    texts = {
        "shared/__init__": "",
        "shared/common/__init__": "",
        "shared/common/rates": HELPER,
        "shared/mine/__init__": "",
        "shared/mine/source": "",
        "shared/mine/features": (
            "from shared.common import rates\n"
            "from tests.toy_use_case import features\n"
            "labels = features.labels\n"
            "def build(day, events, outcomes):\n"
            f"    rates.{function}(day)\n"
            "    return features.build(day, events, outcomes)\n"
        ),
    }
    for name, text in texts.items():
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / f"{name}.py").write_text(text)
    (tmp_path / "elsewhere").mkdir()
    for path in (tmp_path / "elsewhere" / "a.txt", tmp_path / "shared" / "common" / "rates.csv"):
        path.write_text("1")
    pq.write_table(source.outcomes(DAY), tmp_path / "elsewhere" / "a.parquet")
    monkeypatch.syspath_prepend(tmp_path)
    code_digest.forget_files()
    found = tried(package="shared.mine").read
    for name in [name for name in sys.modules if name.partition(".")[0] == "shared"]:
        del sys.modules[name]
    code_digest.forget_files()
    named = str(tmp_path / read) if read.startswith("elsewhere") else read
    assert {each for each in found if each != str(tmp_path / "elsewhere")} == ({named} if named else set())


class Hidden:
    """Caches that no module names."""

    @staticmethod
    @functools.cache
    def rows_of(period: Period) -> int:
        return source.outcomes(period).num_rows


Hidden.rows_of.__module__ = features.__name__


@pytest.mark.parametrize("named_by_a_module", [True, False])
@pytest.mark.parametrize("frozen", [True, False])
def test_a_call_that_hides_in_a_cache_is_caught(tried, monkeypatch, named_by_a_module, frozen):
    rows_of = functools.cache(lambda period: source.outcomes(period).num_rows) if named_by_a_module else Hidden.rows_of
    if named_by_a_module:
        monkeypatch.setattr(features, "rows_of", rows_of, raising=False)

    def build(period, events, outcomes):
        rows_of(TOMORROW)
        return honest(period, events, outcomes)

    rows_of(TOMORROW)
    if frozen:
        gc.freeze()  # as an executor does before it forks
    assert tried(build) == leaking("source.outcomes")


@pytest.mark.parametrize("fails", [True, False])
@pytest.mark.parametrize("there", ["none", "a function", "a profiler"])
def test_the_hook_of_a_profiler_is_put_back(tried, there, fails):
    def build(period, events, outcomes):
        if fails:
            raise KeyboardInterrupt
        return honest(period, events, outcomes)

    hook = {"none": None, "a function": lambda *_: None, "a profiler": Profile()}[there]
    before = sys.getprofile()
    hook.enable() if isinstance(hook, Profile) else sys.setprofile(hook)
    try:
        with pytest.raises(KeyboardInterrupt) if fails else contextlib.nullcontext():
            tried(build)
        found = sys.getprofile()
    finally:
        hook.disable() if isinstance(hook, Profile) else None
        sys.setprofile(before)
    assert found is hook
