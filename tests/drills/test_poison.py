"""Broken deliveries: each row is published or quarantined with reasons, or the day is refused with a reason.

No other day changes, and after the source is fixed, the day is as if it had never been broken.
"""

from __future__ import annotations

import importlib
import re
import shutil
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pytest

from include.declaration.period import Period
from include.declaration.use_case_discovery import load_use_case
from include.errors import AirworthyError
from include.features import build
from include.ingestion import ingest, validate
from include.lake import schemas
from include.lake.lake import Lake
from include.project import open_project
from include.use_case import Feed, UseCase
from tests import toy
from tests.drills import life, poisons
from tests.drills.report import Row

FLIGHTS = load_use_case("flight_delays")
POISONED = {toy.USE_CASE.name: Period("2020-01-03"), FLIGHTS.name: Period("2013-01-03")}
"""Use case to the day that is poisoned: soon after its first, so that few days are looked back at."""
QUICK = (
    *("invalid UTF-8", "keys delivered twice with other values", "HTML and JavaScript in strings", "NaN"),
    *("rows in many chunks, some of them empty", "a column twice", "every row bad", "no table at all"),
)
"""Kinds that `make test` tries too, on the toy."""


@dataclass(frozen=True)
class Place:
    """A lake with the days before the poisoned one, and what the poisoned day would have been."""

    use_case: UseCase
    period: Period
    home: Path
    undisturbed: dict
    before: dict


def _run(use_case: UseCase, period: Period) -> None:
    ingest.ingest_period(open_project(use_case), period)
    validate.validate_period(open_project(use_case), period)
    build.build_features(open_project(use_case), period)


