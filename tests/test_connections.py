"""Connections of the environment are read as Airflow writes them, and never shown."""

from __future__ import annotations

import json

import pytest

from include.connections import Connection, ConnectionInvalidError, ConnectionMissingError, EnvironmentConnections
from tests.refusals import raises


def test_a_uri_and_json_are_the_same_connection():
    uri = "postgresql://me:s%2Fcret@host:5432/shop?sslmode=require"
    values = {"conn_type": "postgresql", "host": "host", "port": 5432, "login": "me", "password": "s/cret"}
    extra = {"schema": "shop", "extra": json.dumps({"sslmode": "require"})}
    found = EnvironmentConnections({"AIRFLOW_CONN_A": uri, "AIRFLOW_CONN_B": json.dumps(values | extra)})
    first, second = found.connection("a"), found.connection("b")
    assert (first.password, first.extra, first.schema) == ("s/cret", {"sslmode": "require"}, "shop")
    assert vars(first) | {"conn_id": "b"} == vars(second)
    assert "s/cret" not in repr(first)
    url = found.engine("a").url
    assert (url.drivername, url.password, url.query["sslmode"]) == ("postgresql+psycopg2", "s/cret", "require")


def test_the_variable_of_this_project_comes_first():
    found = EnvironmentConnections({"AIRFLOW_CONN_A": "http://two", "AIRWORTHY_CONN_A": "http://one"})
    assert found.connection("a").host == "one"


def test_without_another_environment_that_of_this_process_is_read(configure):
    found = EnvironmentConnections()
    configure.connections(a="http://later")
    assert found.connection("a").host == "later"


def test_a_missing_connection_says_where_it_was_searched_and_how_to_add_it():
    named = ("AIRFLOW_CONN_WAREHOUSE", "export AIRWORTHY_CONN_WAREHOUSE=")
    with raises(ConnectionMissingError, *named, conn_id="warehouse", retryable=False):
        EnvironmentConnections().connection("warehouse")


@pytest.mark.parametrize(
    "value", ["s3cret", '{"password": "s3cret"}', '{"s3cret', "postgresql://me:s3cret@host:port/x"]
)
def test_a_connection_that_cannot_be_read_is_refused_without_its_value(value):
    with raises(ConnectionInvalidError, conn_id="a") as refused:
        EnvironmentConnections({"AIRWORTHY_CONN_A": value}).connection("a")
    assert "s3cret" not in str(refused.value)


def test_a_connection_of_no_database_has_no_engine():
    found = EnvironmentConnections({"AIRWORTHY_CONN_A": "nosuchdb://me:s3cret@host/x"})
    with raises(ConnectionInvalidError, "'nosuchdb'", conn_id="a") as refused:
        found.engine("a")
    assert "s3cret" not in str(refused.value)


def test_secrets_are_hidden_in_texts_of_others():
    connection = Connection("a", "http", password="s/cret", extra={"Authorization": "Bearer abcdefgh"})
    text = connection.hide_secrets("no s/cret, s%2Fcret or Bearer abcdefgh")
    assert text == "no ***, *** or ***"
