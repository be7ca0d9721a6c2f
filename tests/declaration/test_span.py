"""Spans of time are declared as numbers of periods or as timedeltas, and counted once, by the calendar."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta

import pytest

from include.declaration.calendars import Calendar, Daily, Hourly, Weekly
from include.declaration.period import Period
from include.declaration.problems import DeclarationError
from include.registry.declared_values import declared_value
from include.use_case import (
    PARTITION,
    ByColumn,
    ChampionGate,
    Feature,
    FeatureGroup,
    Feed,
    Files,
    Gate,
    Label,
    LandingBucket,
    Monitoring,
    Regression,
    Retention,
    Retraining,
    Span,
    Training,
    UseCase,
)

CALENDARS = {Daily(): Period("2020-01-06"), Hourly(): Period("2020-01-06T00Z"), Weekly(): Period("2020-W02-1")}
each_calendar = pytest.mark.parametrize("calendar", CALENDARS, ids=lambda calendar: calendar.adjective)
Spans = Callable[[int], int | timedelta]


def declare(calendar: Calendar, spans: Spans, **changes: object) -> UseCase:
    """A use case with each field that takes a span, of `spans(number of periods)`."""
    kind = calendar.column_type
    parts = {
        "name": "spans",
        "objective": "Count.",
        "owner": "tests",
        "time_zone": "Europe/Berlin",
        "calendar": calendar,
        "first_period": CALENDARS[calendar],
        "look_back_periods": spans(4),
        "feeds": (
            Feed("shops", {"at": kind, "shop": "int32", "size": "float64"}, ("at", "shop")),
            Feed(
                "sales",
                {"at": kind, "shop": "int32", "sold": "float64", "known": "timestamp"},
                ("at", "shop"),
                source=Files("sales.csv", known=ByColumn("known", delay_periods=spans(2))),
            ),
            Feed(
                "returns",
                {"at": kind, "shop": "int32"},
                ("at", "shop"),
                source=LandingBucket("landing", "returns/{period}/", watch_periods=spans(3)),
            ),
        ),
        "keys": ("at", "shop"),
        "period": "at",
        "features": {"size": "float64"},
        "label": Label("sold", "how many were sold", label_delay_periods=spans(2)),
        "task": Regression(season=spans(7)),
        "training": Training(
            window_periods=spans(60),
            validation_periods=spans(10),
            test_periods=spans(9),
            gap_periods=spans(1),
            min_train_periods=spans(20),
            parameters={"num_leaves": 15},
            num_boost_round=10,
            early_stopping_rounds=5,
        ),
        "gates": (Gate("mse", better_than="mean", min_periods=spans(3)), ChampionGate(min_periods=spans(6))),
        "monitoring": Monitoring(
            window_periods=spans(20), min_periods=spans(4), stale_periods=spans(2), max_age_periods=spans(50)
        ),
        "retraining": Retraining(
            of_periods=spans(8), cool_down_periods=spans(9), max_cool_down_periods=spans(30), breaches=2
        ),
    }
    return UseCase(**(parts | changes))


def as_number(number: int) -> int:
    return number


def in_time_of(calendar: Calendar) -> Spans:
    return lambda number: number * calendar.unit.step


@each_calendar
def test_timedeltas_declare_the_same_use_case_as_numbers_of_periods(calendar: Calendar):
    assert declare(calendar, in_time_of(calendar)) == declare(calendar, as_number)


def spans_of(declared: object, path: str = "") -> dict[str, object]:
    """The value of each span of a declared object and of what it holds, by path."""
    found: dict[str, object] = {}
    if isinstance(declared, tuple):
        for number, part in enumerate(declared):
            found |= spans_of(part, f"{path}[{number}]")
    for name in getattr(declared, "__dataclass_fields__", {}):
        value = getattr(declared, name)
        is_span = any("Span" in base.__annotations__.get(name, "") for base in annotated(type(declared)))
        found |= {f"{path}.{name}": value} if is_span else spans_of(value, f"{path}.{name}")
    return found


def annotated(cls: type) -> list[type]:
    return [base for base in cls.__mro__ if "__annotations__" in vars(base)]


@each_calendar
def test_every_span_is_read_as_a_number_of_periods(calendar: Calendar):
    spans = spans_of(replace(declare(calendar, in_time_of(calendar)), retention=Retention()))
    assert {path for path, value in spans.items() if type(value) is not int} == {".retention.champion_days"}
    assert spans[".look_back_periods"] == 4
    assert spans[".feeds[1].source.known.delay_periods"] == 2
    assert spans[".feeds[2].source.watch_periods"] == 3
    assert spans[".task.season"] == 7
    assert spans[".gates[1].min_periods"] == 6


def test_a_span_of_a_week_has_as_many_periods_as_the_calendar_says():
    week = timedelta(days=7)
    counts = [declare(calendar, as_number, look_back_periods=week).look_back_periods for calendar in CALENDARS]
    assert counts == [7, 168, 1]


@pytest.mark.parametrize(
    ("calendar", "span", "ways"),
    [
        (Daily(), timedelta(hours=36), ["timedelta(hours=36)", "timedelta(days=1)", "timedelta(days=2)", "1 or 2"]),
        (Hourly(), timedelta(minutes=30), ["timedelta(minutes=30)", "timedelta(hours=1)"]),
        (Weekly(), timedelta(days=30), ["timedelta(days=30)", "timedelta(weeks=4)", "timedelta(weeks=5)", "4 or 5"]),
    ],
)
def test_a_span_that_is_no_whole_number_of_periods_is_refused_with_what_to_write(
    calendar: Calendar, span: timedelta, ways: list[str]
):
    with pytest.raises(DeclarationError) as refusal:
        declare(calendar, as_number, look_back_periods=span)
    (problem,) = refusal.value.problems
    assert problem.path == "look_back_periods"
    assert all(way in problem.text for way in ways), problem.text


def test_every_span_that_cannot_be_counted_is_named_by_its_path():
    with pytest.raises(DeclarationError) as refusal:
        declare(Daily(), lambda number: timedelta(hours=24 * number + 1))
    paths = {problem.path for problem in refusal.value.problems}
    assert {
        "look_back_periods",
        "feeds[1].source.known.delay_periods",
        "feeds[2].source.watch_periods",
        "label.label_delay_periods",
        "task.season",
        "training.window_periods",
        "gates[0].min_periods",
        "gates[1].min_periods",
        "monitoring.window_periods",
        "retraining.cool_down_periods",
    } <= paths


@each_calendar
@pytest.mark.parametrize(
    ("field", "part", "path"),
    [
        ("look_back_periods", -1, "look_back_periods"),
        ("label", lambda spans: Label("sold", "sold", label_delay_periods=spans(0)), "label.label_delay_periods"),
        ("monitoring", lambda spans: Monitoring(min_periods=spans(1)), "monitoring.min_periods"),
        ("monitoring", lambda spans: Monitoring(max_age_periods=spans(0)), "monitoring.max_age_periods"),
        ("retraining", lambda spans: Retraining(cool_down_periods=spans(0)), "retraining.cool_down_periods"),
        ("gates", lambda spans: (ChampionGate(min_periods=spans(4)),), "gates[0].min_periods"),
        ("task", lambda spans: Regression(season=spans(0)), "task.season"),
        ("training", lambda spans: training(spans, window=5), "training.window_periods"),
        ("training", lambda spans: training(spans, gap=-1), "training.gap_periods"),
    ],
)
def test_a_timedelta_that_cannot_work_is_refused_as_the_number_is(
    calendar: Calendar, field: str, part: int | Callable[[Spans], object], path: str
):
    for spans in (as_number, in_time_of(calendar)):
        with pytest.raises(DeclarationError) as refusal:
            declare(calendar, as_number, **{field: spans(part) if isinstance(part, int) else part(spans)})
        assert path.rpartition(".")[2] in str(refusal.value)
    assert path in {problem.path for problem in refusal.value.problems}


def training(spans: Spans, window: int = 60, gap: int = 1) -> Training:
    return Training(
        window_periods=spans(window),
        validation_periods=5,
        test_periods=5,
        gap_periods=spans(gap),
        min_train_periods=10,
        parameters={},
        num_boost_round=10,
        early_stopping_rounds=5,
    )


def test_a_part_with_timedeltas_can_be_declared_in_two_calendars():
    shared = Label("sold", "how many were sold", label_delay_periods=timedelta(weeks=1))
    delays = [declare(calendar, as_number, label=shared).label.label_delay_periods for calendar in CALENDARS]
    assert delays == [7, 168, 1]


def test_records_of_a_training_hold_numbers():
    in_days = declare(Daily(), in_time_of(Daily()))
    assert declared_value(in_days, "training.window_periods") == 60
    assert repr(in_days) == repr(declare(Daily(), as_number))


def test_a_feature_group_counts_its_look_back():
    group = FeatureGroup(
        name="weather",
        description="The weather.",
        owner="tests",
        time_zone="UTC",
        calendar=Hourly(),
        first_period=CALENDARS[Hourly()],
        look_back_periods=timedelta(days=1),
        feeds=(Feed("air", {"place": "int32", "rain": "float64"}, ("place",)),),
        keys=("place",),
        period=PARTITION,
        features={"rain": Feature("float64", description="millimetres")},
    )
    assert group.look_back_periods == 24


def test_retention_is_counted_in_days_of_the_clock_whatever_the_calendar():
    assert Retention(log_days=timedelta(weeks=2), champion_days=timedelta(days=40)) == Retention(
        log_days=14, champion_days=40
    )
    with pytest.raises(DeclarationError) as refusal:
        Retention(log_days=timedelta(hours=30))
    assert "timedelta(days=2)" in str(refusal.value)
    with pytest.raises(DeclarationError):
        Retention(superseded_days=timedelta(days=1))


@pytest.mark.parametrize("wrong", ["7", 7.0, None, True])
def test_a_span_of_another_type_is_refused(wrong: object):
    with pytest.raises(DeclarationError) as refusal:
        Label("sold", "sold", label_delay_periods=wrong)
    assert [problem.path for problem in refusal.value.problems] == ["label_delay_periods"]


def test_a_required_span_must_be_given():
    with pytest.raises(DeclarationError) as refusal:
        Label("sold", "sold")
    assert "label_delay_periods" in str(refusal.value)
    assert not hasattr(Label, "label_delay_periods")
    assert isinstance(vars(Label)["label_delay_periods"], Span)
