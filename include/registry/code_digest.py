"""Digest the code that can change a table's rows or a model's trees.

A digest covers every module of the engine and of the use case's own code that imports reach from the functions that
make the result, and the data files in the folders of that code. It reads a module's syntax tree without comments and
docstrings, so that a changed sentence makes nothing stale. Modules that only store or pass on data are left out, since
digests of the content detect their errors. The types of the declaration are left out too; instead, the declared values
that can change the result are digested: those that the engine's stages read, and those that the use case's own
functions read by name.

Not covered: installed distributions, files read by an absolute path elsewhere, and modules whose names are computed at
run time.
"""

from __future__ import annotations

import functools
import hashlib
import json
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, fields, is_dataclass
from pathlib import Path
from typing import Any

from include.declaration.calendars import Daily
from include.declaration.data_declaration import DataDeclaration
from include.declaration.engines import SPARK
from include.declaration.use_case import UseCase
from include.lake import content_digest
from include.registry import code_cache, code_modules, declared_values
from include.registry.code_cache import SourceFindings
from include.registry.code_modules import Module, Places

RAW, CHECKED, LABELS, FEATURES, TRAINING = "raw", "checked", "labels", "features", "training"
PREDICTIONS = "predictions"
_JUDGE, _SPARK, _TRAINING_ON_DASK = "judge", "spark", "training on dask"
_ENTRIES: Mapping[str, tuple[str, ...]] = {
    RAW: ("include.ingestion.ingest", "{package}.source"),
    CHECKED: ("include.ingestion.validate", "{package}.expectations"),
    LABELS: ("include.features.materialize", "{package}.features"),
    FEATURES: ("include.features.materialize", "{package}.features"),
    TRAINING: (
        "include.model.trainer",
        "include.model.lightgbm_params",
        "include.model.splits",
        "include.training.dataset",
    ),
    PREDICTIONS: ("include.scoring.prediction_stream",),
    _SPARK: ("include.features.spark.tables",),
    _TRAINING_ON_DASK: (
        "include.model.data_parallel",
        "include.training.on_dask.rows",
        "include.training.on_dask.worker",
    ),
    _JUDGE: ("include.validation.judge", "include.ingestion.expectations", "{package}.expectations"),
}
"""Kind of result to the modules that make it."""
_LEFT_OUT = (
    "include.declaration",
    "include.errors",
    "include.evaluation",
    "include.features.spark",
    "include.ingestion.correction_log",
    "include.ingestion.data_docs",
    "include.ingestion.rule_result",
    "include.ingestion.uploads",
    "include.ingestion.validation_report",
    "include.lake",
    "include.orchestration",
    "include.printable",
    "include.registry",
    "include.settings",
    "include.training.provenance",
    "include.untrusted",
    "include.use_case",
    "include.validation",
    "include.web",
)
_KEPT = ("include.features.labels",)
"""Exceptions from `_LEFT_OUT`: modules that choose rows."""
_DECLARED: Mapping[str, tuple[str, ...]] = {
    RAW: ("time_zone",),
    CHECKED: ("time_zone",),
    LABELS: ("time_zone", "keys", "period", "label", "look_back_periods"),
    FEATURES: ("time_zone", "keys", "period", "features", "look_back_periods"),
    TRAINING: (),  # a training's fingerprint covers the declaration separately
    PREDICTIONS: ("keys", "task"),
}
_NOT_OF_A_FEED = {"missing_periods", "max_quarantined"}
"""Fields of a feed that decide whether a period is taken, not what its rows are."""
_NOT_OF_A_SOURCE = {
    *("conn_id", "wait", "every", "watch_periods"),
    *("max_bytes", "max_files", "max_rows", "max_memory", "max_time"),
}


def table_code_digest(use_case: DataDeclaration, table: str, *, reread: bool = False) -> str:
    """Return the digest of what can change a table's rows, except inputs.

    `table` is `raw/<feed>`, `checked/<feed>`, `labels` or `features`. Files are read once per process, since the
    process runs the code that it imported, not later versions. With `reread` they are read again, for a long-lived
    process that runs none of them.
    """
    kind, _, feed = table.partition("/")
    return _digest(use_case, kind, feed, reread=reread)


def training_code_digest(use_case: DataDeclaration) -> str:
    """Return the digest of the code that can change the trees.

    Excludes data, parameters and declaration. The code of an engine is included if the use case declares it.
    """
    digest = _digest(use_case, TRAINING, "", reread=False)
    if isinstance(use_case, UseCase) and use_case.training.engine is not None:
        on_dask = _code_of(Places.from_use_case(use_case), _TRAINING_ON_DASK, reread=False).digest
        return content_digest.digest_values({"training": digest, "engine": on_dask})
    return digest


def judge_code_digest(use_case: DataDeclaration) -> str:
    """Return the digest of the code that judges features and predictions."""
    return _code_of(Places.from_use_case(use_case), _JUDGE, reread=False).digest


def covered_modules(use_case: DataDeclaration, kind: str) -> dict[str, Module]:
    """Return the modules that a digest covers, by name, sorted."""
    return _modules(Places.from_use_case(use_case), kind)


def predictions_code_digest(use_case: UseCase) -> str:
    """Return the digest of what makes predictions of features, except the model.

    It is the code and the declared values.
    """
    return _digest(use_case, PREDICTIONS, "", reread=False)


@dataclass(frozen=True)
class OwnCode:
    """A use case's own modules by name, and the data files that they may read."""

    modules: Mapping[str, Module]
    checking: frozenset[str]
    """Names of the modules that make the suites of expectations."""
    data: frozenset[Path]


