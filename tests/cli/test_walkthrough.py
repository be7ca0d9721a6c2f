"""`airworthy demo`: only one runs at a time."""

from __future__ import annotations

import socket
import subprocess
import sys
from pathlib import Path

import pytest

from include.cli import main
from include.settings import REPOSITORY
from tests.contexts import Configure

HOLD = """
from include.local import instance, services
with services.reserve_demo(instance.current()):
    print("running", flush=True)
    input()
"""


def test_a_second_demo_of_a_home_is_refused_and_starts_nothing_until_the_first_has_ended(
    tmp_path: Path, configure: Configure, capsys: pytest.CaptureFixture[str]
):
    """Its start is seen by a port that is taken."""
    command = [sys.executable, "-c", HOLD]
    taken = socket.socket()
    taken.bind(("127.0.0.1", 0))
    configure(home=tmp_path / "home", airflow_port=str(taken.getsockname()[1]))
    with (
        taken,
        subprocess.Popen(command, cwd=REPOSITORY, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as first,
    ):
        assert first.stdin is not None and first.stdout is not None
        assert first.stdout.readline() == "running\n"
        with pytest.raises(SystemExit) as ended:
            main.main(["demo"])
        assert ended.value.code == 1
        assert f"DemoRunningError: Another `make demo` of {tmp_path / 'home'} is running." in capsys.readouterr().err
        first.kill()  # its lock ends with it
        first.wait()
        with pytest.raises(SystemExit):
            main.main(["demo"])
        assert "PortTakenError" in capsys.readouterr().err
