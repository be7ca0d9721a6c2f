"""Digest the code that can change a result: the rows of a table, or a model's trees.

A digest covers every module that can be reached by imports from the functions that make the result, within the
use case's own code and the engine. What it reads of a module is its syntax tree without comments and docstrings, so
that a better sentence makes nothing stale. Left out are the modules that only keep or carry what they are given, since
a digest of the content shows what they do wrong, and the declaration's own types: of a declaration, the values that
can change the result are digested instead.
"""

from __future__ import annotations

import ast
import functools
import hashlib
import importlib.util
import json
from collections.abc import Collection, Iterator, Mapping
from dataclasses import fields, is_dataclass
from pathlib import Path
from typing import Any

from include.logic import digests
from include.settings import REPOSITORY
from include.use_case import UseCase

RAW, CHECKED, LABELS, FEATURES, TRAINING = "raw", "checked", "labels", "features", "training"
_ENTRIES: Mapping[str, tuple[str, ...]] = {
    RAW: ("include.stages.ingest", "{package}.source"),
    CHECKED: ("include.stages.validate", "{package}.expectations"),
    LABELS: ("include.stages.label", "{package}.features"),
    FEATURES: ("include.stages.derive", "{package}.features"),
    TRAINING: (
        "include.logic.fitting",
        "include.logic.parameters",
        "include.logic.splits",
        "include.stages.examples",
    ),
}
"""What is made, to the modules that make it."""
_LEFT_OUT = (
    "include.alerts",
    "include.declaration",
    "include.errors",
    "include.gate",
    "include.lake",
    "include.logic.gates",
    "include.landing",
    "include.page",
    "include.registry",
    "include.retention",
    "include.settings",
    "include.storage",
    "include.use_case",
)
_KEPT = ("include.storage.labels",)
"""Of what is left out, modules that choose rows all the same."""
_DECLARED: Mapping[str, tuple[str, ...]] = {
    RAW: ("time_zone",),
    CHECKED: ("time_zone",),
    LABELS: ("time_zone", "keys", "period", "label", "look_back_days"),
    FEATURES: ("time_zone", "keys", "period", "features", "look_back_days"),
    TRAINING: (),  # a training's fingerprint has the declaration beside the code
}
_NOT_OF_A_FEED = {"absent_days", "max_quarantined"}
"""Fields of a feed that decide whether a period is taken, not what its rows are."""
_NOT_OF_A_LANDING = {"connection", "wait", "every", "watch_days", "max_bytes"}
_DECLARATION = "USE_CASE"
_NOT_DATA = {".py", ".pyc", ".md"}


def of_table(use_case: UseCase, table: str, *, reread: bool = False) -> str:
    """Return the digest of what can change the rows of a table: `raw/<feed>`, `checked/<feed>`, `labels`, `features`.

    Files are read once per process, since what is saved meanwhile is not what the process has imported and runs; with
    `reread`, as they are now, for a process that lives long and runs none of them. Values are digested as declared.
    """
    kind, _, feed = table.partition("/")
    return _digest(use_case, kind, feed, reread=reread)


def of_training(use_case: UseCase) -> str:
    """Return the digest of the code that can change the trees, besides data, parameters and declaration."""
    return _digest(use_case, TRAINING, "", reread=False)


def modules(package: str, kind: str) -> dict[str, Path]:
    """Return name and file of the modules that a digest covers, in order of names."""
    found: dict[str, Path] = {}
    left = [entry.format(package=package) for entry in _ENTRIES[kind]]
    while left:
        name = left.pop()
        path = _path(name, package)
        if path is None or name in found or (_is_left_out(name) and name not in _KEPT):
            continue
        found[name] = path
        left += _imports(path, name)
        left += [parent for parent in _parents(name) if parent == package or parent.startswith(f"{package}.")]
    return dict(sorted(found.items()))


def _digest(use_case: UseCase, kind: str, feed: str, *, reread: bool) -> str:
    code = (_code.__wrapped__ if reread else _code)(use_case.package, kind)
    declared: dict[str, Any] = _values(use_case, only=_DECLARED[kind])
    if feed:
        of_feed = use_case.feed(feed)
        declared["feed"] = _values(of_feed, but=(*_NOT_OF_A_FEED, "landing"))
        declared["landing"] = _values(of_feed.landing, but=_NOT_OF_A_LANDING) if of_feed.landing else None
    return digests.of_values({"code": code, "declared": json.dumps(declared, default=_as_json)})


