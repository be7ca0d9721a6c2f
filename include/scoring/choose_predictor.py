"""Choose what evaluates trees: compiled code, pylignum's interpreter, or LightGBM.

LightGBM is the truth, and always possible. The others are used if the use case declares it and a certificate shows that
they return LightGBM's bits; whatever prevents that is a reason, and never an error.
"""

from __future__ import annotations

import functools
import hashlib
import logging
import platform
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TypeVar

import lightgbm

from include.declaration.period import Period
from include.declaration.use_case import UseCase
from include.errors import AirworthyError
from include.model.encoding import Encoding
from include.model.model import Model, trees_digest
from include.model.predictor import LIGHTGBM, Predictor
from include.model.tree_text import read_trees
from include.printable import printable_logger
from include.scoring import tree_certificate
from include.scoring.compiled_predictor import CompiledPredictor
from include.scoring.engine_store import EngineRecord, EngineStore, store_in
from include.scoring.tree_certificate import Subject
from include.scoring.tree_compiler import COMPILE_SECONDS, PYLIGNUM, TreeCompiler, TreeEngine, TreeEngineError

log = printable_logger(__name__)
_BY_LIGHTGBM = "LightGBM"
_NOT_INSTALLED = "pylignum is not installed"
Result = TypeVar("Result")
_ENGINES_KEPT = 6
"""Engines that a process keeps: those of two models with intervals."""


@dataclass(frozen=True)
class ChosenPredictor:
    """What evaluates the trees of a model, in words for people too."""

    predictor: Predictor
    text: str
    """Such as "compiled trees", or "LightGBM (pylignum is not installed)"."""
    is_fallback: bool = False
    """Whether the declaration asks for something faster."""


@dataclass(frozen=True)
class _Prepared:
    """The engine of a booster; None: LightGBM must be used."""

    engine: TreeEngine | None
    reason: str = ""
    """Why there is no engine, or why it is not compiled."""


def choose_predictor(use_case: UseCase, model: Model, home: Path, compiler: TreeCompiler = PYLIGNUM) -> ChosenPredictor:
    """Return what evaluates the trees of a model, as the use case declares it.

    Trees are compiled once for each version, in a private folder of `home`.
    """
    if not use_case.scoring.compiled:
        return ChosenPredictor(LIGHTGBM, _BY_LIGHTGBM)
    if not compiler.version():
        return fall_back(_NOT_INSTALLED)
    engines: dict[lightgbm.Booster, TreeEngine] = {}
    reasons = dict[str, None]()
    for booster in model.boosters:
        prepared = _prepare(_Trees(booster.model_to_string(), model.encoding, compiler), store_in(home))
        if prepared.engine is None:
            return fall_back(prepared.reason)
        engines[booster] = prepared.engine
        reasons |= {prepared.reason: None} if prepared.reason else {}
    if reasons:
        text = f"pylignum's interpreter ({'; '.join(reasons)})"
        return ChosenPredictor(CompiledPredictor(engines), text, is_fallback=True)
    return ChosenPredictor(CompiledPredictor(engines), "compiled trees")


def predict_as_declared(
    use_case: UseCase, period: Period, model: Model, home: Path, predict: Callable[[Model, str], Result]
) -> tuple[str, Result]:
    """Call `predict` with the model evaluated as declared.

    Its second argument is what evaluates it, in words. Return the last such text, and the result.
    `predict` writes all predictions of a period or, after an error, none. If it notices bits that are not LightGBM's,
    it is called once more, with LightGBM.
    """
    chosen = choose_predictor(use_case, model, home)
    try:
        result = predict(replace(model, predictor=chosen.predictor), chosen.text)
    except TreeEngineError as error:
        chosen = refuse_engines(model, home, error)
        result = predict(model, chosen.text)
    if use_case.scoring.compiled:
        level = logging.WARNING if chosen.is_fallback else logging.INFO
        log.log(level, "%s: %s is predicted by %s.", use_case.name, period, chosen.text)
    return chosen.text, result


def fall_back(reason: str) -> ChosenPredictor:
    """Return LightGBM, with the reason why nothing faster is used."""
    return ChosenPredictor(LIGHTGBM, f"{_BY_LIGHTGBM} ({reason})", is_fallback=True)


