"""No row is lost, whatever is quarantined, resubmitted, run again or killed, in any order.

And nothing that was known or decided before changes.
"""

import csv
import io
import itertools
import os
import random
from collections.abc import Callable

import pyarrow as pa
import pytest

from include import settings
from include.declaration.period import Period, period_range
from include.errors import AirworthyError, InvalidRequestError
from include.features import build as features_build
from include.ingestion import ingest, quarantine, reconcile, resubmit, validate
from include.lake import table_writer
from include.lake.lake import Lake
from include.lake.object_store import StoragePath
from include.project import open_project
from tests import places
from tests.contexts import Configure
from tests.properties.orders import contents, run_days, score_and_measure
from tests.quarantined import ASKED, spoil
from tests.toys import Breakable, Toy, derived, every_toy, every_toy_slow, short

pytestmark = pytest.mark.both_places(long=True)

STEPS = 24
FREE_DAYS = 4
"""Days after the toy's own on which corrections become known, too."""


def with_value(exported: bytes, column: str, value: object) -> bytes:
    """Write a value into a column of an exported CSV file."""
    rows = list(csv.DictReader(io.StringIO(exported.decode(), newline="")))
    written = io.StringIO(newline="")
    writer = csv.DictWriter(written, list(rows[0]))
    writer.writeheader()
    writer.writerows({**row, column: value} for row in rows)
    return written.getvalue().encode()


class Killed(BaseException):
    """The process ends here, as far as the code can tell."""


class Walk:
    """Random doings on one lake."""

    def __init__(self, toy: Toy, seed: int, patch: pytest.MonkeyPatch) -> None:
        self.toy, self.use_case = toy, short(toy)
        self.chance, self.patch = random.Random(seed), patch
        self.seen: list[dict[str, dict[Period, str]]] = []
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
            self.seen.append(contents(self.use_case))

    def land(self) -> None:
        self.done["landed"] += 1
        feed, period = self.chance.choice(self.use_case.feeds), self.chance.choice(self.toy.periods)
        ingest.land_feed(open_project(self.use_case), feed, period)
        validate.check_feed(open_project(self.use_case), feed, period)

    def build(self) -> None:
        self.done["built"] += 1
        features_build.build_features(open_project(self.use_case), self.chance.choice(self.toy.periods))

    def correct(self) -> None:
        """One open row; one in four times wrongly."""
        breakable = self.toy.breakable
        found = quarantine.read_quarantine(open_project(self.use_case), breakable.feed)
        places = [place for place, is_open in enumerate(found.is_open) if is_open]
        if not places:
            return
        header, row = csv.reader(io.StringIO(found.only([self.chance.choice(places)]).exported().decode()))
        row[header.index(breakable.column)] = str(self.chance.choice([*breakable.good, breakable.bad[0]]))
        file = io.StringIO()
        csv.writer(file).writerows([header, row])
        resubmit.resubmit_corrected(
            open_project(self.use_case), breakable.feed, "rows.csv", file.getvalue().encode(), **ASKED
        )
        self.done["corrected"] += 1

    def release(self) -> None:
        """All rows of one reason; refused where no row has one."""
        feed = self.chance.choice([self.toy.breakable.feed, self.toy.breakable_label.feed])
        reasons = sorted(
            set(
                itertools.chain(
                    *quarantine.read_quarantine(open_project(self.use_case), feed).rows["reasons"].to_pylist()
                )
            )
        )
        resubmit.resubmit_released(open_project(self.use_case), feed, reasons[:1] or ["none"], **ASKED)
        self.done["released"] += 1


def _die_after(writes: int, patch: pytest.MonkeyPatch) -> None:
    """The process is killed at its so-many-th write of a small file or commit."""
    left = iter(range(writes))
    create, commit = StoragePath.create, table_writer.TableWriter._commit

    def dying(write: Callable[..., object]) -> Callable[..., object]:
        def written(*arguments: object, **options: object) -> object:
            if next(left, None) is None:
                raise Killed
            return write(*arguments, **options)

        return written

    patch.setattr(StoragePath, "create", dying(create))
    patch.setattr(table_writer.TableWriter, "_commit", dying(commit))


