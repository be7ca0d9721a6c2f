"""`airworthy demo`: only one runs at a time."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from include.cli import main, services
from include.settings import REPOSITORY
from tests.contexts import Configure

HOLD = """
from include.local import instance, services
with services.reserve_demo(instance.current()):
    print("running", flush=True)
    input()
"""


def test_a_second_demo_of_a_home_is_refused_and_starts_nothing_until_the_first_has_ended(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, configure: Configure, capsys: pytest.CaptureFixture[str]
):
    started: list[bool] = []

    def start(*_: object, foreground: bool) -> None:
        started.append(foreground)
        raise KeyboardInterrupt

    monkeypatch.setattr(services, "start_services", start)
    configure(home=tmp_path / "home")
    command = [sys.executable, "-c", HOLD]
    with subprocess.Popen(command, cwd=REPOSITORY, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as first:
        assert first.stdin is not None and first.stdout is not None
        assert first.stdout.readline() == "running\n"
        with pytest.raises(SystemExit) as ended:
            main.main(["demo"])
        assert ended.value.code == 1
        assert f"DemoRunningError: Another `make demo` of {tmp_path / 'home'} is running." in capsys.readouterr().err
        assert started == []
        first.kill()  # its lock ends with it
    with pytest.raises(SystemExit):
        main.main(["demo"])
    assert started == [False]
