"""`airworthy check`: days validated, a model judged, and nothing left of it."""

from __future__ import annotations

import io
import os
from dataclasses import replace
from datetime import date
from pathlib import Path

import pytest
from rich.console import Console

from include.errors import BadData
from include.gate import Gate
from include.local import check_text
from include.use_case import UseCase
from tests.integration.use_cases import quick_toy
from tests.toy_use_case import source

AS_OF = date(2020, 1, 8)
pytestmark = pytest.mark.slow


@pytest.fixture
def use(tmp_path: Path, monkeypatch, without_plots):
    """Lets `check` find one use case, in an environment that is put back."""
    for name in ("AIRWORTHY_HOME", "AIRWORTHY_LAKE", "AIRWORTHY_DATA_DOCS", "MLFLOW_TRACKING_URI"):
        monkeypatch.setenv(name, str(tmp_path / "mine"))
    monkeypatch.setenv("AIRWORTHY_COMMIT", "tests")

    def chosen(use_case: UseCase) -> io.StringIO:
        monkeypatch.setattr(check_text, "load", lambda name: use_case)
        return io.StringIO()

    return chosen


def check(said: io.StringIO) -> None:
    check_text.show(Console(file=said, width=400), "toy", AS_OF)


def test_a_model_that_passes_is_told_of_and_nothing_is_kept(use, tmp_path):
    said = use(quick_toy.USE_CASE)
    check(said)
    assert "8 days of" in said.getvalue()
    assert "passes its gates. Nothing was registered." in said.getvalue()
    assert not (tmp_path / "mine").exists()
    assert not Path(os.environ["AIRWORTHY_HOME"]).exists()


def test_a_gate_that_fails_fails_the_check_with_its_reason(use):
    said = use(replace(quick_toy.USE_CASE, gates=(Gate("auc", at_least=0.9999),)))
    with pytest.raises(check_text.CheckFailed, match="would not be promoted"):
        check(said)
    assert "failed     auc at least 0.9999" in said.getvalue()


def test_a_day_that_is_refused_fails_the_check(use, monkeypatch):
    events = source.events
    monkeypatch.setattr(source, "events", lambda day: events(day).slice(0, 0) if day == AS_OF else events(day))
    with pytest.raises(BadData, match="2020-01-08"):
        check(use(quick_toy.USE_CASE))
