"""Whatever is quarantined, sent back, run again, cut short, and in whatever order: no row is lost, and nothing that was
known or decided before changes."""

import os
import random
from collections.abc import Callable
from dataclasses import replace
from datetime import date

import pyarrow as pa
import pytest

from include import settings
from include.errors import AirworthyError, BadRequest
from include.stages import build_features, conserve, correct, ingest, measure, quarantine, score, validate
from include.storage import lake as lake_module
from include.storage.lake import Lake
from include.storage.partitions import days_from
from include.storage.place import Place
from tests import places, toy
from tests.conftest import AS_OF, LAST
from tests.properties.orders import contents
from tests.quarantined import ASKED, FAILED, HOUR, exported, run_days, sent, spoil
from tests.toy_use_case import source

pytestmark = pytest.mark.both_places(long=True)

# Of one day before, so that features of one day do not land them all.
USE_CASE = replace(toy.USE_CASE, look_back_days=1)
DAYS = days_from(date(2020, 1, 6), date(2020, 1, 10))
STEPS = 24
FREE = days_from(DAYS[-1], date(2020, 1, 14))[1:]
"""Days on which corrections become known, too."""


class Killed(BaseException):
    """The process ends here, as far as the code can tell."""


class Walk:
    """Random doings on one lake."""

    def __init__(self, seed: int, patch: pytest.MonkeyPatch) -> None:
        self.chance, self.patch = random.Random(seed), patch
        self.seen: list[dict[str, dict[date, str]]] = []
        self.done = dict.fromkeys(("landed", "built", "corrected", "released", "killed", "refused"), 0)

    def step(self) -> None:
        """Land, build or send back; every now and then it is cut short."""
        kinds: list[Callable[[], None]] = [self.land, self.build, self.correct, self.release]
        act = self.chance.choices(kinds, (4, 2, 4, 1))[0]
        with self.patch.context() as patch:
            if self.chance.random() < 0.3:
                _die_after(self.chance.randrange(4), patch)
            try:
                act()
            except Killed:
                self.done["killed"] += 1
            except AirworthyError:
                self.done["refused"] += 1
        if self.chance.random() < 0.3:
            self.seen.append(contents(USE_CASE))

    def land(self) -> None:
        self.done["landed"] += 1
        feed, day = self.chance.choice(USE_CASE.feeds), self.chance.choice(DAYS)
        ingest.land(USE_CASE, feed, day)
        validate.check(USE_CASE, feed, day)

    def build(self) -> None:
        self.done["built"] += 1
        build_features.run(USE_CASE, self.chance.choice(DAYS))

    def correct(self) -> None:
        """One open row; one in four times wrongly."""
        found = quarantine.of(USE_CASE, "events")
        places = [place for place, is_open in enumerate(found.is_open) if is_open]
        if not places:
            return
        header, row = found.only([self.chance.choice(places)]).exported().decode().splitlines()
        cells = row.split(",")
        cells[-2] = self.chance.choice(["1", "9", "17", "30"])
        correct.correct(USE_CASE, "events", "rows.csv", f"{header}\n{','.join(cells)}\n".encode(), **ASKED)
        self.done["corrected"] += 1

    def release(self) -> None:
        feed, reason = self.chance.choice([("events", HOUR), ("outcomes", FAILED)])
        correct.release(USE_CASE, feed, [reason], **ASKED)
        self.done["released"] += 1


def _die_after(writes: int, patch: pytest.MonkeyPatch) -> None:
    """The process is killed at its so-many-th write of a small file or commit."""
    left = iter(range(writes))
    create, commit = Place.create, lake_module.Lake._commit

    def dying(write: Callable[..., object]) -> Callable[..., object]:
        def written(*arguments: object, **options: object) -> object:
            if next(left, None) is None:
                raise Killed
            return write(*arguments, **options)

        return written

    patch.setattr(Place, "create", dying(create))
    patch.setattr(lake_module.Lake, "_commit", dying(commit))