def _values(declared: Any, *, only: Collection[str] | None = None, but: Collection[str] = ()) -> dict[str, Any]:
    names = (each.name for each in fields(declared))
    return {name: getattr(declared, name) for name in names if name not in but and (only is None or name in only)}


def _as_json(value: object) -> object:
    """Return a declared value as JSON can hold it; the order of columns is kept, sets have none."""
    if isinstance(value, Mapping):
        return [list(item) for item in value.items()]
    if isinstance(value, frozenset | set):
        return sorted(map(str, value))
    return _values(value) if is_dataclass(value) and not isinstance(value, type) else str(value)


@functools.cache
def _code(package: str, kind: str) -> str:
    """Return the digest of the modules, and of the files of data that lie beside the use case's functions."""
    found = {name: _syntax(path) for name, path in modules(package, kind).items()}
    if kind != TRAINING:
        found |= {f"{package}/{name}": _content(path) for name, path in _data(package)}
    return digests.of_values(found)


def _syntax(path: Path) -> str:
    """Return the digest of a module's syntax tree, without what no result depends on."""
    tree = ast.parse(path.read_bytes())
    for node in ast.walk(tree):
        body = getattr(node, "body", None)
        if isinstance(body, list):
            node.body = [each for each in body if not _is_prose(each)]  # type: ignore[attr-defined]
    return hashlib.sha256(ast.dump(tree).encode()).hexdigest()


def _is_prose(node: ast.AST) -> bool:
    """Whether a statement is a docstring, or the declaration, whose values are digested instead."""
    if isinstance(node, ast.Expr):
        return isinstance(node.value, ast.Constant) and isinstance(node.value.value, str)
    targets = node.targets if isinstance(node, ast.Assign) else [node.target] if isinstance(node, ast.AnnAssign) else []
    return any(isinstance(target, ast.Name) and target.id == _DECLARATION for target in targets)


def _content(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()


def _imports(path: Path, name: str) -> Iterator[str]:
    """Yield what a module imports, anywhere in it, as names that may be modules."""
    around = name.split(".") if path.name == "__init__.py" else name.split(".")[:-1]
    for node in ast.walk(ast.parse(path.read_bytes())):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            start = around[: len(around) - node.level + 1] if node.level else []
            base = ".".join([*start, *([node.module] if node.module else [])])
            yield base
            yield from (f"{base}.{alias.name}" for alias in node.names)


def _parents(name: str) -> Iterator[str]:
    parts = name.split(".")
    yield from (".".join(parts[:length]) for length in range(1, len(parts)))


def _is_left_out(name: str) -> bool:
    return any(name == place or name.startswith(f"{place}.") for place in _LEFT_OUT)


def _path(name: str, package: str) -> Path | None:
    """Return the file of a module of the engine or of the use case's distribution; None for any other name."""
    top, *rest = name.split(".")
    if top not in ("include", package.partition(".")[0]):
        return None
    for root in _roots(top):
        place = root.joinpath(*rest)
        for path in (place.with_suffix(".py") if rest else place / "__init__.py", place / "__init__.py"):
            if path.is_file():
                return path
    return None


@functools.cache
def _roots(top: str) -> tuple[Path, ...]:
    if top == "include":
        return (REPOSITORY / "include",)
    found = importlib.util.find_spec(top)
    return tuple(map(Path, found.submodule_search_locations or ())) if found else ()


def _data(package: str) -> Iterator[tuple[str, Path]]:
    """Yield the files beside the use case's functions that are no code and no prose, by their names."""
    top, *rest = package.split(".")
    for root in _roots(top):
        folder = root.joinpath(*rest)
        for path in sorted(folder.rglob("*")) if folder.is_dir() else ():
            name = path.relative_to(folder)
            hidden = any(part.startswith((".", "__pycache__")) for part in name.parts)
            if path.is_file() and path.suffix not in _NOT_DATA and not hidden:
                yield name.as_posix(), path


def forget() -> None:
    """Let the next digest read the files again."""
    _code.cache_clear()
    _roots.cache_clear()
