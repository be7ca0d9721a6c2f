"""The texts of errors, alerts and forms in one place, tests/texts/.

`UPDATE_TEXTS=1 pytest tests/test_texts.py` writes them. Other tests look at an error's class and fields, or at values
that its text names, so that a text is changed here alone.
"""

from __future__ import annotations

import ast
import difflib
import importlib
import inspect
import itertools
import os
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta  # timedelta: in a cast
from pathlib import Path
from types import SimpleNamespace
from typing import Any, Literal, Union, cast, get_args, get_origin

import pyarrow as pa
import pytest
from airflow.dag_processing.dagbag import DagBag

from include import use_case
from include.backfill.reconcile import LeftPeriod, Reconciliation
from include.backfill.request import BackfillRequest
from include.backfill.states import PeriodState
from include.declaration.period import Period
from include.declaration.problems import DeclarationError, Problem
from include.errors import AirworthyError, BrokenUseCaseError
from include.go_live.report import GoLiveReport
from include.go_live.request import GoLiveRequest
from include.lake.object_store import StoragePath
from include.lake.storable_values import UnsoundValue
from include.notifications import messages
from include.project import Project
from include.registry.ledger_entry import LedgerEntry
from include.registry.trials import Trial
from include.reproduction.reproduce import Reproduction
from include.settings import REPOSITORY
from include.use_case import LandingBucket
from include.validation.errors import BrokenExpectation
from tests.toy_use_case import USE_CASE

