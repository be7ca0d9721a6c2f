"""Planted leaks of every kind, and harmless counterparts: each leak is detected or listed as not covered.

A plant acts on some days only. The gate samples days as for a training; the steps of the data DAG store the plant on a
sampled day on which it acts, and that day is built again.
"""

from __future__ import annotations

import os
import re
import subprocess
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import date, datetime
from pathlib import Path
from typing import Any

import great_expectations.expectations as gxe
import ibis
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from deltalake import DeltaTable

from include import settings
from include.declaration.period import LATEST, Period, period_range
from include.evaluation.checks import leakage_check
from include.evaluation.checks.leakage_check import rebuild_periods
from include.evaluation.checks.sampling import SplitPeriods, sample_periods
from include.evaluation.inputs import RebuiltPeriod
from include.features import materialize
from include.ingestion import ingest, validate
from include.ingestion.correction_log import CorrectionLog
from include.ingestion.known_at import KnownTooLateError, require_known_in_time
from include.lake import schemas
from include.lake.lake import Lake
from include.project import open_project
from include.settings import REPOSITORY
from include.use_case import Suite, UseCase
from tests.refusals import raises
from tests.toy_use_case import USE_CASE, expectations, features, source

pytestmark = pytest.mark.slow

TRAIN = period_range(Period("2020-01-03"), Period("2020-01-10"))
VALIDATION = period_range(Period("2020-01-12"), Period("2020-01-14"))
TEST = period_range(Period("2020-01-16"), Period("2020-01-23"))
AS_OF = Period("2020-01-26")
SPLITS = SplitPeriods(TRAIN, VALIDATION, TEST)
SAMPLED = sample_periods(SPLITS, 14, USE_CASE.training.seed, AS_OF)

STATED = " ".join((leakage_check.__doc__ or "").split())
honest_build, honest_labels, honest_events = features.build, features.labels, expectations.events
Number = Callable[[Period], int]
"""What a leak knows of a day."""
KEPT: dict[Period, int] = {}
FILES: dict[str, Path] = {}


def later(table: str, periods: int = 1) -> Number:
    """How much a table of the lake has, read past the view, of a later day: failures, or else rows."""

    def known(period: Period) -> int:
        place = DeltaTable(str(Path(settings.current_settings().lake) / "toy" / table))
        rows = place.to_pyarrow_table(partitions=[("period", "=", str(period + periods))])
        return rows["failed"].to_pylist().count(1) if "failed" in rows.column_names else rows.num_rows

    return known


def as_of_a_later_day(period: Period) -> int:
    return Lake.open(USE_CASE).as_of(period + 1).read("checked/outcomes", period).num_rows


def all_labels(period: Period) -> int:
    """A target encoding over everything there is."""
    return (
        DeltaTable(str(Path(settings.current_settings().lake) / "toy" / "labels"))
        .to_pyarrow_table()["failed"]
        .to_pylist()
        .count(1)
    )


def sibling_files(period: Period) -> int:
    """Found from the files of the day itself."""
    [*own] = Lake.open(USE_CASE).as_of(period).files("checked/events", period, period)
    folder = Path(own[0][1]).parent
    while not folder.name.startswith("period="):
        folder = folder.parent
    siblings = folder.parent.glob(f"period={period + 1}*/**/*.parquet")
    return sum(pq.ParquetFile(path).metadata.num_rows for path in siblings)


def later_keys(choose: Callable[..., int]) -> Number:
    def known(period: Period) -> int:
        tomorrow = period + 1
        return choose(
            Lake.open(USE_CASE).as_of(tomorrow).read("checked/events", tomorrow)["id"].to_pylist(), default=-1
        )

    return known


def kinds_of_tomorrow(period: Period) -> int:
    """Which groups there will be, of a column with few values."""
    tomorrow = period + 1
    rows = Lake.open(USE_CASE).as_of(tomorrow).read("checked/events", tomorrow)
    return len(set(rows["kind"].drop_null().to_pylist()))


