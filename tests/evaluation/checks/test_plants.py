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
from include.features import label_table, materialize
from include.ingestion import ingest, validate
from include.ingestion.correction_log import CorrectionLog
from include.ingestion.known_at import KnownTooLateError, require_known_in_time
from include.lake import schemas
from include.lake.lake import Lake
from include.project import open_project
from include.settings import REPOSITORY
from include.use_case import Suite, UseCase
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


def later(table: str, days: int = 1) -> Number:
    """How much a table of the lake has, read past the view, of a later day: failures, or else rows."""

    def known(day: Period) -> int:
        place = DeltaTable(str(Path(settings.current_settings().lake) / "toy" / table))
        rows = place.to_pyarrow_table(partitions=[("period", "=", str(day + days))])
        return rows["failed"].to_pylist().count(1) if "failed" in rows.column_names else rows.num_rows

    return known


def as_of_a_later_day(day: Period) -> int:
    return Lake.open(USE_CASE).as_of(day + 1).read("checked/outcomes", day).num_rows


def all_labels(day: Period) -> int:
    """A target encoding over everything there is."""
    return (
        DeltaTable(str(Path(settings.current_settings().lake) / "toy" / "labels"))
        .to_pyarrow_table()["failed"]
        .to_pylist()
        .count(1)
    )


def sibling_files(day: Period) -> int:
    """Found from the files of the day itself."""
    [*own] = Lake.open(USE_CASE).as_of(day).files("checked/events", day, day)
    folder = Path(own[0][1]).parent
    while not folder.name.startswith("period="):
        folder = folder.parent
    siblings = folder.parent.glob(f"period={day + 1}*/**/*.parquet")
    return sum(pq.ParquetFile(path).metadata.num_rows for path in siblings)


def later_keys(choose: Callable[..., int]) -> Number:
    def known(day: Period) -> int:
        tomorrow = day + 1
        return choose(
            Lake.open(USE_CASE).as_of(tomorrow).read("checked/events", tomorrow)["id"].to_pylist(), default=-1
        )

    return known


def kinds_of_tomorrow(day: Period) -> int:
    """Which groups there will be, of a column with few values."""
    tomorrow = day + 1
    rows = Lake.open(USE_CASE).as_of(tomorrow).read("checked/events", tomorrow)
    return len(set(rows["kind"].drop_null().to_pylist()))


def number_of_later_days(day: Period) -> int:
    return len(Lake.open(USE_CASE).as_of(LATEST).partitions("checked/events"))


def corrections_sent_later(day: Period) -> int:
    return len((CorrectionLog.open(open_project(USE_CASE), "events").folder / "sent").names())


def realised_metrics(day: Period) -> int:
    return len(Lake.open(USE_CASE).as_of(LATEST).partitions("metrics"))


def of_the_source(function: str) -> Number:
    return lambda day: getattr(source, function)(day + 1).num_rows


def in_a_process(day: Period) -> int:
    return len(subprocess.run([sys.executable, "-c", "print(1)"], check=True, capture_output=True).stdout)


def lines_of_a_file(day: Period) -> int:
    return len((REPOSITORY / "README.md").read_text().splitlines())


def rows_of_a_file(day: Period) -> int:
    """By a library that opens the file itself, out of Python's sight."""
    return int(pq.read_table(FILES["parquet"]).num_rows)


def of_the_home(day: Period) -> int:
    """A file that was prepared under the home."""
    path = settings.current_settings().home / "source" / "prepared.txt"
    return len(path.read_text()) if path.exists() else 0


def kept_in_a_variable(day: Period) -> int:
    return KEPT.get(day, 0)


def today(day: Period) -> int:
    return (date.today() - day.start_date).days  # noqa: DTZ011


def now(day: Period) -> int:
    return datetime.now().year  # noqa: DTZ005


def nanoseconds(day: Period) -> int:
    return time.time_ns() % 1_000_003


# -- where a leak is planted


def in_features(known: Number, acts: Callable[[Period], bool]) -> dict[str, Any]:
    def build(day: Period, events: ibis.Table, outcomes: ibis.Table) -> ibis.Table:
        rows = honest_build(day, events, outcomes)
        return rows.mutate(size=rows["size"] + known(day)) if acts(day) else rows

    return {"build": build}


def in_labels(known: Number, acts: Callable[[Period], bool]) -> dict[str, Any]:
    def labels(day: Period, events: ibis.Table, outcomes: ibis.Table) -> ibis.Table:
        rows = honest_labels(day, events, outcomes)
        told = rows["id"] % 199 < known(day) % 199
        return rows.mutate(failed=told.cast("int8")) if acts(day) else rows

    return {"labels": labels}


def in_quarantine(known: Number, acts: Callable[[Period], bool]) -> dict[str, Any]:
    def events() -> Suite:
        bad = known(tried(acts)) % source.ROWS
        return Suite(rows=(gxe.ExpectColumnValuesToNotBeInSet(column="id", value_set=[bad]),), table=())

    return {"events": events}


PARTS = {"features": in_features, "labels": in_labels, "quarantine": in_quarantine}


def tried(acts: Callable[[Period], bool]) -> Period:
    """The first sampled day on which a plant acts."""
    return next(day for day in SAMPLED if acts(day))


def always(day: Period) -> bool:
    return True


