"""What features on Spark read is judged as on DuckDB; the connection to Spark itself is no read of theirs."""

from __future__ import annotations

import socket
from dataclasses import replace

import pytest

from include.declaration.period import Period
from include.evaluation.checks.leakage_check import rebuild_periods
from include.evaluation.inputs import RebuiltPeriod
from include.project import open_project
from tests.toy_use_case import USE_CASE, features, source

DAY, AS_OF = Period("2020-01-09"), Period("2020-01-18")
COLUMNS = ["event_date", "id", *USE_CASE.features]
honest = features.build


@pytest.fixture
def tried(spark, place, toy_functions):
    """Builds the features of DAY on Spark from an empty lake, by what a test gives."""

    def rebuilt(build) -> RebuiltPeriod:
        toy_functions.features(build=build)
        [found] = rebuild_periods(open_project(replace(USE_CASE, engine="spark")).in_lake(place.uri), [DAY], AS_OF)
        return found

    return rebuilt


def test_honest_features_read_nothing_else(tried):
    assert tried(honest) == RebuiltPeriod(DAY, rows=0)


def test_rows_that_the_function_computes_itself_are_no_read(tried):
    assert tried(lambda *feeds, **named: honest(*feeds, **named).to_pyarrow()) == RebuiltPeriod(DAY, rows=0)


def test_another_connection_and_the_source_are_caught(tried):
    def build(period, events, outcomes):
        source.everything(DAY + 1)
        with socket.socket() as server, socket.socket() as client:
            server.bind(("127.0.0.1", 0))
            server.listen()
            client.connect(server.getsockname())
        return honest(period, events, outcomes)

    assert tried(build).read == ("an address (socket.connect)", "source.everything")
