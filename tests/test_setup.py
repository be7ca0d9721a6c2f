"""From a new checkout to `.venv`: what bootstrap refuses and repairs, and the properties of the lock files."""

from __future__ import annotations

import ast
import importlib.util
import re
import shutil
import subprocess
import sys
from pathlib import Path
from types import ModuleType

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

from include.settings import REPOSITORY

BOOTSTRAP = REPOSITORY / "config" / "bootstrap.py"
RUNTIME, LOCK = ((REPOSITORY / name).read_text() for name in ("requirements.txt", "requirements-dev.txt"))


@pytest.fixture
def checkout(tmp_path: Path) -> Path:
    """What `make setup` reads, in a folder whose name has a space, and without an environment."""
    folder = tmp_path / "my checkout"
    (folder / "config").mkdir(parents=True)
    shutil.copy(BOOTSTRAP, folder / "config")
    for name in ("requirements.txt", "requirements-dev.txt", "Makefile"):
        shutil.copy(REPOSITORY / name, folder)
    return folder


def refusal(checkout: Path, pretend: str) -> str:
    """What setup says on a machine where `pretend` holds; it must be one line, and nothing may be made."""
    script = f"import runpy, sys\n{pretend}\nrunpy.run_path('config/bootstrap.py', run_name='__main__')"
    done = subprocess.run([sys.executable, "-c", script], cwd=checkout, capture_output=True, text=True)
    assert done.returncode == 1
    assert done.stdout == ""
    assert done.stderr.count("\n") == 1
    assert not (checkout / ".venv").exists()
    return done.stderr


def test_an_old_python_is_advised_which_ones_will_do(checkout: Path):
    said = refusal(checkout, "import os; os.environ['PATH'] = ''; sys.version_info = (3, 8, 10)")
    assert "Python 3.11, 3.12 or 3.13 is needed and this is 3.8" in said
    assert "PYTHON=" in said


def test_too_new_a_python_is_refused_too(checkout: Path):
    assert "this is 3.14" in refusal(checkout, "import os; os.environ['PATH'] = ''; sys.version_info = (3, 14, 0)")


def test_an_old_python_looks_for_a_newer_one_on_the_path(checkout: Path, tmp_path: Path):
    """A shim without a program is passed over."""
    shims = tmp_path / "shims"
    shims.mkdir()
    scripts = dict.fromkeys(("python3.13", "python3.12", "python3.11"), "exit 127")
    name = f"python3.{sys.version_info[1]}"
    for shim, script in (scripts | {name: f'exec "{sys.executable}" "$@"'}).items():
        (shims / shim).write_text(f"#!/bin/sh\n{script}\n")
        (shims / shim).chmod(0o755)
    assert load(checkout).other_python(str(shims)) == str(shims / name)


def test_a_missing_venv_module_names_the_package(checkout: Path):
    said = refusal(checkout, "sys.modules['ensurepip'] = None")
    assert f"apt-get install python3.{sys.version_info[1]}-venv" in said


def test_an_environment_that_is_a_link_is_refused_and_its_folder_keeps_its_files(checkout: Path, tmp_path: Path):
    other = tmp_path / "environment of another checkout"
    (other / "bin").mkdir(parents=True)
    (other / "bin" / "activate").write_text("")
    (checkout / ".venv").symlink_to(other)
    done = subprocess.run([sys.executable, "config/bootstrap.py"], cwd=checkout, capture_output=True, text=True)
    assert done.returncode == 1
    assert str(other) in done.stderr
    assert "Remove the link" in done.stderr
    assert (other / "bin" / "activate").exists()


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="the library has this name on Linux")
def test_a_missing_libgomp_names_the_package(checkout: Path):
    pretend = "import ctypes\ndef CDLL(name): raise OSError(name)\nctypes.CDLL = CDLL"
    assert "apt-get install libgomp1" in refusal(checkout, pretend)


def test_a_full_disk_is_named(checkout: Path):
    said = refusal(checkout, "import shutil; shutil.disk_usage = lambda path: (0, 0, 10**9)")
    assert "1.0 GB are free" in said
    assert str(checkout) in said


def test_no_python_at_all_is_said_by_make(checkout: Path):
    done = subprocess.run(["make", "setup", "PYTHON=python3.0"], cwd=checkout, capture_output=True, text=True)
    assert "there is no python3.0. Install Python 3.11" in done.stderr


def test_a_python_of_2016_can_read_the_file():
    ast.parse(BOOTSTRAP.read_text(), feature_version=(3, 6))
    assert "from __future__ import annotations" not in BOOTSTRAP.read_text()


