"""Evaluate LightGBM's trees with pylignum; nothing else imports it.

pylignum reads LightGBM's text and interprets the trees, or calls functions that a C compiler made of them. It promises
LightGBM's bits; `include.scoring.tree_certificate` checks that.
"""

from __future__ import annotations

import contextlib
import fcntl
import importlib.metadata
import os
import shutil
import signal
import subprocess
import sys
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any

import numpy as np
import pyarrow as pa

from include.errors import AirworthyError
from include.model.arrays import Numbers

_DISTRIBUTION = "pylignum"
COMPILE_SECONDS = 900.0
"""Time limit of a compilation; 4,500 splits take 4 s."""
_ENVIRONMENT = ("PATH", "LANG", "LC_ALL", "LD_LIBRARY_PATH", "DYLD_LIBRARY_PATH")
"""Environment variables that a compilation gets; no Connections, keys or passwords."""
_TREES, _LIBRARY = "trees.txt", "./trees.so"
# Within the folder, by plain names: pylignum puts paths into the commands of a shell.
_COMPILE = (
    f"import lignum; lignum.load({_TREES!r}, format='lightgbm').compile(work_dir='.', library={_LIBRARY!r}, jobs=1)"
)
_REASON_LENGTH = 300


class TreeEngineError(AirworthyError):
    """pylignum cannot compile, read or evaluate trees; LightGBM can."""

    def __init__(self, reason: str) -> None:
        self.reason = reason
        super().__init__(f"The trees cannot be evaluated by pylignum: {reason}.")


@dataclass(frozen=True)
class TreeEngine:
    """The trees of one booster, as pylignum evaluates them."""

    model: Any
    """pylignum's model."""
    library: IO[bytes] | None = None
    """The file of the compiled trees; it stays open, because its name must not be used again while it is loaded."""

    @property
    def is_compiled(self) -> bool:
        """Return whether it calls compiled functions."""
        return self.library is not None

    def predict(self, encoded: pa.Table, threads: int) -> Numbers:
        """Return the predictions of encoded rows.

        Raises:
            TreeEngineError: pylignum cannot predict them.
        """
        try:
            return np.asarray(self.model.predict(encoded, n_jobs=threads))
        except (RuntimeError, ValueError, TypeError) as error:
            raise TreeEngineError(_first_line(str(error))) from error


def engine_version() -> str:
    """Return the version of pylignum; empty if it is not installed."""
    try:
        return importlib.metadata.version(_DISTRIBUTION)
    except importlib.metadata.PackageNotFoundError:
        return ""


def load_trees(text: str, library: bytes | None = None) -> TreeEngine:
    """Return the engine of LightGBM's text, compiled if there is a library.

    Exactly these bytes are loaded: they lie in memory, where no other process can change them.

    Raises:
        TreeEngineError: pylignum cannot read them.
    """
    import lignum

    try:
        with _file_of(text.encode()) as file:
            model = lignum.load(_path(file), format="lightgbm")
        if library is None:
            return TreeEngine(model)
        compiled = _file_of(library)
        model.load_compiled(_path(compiled))
    except (RuntimeError, ValueError, OSError) as error:
        raise TreeEngineError(_first_line(str(error))) from error
    return TreeEngine(model, compiled)


def compiler_path() -> str:
    """Return the path of the C compiler; empty if there is none."""
    return shutil.which("cc") or ""


def compile_trees(text: str, folder: Path, seconds: float = COMPILE_SECONDS) -> bytes:
    """Return the library of LightGBM's text, compiled in a private folder.

    A process of its own compiles, with a time limit and without secrets in its environment.

    Raises:
        TreeEngineError: the compiler is missing, failed, or took too long.
        OSError: the folder cannot be written to.
    """
    if not compiler_path():
        raise TreeEngineError("there is no C compiler, cc")
    (folder / _TREES).write_text(text)
    temporary = folder / "tmp"
    temporary.mkdir(mode=0o700)
    kept = {name: os.environ[name] for name in _ENVIRONMENT if name in os.environ}
    process = subprocess.Popen(
        [sys.executable, "-P", "-c", _COMPILE],
        cwd=folder,
        env=kept | {"TMPDIR": str(temporary), "PYTHONPATH": os.pathsep.join(filter(None, sys.path))},
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        start_new_session=True,
        text=True,
        errors="replace",
    )
    try:
        _, said = process.communicate(timeout=seconds)
    except subprocess.TimeoutExpired:
        raise TreeEngineError(f"the compiler needed more than {seconds:.0f} s") from None
    finally:
        _end(process)
    if process.returncode:
        raise TreeEngineError(f"the compiler failed ({_last_line(said) or f'exit code {process.returncode}'})")
    return (folder / _LIBRARY).read_bytes()


@dataclass(frozen=True)
class TreeCompiler:
    """What makes and loads the engines of trees: the functions of this module."""

    def version(self) -> str:
        return engine_version()

    def path(self) -> str:
        return compiler_path()

    def load(self, text: str, library: bytes | None = None) -> TreeEngine:
        return load_trees(text, library)

    def compile(self, text: str, folder: Path) -> bytes:
        return compile_trees(text, folder)


PYLIGNUM = TreeCompiler()


def _end(process: subprocess.Popen[str]) -> None:
    """Kill the process and the compiler that it started, if they still run."""
    with contextlib.suppress(ProcessLookupError):
        if process.poll() is None:
            os.killpg(process.pid, signal.SIGKILL)
    process.wait()


def _file_of(content: bytes) -> IO[bytes]:
    """Return an open file with this content.

    If the system can do that, it has no name in any folder and cannot be changed.
    """
    if not hasattr(os, "memfd_create"):
        file: IO[bytes] = tempfile.NamedTemporaryFile()  # noqa: SIM115 - the caller closes it
        file.write(content)
        file.flush()
        return file
    file = os.fdopen(os.memfd_create("airworthy", os.MFD_CLOEXEC | os.MFD_ALLOW_SEALING), "w+b")
    file.write(content)
    file.flush()
    seals = fcntl.F_SEAL_WRITE | fcntl.F_SEAL_GROW | fcntl.F_SEAL_SHRINK | fcntl.F_SEAL_SEAL
    fcntl.fcntl(file, fcntl.F_ADD_SEALS, seals)
    return file


def _path(file: IO[bytes]) -> str:
    return f"/proc/self/fd/{file.fileno()}" if hasattr(os, "memfd_create") else str(file.name)


def _first_line(text: str) -> str:
    return (text.strip().splitlines() or ["it gave no reason"])[0][:_REASON_LENGTH].rstrip(".")


def _last_line(text: str) -> str:
    return (text.strip().splitlines() or [""])[-1][:_REASON_LENGTH].rstrip(".")
