"""Recognise what a use case's code reads, from calls and events."""

from __future__ import annotations

import contextlib
import functools
import importlib
import importlib.util
import inspect
import os
import sys
import zoneinfo
from collections import defaultdict
from collections.abc import Callable, Iterator
from enum import Enum
from pathlib import Path
from types import CodeType, FrameType, FunctionType, ModuleType
from typing import Any

from include.declaration.data_declaration import DataDeclaration
from include.evaluation.checks import clock
from include.features import spark
from include.registry import code_digest, source_code

_CLOCK = {
    **{(owner, name): f"{owner}.{name}" for owner in ("date", "datetime") for name in ("today", "now", "utcnow")},
    **{
        ("time", name): f"time.{name}"
        for name in (
            *("time", "time_ns", "clock_gettime", "clock_gettime_ns"),
            *("localtime", "gmtime", "strftime", "ctime", "asctime"),
        )
    },
}
_LIBRARY_CLOCK = {"now", "today", "utcnow"}
_CODE = (".py", ".pyc", ".so", ".pth", ".pyi")
_SYSTEM = ("/proc/", "/sys/", "/dev/", "/etc/")
_OUTSIDE = {
    **dict.fromkeys(("subprocess.Popen", "os.posix_spawn", "os.exec", "os.system"), "a process"),
    "socket.connect": "an address",
}
_MOST_CHARACTERS = 4096
_SHORTEST_FOLDER = 3
"""A folder this close to the root is not data: an argument such as "/" is a separator."""
_SPARK = f"{Path(spark.__file__ or '').parent}{os.sep}"
"""The engine of features, which is connected to its own processes: what it reads are the clean feeds."""
_LIBRARIES = tuple(
    {f"{path}{os.sep}" for each in (sys.prefix, sys.base_prefix) for path in (each, Path(each).resolve())}
)


class CodeOrigin(Enum):
    """Name the owner of code that runs."""

    SOURCE = "the use case's source"
    OWN = "other code of the use case"
    OTHER = "other code"