def number_of_later_days(period: Period) -> int:
    return len(Lake.open(USE_CASE).as_of(LATEST).partitions("checked/events"))


def corrections_sent_later(period: Period) -> int:
    return len((CorrectionLog.open(open_project(USE_CASE), "events").folder / "sent").names())


def realised_metrics(period: Period) -> int:
    return len(Lake.open(USE_CASE).as_of(LATEST).partitions("metrics"))


def of_the_source(function: str) -> Number:
    return lambda period: getattr(source, function)(period + 1).num_rows


def in_a_process(period: Period) -> int:
    return len(subprocess.run([sys.executable, "-c", "print(1)"], check=True, capture_output=True).stdout)


def lines_of_a_file(period: Period) -> int:
    return len((REPOSITORY / "README.md").read_text().splitlines())


def rows_of_a_file(period: Period) -> int:
    """By a library that opens the file itself, out of Python's sight."""
    return int(pq.read_table(FILES["parquet"]).num_rows)


def of_the_home(period: Period) -> int:
    """A file that was prepared under the home."""
    path = settings.current_settings().home / "source" / "prepared.txt"
    return len(path.read_text()) if path.exists() else 0


def kept_in_a_variable(period: Period) -> int:
    return KEPT.get(period, 0)


def today(period: Period) -> int:
    return (date.today() - period.start_date).days  # noqa: DTZ011


def now(period: Period) -> int:
    return datetime.now().year  # noqa: DTZ005


def nanoseconds(period: Period) -> int:
    return time.time_ns() % 1_000_003


# -- where a leak is planted


def in_features(known: Number, acts: Callable[[Period], bool]) -> dict[str, Any]:
    def build(period: Period, events: ibis.Table, outcomes: ibis.Table) -> ibis.Table:
        rows = honest_build(period, events, outcomes)
        return rows.mutate(size=rows["size"] + known(period)) if acts(period) else rows

    return {"build": build}


def in_labels(known: Number, acts: Callable[[Period], bool]) -> dict[str, Any]:
    def labels(period: Period, events: ibis.Table, outcomes: ibis.Table) -> ibis.Table:
        rows = honest_labels(period, events, outcomes)
        planted = rows["id"] % 199 < known(period) % 199
        return rows.mutate(failed=planted.cast("int8")) if acts(period) else rows

    return {"labels": labels}


def in_quarantine(known: Number, acts: Callable[[Period], bool]) -> dict[str, Any]:
    def events() -> Suite:
        bad = known(tried(acts)) % source.ROWS
        return Suite(rows=(gxe.ExpectColumnValuesToNotBeInSet(column="id", value_set=[bad]),), table=())

    return {"events": events}


PARTS = {"features": in_features, "labels": in_labels, "quarantine": in_quarantine}


def tried(acts: Callable[[Period], bool]) -> Period:
    """The first sampled day on which a plant acts."""
    return next(period for period in SAMPLED if acts(period))


def always(period: Period) -> bool:
    return True


def on(weekday: int) -> Callable[[Period], bool]:
    return lambda period: period.start_date.weekday() == weekday


def within(periods: list[Period]) -> Callable[[Period], bool]:
    return lambda period: period in periods


@dataclass(frozen=True)
class Plant:
    """A leak, and what the gate says of it."""

    name: str
    known: Number
    part: str = "features"
    acts: Callable[[Period], bool] = always
    caught: str = "leak"
    """leak: it moved; read: it was seen to read; else the words by which it is listed as not covered, or `harmless`."""

    def __str__(self) -> str:
        return f"{self.name} in {self.part}"


