"""A form can name files of the inbox only."""

from pathlib import Path

import pytest

from include.ingestion import uploads
from include.ingestion.uploads import UploadMissingError, UploadNameError, UploadTooLargeError
from include.project import open_project
from tests.refusals import raises
from tests.toy_use_case import USE_CASE


@pytest.fixture(autouse=True)
def _home(lake_home):
    """Every test has a lake of its own."""


@pytest.mark.parametrize(
    "name",
    ["../../etc/passwd", "/etc/passwd", "..", "a/../b.csv", "a\\b.csv", "rows.csv\n", ".hidden.csv", "s3://b/x.csv",
     "x.txt", "", "a" * 200 + ".csv", "a\0.csv", "%2e%2e/x.csv"],
)  # fmt: skip
def test_a_hostile_name_reaches_no_file(name, lake_home: Path):
    (lake_home / "lake" / "toy" / "inbox").mkdir(parents=True)
    with raises(UploadNameError, name=name):
        uploads.read_upload(open_project(USE_CASE), name)


def test_a_file_that_is_not_there_is_said_with_those_that_are():
    (uploads.upload_folder(open_project(USE_CASE)) / "hours.csv").write(b"x")
    with raises(UploadMissingError, name="days.csv", present=("hours.csv",)):
        uploads.read_upload(open_project(USE_CASE), "days.csv")


def test_a_file_that_is_too_large_is_refused_before_it_is_read(lake_home: Path, monkeypatch):
    place = uploads.upload_folder(open_project(USE_CASE))
    (place / "rows.csv").write(b"x")
    with (place / "rows.csv").path.open("r+b") as file:
        file.truncate(uploads.FILE_BYTES + 1)  # sparse: it takes no room
    monkeypatch.setattr(type(place), "read", lambda self: pytest.fail("it was read"))
    with raises(UploadTooLargeError, name="rows.csv", size=100_000_001, most=100_000_000):
        uploads.read_upload(open_project(USE_CASE), "rows.csv")


def test_what_is_no_regular_file_is_not_there(lake_home: Path):
    folder = uploads.upload_folder(open_project(USE_CASE)).path
    folder.mkdir(parents=True)
    (folder / "rows.csv").symlink_to("/dev/zero")
    with raises(UploadMissingError, name="rows.csv"):
        uploads.read_upload(open_project(USE_CASE), "rows.csv")