DAY = Period("2020-01-10")
TRIED = LedgerEntry(
    version="2", trees="t", fingerprint="f", effective_from=Period("2020-03-02"), action="trial", actor="Ann",
    reason="compare", trial={"share": 0}, number=4, previous="", recorded_at="2020-03-02T00:00:00+00:00",
)  # fmt: skip
SAMPLES: dict[str, Any] = {
    "absent": ["size"],
    "action": "correct",
    "actor": "Ann",
    "actual": pa.float64(),
    "address": "http://127.0.0.1:9",
    "announced": pa.int32(),
    "applied": True,
    "as_of": Period("2020-03-01"),
    "broken": [BrokenUseCaseError("toy", "my.toy", "toy.py, line 3", ValueError("half written"))],
    "bucket": "landing",
    "cause": ValueError("half written"),
    "champions": [SimpleNamespace(version="1", effective_from=DAY, number=1, action="promotion")],
    "chosen": "2020-01-11",
    "checked": 100,
    "column": "size",
    "columns": ["event_date", "id"],
    "conn_id": "warehouse",
    "count": 3,
    "damage": "a file is missing",
    "decision": "rejected by Ann: it is worse",
    "declared": "size",
    "delimiter": ",",
    "detail": "SIGKILL",
    "differing": 3,
    "earlier": ["corrected by Ann, correction 1, known on 2020-01-11"],
    "end": "SIGSEGV",
    "enough": Period("2020-03-01"),
    "entry": 4,
    "entry_hash": "0123456789abcdef",
    "exists": True,
    "error": AirworthyError("It did not answer."),
    "expected": 3,
    "extra": ["colour"],
    "failed": [AirworthyError("It did not answer."), AirworthyError("It refused.")],
    "engine": "Dask(workers=2, partitions=8, threads=1)",
    "part": "partition 2 of 8, 2020-02-01 to 2020-02-07",
    "retryable": False,
    "text": "toy: the file cannot be read.",
    "workers": 2,
    "feature": "size_last_week",
    "features": {"size": ("float64", None), "kind": ("category", "int8")},
    "feed": "events",
    "feeds": ["events", "outcomes"],
    "field": "reason",
    "file": "part-0.parquet",
    "first": Period("2020-03-01"),
    "flaw": "its signature does not fit its content",
    "flaws": {3: "its signature does not fit its content"},
    "found": 2,
    "free": Period("2020-01-12"),
    "head": "2:0123abcd",
    "head_hash": "fedcba9876543210",
    "hint": "Correct its function in source.py.",
    "home": Path("/srv/airworthy"),
    "identifier": "0123abcd",
    "ids": ["2020-01-10.beef"],
    "key": "events/2020-01-10/events.csv",
    "keys": ["event_date", "id"],
    "kind": "data",
    "known": ["flight_delays", "toys"],
    "label_delay": 2,
    "labelled": 19,
    "lake": "s3://airworthy/lake",
    "last": Period("2020-03-31"),
    "least": 26,
    "limit": 2_000,
    "line": 7,
    "lines": ["the last line of the log"],
    "log": Path("/srv/airworthy/logs/mlflow.log"),
    "logs": Path("/srv/airworthy/logs"),
    "lower": 0.1,
    "matches": {"too late": ["too late [hour: at most 22]", "too late [hour: at most 40]"]},
    "members": ["a.csv", "b.csv"],
    "minutes": 301,
    "master": "spark://host:7077",
    "missing": ["kind"],
    "model": "toy",
    "module": "my.toy",
    "modules": ["my.toy", "my.copy"],
    "most": 10_000,
    "name": "toy",
    "needed": Period("2020-04-02"),
    "needs": "of both classes",
    "now": datetime(2020, 1, 9, 12, tzinfo=UTC),
    "other": ";",
    "others": 0,
    "outcome": "hold",
    "page": "/plugin/airworthy/airworthy/validation/toy/events/2020-01-10",
    "parameters": ["num_leaves"],
    "path": "part-0.parquet",
    "period": DAY,
    "periods": [DAY, Period("2020-01-11")],
    "pids": [17, 18],
    "place": StoragePath("/srv/lake") / "toy",
    "port": 8080,
    "prefix": "events/2020-01-10/",
    "present": ["hours.csv"],
    "problem": "it is not text",
    "problems": ["it is None"],
    "raised": ["TypeError: no number"],
    "reason": "it is too long",
    "reasons": ["7 of 200 rows are quarantined"],
    "remedy": "Restore it from a backup.",
    "reproduction": Reproduction(
        "toy", "3", "0123abcd", "differs", ("the trees differ from tree 0 on",), {"code": ("a", "b")}
    ),
    "repeated": ["id"],
    "request": "POST /dags/toy__train/dagRuns",
    "root": StoragePath("/srv/lake"),
    "row": 7,
    "rows": [(DAY.start_date, 7)],
    "run_id": "0123abcd",
    "searched": "the environment",
    "seconds": 60.0,
    "service": "airflow",
    "services": ["airflow", "mlflow"],
    "setting": "AIRWORTHY_AIRFLOW_PORT",
    "size": 3_000,
    "splits": "10 train, 7 validation and 7 test days",
    "start": datetime(2020, 1, 10, tzinfo=UTC),
    "stated": 4,
    "status": 1,
    "step": "migrate",
    "stored": pa.float64(),
    "table": "features",
    "tables": ["features", "labels"],
    "target": "table predictions in the Connection warehouse",
    "time_zone": "UTC",
    "today": Period("2020-01-09"),
    "train": 3,
    "trials": 1001,
    "types": ["size is string, and must be double"],
    "unit": "characters",
    "unknown": ["day"],
    "upper": 0.9,
    "uri": "s3://bucket/lake",
    "use_case": "toy",
    "used": 9_000_000_000,
    "validation": 0,
    "value": "half",
    "version": "3",
    "share": 10_000,
    "trial": Trial(TRIED),
    "unscored": Period("2020-03-05"),
    "versions": ["Version 1 is rejected."],
    "waited": " after 2 hours",
    "want": "a number",
    "what": "it cannot be read",
    "where": "toy.py, line 3",
    "window": "2020-01-01..2020-02-28",
    "window_rows": 600,
    "wrong": 1,
}
"""Value of each parameter of errors, by its name."""
LEFT_OF_A_HISTORY = GoLiveReport(
    "toy",
    GoLiveRequest(DAY, DAY + 9, (DAY + 5,), DAY + 5),
    trainings=((DAY + 5, None),),
    decided=0,
    to_decide=0,
    data=(),
    left=(("train", DAY + 5, "there are too few days."),),
)
LEFT = Reconciliation(
    "toy",
    BackfillRequest(DAY, DAY + 9, ("data",)),
    {"land": 10, "build": 10},
    (LeftPeriod("data", "land", DAY, "the source is empty."), LeftPeriod("data", "build", DAY, "features: missing")),
)
OTHERWISE: dict[str, dict[str, Any]] = {
    "UnexplainableError": {
        "why": "its row of features is not in the lake",
        "remedy": "Run toy__data for 2020-01-10 again, then toy__score.",
    },
    "ValidationTooSmallError": {"rows": 1},
    "DaskCodeError": {"differing": "the code of include.model.trainer"},
    "LabelsOutdatedError": {
        "label": "grade",
        "what": "have labels that are no declared class: 'grade' is 'scrap' in 3 rows. The classes are"
        " ['good', 'poor']: correct the labels, or declare the class",
    },
    "OtherPredictionsError": {
        "why": "it predicts the columns ['prediction'], and the use case now declares the columns"
        " ['prediction', 'lower', 'upper']"
    },
    "SeasonTooLongError": {"season": 365, "feature": "__airworthy_season_ago", "rows": 840},
    "AirflowRefusedError": {"answer": SimpleNamespace(status_code=403, text="Forbidden")},
    "BucketError": {"reason": "the Connection does not exist", "retryable": True},
    "CheckFailedError": {"reason": "gates: failed"},
    "ColumnsError": {"table": "toy: features"},
    "DeclarationError": {"problems": [Problem("feeds[1].columns", "columns must be text.", "Write {'id': 'int64'}.")]},
    "InvalidParametersError": {
        "problems": [
            Problem("parameters['num_leafs']", "Parameter 'num_leafs' cannot be set.", "Did you mean 'num_leaves'?")
        ]
    },
    "DeliveryMissingError": {"landing": LandingBucket("landing", "events/{period}/")},
    "NotDeliveredError": {
        "context": SimpleNamespace(
            names=("toy", "events"), feed=SimpleNamespace(source=None), project=Project(USE_CASE)
        ),
        "reason": "there is no file",
    },
    "FileTypesError": {"types": {"size": ("string", "double")}},
    "TrainingWindowError": {"periods": 25},
    "SampleWeightError": {"rows": 200},
    "OneLabelError": {"rows": 200, "value": "failed = 1"},
    "SplitsTooShortError": {"last": Period("2020-03-19")},
    "HeadMissingError": {"count": 2},
    "FileColumnsError": {"declared": ["id", "size"]},
    "FileEncodingError": {"found": "UTF-16"},
    "FileLimitError": {"found": 20_000},
    "JsonLineError": {"problem": "is not a JSON object"},
    "KeyMissingError": {"key": "id", "lines": [1, 2]},
    "KeysRepeatedError": {"keys": "event_date=2020-01-10, id=7"},
    "NotQuarantinedError": {"what": "the keys event_date=2020-01-10, id=7"},
    "NumbersNotFiniteError": {"lines": [1, 2]},
    "PeriodNotFreeError": {"limit": Period("2020-01-11")},
    "ReasonsMissingError": {"known": ["hour: at most 23"]},
    "CorrectedTwiceError": {"rows": ["2020-01-10.beef"]},
    "ReasonsUnknownError": {"known": ["hour: at most 23"]},
    "RowAmbiguousError": {"keys": "event_date=2020-01-10, id=7"},
    "RowsUnchangedError": {"lines": [1, 2]},
    "RunIncompleteError": {"status": "RUNNING"},
    "RunPeriodsError": {"key": "2020-01-10"},
    "VersionUnknownError": {"version": "77", "versions": ["1", "2", "3"]},
    "FileInvalidError": {"where": "s3://landing/events/2020-01-10/events.csv", "reason": "it is empty"},
    "DeliveryLostError": {"table": "raw/events", "what": "a file is missing"},
    "DeliveryTooLargeError": {
        "where": "s3://landing/events/2020-01-10/",
        "limit": "max_files=2000",
        "measured": "2,001 files",
    },
    "KnownTooLateError": {"reason": "without a 'size'; the first is id=7"},
    "ResultRowsError": {"what": "have 3 rows with the same keys as another row, the first id=7"},
    "ModelReplacedError": {
        "entry": SimpleNamespace(
            number=4,
            action="promotion",
            version="3",
            trees="0123abcd",
            fingerprint="made so",
            files_digest="4567cdef",
            effective_from=Period("2020-03-01"),
        ),
        "found": None,
        "others": ["1", "2"],
        "trained": Period("2020-03-01"),
    },
    "BackfillIncompleteError": {"found": LEFT},
    "PartitionSplitError": {"files": 2},
    "TooManyShardsError": {"rows": 20_000_000, "shard_rows": 1_000, "most": 1_000},
    "ShardPlanOutdatedError": {"changed": {"version": ("1", "2"), "features": ("b2-then", "b2-now")}},
    "ShardMissingError": {"number": 3, "count": 7, "problem": "a file does not hold the bytes that were written"},
    "GoLiveIncompleteError": {"report": LEFT_OF_A_HISTORY},
    "WalkFailedError": {"state": PeriodState("score", DAY, "failed", "MLflow does not answer.", "MlflowError")},
    "PeriodsFailedError": {
        "phase": "land",
        "failed": [PeriodState("land", DAY, "failed", "the source does not answer.", "SourceError")],
    },
    "RowsNotDistinctError": {"repeated": pa.table({"id": [1], "event_date": [DAY.start_date]})},
    "MixedUnitsError": {"one": Period("2020-01-10"), "other": Period("2020-01-10T05Z")},
    "WrongCalendarError": {"start": "2020-01-10", "calendar": "Weekly(on='monday')"},
    "PeriodError": {"key": "1 March 2020"},
    "PeriodRefusedError": {
        "broken": [BrokenExpectation("feature 'size' must have more than one value", "it is 4.0", "Correct `build`.")]
    },
    "ServiceDiedError": {"what": "mlflow"},
    "TaskMemoryError": {"declared": 8_000_000_000},
    "NoReferenceError": {"reason": "it was stored without one"},
    "UseCaseUnknownError": {"name": "flights", "broken": ["breads"]},
    "UnsoundError": {"found": [UnsoundValue("NaN", "size", "nan", "id=7")]},
}
"""Values of single errors that differ from these."""
SECOND: dict[str, dict[str, Any]] = {
    "FieldsConflictError": {"action": "release"},
    "HeadMissingError": {"count": 0, "head": None},
    "NoChampionError": {"first": None},
    "NeverChampionError": {"exists": False, "champions": []},
    "NotDecidedError": {"outcome": None},
    "OneLabelError": {"others": 7},
    "PlanIncompleteError": {"applied": False},
    "SampleWeightError": {"wrong": 0},
    "SplitsTooShortError": {"labelled": 0},
}
"""Values of errors for their second text, if they have two."""


