"""Local state is readable only by its own account: new files, old homes, task logs."""

from __future__ import annotations

import configparser
import os
import socket
import stat
from pathlib import Path

import pytest

from include.local import instance, private_files, services
from include.local.errors import InvalidSettingError, PortTakenError
from include.local.supervisor import CONFIGURATION

pytestmark = pytest.mark.security


def rights(path: Path) -> int:
    return stat.S_IMODE(path.stat().st_mode)


@pytest.fixture(autouse=True)
def open_to_all():
    """The caller's umask hides nothing."""
    before = os.umask(0)
    yield
    os.umask(before)


@pytest.fixture
def home(tmp_path, configure) -> Path:
    home = tmp_path / "home"
    configure(home=home)
    return home


def test_a_new_home_is_private(home):
    private_files.make_private(home)
    assert rights(home) == 0o700


@pytest.mark.parametrize("mode", [0o755, 0o777, 0o770, 0o701])
@pytest.mark.parametrize("inside", [None, "airflow", "credentials"])
def test_an_existing_home_is_tightened(home, mode, inside):
    (home / inside if inside else home).mkdir(parents=True)
    home.chmod(mode)
    private_files.make_private(home)
    assert rights(home) == 0o700


def test_a_folder_of_other_things_is_neither_used_nor_changed(home):
    (home / "photos").mkdir(parents=True)
    home.chmod(0o755)
    with pytest.raises(InvalidSettingError) as refused:
        services.start_instance(instance.current(), print)
    assert refused.value.name == "AIRWORTHY_HOME"
    assert rights(home) == 0o755 and [path.name for path in home.iterdir()] == ["photos"]


def test_a_folder_of_other_things_that_only_its_owner_may_enter_is_used(home):
    (home / "photos").mkdir(parents=True)
    home.chmod(0o700)
    private_files.make_private(home)
    assert rights(home) == 0o700


def test_all_that_up_writes_is_private_and_the_umask_is_put_back_after_an_error(home, configure):
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        configure(mlflow_port=str(taken.getsockname()[1]))
        with pytest.raises(PortTakenError):
            services.start_instance(instance.current(), print)
    assert {rights(path) for path in home.rglob("*") if path.is_dir()} == {0o700}
    assert {rights(path) for path in home.rglob("*") if path.is_file()} == {0o600}
    assert os.umask(0) == 0


def test_the_supervisor_gives_its_services_no_other_umask():
    found = configparser.RawConfigParser()
    found.read(CONFIGURATION)
    assert {section: int(found[section]["umask"], 8) for section in found if "umask" in found[section]} == {
        "supervisord": private_files.UMASK
    }
