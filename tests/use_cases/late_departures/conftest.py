"""One home for all these tests, so that the source's files are prepared only once."""

from tests.use_cases.flight_delays.conftest import _home, source_home

__all__ = ["_home", "source_home"]