class Recorder:
    """Decide which calls and events are reads of the use case's code; name them."""

    def __init__(self, use_case: DataDeclaration, home: Path, read: set[str]) -> None:
        self.package, self.read, self.home = use_case.package, read, f"{home}{os.sep}"
        self.source = self._source(use_case)
        features = importlib.import_module(f"{use_case.package}.features")  # importing it calls nothing of interest
        folder = Path(features.__file__ or "").resolve().parent
        self.own_folder = f"{folder}{os.sep}"
        functions = _functions(use_case)
        own_files = {function.__code__.co_filename for function in functions}
        self.own = code_digest.own_code(use_case, {function.__module__ for function in functions})
        own_files |= {os.path.realpath(module.path) for module in self.own.modules.values()}
        self._constants = {os.path.realpath(path) for path in self.own.data}
        self._constants |= {os.path.realpath(path.parent) for path in self.own.data}
        self.is_own = functools.cache(
            lambda file: (
                file in own_files
                or os.path.realpath(file).startswith(self.own_folder)
                or os.path.realpath(file) in own_files
            )
        )
        self._ran: dict[str, dict[int, CodeType]] = defaultdict(dict)
        self.is_source = _lies_within(self.source) if self.source else lambda _: False
        self._kinds: dict[str, CodeOrigin] = {}

    @staticmethod
    def _source(use_case: DataDeclaration) -> ModuleType | None:
        name = f"{use_case.package}.source"
        if all(feed.source for feed in use_case.feeds) and not importlib.util.find_spec(name):
            return None  # every feed is delivered as files
        return importlib.import_module(name)

    @contextlib.contextmanager
    def of_events_alone(self) -> Iterator[None]:
        """Record no calls in the block, only files, processes and connections."""
        sys.setprofile(None)
        try:
            yield
        finally:
            sys.setprofile(self.profile)

    def profile(self, frame: FrameType, event: str, argument: Any) -> None:
        """Record a call from sys.setprofile.

        It runs millions of times, so it must be fast.
        """
        if event == "call":
            kind = self._kind(frame.f_code.co_filename)
            if kind is CodeOrigin.SOURCE:
                self._source_call(frame)
            elif kind is CodeOrigin.OWN:
                self._ran[frame.f_code.co_filename][id(frame.f_code)] = frame.f_code
            elif (back := frame.f_back) is not None and self._kind(back.f_code.co_filename) is not CodeOrigin.OTHER:
                self._library_call(frame)
        elif event == "c_call" and self._kind(frame.f_code.co_filename) is not CodeOrigin.OTHER:
            owner = getattr(argument, "__self__", None)
            if function := _CLOCK.get((getattr(owner, "__name__", ""), argument.__name__)):
                self._clock_call(function, frame)

    def _kind(self, file: str) -> CodeOrigin:
        """Return the owner of the code in a file."""
        kind = self._kinds.get(file)
        if kind is None:
            own = CodeOrigin.OWN if self.is_own(file) else CodeOrigin.OTHER
            kind = self._kinds[file] = CodeOrigin.SOURCE if self.is_source(file) else own
        return kind

    def _clock_call(self, function: str, frame: FrameType) -> None:
        file, line = Path(frame.f_code.co_filename), frame.f_lineno
        named = function.rpartition(".")[2]
        if not (file.is_file() and clock.has_time_argument(source_code.read_source(file), line, named)):
            self.read.add(f"the clock ({function}(), {file.parent.name}/{file.name}:{line})")

    def reads_in_source(self) -> set[str]:
        """Return the reads in the source of the functions that ran, and what they name."""
        modules = {str(module.path): name for name, module in self.own.modules.items()}
        files = {*modules, *self._ran} - {file for file in modules if self.is_source(file)}
        return clock.find_reads(
            clock.CheckedModule(
                file,
                source_code.read_source(Path(file)),
                tuple(self._ran.get(file, {}).values()),
                is_unseen=modules.get(file) in self.own.checking,
            )
            for file in sorted(files)
            if Path(file).is_file()
        )

    def _source_call(self, frame: FrameType) -> None:
        caller, name = frame.f_back, frame.f_code.co_qualname
        if name != "<module>" and (caller is None or not self.is_source(caller.f_code.co_filename)):
            module = str(frame.f_globals.get("__name__", "source")).removeprefix(f"{self.package}.")
            self.read.add(f"{module}.{name.partition('.<locals>')[0]}")

    def _library_call(self, frame: FrameType) -> None:
        file, name = frame.f_code.co_filename, frame.f_code.co_name
        if self.is_own(file) or not file.startswith(_LIBRARIES):
            return
        if name in _LIBRARY_CLOCK:
            self.read.add(f"the clock ({frame.f_globals.get('__name__', '')}.{name}())")
        for value in list(frame.f_locals.values()):
            if isinstance(value, (str, os.PathLike)) and len(path := os.fspath(value)) < _MOST_CHARACTERS:
                self._path(os.fsdecode(path))

    def audit(self, event: str, arguments: tuple[Any, ...]) -> None:
        """Record an event from sys.addaudithook."""
        is_open = event == "open" and isinstance(arguments[0], (str, bytes))
        if not is_open and event not in _OUTSIDE:
            return
        frames = _callers()
        if not self._is_below_own_code(frames) or any(file.startswith(_SPARK) for file in frames):
            return
        if not is_open:
            self.read.add(f"{_OUTSIDE[event]} ({event})")
        elif not any("importlib._bootstrap" in file for file in frames):
            self._path(os.fsdecode(arguments[0]), opened_by=frames[0])

    def _is_below_own_code(self, frames: list[str]) -> bool:
        return any(self.is_own(file) for file in frames)

    def _path(self, path: str, opened_by: str = "") -> None:
        """Record an existing path, unless reading it is expected.

        Expected are paths of the temporary lake, of code, and of the opening library.
        """
        if not opened_by and os.sep not in path and "." not in path:
            return  # an argument that is most probably the name of a column
        real = os.path.realpath(path)
        target = Path(real)
        if not (target.is_file() or (target.is_dir() and len(target.parts) > _SHORTEST_FOLDER)):
            return
        allowed = (self.home, self.own_folder, *_SYSTEM, *zoneinfo.TZPATH)
        if f"{real}{os.sep}".startswith(allowed) or real.endswith(_CODE) or real in self._constants:
            return
        if opened_by and real.startswith(_LIBRARIES) and not self.is_own(opened_by):
            return  # a library's own resource; a path that the code hands to a library is an argument of a call
        self.read.add(real)


def _functions(use_case: DataDeclaration) -> list[FunctionType]:
    """Return the functions that the gate runs, written in the package or elsewhere."""
    names = [("features", "build"), ("features", "labels"), *(("expectations", feed.name) for feed in use_case.feeds)]
    found = list[FunctionType]()
    for module, name in names:
        with contextlib.suppress(Exception):  # the error is reported when the function is run
            function = use_case.function(module, name)
            found += [function] if isinstance(function, FunctionType) else []
    return found


def _callers() -> list[str]:
    """Return the files of the functions that led to an event, the innermost first."""
    frame, found = inspect.currentframe(), list[str]()
    while frame is not None:
        found.append(frame.f_code.co_filename)
        frame = frame.f_back
    return [file for file in found if file != __file__]


active_recorders: list[Recorder] = []
"""The active recorder, or none."""


@functools.cache
def add_audit_hook() -> None:
    """Add the audit hook once per process, since it cannot be removed."""

    recorders = active_recorders  # a local name, because the module's names are gone while the interpreter ends

    def hook(event: str, arguments: tuple[Any, ...]) -> None:
        for recorder in recorders:
            recorder.audit(event, arguments)

    sys.addaudithook(hook)


def _lies_within(module: ModuleType) -> Callable[[str], bool]:
    """Return a function that checks whether a file belongs to a module or a package."""
    folders = tuple(f"{Path(folder).resolve()}{os.sep}" for folder in getattr(module, "__path__", ()))
    own = Path(module.__file__).resolve() if module.__file__ else None

    @functools.cache
    def lies_within(file: str) -> bool:
        path = Path(file).resolve()
        return path == own or str(path).startswith(folders)

    return lies_within