def walk(seed: int, monkeypatch: pytest.MonkeyPatch, steps: int = STEPS) -> Walk:
    """Random doings, then every day once in its order; what was seen on the way stands at the end."""
    spoil(monkeypatch, "events", "hour", [24, -3], *DAYS[:3])
    spoil(monkeypatch, "outcomes", "failed", [7, 8], DAYS[1])
    went = Walk(seed, monkeypatch)
    for _ in range(steps):
        went.step()
    finish()
    for balance in conserve.run(USE_CASE, ask_source=True):
        assert balance.faults == ()
        assert balance.delivered == balance.published + balance.open + balance.waiting
        assert (balance.refused, balance.gone) == (0, 0)
    end = contents(USE_CASE)
    for seen in went.seen:
        assert {table: {day: end[table].get(day) for day in days} for table, days in seen.items()} == seen
    in_order = Place.of(f"{settings.current().lake} in order")
    places.copy(Lake.of(USE_CASE).root / "corrections", in_order / "toy" / "corrections")
    monkeypatch.setenv("AIRWORTHY_LAKE", in_order.uri)
    assert not any(contents(USE_CASE).values())
    finish()
    assert contents(USE_CASE) == end, "the same source and corrections make the same days, whatever the order"
    return went


def finish() -> None:
    """Every day in its order."""
    for day in [*DAYS, *FREE]:
        ingest.run(USE_CASE, day), validate.run(USE_CASE, day), build_features.run(USE_CASE, day)


def test_no_row_is_lost_and_nothing_changes_what_was_known(lake_home, monkeypatch):
    monkeypatch.setattr("tests.properties.test_conserved.FREE", FREE[:1])
    done = walk(2, monkeypatch, steps=10).done
    assert min(done[name] for name in ("landed", "corrected", "killed")) > 0, done


@pytest.mark.slow
@pytest.mark.parametrize("seed", range(int(os.environ.get("AIRWORTHY_WALKS", "2"))))
def test_no_row_is_lost_in_any_order(lake_home, monkeypatch, seed):
    walk(100 + seed, monkeypatch)


@pytest.mark.slow
def test_predictions_and_metrics_of_the_days_before_stay_as_they_are(champion, monkeypatch):
    """A late label counts from the day of its correction on."""
    day, known = LAST, date(2020, 3, 11)
    spoil(monkeypatch, "outcomes", "failed", [7, 7, 7], day)
    run_days(AS_OF, LAST)
    for each in days_from(AS_OF, LAST):
        score.run(toy.USE_CASE, each), measure.run(toy.USE_CASE, each)
    before = contents(toy.USE_CASE)
    assert sent("outcomes", exported("outcomes", day).replace(",7", ",1")).known_on == known.isoformat()
    run_days(known)
    for each in days_from(AS_OF, known):
        score.run(toy.USE_CASE, each), measure.run(toy.USE_CASE, each)
    after = contents(toy.USE_CASE)
    for table, days in before.items():
        assert {each: after[table][each] for each in days} == days, table
    late = Lake.of(toy.USE_CASE).as_of(known).read("labels", since=known).to_pylist()
    assert {row["event_date"] for row in late} >= {date(2020, 3, 9)}
    assert len(late) == source.outcomes(known).num_rows + 3


def test_a_lost_row_would_be_noticed(lake_home, monkeypatch):
    """The balance itself is tried: of a day whose tables lack what was delivered."""
    run = Lake.of(USE_CASE)
    ingest.land(USE_CASE, USE_CASE.feed("events"), DAYS[0]), validate.check(USE_CASE, USE_CASE.feed("events"), DAYS[0])
    rows: pa.Table = source.events(DAYS[0]).slice(1)
    run.replace("raw/events", DAYS[0], rows, inputs={}, stage="ingest")
    (events, _) = conserve.run(USE_CASE, ask_source=True)
    assert [fault.split(",")[0] for fault in events.faults] == [
        f"199 rows landed on {DAYS[0]}",
        f"the source delivers 200 rows for {DAYS[0]}",
    ]
    assert "Nothing is lost" not in events.told
    with pytest.raises(BadRequest):
        quarantine.of(USE_CASE, "events", DAYS[0])