class Places(dict[str, Place]):
    """The place of each use case, made when it is asked for."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def __missing__(self, name: str) -> Place:
        use_case = toy.USE_CASE if name == toy.USE_CASE.name else FLIGHTS
        period, home = POISONED[name], self._folder / name
        with pytest.MonkeyPatch.context() as patch:
            patch.setenv("AIRWORTHY_HOME", str(home))
            _run(use_case, period - 1)
            before = life.tables(use_case)
            shutil.copytree(home, self._folder / f"{name} before", ignore=shutil.ignore_patterns("data_docs"))
            _run(use_case, period)
            self[name] = Place(use_case, period, self._folder / f"{name} before", life.tables(use_case), before)
        return self[name]


@pytest.fixture(scope="module")
def places(tmp_path_factory) -> Places:
    return Places(tmp_path_factory.mktemp("places"))


class Outcome:
    """What became of one poisoned delivery."""

    def __init__(self, place: Place, feed: Feed, delivered: Any, home: Path) -> None:
        self.place, self.feed, self.delivered, self.home = place, feed, delivered, home
        self.said: list[str] = []
        self.lost = 0

    def _try(self, stage: Callable[..., Any], *args: Any) -> Any:
        """What the stage returns; None where it refuses in its own words, which are kept."""
        try:
            return stage(*args)
        except AirworthyError as error:
            text = str(error)
            assert str(self.place.period) in text, f"does not name the day: {text}"
            assert re.search(r"(?i)mend|correct|return|make |change", text), f"does not say what to do: {text}"
            assert "\x1b" not in text and len(text) < 20_000, f"carries the poison on: {text[:300]!r}"
            self.said.append(type(error).__name__)

    def run(self, patch: pytest.MonkeyPatch) -> None:
        place, use_case, period = self.place, self.place.use_case, self.place.period
        source = importlib.import_module(f"{use_case.package}.source")
        healthy = getattr(source, self.feed.name)
        for other in use_case.feeds:
            if other is not self.feed:
                ingest.land_feed(open_project(use_case), other, period)
                validate.check_feed(open_project(use_case), other, period)
        patch.setattr(source, self.feed.name, lambda asked: self.delivered if asked == period else healthy(asked))
        if self._try(ingest.land_feed, open_project(use_case), self.feed, period):
            if validated := self._try(validate.check_feed, open_project(use_case), self.feed, period):
                self._conserved(validated)
            self._try(build.build_features, open_project(use_case), period)
        self._others_unchanged()
        self._pages_are_harmless()
        patch.undo()
        patch.setenv("AIRWORTHY_HOME", str(self.home))
        _run(use_case, period)
        self.equal = life.tables(use_case) == place.undisturbed

    def _conserved(self, validated: validate.ValidationResult) -> None:
        """Every row that was delivered is there, to the letter, with its reasons or published."""
        place, name = self.place, self.feed.name
        names = list(self.feed.columns)
        keys = [(key, "ascending") for key in schemas.sort_keys(place.use_case, f"raw/{name}")]
        delivered = self.delivered.select(names).cast(pa.schema([self.delivered.schema.field(n) for n in names]))
        checked = Lake.open(place.use_case).as_of(place.period).read(f"checked/{name}", since=place.period)
        rows = checked.select(names).sort_by(keys)
        self.lost += delivered.num_rows - rows.num_rows
        assert rows.combine_chunks().equals(delivered.sort_by(keys).combine_chunks()), "rows changed on their way"
        quarantined = sum(bool(reasons) for reasons in checked["reasons"].to_pylist())
        assert validated.landed == delivered.num_rows == validated.published + validated.quarantined
        assert quarantined == validated.quarantined
        self.said.append("quarantined" if quarantined else "published")

    def _others_unchanged(self) -> None:
        now = life.tables(self.place.use_case)
        for table, periods in self.place.before.items():
            assert {period: held for period, held in now[table].items() if period < self.place.period} == periods, table

    def _pages_are_harmless(self) -> None:
        for page in self.home.glob("data_docs/**/*.html"):
            assert "<script>alert('poison')" not in page.read_text(), page


def trial(place: Place, feed: Feed, kind: str, seed: int, home: Path, patch: pytest.MonkeyPatch) -> Outcome | None:
    """Poison the day of a feed in a copy of the place; None where the feed has nothing of that kind."""
    shutil.copytree(place.home, home)
    patch.setenv("AIRWORTHY_HOME", str(home))
    healthy = place.use_case.function("source", feed.name)(place.period)
    delivered = poisons.POISONS[kind](np.random.default_rng(seed), healthy, feed)
    if delivered is None:
        return None
    outcome = Outcome(place, feed, delivered, home)
    outcome.run(patch)
    return outcome


def drill(place: Place, feeds: list[Feed], kind: str, seeds: int, folder: Path, patch: pytest.MonkeyPatch) -> Row:
    """That, for each feed and this many seeds."""
    found = [
        outcome
        for feed in feeds
        for seed in range(seeds)
        if (outcome := trial(place, feed, kind, seed, folder / feed.name / str(seed), patch))
    ]
    said = sorted({word for outcome in found for word in outcome.said})
    lost, equal = sum(outcome.lost for outcome in found), all(outcome.equal for outcome in found)
    return Row(f"poison ({place.use_case.name}): {kind}", ", ".join(said), len(found), lost, equal)


@pytest.mark.parametrize(
    "kind",
    [pytest.param(kind, marks=pytest.mark.slow if kind in QUICK else pytest.mark.drill) for kind in poisons.POISONS],
)
def test_a_poisoned_delivery_of_the_toy_is_published_quarantined_or_refused(
    places, survived, tmp_path, monkeypatch, kind
):
    place = places["toy"]
    survived(drill(place, list(place.use_case.feeds)[:1], kind, 1, tmp_path, monkeypatch))


@pytest.mark.drill
@pytest.mark.parametrize("kind", poisons.POISONS)
def test_a_poisoned_delivery_of_flights_is_published_quarantined_or_refused(
    places, survived, tmp_path, monkeypatch, kind
):
    place = places["flight_delays"]
    survived(drill(place, list(place.use_case.feeds), kind, 1, tmp_path, monkeypatch))


def test_there_are_more_than_twenty_kinds_of_poison():
    assert len(poisons.POISONS) >= 20