READ_AROUND = {
    "outcomes of tomorrow": later("checked/outcomes"),
    "raw outcomes of tomorrow": later("raw/outcomes"),
    "events of tomorrow": later("checked/events"),
    "raw events of tomorrow": later("raw/events"),
    "labels of tomorrow": later("labels"),
}
ASKED = {
    "source of the label's feed": of_the_source("outcomes"),
    "source of the other feed": of_the_source("events"),
    "another function of the source": of_the_source("everything"),
    "a process that asks": in_a_process,
    "a file by its path": lines_of_a_file,
    "a file that a library opens": rows_of_a_file,
    "today": today,
    "now": now,
    "nanoseconds": nanoseconds,
    "now by pandas": lambda day: pd.Timestamp.now().dayofyear,
    "the time as a text": lambda day: len(time.ctime()),
    "a variable of the environment": lambda day: len(os.environ.get("HOME", "")),
}
PLANTS = [
    # Every way of reading around the view, in each of the three things that are built.
    *(Plant(name, known, part) for name, known in READ_AROUND.items() for part in PARTS),
    *(Plant(name, known, caught="read") for name, known in ASKED.items()),
    *(
        Plant(name, ASKED[name], part, caught="read")
        for name in ("source of the label's feed", "a file by its path", "today")
        for part in ("labels", "quarantine")
    ),
    Plant("the lake as of tomorrow", as_of_a_later_day),
    Plant("the lake as of tomorrow", as_of_a_later_day, "labels"),
    Plant("target encoding over all labels", all_labels),
    Plant("sibling files", sibling_files),
    Plant("least key of tomorrow", later_keys(min)),
    Plant("greatest key of tomorrow", later_keys(max)),
    Plant("kinds of tomorrow", kinds_of_tomorrow),
    Plant("number of later days", number_of_later_days),
    *(Plant(f"labels of day + {periods}", later("labels", periods)) for periods in (2, 7, 8, 9)),
    *(Plant(f"outcomes of day + {periods}", later("checked/outcomes", periods), "labels") for periods in (2, 7, 8)),
    Plant("corrections sent later", corrections_sent_later, caught="outdated"),
    Plant("realised metrics", realised_metrics, caught="outdated"),
    Plant("a file under the home", of_the_home, caught="outdated"),
    # On some days only.
    *(Plant(f"outcomes on weekday {n}", READ_AROUND["outcomes of tomorrow"], acts=on(n)) for n in range(7)),
    Plant("labels on weekday 2", READ_AROUND["labels of tomorrow"], "labels", on(2)),
    Plant("events on weekday 3", READ_AROUND["events of tomorrow"], "quarantine", on(3)),
    *(
        Plant(f"outcomes on {split} days", READ_AROUND["outcomes of tomorrow"], part, within(periods))
        for split, periods, part in (
            ("train", TRAIN, "features"),
            ("train", TRAIN, "labels"),
            ("train", TRAIN, "quarantine"),
            ("validation", VALIDATION, "features"),
            ("test", TEST, "features"),
            ("test", TEST, "labels"),
        )
    ),
    Plant("outcomes on training Mondays", later("labels"), acts=lambda day: on(0)(day) and day in TRAIN),
    Plant("outcomes on judged Fridays", later("labels"), acts=lambda day: on(4)(day) and day not in TRAIN),
    # What the gate cannot see.
    Plant("a constant", lambda day: 7, "quarantine", caught="constants in the code"),
    Plant("a variable filled before", kept_in_a_variable, caught="in a variable other than a cache of functools"),
    Plant("a column of the own rows", lambda day: 0, caught="columns of the period's own rows"),
    Plant("honest", lambda day: 0, caught="harmless"),
]  # fmt: skip


def store(period: Period, use_case: UseCase = USE_CASE) -> None:
    """Run the data DAG's stages for a day whose feeds have landed."""
    lake = Lake.open(use_case)
    for feed in use_case.feeds:
        validate.check_feed(open_project(use_case), feed, period)
    view = lake.as_of(period)
    since = max(use_case.first_period, period - use_case.look_back_periods)
    materialize.materialize(use_case, "labels", "labels", view, since)
    materialize.materialize(use_case, "features", "build", view, since)


