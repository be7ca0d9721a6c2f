"""Say what the measures of the hourly weather observations mean.

Imports nothing heavy, because declarations import it.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping

MEANINGS: Mapping[str, str] = {
    "temp": "temperature, °F",
    "dewp": "dew point, °F",
    "humid": "relative humidity, %",
    "wind_dir": "direction of the wind, degrees",
    "wind_speed": "speed of the wind, mph",
    "wind_gust": "speed of gusts, mph",
    "precip": "precipitation, inches in the hour",
    "pressure": "pressure at sea level, millibars",
    "visib": "visibility, miles; the instruments report at most 10",
}
"""Column of `new_york_flights.observed_weather` to its meaning and unit."""


def last_observed(measures: Iterable[str]) -> dict[str, str]:
    """Return feature last_<measure> to its description."""
    return {f"last_{name}": f"Last observation known at the airport: {MEANINGS[name]}." for name in measures}