def own_code(use_case: DataDeclaration, entries: Iterable[str] = ()) -> OwnCode:
    """Return the use case's code for tables, and what `entries` import.

    Files are read once per process.
    """
    return _own_code(Places.from_use_case(use_case), tuple(sorted(entries)))


@functools.cache
def _own_code(places: Places, entries: tuple[str, ...]) -> OwnCode:
    made_by = [entry.format(package=places.package) for kind in (CHECKED, LABELS, FEATURES) for entry in _ENTRIES[kind]]
    covered = code_modules.find_modules(places, [*made_by, *entries], _is_left_out)
    own = {name: module for name, module in covered.items() if module.is_own}
    data = frozenset(code_modules.data_files(places, own.values(), code_modules.texts(own.values())).values())
    return OwnCode(own, frozenset(own.keys() & _modules(places, CHECKED).keys()), data)


def _modules(places: Places, kind: str) -> dict[str, Module]:
    entries = [entry.format(package=places.package) for entry in _ENTRIES[kind]]
    left_out = {_JUDGE: _is_left_out_of_judge, _SPARK: _is_left_out_of_spark}.get(kind, _is_left_out)
    return code_modules.find_modules(places, entries, left_out)


@dataclass(frozen=True)
class DigestedContent:
    """What a digest covers."""

    digest: str
    modules: Mapping[str, Module]
    files: Mapping[str, str]
    """Data file to the digest of its content."""
    declared: str
    """The declared values, as JSON; a mapping is a list of pairs."""


def table_content(use_case: DataDeclaration, table: str) -> DigestedContent:
    """Return what `table_code_digest` covers, as the files are now."""
    kind, _, feed = table.partition("/")
    places = Places.from_use_case(use_case)
    modules = _modules(places, kind)
    code = _digested(places, kind, code_cache.findings(places, modules))
    declared = _declared(use_case, kind, feed, code, reread=True)
    return DigestedContent(_combined(code, declared), modules, code.files, declared)


def _digest(use_case: DataDeclaration, kind: str, feed: str, *, reread: bool) -> str:
    code = _code_of(Places.from_use_case(use_case), kind, reread=reread)
    return _combined(code, _declared(use_case, kind, feed, code, reread=reread))


def _combined(code: _Code, declared: str) -> str:
    return content_digest.digest_values({"code": code.digest, "declared": declared})


def _declared(use_case: DataDeclaration, kind: str, feed: str, code: _Code, *, reread: bool) -> str:
    declared: dict[str, Any] = _values(use_case, only=_DECLARED[kind])
    if kind == FEATURES and isinstance(use_case, UseCase) and use_case.feature_groups:
        declared["feature_groups"] = use_case.feature_groups
    if use_case.calendar != Daily():  # earlier code had days from midnight only
        declared["calendar"] = str(use_case.calendar)
    if kind in (LABELS, FEATURES) and use_case.engine == SPARK:
        # Another engine may change the last bits of a float. What only Spark's users run is no code of the others.
        spark = _code_of(Places.from_use_case(use_case), _SPARK, reread=reread)
        declared["engine"] = {"name": SPARK, "code": spark.digest}
    if kind != TRAINING:
        declared["read"] = declared_values.values_of_paths(use_case, code.paths)
    if feed:
        of_feed = use_case.feed(feed)
        declared["feed"] = _values(of_feed, left_out=(*_NOT_OF_A_FEED, "source"))
        declared["source"] = _values(of_feed.source, left_out=_NOT_OF_A_SOURCE) if of_feed.source else None
    return json.dumps(declared, default=_as_json)


def _values(declared: Any, *, only: Collection[str] | None = None, left_out: Collection[str] = ()) -> dict[str, Any]:
    names = (field.name for field in fields(declared))
    return {name: getattr(declared, name) for name in names if name not in left_out and (only is None or name in only)}


def _as_json(value: object) -> object:
    """Return a declared value for JSON; mappings keep their order."""
    if isinstance(value, Mapping):
        return [list(item) for item in value.items()]
    if isinstance(value, frozenset | set):
        return sorted(map(str, value))
    is_declared = is_dataclass(value) and not isinstance(value, type)
    return _values(value) if is_declared else content_digest.text_of(value)


@dataclass(frozen=True)
class _Code:
    """The digest of modules and data files, and what it covers."""

    digest: str
    files: Mapping[str, str]
    paths: frozenset[str]
    """Attributes of the declaration that the use case's own modules read."""


def _code_of(places: Places, kind: str, *, reread: bool) -> _Code:
    code: _Code = (_code.__wrapped__ if reread else _code)(places, kind)
    return code


@functools.cache
def _code(places: Places, kind: str) -> _Code:
    found = code_cache.find(places, kind, lambda: _modules(places, kind), code_cache.folder())
    return _digested(places, kind, found)


def _digested(places: Places, kind: str, found: SourceFindings) -> _Code:
    reads_files = kind not in (TRAINING, _TRAINING_ON_DASK)
    paths = code_modules.data_files(places, found.own, found.texts) if reads_files else {}
    files = {name: _file_digest(path) for name, path in paths.items()}
    return _Code(content_digest.digest_values(dict(found.statements) | files), files, found.paths)


def _file_digest(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _is_left_out(name: str) -> bool:
    return name not in _KEPT and any(code_modules.is_within(name, place) for place in _LEFT_OUT)


def _is_left_out_of_judge(name: str) -> bool:
    return _is_left_out(name) and not code_modules.is_within(name, "include.validation")


def _is_left_out_of_spark(name: str) -> bool:
    return _is_left_out(name) and not code_modules.is_within(name, "include.features.spark")


def forget_files() -> None:
    """Clear the caches, so that the next digest reads the files again."""
    _code.cache_clear()
    _own_code.cache_clear()
    code_modules.forget_modules()