def load(checkout: Path) -> ModuleType:
    """The bootstrap of another checkout."""
    spec = importlib.util.spec_from_file_location("bootstrap", checkout / "config" / "bootstrap.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


class NotedCommands(list[str]):
    """Notes commands instead of running them; one that makes an environment leaves an empty Python."""

    def __init__(self, bootstrap: ModuleType, fails_at: str = "nothing") -> None:
        super().__init__()
        self.python, self.fails_at = Path(bootstrap.VENV_PYTHON), fails_at

    def __call__(self, command: list[str], hide: str | None) -> None:
        self.append(" ".join(command))
        if self.fails_at in self[-1]:
            raise KeyboardInterrupt
        if "-m venv" in self[-1]:
            self.python.parent.mkdir(parents=True, exist_ok=True)
            self.python.touch()


def test_an_interrupted_setup_is_done_again_from_the_start(checkout: Path):
    bootstrap = load(checkout)
    ran = NotedCommands(bootstrap, fails_at="--compile-bytecode")
    with pytest.raises(KeyboardInterrupt):
        bootstrap.main([], ran)
    ran.clear()
    bootstrap = load(checkout)
    ran = NotedCommands(bootstrap)
    bootstrap.main([], ran)
    assert "-m venv --clear" in ran[0]
    assert "--require-hashes" in ran[-1]
    ran.clear()
    bootstrap.main([], ran)
    assert ran == []


@pytest.mark.parametrize("change", ["lock", "python"])
def test_what_has_changed_since_is_set_up_again(checkout: Path, change: str):
    bootstrap = load(checkout)
    ran = NotedCommands(bootstrap)
    bootstrap.main([], ran)
    ran.clear()
    assert Path(bootstrap.COMMAND).exists()
    if change == "lock":
        (checkout / "requirements-dev.txt").write_text("# another\n" + LOCK)
    else:
        Path(bootstrap.VENV_PYTHON).unlink()
    bootstrap.main([], ran)
    assert ran


def test_hashes_are_asked_of_the_installer_itself_too(checkout: Path):
    bootstrap = load(checkout)
    first = bootstrap.locked(bootstrap.DEVELOPMENT, ["uv", "setuptools"])
    assert re.findall(r"^([\w-]+)==", first, re.MULTILINE) == ["setuptools", "uv"]
    assert first.count("--hash=sha256:") > 2


@pytest.mark.skipif(not (REPOSITORY / ".venv" / ".airworthy-setup").exists(), reason="`make setup` has not run here")
def test_setting_up_again_does_nothing():
    done = subprocess.run(["make", "--no-print-directory", "setup"], cwd=REPOSITORY, capture_output=True, text=True)
    assert done.stdout == ".venv is up to date with requirements-dev.txt.\n", done.stdout + done.stderr


def test_help_lists_every_target_with_a_line():
    makefile = (REPOSITORY / "Makefile").read_text()
    [phony] = re.findall(r"^\.PHONY: (.+)$", makefile, re.MULTILINE)
    printed = subprocess.run(["make"], cwd=REPOSITORY, capture_output=True, text=True).stdout
    listed = dict(re.findall(r"^  make (\S+) +(\S.+)$", printed, re.MULTILINE))
    assert list(listed) == phony.split()
    assert set(listed) == set(re.findall(r"^([a-z0-9-]+):", makefile, re.MULTILINE))


def test_an_image_gets_what_runs_and_nothing_else(checkout: Path):
    """`--runtime`, as the Dockerfile calls it."""
    bootstrap = load(checkout)
    ran = NotedCommands(bootstrap)
    bootstrap.main(["--runtime"], ran)
    assert ran[-1].endswith(f"-r {checkout / 'requirements.txt'}")
    assert "--require-hashes" in ran[-1]
    assert "--compile-bytecode" in ran[-1]


def test_an_image_has_no_requirements_dev_txt_and_sets_up_once(checkout: Path):
    (checkout / "requirements-dev.txt").unlink()
    assert set_up(checkout, "--runtime")
    assert set_up(checkout, "--runtime") == []


def set_up(checkout: Path, *flags: str) -> list[str]:
    """The commands that a setup with these flags runs."""
    bootstrap = load(checkout)
    ran = NotedCommands(bootstrap)
    bootstrap.main(flags, ran)
    return ran


def test_the_tools_of_development_are_added_to_what_runs_and_are_kept(checkout: Path):
    assert set_up(checkout, "--runtime")[-1].endswith("requirements.txt")
    [added] = set_up(checkout)
    assert "uv pip install" in added and added.endswith("requirements-dev.txt")
    assert set_up(checkout, "--runtime") == set_up(checkout) == []


def test_tools_that_are_interrupted_while_they_are_added_are_installed_from_the_start(checkout: Path):
    set_up(checkout, "--runtime")
    bootstrap = load(checkout)
    with pytest.raises(KeyboardInterrupt):
        bootstrap.main([], NotedCommands(bootstrap, fails_at="--compile-bytecode"))
    assert "-m venv --clear" in set_up(checkout)[0]


def test_a_change_of_what_runs_installs_the_tools_of_development_again_too(checkout: Path):
    set_up(checkout)
    (checkout / "requirements-dev.txt").write_text("# another\n" + LOCK)
    assert set_up(checkout, "--runtime") == [], "what runs is the same"
    (checkout / "requirements.txt").write_text("# another\n" + RUNTIME)
    ran = set_up(checkout, "--runtime")
    assert "-m venv --clear" in ran[0] and ran[-1].endswith("requirements-dev.txt")


def test_what_is_installed_for_long_is_reported_meanwhile(checkout: Path, capfd):
    bootstrap = load(checkout)
    bootstrap.WAITING_S = 0.01
    with bootstrap.report_waiting("uv"):
        said = ""
        while said.count("waiting for uv, 0 s\n") < 2:
            said += capfd.readouterr().out


def test_the_command_runs_from_any_folder_and_also_in_a_checkout_whose_name_has_a_space(checkout: Path, tmp_path: Path):
    bootstrap = load(checkout)
    (checkout / ".venv" / "bin").mkdir(parents=True)
    Path(bootstrap.VENV_PYTHON).symlink_to(sys.executable)
    cli = checkout / "include" / "cli"
    cli.mkdir(parents=True)
    (cli / "main.py").write_text("import sys\n\n\ndef main():\n    print(sys.argv[1:])\n    sys.exit(3)\n")
    bootstrap.write_command()
    command = [str(checkout / ".venv" / "bin" / "airworthy"), "report", "two words"]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True)
    assert (done.stdout, done.stderr, done.returncode) == ("['report', 'two words']\n", "", 3)


