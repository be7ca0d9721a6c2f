"""Run a use case's functions on a temporary lake, and record what else they read.

In the block of `isolated_calls`, the settings name the temporary lake. Recorded as read are:
- a function of the use case's `source` module, however it is called, also from a thread that Python starts;
- a file, database or folder outside the temporary lake and the use case's own package that the use case's code opens
  through Python or passes to a Python function of a library (`pyarrow.parquet.read_table(path)`);
- a process that its code starts, and an address that it connects to;
- the clock and the environment: calls such as `date.today()` and `time.time()`; and occurrences in the source of the
  functions that ran, or of the constants and functions that they name: `pd.Timestamp.now()`, `np.datetime64("today")`,
  `current_date` in a text of SQL, `os.environ`.
The use case's code is what the code digest covers: its package, and modules elsewhere that it imports. Data files that
the digest covers count as its constants.

Not recorded are: a file that only C++ or Rust opens, such as one named in a text of SQL; queries of the file system
without opening a file (`os.listdir`, `os.stat`); `time.monotonic()` and `time.perf_counter()`, which return no date; a
clock of compiled code under another name, or in SQL that is built at run time. While Great Expectations judges rows,
calls are not recorded, since there are millions: then only the files that a custom expectation opens, and the source of
its module, are checked.
"""

from __future__ import annotations

import contextlib
import os
import sys
import threading
from collections.abc import Iterator
from cProfile import Profile
from pathlib import Path
from typing import Any

from include.declaration.data_declaration import DataDeclaration
from include.evaluation.checks.caches import clear_caches
from include.evaluation.checks.read_recorder import Recorder, active_recorders, add_audit_hook
from include.lake.signing import VARIABLE, require_signing_keys


@contextlib.contextmanager
def isolated_calls(use_case: DataDeclaration, home: Path, read: set[str]) -> Iterator[Recorder]:
    """Use the lake in `home`; add what else the functions read to `read`.

    Code with too many calls to record can run in `Recorder.of_events_alone`. Settings and the profiler's hook are
    restored at the end of the block. Not safe in a process whose other threads use them.
    """
    recorder = Recorder(use_case, home, read)
    try:
        with _settings_name(home), _recorded(recorder):
            yield recorder
    finally:
        recorder.read |= recorder.reads_in_source()


@contextlib.contextmanager
def _settings_name(home: Path) -> Iterator[None]:
    instead = {
        "AIRWORTHY_HOME": str(home),
        "AIRWORTHY_LAKE": str(home / "lake"),
        "AIRWORTHY_DATA_DOCS": str(home / "data_docs"),
        # Otherwise the keys would be read from the temporary home, and the copied records could not be verified.
        VARIABLE: require_signing_keys().setting(),
    }
    before = {name: os.environ.get(name) for name in instead}
    os.environ.update(instead)
    try:
        yield
    finally:
        for name, value in before.items():
            if value is None:
                os.environ.pop(name, None)
            else:
                os.environ[name] = value


@contextlib.contextmanager
def _recorded(recorder: Recorder) -> Iterator[None]:
    """Pass calls and events to the recorder in the block.

    The caches of the use case's functions are emptied first, so that no cached result hides a call.
    """
    add_audit_hook()
    clear_caches(recorder.package, recorder.own.modules)
    before: Any = sys.getprofile()
    of_threads = threading.getprofile()
    threading.setprofile(recorder.profile)
    sys.setprofile(recorder.profile)
    active_recorders.append(recorder)
    try:
        yield
    finally:
        active_recorders.clear()
        sys.setprofile(None)
        threading.setprofile(of_threads)
        if isinstance(before, Profile):
            before.enable()  # it cannot be set as a hook, since it is not callable
        else:
            sys.setprofile(before)
