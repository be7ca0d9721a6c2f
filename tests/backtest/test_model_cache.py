"""The model cache of a backtest: a stored model is read unchanged, or not at all."""

from __future__ import annotations

from include.backtest.model_cache import ModelCache
from include.lake.object_store import StoragePath


def test_values_are_read_as_they_were_kept(tmp_path):
    fits = ModelCache(StoragePath.parse(tmp_path) / "replay")
    assert fits.read("a") is None
    fits.put("a", {"b": [0.1, 1e-300], "a": "text"})
    assert fits.read("a") == {"b": [0.1, 1e-300], "a": "text"}
    assert list(fits.read("a")) == ["b", "a"], "a baseline adds up its weights in this order"


def test_a_damaged_file_is_not_read_and_can_be_kept_again(tmp_path):
    fits = ModelCache(StoragePath.parse(tmp_path))
    fits.put("a", {"rate": 0.25})
    path = tmp_path / "a.json"
    for damaged in (path.read_text().replace("0.25", "0.26"), path.read_text()[:-9], "[]"):
        path.write_text(damaged)
        assert fits.read("a") is None
        fits.put("a", {"rate": 0.25})
        assert fits.read("a") == {"rate": 0.25}


def test_what_is_kept_first_stays(tmp_path):
    fits = ModelCache(StoragePath.parse(tmp_path))
    fits.put("a", 1)
    fits.put("a", 2)
    assert fits.read("a") == 1