def refuse_engines(model: Model, home: Path, error: TreeEngineError) -> ChosenPredictor:
    """Record that a model's engines must not be used again; return LightGBM."""
    store = store_in(home)
    for booster in model.boosters:
        trees = _Trees(booster.model_to_string(), model.encoding)
        _record(store, EngineRecord(trees.key, refused=error.reason))
    _prepare.cache_clear()
    return fall_back(error.reason)


@dataclass(frozen=True, eq=False)
class _Trees:
    """The trees of a booster and the columns that they read.

    Equal if their keys are, so that an engine can be kept for them.
    """

    text: str
    encoding: Encoding
    compiler: TreeCompiler = PYLIGNUM

    @functools.cached_property
    def key(self) -> str:
        """The digest of all that decides what an engine is."""
        made = (
            trees_digest(self.text),
            repr(self.encoding),
            lightgbm.__version__,
            self.compiler.version(),
            platform.machine(),
            platform.system(),
        )
        return hashlib.sha256("\0".join(made).encode()).hexdigest()

    @functools.cached_property
    def subject(self) -> Subject:
        return Subject(lightgbm.Booster(model_str=self.text), read_trees(self.text), self.encoding)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, _Trees) and self.key == other.key

    def __hash__(self) -> int:
        return hash(self.key)


@functools.lru_cache(maxsize=_ENGINES_KEPT)
def _prepare(trees: _Trees, store: EngineStore) -> _Prepared:
    """Return the engine of these trees: the stored one, or a new one."""
    try:
        found = _stored(trees, store) or _made_alone(trees, store)
    except TreeEngineError as error:
        found = _Prepared(None, error.reason)
        _record(store, EngineRecord(trees.key, refused=error.reason))
    except Exception as error:
        log.exception("pylignum cannot be used")
        found = _Prepared(None, f"{type(error).__name__}: {error}")
    return found


def _stored(trees: _Trees, store: EngineStore) -> _Prepared | None:
    """Return the engine that was made before; None if it must be made.

    Raises:
        TreeEngineError: it does not return LightGBM's bits any more.
    """
    found = store.read(trees.key)
    if found is None:
        return None
    record, library = found
    if record.certificate is None:
        return _Prepared(None, record.refused)
    may_compile = library is None and trees.compiler.path() != record.compiler
    if may_compile or not tree_certificate.is_current(trees.subject, record.certificate):
        return None
    engine = trees.compiler.load(trees.text, library)
    tree_certificate.require_certified(trees.subject, engine, record.certificate)
    return _Prepared(engine, record.uncompiled)


def _made_alone(trees: _Trees, store: EngineStore) -> _Prepared:
    """Make the engine, or use the one that another process makes meanwhile.

    Raises:
        TreeEngineError: pylignum cannot read the trees, or does not return LightGBM's bits.
    """
    trees.compiler.load(trees.text)  # refuses what it cannot predict, before anything is written
    try:
        with store.locked(trees.key, COMPILE_SECONDS):
            return _stored(trees, store) or _made(trees, store)
    except OSError as error:
        engine = trees.compiler.load(trees.text)
        tree_certificate.certify(trees.subject, engine)
        return _Prepared(engine, f"{store.folder} cannot be used: {error.strerror or error}")


def _made(trees: _Trees, store: EngineStore) -> _Prepared:
    compiler, library, uncompiled = trees.compiler.path(), None, ""
    try:
        with store.workshop(trees.key) as folder:
            library = trees.compiler.compile(trees.text, folder)
            engine = trees.compiler.load(trees.text, library)
    except TreeEngineError as error:
        engine, library, uncompiled = trees.compiler.load(trees.text), None, error.reason
    certificate = tree_certificate.certify(trees.subject, engine)
    digest = hashlib.sha256(library).hexdigest() if library is not None else ""
    store.write(EngineRecord(trees.key, digest, certificate, "", uncompiled, compiler), library)
    return _Prepared(engine, uncompiled)


def _record(store: EngineStore, record: EngineRecord) -> None:
    """Store a record if that is possible; without it, the engine is tried again."""
    try:
        store.write(record)
    except (OSError, AirworthyError) as error:
        log.warning("The record of compiled trees cannot be written: %s", error)