@dataclass(frozen=True)
class ErrorClass:
    """An error with a text of its own."""

    module: str
    name: str

    def texts(self) -> Iterator[tuple[str, str]]:
        """Yield its texts by their titles, made of the sample values.

        There is one for each value of its Literal parameters, and perhaps a second one.
        """
        own = OTHERWISE.get(self.name, {})
        yield from self._texts(self.name, own)
        if self.name in SECOND:
            yield from self._texts(f"{self.name}, second", own | SECOND[self.name])

    def _texts(self, title: str, own: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
        module = importlib.import_module(self.module)
        error = getattr(module, self.name)
        required = [
            parameter
            for parameter in inspect.signature(error).parameters.values()
            if parameter.default is parameter.empty or parameter.name in ("page", "versions")
        ]
        choices = {
            each.name: literals
            for each in required
            if each.name not in own and (literals := literals_of(vars(module).get(str(each.annotation))))
        }
        for chosen in itertools.product(*choices.values()):
            values = SAMPLES | dict(own) | dict(zip(choices, chosen, strict=True))
            without = [parameter.name for parameter in required if parameter.name not in values]
            assert not without, f"{self.name}: SAMPLES has no value for {without}"
            positional = [values[each.name] for each in required if each.kind is not each.KEYWORD_ONLY]
            named = {each.name: values[each.name] for each in required if each.kind is each.KEYWORD_ONLY}
            yield ": ".join([title, *chosen]), str(error(*positional, **named))


def literals_of(hint: Any) -> list[str]:
    """Return the values of a Literal type, or of a union of them."""
    if get_origin(hint) is Literal:
        return [*get_args(hint)]
    return [value for part in get_args(hint) for value in literals_of(part)] if get_origin(hint) is Union else []


def error_classes() -> Iterator[ErrorClass]:
    """Yield every class of include/ that ends in Error and makes its own text."""
    for path in sorted((REPOSITORY / "include").rglob("*.py")):
        module = ".".join(path.relative_to(REPOSITORY).with_suffix("").parts)
        for node in ast.parse(path.read_text()).body:
            if isinstance(node, ast.ClassDef) and node.name.endswith("Error") and node.name != AirworthyError.__name__:
                methods = {each.name for each in node.body if isinstance(each, ast.FunctionDef)}
                yield from [ErrorClass(module, node.name)] if "__init__" in methods else []


def require_unchanged(name: str, texts: Mapping[str, str]) -> None:
    """Compare texts, by their titles, with the snapshot of that name, or write it."""
    snapshot = REPOSITORY / "tests" / "texts" / f"{name}.txt"
    made = "\n\n".join(f"[{title}]\n{text}" for title, text in texts.items()) + "\n"
    if os.environ.get("UPDATE_TEXTS"):
        snapshot.write_text(made)
    differences = difflib.unified_diff(snapshot.read_text().splitlines(), made.splitlines(), name, "now", n=0)
    assert not [*differences], "Texts have changed. Where that is meant: UPDATE_TEXTS=1 pytest tests/test_texts.py"


def test_the_texts_of_all_errors_are_those_of_the_snapshot():
    require_unchanged("errors", dict(text for each in error_classes() for text in each.texts()))


WRONG_FIELDS: dict[str, Callable[[], object]] = {
    "text": lambda: use_case.LandingBucket("landing", "events/", conn_id=cast("str", 3)),
    "whole number": lambda: use_case.Retention(superseded_days=cast("int", "2")),
    "number": lambda: use_case.SearchRange(low=cast("float", "1"), high=2),
    "number or None": lambda: use_case.Gate("auc", at_least=cast("float", "0.5")),
    "bool": lambda: use_case.Approval(required=cast("bool", "yes")),
    "duration": lambda: use_case.Alerts(deadline=cast("timedelta", 4)),
    "mapping": lambda: use_case.Feed("a", columns=cast("dict[str, str]", {"x": 1}), keys=("x",)),
    "text instead of a tuple": lambda: use_case.Feed("a", columns={"x": "int8"}, keys=cast("tuple[str]", "x")),
    "list instead of a tuple": lambda: use_case.Feed("a", columns={"x": "int8"}, keys=cast("tuple[str]", ["x"])),
    "tuple of others": lambda: use_case.Feed("a", columns={"x": "int8"}, keys=cast("tuple[str]", (3,))),
    "set of others": lambda: use_case.Feed(
        "a", columns={"x": "int8"}, keys=("x",), missing_periods=cast("frozenset[Period]", {"2020-01-01"})
    ),
}
"""A declaration with a field of another type than the named one."""


def test_the_texts_of_fields_of_other_types_are_those_of_the_snapshot():
    texts = {}
    for kind, declare in WRONG_FIELDS.items():
        with pytest.raises(DeclarationError) as refused:
            declare()
        texts[kind] = str(refused.value)
    require_unchanged("fields", texts)


BREACH = {"metric": "weighted_drift", "subject": "features", "value": 0.31, "limit": 0.2, "breached": True}
ALERTS = {
    "failure": messages.failure_message(
        "toy", str(DAY), kind="score", run_id="scheduled__1", task="score", tries=4, error="ValueError: x", links={}
    ),
    "failure of a lost process": messages.failure_message(
        "toy", None, kind="train", run_id="manual__1", task="train", tries=1, error="", links={}
    ),
    "breach": messages.breach_message("toy", str(DAY), [BREACH], 1, {}),
    "redelivery": messages.redelivery_message(
        "toy",
        str(DAY),
        feed="events",
        files={"events/2020-01-10/events.csv": "changed"},
        state="0123abcd",
        advice="Clear the task `ingest` of the day.",
        links={},
    ),
    "promotion": messages.promotion_message(
        "toy", str(DAY), version="2", entry=3, actor="Ann", reason="It is better.", gates=["auc: passed"], links={}
    ),
    "rejection": messages.rejection_message("toy", str(DAY), version="2", reason="It is worse.", links={}),
    "rollback": messages.rollback_message(
        "toy",
        str(DAY),
        version="1",
        entry=4,
        actor="Ann",
        reason="Too many misses.",
        effect="It scores again.",
        links={},
    ),
    "deadline": messages.deadline_message(
        "toy",
        str(DAY),
        kind="score",
        run_id="scheduled__1",
        state="running",
        due="2020-01-10 09:00 UTC",
        allowed="3 hours",
        links={},
    ),
}


def test_the_texts_of_all_alerts_are_those_of_the_snapshot():
    builders = {name for name, _ in inspect.getmembers(messages, inspect.isfunction) if name.endswith("_message")}
    assert {f"{title.split()[0]}_message" for title in ALERTS} == builders - {"_message", "shorten_message"}
    require_unchanged("alerts", {title: f"{each.subject}\n{each.text}" for title, each in ALERTS.items()})


def test_the_texts_of_all_forms_are_those_of_the_snapshot():
    bag = DagBag(str(REPOSITORY / "dags"), bundle_path=REPOSITORY / "dags", bundle_name="test")
    fields = {
        f"{dag_id} {name}": f"{param.schema.get('title', '')}\n{param.description or ''}".strip()
        for dag_id, dag in sorted(bag.dags.items())
        if dag_id.startswith("flight_delays__")  # those of the others are made by the same code
        for name, param in sorted((name, dag.params.get_param(name)) for name in dag.params)
    }
    require_unchanged("forms", fields)