def on(weekday: int) -> Callable[[Period], bool]:
    return lambda day: day.start_date.weekday() == weekday


def within(days: list[Period]) -> Callable[[Period], bool]:
    return lambda day: day in days


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
    *(Plant(f"labels of day + {days}", later("labels", days)) for days in (2, 7, 8, 9)),
    *(Plant(f"outcomes of day + {days}", later("checked/outcomes", days), "labels") for days in (2, 7, 8)),
    Plant("corrections sent later", corrections_sent_later, caught="outdated"),
    Plant("realised metrics", realised_metrics, caught="outdated"),
    Plant("a file under the home", of_the_home, caught="outdated"),
    # On some days only.
    *(Plant(f"outcomes on weekday {n}", READ_AROUND["outcomes of tomorrow"], acts=on(n)) for n in range(7)),
    Plant("labels on weekday 2", READ_AROUND["labels of tomorrow"], "labels", on(2)),
    Plant("events on weekday 3", READ_AROUND["events of tomorrow"], "quarantine", on(3)),
    *(
        Plant(f"outcomes on {split} days", READ_AROUND["outcomes of tomorrow"], part, within(days))
        for split, days, part in (
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


def store(day: Period, use_case: UseCase = USE_CASE) -> None:
    """Run the data DAG's stages for a day whose feeds have landed."""
    lake = Lake.open(use_case)
    for feed in use_case.feeds:
        validate.check_feed(open_project(use_case), feed, day)
    view = lake.as_of(day)
    since = max(use_case.first_period, day - use_case.look_back_periods)
    label_table.build_labels(use_case, view, since)
    materialize.materialize(use_case, "features", "build", view, since)


@pytest.mark.parametrize("plant", PLANTS, ids=str)
def test_a_leak_is_caught_or_listed_as_not_covered(lake: Lake, lake_home: Path, toy_functions, plant: Plant):
    day = tried(plant.acts)
    for name, function in PARTS[plant.part](plant.known, plant.acts).items():
        (toy_functions.expectations if name == "events" else toy_functions.features)(**{name: function})
    prepare(lake, lake_home, day)
    store(day)
    [found] = rebuild_periods(open_project(USE_CASE), [day], AS_OF)
    assert gate_result(found, plant) == plant.caught if plant.caught in ("leak", "read", "outdated") else True
    if plant.caught not in ("leak", "read", "outdated"):
        kept = source.ROWS - (plant.part == "quarantine")  # the plant sets one row aside, and honestly so
        assert found == RebuiltPeriod(day, rows=kept)
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


def prepare(lake: Lake, home: Path, day: Period) -> None:
    """What some plants look for besides the tables that the data runs write."""
    KEPT[day] = 1
    (home / "source").mkdir(parents=True, exist_ok=True)
    (home / "source" / "prepared.txt").write_text("known")
    (CorrectionLog.open(open_project(USE_CASE), "events").folder / "sent" / "000001").create(b"later")
    FILES["parquet"] = home / "constants.parquet"
    pq.write_table(source.events(day), FILES["parquet"])
    realised = {"metric": "log_loss", "subject": "model", "value": 0.5}
    lake.replace("metrics", AS_OF, pa.Table.from_pylist([realised], schemas.METRICS), inputs={}, stage="measure")


def test_groups_of_keys_that_occur_tomorrow_are_caught(lake: Lake, lake_home: Path, toy_functions):
    """`kind` is a key here, which no row loses; so its values must become fewer."""
    events = replace(USE_CASE.feed("events"), keys=("event_date", "kind", "id"))
    toy_functions.features(build=in_features(kinds_of_tomorrow, always)["build"])
    use_case = replace(USE_CASE, feeds=(events, USE_CASE.feed("outcomes")))
    day = SAMPLED[0]
    store(day, use_case)
    [found] = rebuild_periods(open_project(use_case), [day], AS_OF)
    assert found == RebuiltPeriod(day, rows=source.ROWS, leaking=("size",))


def test_training_days_and_others_are_sampled_over_all_weekdays():
    """What the plants above rely on."""
    assert {day.start_date.weekday() for day in set(SAMPLED) & set(TRAIN)} == set(range(7))
    assert {day.start_date.weekday() for day in SAMPLED} == set(range(7))
    assert all(set(SAMPLED) & set(days) for days in (VALIDATION, TEST))


@pytest.mark.parametrize("feed", ["events", "outcomes"])
def test_a_source_that_delivers_a_day_early_is_refused_where_its_feed_says_when_rows_are_known(
    lake_home, toy_functions, feed
):
    """Not for the gate to see: without `known_at` the early rows are what every later day is built from."""
    declared = replace(USE_CASE.feed(feed), known_at="event_date")
    day = Period("2020-01-20")
    early = getattr(source, feed)(day + 1 if feed == "outcomes" else day)
    with pytest.raises(KnownTooLateError, match="event_date"):
        require_known_in_time(USE_CASE, declared, day, early)
    toy_functions.source(**{feed: lambda _: early})
    with pytest.raises(KnownTooLateError):
        ingest.land_feed(open_project(USE_CASE), declared, day)
    assert "a source that delivers early, unless the feed declares `known_at`" in STATED


def test_what_is_not_covered_is_stated_in_the_docs_too():
    assert re.search(r"does not cover|Not covered", (REPOSITORY / "docs" / "evaluation.md").read_text())
