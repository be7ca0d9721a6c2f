"""`airworthy check`: validate days, evaluate a model, and print every finding."""

from __future__ import annotations

import os
import tempfile
import time
from collections.abc import Iterable, Iterator, Mapping
from contextlib import chdir, contextmanager
from pathlib import Path

from rich.console import Console

from include.cli.escaping import print_line
from include.declaration.period import Period
from include.declaration.use_case_discovery import load_use_case
from include.errors import AirworthyError
from include.evaluation import check_use_case
from include.evaluation.check_finding import CheckFinding
from include.project import open_project

_STYLES = {"error": "red", "warning": "yellow", "note": ""}
_EVERY = 2.0
"""Seconds between two lines of progress."""


class CheckFailedError(AirworthyError):
    """The check of a use case stopped early, or the model would not be promoted."""

    def __init__(self, name: str, period: Period, reason: str) -> None:
        self.use_case, self.period, self.reason = name, period, reason
        super().__init__(
            f"{name}: a model trained as of {period} would not be promoted ({reason}). The reasons are listed"
            " above. Change the features, the training or the gates of the use case."
        )


def print_check(console: Console, name: str, period: Period) -> None:
    """Ingest what a training needs, train, evaluate, and print every finding.

    Registers nothing. The ingested data stay in a separate folder for the next check, as long as the code that made
    them is the same; the MLflow store is deleted.

    Raises:
        InvalidRequestError: the day is before the first one, has not begun, or leaves no training days.
        CheckFailedError: there is an error, or a gate did not pass.
    """
    use_case = load_use_case(name)
    use_case.require(period)
    tell = make_progress_printer(console)
    errors = print_findings(console, check_use_case.findings_of_declaration(use_case, period))
    if errors:
        raise CheckFailedError(name, period, f"{errors} errors in the declaration")
    with _own_places(check_use_case.kept_home(use_case)) as home:
        check_use_case.discard_outdated(use_case, home)
        refused, valid = check_use_case.land_window(open_project(use_case), period, tell)
        console.print(f"{period.unit.counted(valid)} of {name} are valid up to {period}; they are kept in {home}")
        if errors := print_findings(console, refused):
            raise CheckFailedError(name, period, f"{errors} feeds or periods were refused")
        if errors := print_findings(console, check_use_case.build_window(open_project(use_case), period, tell)):
            raise CheckFailedError(name, period, f"the features break {errors} expectations")
        if errors := print_findings(console, check_use_case.findings_of_tables(open_project(use_case), period)):
            raise CheckFailedError(name, period, f"{errors} errors in the tables")
        judged = check_use_case.judge_use_case(open_project(use_case), period, tell)
    print_gate_results(console, judged.gate_results)
    if judged.gates != "passed":
        raise CheckFailedError(name, period, f"gates: {judged.gates}")
    console.print(f"{name}: a model trained as of {period} passes its gates. Nothing was registered.")


def print_gate_results(console: Console, gate_results: Iterable[Mapping[str, object]]) -> None:
    """Print the outcome of each gate, with its reason."""
    for gate_result in gate_results:
        print_line(console, f"{gate_result['outcome']:<10} {gate_result['gate']}: {gate_result['reason']}")


def print_findings(console: Console, findings: Iterable[CheckFinding]) -> int:
    """Print findings as they come; return the number of errors."""
    errors = 0
    for finding in findings:
        print_line(console, f"{finding.severity:<10} {finding.text}", _STYLES[finding.severity])
        errors += finding.severity == "error"
    return errors


def make_progress_printer(console: Console, every: float = _EVERY) -> check_use_case.Tell:
    """Return a function that prints the current step, at most once in `every` seconds."""
    printed = [time.monotonic()]

    def tell(what: str) -> None:
        if time.monotonic() - printed[0] >= every:
            print_line(console, f"  {what}", "dim")
            printed[0] = time.monotonic()

    return tell


@contextmanager
def _own_places(home: Path) -> Iterator[Path]:
    """Point the settings to the kept folder and a new MLflow store in the block."""
    before = dict(os.environ)
    home.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(prefix="airworthy-check-") as folder, chdir(folder):
        for setting in ("AIRWORTHY_LAKE", "AIRWORTHY_DATA_DOCS"):
            os.environ.pop(setting, None)
        os.environ["AIRWORTHY_HOME"] = str(home)
        os.environ["MLFLOW_TRACKING_URI"] = f"sqlite:///{Path(folder) / 'mlflow.db'}"
        try:
            yield home
        finally:
            os.environ.clear()
            os.environ.update(before)
