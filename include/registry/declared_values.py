"""Find the declared values that the use case's own functions read."""

from __future__ import annotations

import ast
from collections.abc import Collection, Iterable, Iterator, Mapping
from dataclasses import fields, is_dataclass
from typing import Any

from include.declaration.data_declaration import DataDeclaration
from include.registry import source_code
from include.registry.code_modules import Module, Places
from include.registry.source_code import DECLARATIONS

NOT_OF_ROWS = (
    *("objective", "out_of_scope", "owner", "notice", "links", "alerts", "memory_gb"),
    *("gates", "approval", "monitoring", "retraining", "retention", "score_schedule", "scoring"),
    "engine",  # digested on its own
)
"""Fields that change no row, unless a function reads one by name."""
_LOADER, _LOADERS = "include.use_cases", {"load", "all_use_cases", "discover"}
_METHODS: Mapping[str, tuple[str, ...]] = {
    "feed": ("feeds",),
    "key_types": ("keys", "feeds.columns"),
    "label_keys": ("keys", "period"),
    "label_period": ("period",),
    "slice_columns": ("keys", "features", "feeds.columns"),
    "today": ("time_zone", "calendar"),
    "newest_period": ("time_zone", "calendar", "last_period"),
    "period_at": ("time_zone", "calendar"),
    "decision_time": ("time_zone", "calendar"),
}
"""Method or property of a use case to the fields that it reads."""


def paths_read_by(modules: Iterable[Module], places: Places) -> frozenset[str]:
    """Return the attributes of the declaration that modules read, to depth two.

    An empty text means all. The result depends on the code alone.
    """
    declaring = (places.package, places.declared_in)
    own = (module for module in modules if module.is_own)
    return frozenset(path for module in own for path in _paths(module.body, declaring=module.name in declaring))


def values_of_paths(use_case: DataDeclaration, paths: Iterable[str]) -> dict[str, Any]:
    """Return the declared values of attributes that are read; all if one is unknown."""
    fields_read = set[str]().union(*(_fields(use_case, path) for path in paths))
    return {path: declared_value(use_case, path) for path in sorted(fields_read)}


def _fields(use_case: DataDeclaration, path: str) -> set[str]:
    """Return the fields that an attribute reads; all for rows if unknown."""
    first, _, second = path.partition(".")
    if first == "feed" and second:
        return {f"feeds.{second}"}
    names = {field.name for field in fields(use_case)}
    if first in names:
        return {path}
    return set(_METHODS.get(first, names - set(NOT_OF_ROWS)))


def _paths(body: Collection[ast.stmt], *, declaring: bool) -> Iterator[str]:
    """Yield the attributes of the declaration that are read, to depth two."""
    nodes = [node for statement in body for node in ast.walk(statement)]
    parents = {id(child): node for node in nodes for child in ast.iter_child_nodes(node)}
    imported = {
        (node.module, alias.name, alias.asname or alias.name)
        for node in nodes
        if isinstance(node, ast.ImportFrom)
        for alias in node.names
    }
    aliases = {bound for _, name, bound in imported if name in DECLARATIONS}
    loaded_nodes = (node for node in nodes if isinstance(getattr(node, "ctx", None), ast.Load))
    used = [node for node in loaded_nodes if source_code.last_name(node) in {*DECLARATIONS, *aliases}]
    yield from (_path(node, parents) for node in used)
    passed_on = aliases and not used and not declaring  # another module may take it from this one
    loaded = any(module == _LOADER and name in _LOADERS for module, name, _ in imported)
    if passed_on or loaded or not DECLARATIONS.isdisjoint(source_code.texts_in(body)):
        yield ""


def _path(node: ast.AST, parents: Mapping[int, ast.AST]) -> str:
    first = _attribute(node, parents)
    if first is None:
        return ""
    parent = parents.get(id(first))
    called = parent if first.attr == "feed" and isinstance(parent, ast.Call) and parent.func is first else first
    second = _attribute(called, parents)
    return f"{first.attr}.{second.attr}" if second else first.attr


def _attribute(node: ast.AST, parents: Mapping[int, ast.AST]) -> ast.Attribute | None:
    """Return the attribute that is read from a node; None if there is none."""
    parent = parents.get(id(node))
    return parent if isinstance(parent, ast.Attribute) and parent.value is node else None


def declared_value(use_case: DataDeclaration, path: str) -> Any:
    """Return a declared value by its path, or the whole value of its field."""
    first, _, second = path.partition(".")
    value = getattr(use_case, first)
    if first == "feeds":
        return [_part(feed, second) for feed in value]
    return _part(value, second)


def _part(value: Any, name: str) -> Any:
    if not name or not is_dataclass(value) or name not in {field.name for field in fields(value)}:
        return value
    return getattr(value, name)
