"""The package's files are read once, and later days replay 2013."""

from __future__ import annotations

import shutil
from concurrent.futures import ThreadPoolExecutor
from datetime import date
from pathlib import Path

import pytest

from include.datasets import new_york_flights
from include.datasets.replay_2013 import LAST, replayed
from include.errors import DataError
from tests.contexts import Configure

FIRST, FIFTH = date(2013, 1, 1), date(2013, 5, 5)


@pytest.fixture(scope="module")
def prepared(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A home whose files are prepared."""
    home = tmp_path_factory.mktemp("flights")
    with pytest.MonkeyPatch.context() as patch:
        Configure(patch)(home=home)
        new_york_flights.planned_flights(FIRST)
        new_york_flights.observed_weather(FIRST)
    return home


@pytest.fixture(autouse=True)
def _home(prepared: Path, configure: Configure) -> None:
    configure(home=prepared)


@pytest.mark.parametrize("day", [date(2014, 1, 1), date(2014, 12, 30), date(2014, 12, 31), date(2026, 8, 3)])
def test_a_replayed_day_is_the_same_weekday_of_2013_whole_cycles_earlier(day):
    shown, shift = replayed(day)
    assert shown.weekday() == day.weekday()
    assert date(2013, 1, 2) <= shown <= LAST
    assert (day - shown).days == shift and shift % 364 == 0


def test_a_damaged_prepared_file_is_made_again(tmp_path, prepared, configure):
    shutil.copytree(prepared / "source", tmp_path / "source")
    configure(home=tmp_path)
    expected = new_york_flights.planned_flights(FIRST)
    (file,) = (tmp_path / "source").glob("*/flights.parquet")
    content = bytearray(file.read_bytes())
    content[500:4000] = bytes(3500)
    file.write_bytes(content)
    assert new_york_flights.planned_flights(FIRST).equals(expected)
    file.write_bytes(content[:1000])
    assert new_york_flights.planned_flights(FIRST).equals(expected)


def test_several_may_prepare_the_files_at_once(tmp_path, configure):
    expected = new_york_flights.observed_weather(FIFTH)
    configure(home=tmp_path)
    with ThreadPoolExecutor(4) as pool:
        assert all(table.equals(expected) for table in pool.map(new_york_flights.observed_weather, [FIFTH] * 4))
    assert [file.name for file in (tmp_path / "source").glob("*/*")] == ["weather.parquet"]


def test_an_unreadable_package_file_is_bad_data_and_names_the_file(tmp_path, configure, monkeypatch):
    broken = tmp_path / "flights.csv.zip"
    broken.write_bytes(b"not a zip")
    configure(home=tmp_path)
    monkeypatch.setattr(new_york_flights, "package_file", lambda name: broken)
    with pytest.raises(DataError, match=r"flights\.csv\.zip"):
        new_york_flights.planned_flights(FIRST)
