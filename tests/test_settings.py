"""Paths in the settings are absolute, whatever the working directory is."""

import pytest

from include import settings
from include.errors import InvalidRequestError
from tests.refusals import raises


def test_a_relative_folder_is_meant_from_where_it_was_typed(monkeypatch, configure, tmp_path):
    monkeypatch.chdir(tmp_path)
    configure(lake="lake")
    assert settings.current_settings().lake == str(tmp_path / "lake")


def test_lake_and_pages_may_be_on_s3(configure):
    configure(lake="s3://bucket/lake/", data_docs="s3://bucket")
    assert (settings.current_settings().lake, settings.current_settings().data_docs) == (
        "s3://bucket/lake",
        "s3://bucket",
    )


@pytest.mark.parametrize("address", ["gs://bucket/lake", "s3:///lake", "s3://bucket/lake?versionId=1", "http://x/y"])
def test_an_address_of_another_kind_is_refused_with_the_setting_to_change(configure, address):
    configure(data_docs=address)
    with pytest.raises(InvalidRequestError, match="DATA_DOCS="):
        settings.current_settings()


@pytest.mark.parametrize("name", ["%41", "a%20b", "%2F", "a\\b", "a\nb", "bad\udcff", "_delta_log", "a/_delta_log/b"])
@pytest.mark.parametrize("setting", ["lake", "home"])
def test_a_folder_that_the_delta_library_would_misread_is_refused_in_words(configure, tmp_path, setting, name):
    configure(lake=None)
    configure(**{setting: tmp_path / name})
    with pytest.raises(InvalidRequestError, match=f"AIRWORTHY_{setting.upper()}"):
        settings.current_settings()


def test_a_prefix_on_s3_that_the_delta_library_would_misread_is_refused_in_words(configure):
    configure(lake="s3://bucket/_delta_log/lake")
    with raises(InvalidRequestError, "_delta_log", "AIRWORTHY_LAKE"):
        settings.current_settings()


@pytest.mark.parametrize("name", ["_delta_logs", "my_delta_log", "delta_log"])
def test_a_folder_whose_name_only_resembles_a_tables_log_is_taken(configure, tmp_path, name):
    configure(lake=tmp_path / name)
    assert settings.current_settings().lake == str(tmp_path / name)


def test_keys_in_an_address_are_refused_and_not_repeated(configure):
    configure(lake="s3://AKIA:hidden@bucket/lake")
    with pytest.raises(InvalidRequestError, match="AIRWORTHY_LAKE") as raised:
        settings.current_settings()
    assert "hidden" not in str(raised.value)


def test_everything_lies_in_one_folder_by_default(configure, tmp_path):
    configure(home=tmp_path, lake=None, data_docs=None)
    found = settings.current_settings()
    assert {found.lake, found.data_docs} == {str(tmp_path / "lake"), str(tmp_path / "data_docs")}


@pytest.mark.parametrize(
    ("address", "shown"),
    [
        ("https://user:p%40ss@mlflow.example.org:8443/path/?token=abc#x", "https://mlflow.example.org:8443/path"),
        ("http://token@[::1]:5000/", "http://[::1]:5000"),
        ("http://127.0.0.1:5000", "http://127.0.0.1:5000"),
        ("HTTPS://MLflow.example.org", "https://mlflow.example.org"),
        ("postgresql://user:secret@db/mlflow", ""),
        ("sqlite:////home/someone/mlflow.db", ""),
        ("databricks", ""),
        ("http://user:secret@host:port", ""),
        ("http://", ""),
    ],
)
def test_an_address_that_is_shown_holds_no_secret(address, shown):
    assert settings.shown_address(address) == shown


@pytest.mark.parametrize(
    ("address", "shown"),
    [
        ("http://127.0.0.1:5000", "http://localhost:5000"),
        ("http://127.0.0.1/m", "http://localhost/m"),
        ("http://127.0.0.10:5000", "http://127.0.0.10:5000"),
        ("https://mlflow.example.org/127.0.0.1", "https://mlflow.example.org/127.0.0.1"),
    ],
)
def test_people_open_mlflow_by_another_host_name_than_airflow_so_that_it_gets_no_cookie(configure, address, shown):
    configure(mlflow=address)
    assert settings.current_settings().mlflow_shown == shown and settings.current_settings().mlflow == address


@pytest.mark.parametrize(
    "address",
    [
        "http://alice:hidden@mlflow.example.org",
        "https://hidden@mlflow.example.org/m",
        "http://alice:hid/hidden@mlflow.example.org",
        "postgresql://alice:hidden@db/mlflow",
    ],
)
def test_a_password_in_the_address_of_mlflow_is_refused_with_where_it_belongs_and_not_repeated(configure, address):
    configure(mlflow=address)
    proper = ("MLFLOW_TRACKING_URI=", "MLFLOW_TRACKING_USERNAME", "MLFLOW_TRACKING_PASSWORD")
    with raises(InvalidRequestError, *proper) as no:
        settings.current_settings()
    assert "hidden" not in str(no.value) and "alice" not in str(no.value)


@pytest.mark.parametrize("address", ["http://mlflow:5000", "sqlite:////home/a@b/mlflow.db", "postgresql://db/mlflow"])
def test_any_other_address_of_mlflow_is_taken_as_it_is(configure, address):
    configure(mlflow=address)
    assert settings.current_settings().mlflow == address