@pytest.mark.parametrize("plant", PLANTS, ids=str)
def test_a_leak_is_caught_or_listed_as_not_covered(lake: Lake, lake_home: Path, toy_functions, plant: Plant):
    period = tried(plant.acts)
    for name, function in PARTS[plant.part](plant.known, plant.acts).items():
        (toy_functions.expectations if name == "events" else toy_functions.features)(**{name: function})
    prepare(lake, lake_home, period)
    store(period)
    [found] = rebuild_periods(open_project(USE_CASE), [period], AS_OF)
    assert gate_result(found, plant) == plant.caught if plant.caught in ("leak", "read", "outdated") else True
    if plant.caught not in ("leak", "read", "outdated"):
        kept = source.ROWS - (plant.part == "quarantine")  # the plant sets one row aside, and honestly so
        assert found == RebuiltPeriod(period, rows=kept)
    if plant.caught not in ("leak", "read", "outdated", "harmless"):
        assert plant.caught in STATED, "the docstring lists what is not covered"


def gate_result(found: RebuiltPeriod, plant: Plant) -> str:
    if found.read:
        return "read"
    if found.leaking:
        named = {"features": ("size",), "labels": ("the labels (failed)",), "quarantine": ("the quarantine of events",)}
        assert found.leaking == named[plant.part]
        return "leak"
    return "outdated" if found.outdated else "passes"


def prepare(lake: Lake, home: Path, period: Period) -> None:
    """What some plants look for besides the tables that the data runs write."""
    KEPT[period] = 1
    (home / "source").mkdir(parents=True, exist_ok=True)
    (home / "source" / "prepared.txt").write_text("known")
    (CorrectionLog.open(open_project(USE_CASE), "events").folder / "sent" / "000001").create(b"later")
    FILES["parquet"] = home / "constants.parquet"
    pq.write_table(source.events(period), FILES["parquet"])
    realised = {"metric": "log_loss", "subject": "model", "value": 0.5}
    lake.replace("metrics", AS_OF, pa.Table.from_pylist([realised], schemas.METRICS), inputs={}, stage="measure")


def test_groups_of_keys_that_occur_tomorrow_are_caught(lake: Lake, lake_home: Path, toy_functions):
    """`kind` is a key here, which no row loses; so its values must become fewer."""
    events = replace(USE_CASE.feed("events"), keys=("event_date", "kind", "id"))
    toy_functions.features(build=in_features(kinds_of_tomorrow, always)["build"])
    use_case = replace(USE_CASE, feeds=(events, USE_CASE.feed("outcomes")))
    period = SAMPLED[0]
    store(period, use_case)
    [found] = rebuild_periods(open_project(use_case), [period], AS_OF)
    assert found == RebuiltPeriod(period, rows=source.ROWS, leaking=("size",))


def test_training_days_and_others_are_sampled_over_all_weekdays():
    """What the plants above rely on."""
    assert {period.start_date.weekday() for period in set(SAMPLED) & set(TRAIN)} == set(range(7))
    assert {period.start_date.weekday() for period in SAMPLED} == set(range(7))
    assert all(set(SAMPLED) & set(periods) for periods in (VALIDATION, TEST))


@pytest.mark.parametrize("feed", ["events", "outcomes"])
def test_a_source_that_delivers_a_day_early_is_refused_where_its_feed_says_when_rows_are_known(
    lake_home, toy_functions, feed
):
    """Not for the gate to see: without `known_at` the early rows are what every later day is built from."""
    declared = replace(USE_CASE.feed(feed), known_at="event_date")
    period = Period("2020-01-20")
    early = getattr(source, feed)(period + 1 if feed == "outcomes" else period)
    with raises(KnownTooLateError, feed=feed, period=period, column="event_date"):
        require_known_in_time(USE_CASE, declared, period, early)
    toy_functions.source(**{feed: lambda _: early})
    with pytest.raises(KnownTooLateError):
        ingest.land_feed(open_project(USE_CASE), declared, period)
    assert "a source that delivers early, unless the feed declares `known_at`" in STATED


def test_what_is_not_covered_is_stated_in_the_docs_too():
    assert re.search(r"does not cover|Not covered", (REPOSITORY / "docs" / "evaluation.md").read_text())