def walk(toy: Toy, seed: int, monkeypatch: pytest.MonkeyPatch, steps: int = STEPS, free_days: int = FREE_DAYS) -> Walk:
    """Random doings, then every day once in its order; what was seen on the way is there at the end."""
    use_case, periods = short(toy), period_range(toy.periods[0], toy.periods[-1] + free_days)
    spoil_column(toy, toy.breakable, monkeypatch, *toy.periods[:3])
    spoil_column(toy, toy.breakable_label, monkeypatch, toy.periods[1])
    went = Walk(toy, seed, monkeypatch)
    for _ in range(steps):
        went.step()
    run_days(use_case, periods)
    for balance in reconcile.reconcile(open_project(use_case), ask_source=True):
        assert balance.faults == ()
        assert balance.delivered == balance.published + balance.open + balance.waiting
        assert (balance.refused, balance.gone) == (0, 0)
    end = contents(use_case)
    for seen in went.seen:
        assert {table: {period: end[table].get(period) for period in held} for table, held in seen.items()} == seen
    in_order = StoragePath.parse(f"{settings.current_settings().lake} in order")
    places.copy(Lake.open(use_case).root / "corrections", in_order / toy.name / "corrections")
    Configure(monkeypatch)(lake=in_order.uri)
    assert not any(contents(use_case).values())
    run_days(use_case, periods)
    assert contents(use_case) == end, "the same source and corrections make the same days, whatever the order"
    return went


def spoil_column(toy: Toy, breakable: Breakable, monkeypatch: pytest.MonkeyPatch, *periods: Period) -> None:
    spoil(monkeypatch, breakable.feed, breakable.column, breakable.bad, *periods, source=toy.source)


@every_toy_slow
def test_no_row_is_lost_and_nothing_changes_what_was_known(lake_home, monkeypatch, toy):
    done = walk(toy, 2, monkeypatch, steps=10, free_days=1).done
    assert min(done[name] for name in ("landed", "corrected", "killed")) > 0, done


@pytest.mark.slow
@every_toy
@pytest.mark.parametrize("seed", range(int(os.environ.get("AIRWORTHY_WALKS", "2"))))
def test_no_row_is_lost_in_any_order(lake_home, monkeypatch, seed, toy):
    walk(toy, 100 + seed, monkeypatch)


@pytest.mark.slow
@every_toy
def test_predictions_and_metrics_of_the_days_before_stay_as_they_are(champion, monkeypatch, toy):
    """A late label counts from the day of its correction on."""
    use_case, period, known = toy.use_case, toy.last_labelled, toy.last + 1
    scored, bad, good = period_range(toy.as_of, toy.last), toy.breakable_label.bad, toy.breakable_label.good
    feed, column = toy.breakable_label.feed, toy.breakable_label.column
    spoil(monkeypatch, feed, column, [bad[0]] * 3, period, source=toy.source)
    run_days(use_case, scored)
    score_and_measure(use_case, scored)
    before = contents(use_case)
    exported = quarantine.read_quarantine(open_project(use_case), feed, period).exported()
    mended = with_value(exported, column, good[0])
    went = resubmit.resubmit_corrected(open_project(use_case), feed, "rows.csv", mended, **ASKED)
    assert went.known_on == known.key
    run_days(use_case, [known])
    score_and_measure(use_case, period_range(toy.as_of, known))
    after = contents(use_case)
    for table, held in before.items():
        assert {each: after[table][each] for each in held} == held, table
    late = Lake.open(use_case).as_of(known).read("labels", since=known)
    assert late.num_rows == derived(use_case, "labels", known).num_rows + 3


@every_toy_slow
def test_a_lost_row_would_be_noticed(lake_home, toy):
    """The balance itself is tried: of a day whose tables lack what was delivered."""
    use_case, feed, period = toy.use_case, toy.use_case.feed(toy.main_feed), toy.periods[0]
    ingest.land_feed(open_project(use_case), feed, period), validate.check_feed(open_project(use_case), feed, period)
    rows: pa.Table = getattr(toy.source, feed.name)(period)
    Lake.open(use_case).replace(f"raw/{feed.name}", period, rows.slice(1), inputs={}, stage="ingest")
    (balance,) = [
        each for each in reconcile.reconcile(open_project(use_case), ask_source=True) if each.feed == feed.name
    ]
    assert [fault.split(",")[0] for fault in balance.faults] == [
        f"{rows.num_rows - 1} rows landed on {period}",
        f"the source delivers {rows.num_rows} rows for {period}",
    ]
    assert "Nothing is lost" not in balance.summary
    with pytest.raises(InvalidRequestError):
        quarantine.read_quarantine(open_project(use_case), feed.name, period)