def test_targets_that_run_the_product_install_only_what_runs():
    makefile = (REPOSITORY / "Makefile").read_text()
    needs = dict(re.findall(r"^([a-z0-9-]+):(.*?) +##", makefile, re.MULTILINE))
    assert {name for name, before in needs.items() if before.strip() == "runtime"} == {
        *("up", "down", "status", "demo", "check-model", "lock"),
    }
    assert needs["test"].strip() == "setup"


PACKAGE = re.compile(r"^([A-Za-z0-9._-]+)(?:\[[^]]+\])?==(\S+)", re.MULTILINE)


def locked(lock: str) -> dict[str, str]:
    return dict(PACKAGE.findall(lock))


def wanted(name: str) -> list[Requirement]:
    lines = (line.split("#")[0].strip() for line in (REPOSITORY / name).read_text().splitlines())
    return [Requirement(line) for line in lines if line and not line.startswith("-r ")]


LOCKED = [(each, RUNTIME) for each in wanted("requirements.in")] + [
    (each, LOCK) for each in wanted("requirements-dev.in")
]


@pytest.mark.parametrize(("requirement", "lock"), LOCKED, ids=[each.name for each, _ in LOCKED])
def test_the_lock_holds_what_is_required(requirement: Requirement, lock: str):
    assert requirement.specifier.contains(locked(lock)[canonicalize_name(requirement.name)])


def test_what_is_developed_with_is_what_runs():
    assert locked(RUNTIME).items() <= locked(LOCK).items()
    assert "-r requirements.in" in (REPOSITORY / "requirements-dev.in").read_text().splitlines()


def test_what_runs_holds_nothing_that_only_developing_needs():
    developing = {canonicalize_name(each.name) for each in wanted("requirements-dev.in")}
    runs = set(locked(RUNTIME))
    assert developing & runs <= {"packaging", "grpcio"}  # which others need too
    assert {"pytest", "uv", "setuptools"} <= runs


BOTH = pytest.mark.parametrize("lock", [RUNTIME, LOCK], ids=["requirements.txt", "requirements-dev.txt"])


@BOTH
def test_every_locked_package_has_hashes(lock: str):
    blocks = re.split(r"\n(?=[A-Za-z0-9])", re.sub(r"^#.*\n", "", lock, flags=re.MULTILINE))
    assert [block.split()[0] for block in blocks if "--hash=sha256:" not in block] == []


@BOTH
def test_the_lock_names_no_index_and_no_place_on_a_machine(lock: str):
    assert not re.search(r"https?://|file:|--(extra-)?index|find-links|(^|\s)/\w", lock)
