"""What `airworthy check` shows: a use case's days validated and a model judged, and nothing registered or kept."""

from __future__ import annotations

import os
import tempfile
from contextlib import chdir
from datetime import date, timedelta
from pathlib import Path

from rich.console import Console
from rich.text import Text

from include.errors import AirworthyError
from include.ingestion import suites
from include.stages import build_features, evaluate, ingest, train, validate
from include.use_case import UseCase
from include.use_cases import load

PLACES = ("AIRWORTHY_LAKE", "AIRWORTHY_DATA_DOCS")


class CheckFailed(AirworthyError):
    """A model that would not be promoted."""

    def __init__(self, name: str, day: date, gates: str) -> None:
        super().__init__(
            f"{name}: a model trained as of {day} would not be promoted (gates: {gates}); the lines above have the"
            " reasons. Change the features, the training or the gates of the use case."
        )


def show(console: Console, name: str, day: date) -> None:
    """Validate every day up to `day`, train as of it and judge, in a lake and an MLflow store that are thrown away.

    Raises BadData for a day that is refused, CheckFailed for a model that does not pass its gates.
    """
    use_case = load(name)
    use_case.require(day)
    with tempfile.TemporaryDirectory(prefix="airworthy-check-") as folder, chdir(folder):
        for setting in PLACES:
            os.environ.pop(setting, None)
        os.environ["AIRWORTHY_HOME"] = folder
        os.environ["MLFLOW_TRACKING_URI"] = f"sqlite:///{Path(folder) / 'mlflow.db'}"
        _data(console, use_case, day)
        result = train.run(use_case, day, reason="check")
        console.print(f"trained as of {day}")
        judged = evaluate.run(use_case, result.run_id)
    for verdict in judged.verdicts:
        console.print(Text(f"{verdict['outcome']:<10} {verdict['gate']}: {verdict['reason']}"))
    if judged.gates != "passed":
        raise CheckFailed(name, day, judged.gates)
    console.print(f"{name}: a model trained as of {day} passes its gates. Nothing was registered.")


def _data(console: Console, use_case: UseCase, day: date) -> None:
    """Land, validate and derive each day from the use case's first on."""
    suites.check_suites(use_case)
    days = [use_case.first_day + timedelta(days=n) for n in range((day - use_case.first_day).days + 1)]
    for each in days:
        ingest.run(use_case, each)
        validate.run(use_case, each)
        build_features.run(use_case, each)
    console.print(f"{len(days)} days of {use_case.name} are valid: {days[0]} to {days[-1]}")
