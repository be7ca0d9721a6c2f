"""Read the source text of a module: what it imports, names and says, and which of its statements are needed."""

from __future__ import annotations

import ast
import functools
import hashlib
import sys
from collections.abc import Callable, Collection, Iterable, Iterator
from pathlib import Path

DECLARATION = "USE_CASE"
_IMPORTERS = {"import_module", "__import__", "run_module", "resolve_name", "find_spec"}
"""Functions that import a module by a text."""


class SourceFile:
    """A module's syntax tree without docstrings, and what is found in it."""

    def __init__(self, text: bytes) -> None:
        self._text = text
        self.tree = ast.parse(text)
        _remove(self.tree, is_docstring)

    @functools.cached_property
    def declares(self) -> bool:
        """Whether a statement outside functions assigns the declaration."""
        return any(is_declaration(node) for node in ast.walk(self.tree))

    @functools.cached_property
    def clean_body(self) -> list[ast.stmt]:
        """The statements without the declaration; the tree keeps it."""
        copy = ast.parse(self._text)
        _remove(copy, lambda node: is_docstring(node) or is_declaration(node))
        return copy.body

    def needed(self, names: Collection[str]) -> list[ast.stmt]:
        """Return the statements that can matter to code which names these names, without the declaration.

        What binds no name always counts, as its effect may; so does a class with bases and whatever has decorators,
        since these may register it, and an import of a name that the module never uses.
        """
        named, wanted = set(names), "*" in names
        unused = self._imported - {node.id for node in ast.walk(self.tree) if isinstance(node, ast.Name)}
        found: dict[int, ast.stmt] = {}
        while True:
            before = len(found)
            for place, statement in enumerate(self.clean_body):
                if place not in found and (wanted or _counts(statement, named | unused)):
                    kept = _of_import(statement, named | unused) if not wanted else statement
                    found[place] = kept
                    named |= names_in(kept)
            if len(found) == before:
                # Imports are cut to what is named, which may have become more.
                return [
                    self.clean_body[place] if wanted else _of_import(self.clean_body[place], named | unused)
                    for place in sorted(found)
                ]

    @functools.cached_property
    def _imported(self) -> set[str]:
        """Names that are imported from where importing may have an effect: neither the engine nor Python itself."""
        nodes = [node for node in self.tree.body if isinstance(node, ast.Import | ast.ImportFrom)]
        return {name for node in nodes if not _is_inert(node) for name in bound_names(node)}


def _is_inert(node: ast.Import | ast.ImportFrom) -> bool:
    """Return whether an import has no effect but its names."""
    if isinstance(node, ast.Import):
        return all(alias.name.partition(".")[0] in sys.stdlib_module_names for alias in node.names)
    module = "." * node.level + (node.module or "")
    engine = f"{module}.".startswith("include.") and not f"{module}.".startswith("include.use_cases.")
    return engine or module.partition(".")[0] in sys.stdlib_module_names


def read_source(path: Path) -> SourceFile:
    """Return the source of a module; an unchanged text is parsed once."""
    return _parsed(path.read_bytes())


@functools.lru_cache(maxsize=512)
def _parsed(text: bytes) -> SourceFile:
    return SourceFile(text)


def source_digest(body: Iterable[ast.stmt]) -> str:
    """Return the digest of statements, which comments and layout do not change."""
    dumped = "\n".join(ast.dump(statement) for statement in body)
    return hashlib.sha256(dumped.encode()).hexdigest()


def imports(body: Iterable[ast.AST], module: str, *, is_package: bool) -> Iterator[str]:
    """Yield what statements import, anywhere in them, as names that may be modules.

    Where modules are imported by a text, every text counts that could be the name of one.
    """
    around = module.split(".") if is_package else module.split(".")[:-1]
    nodes = [node for statement in body for node in ast.walk(statement)]
    by_text = any(_called(node) in _IMPORTERS for node in nodes)
    for node in nodes:
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            base = _absolute("." * node.level + (node.module or ""), around)
            yield base
            yield from (f"{base}.{alias.name}" for alias in node.names)
        elif by_text and isinstance(node, ast.Constant) and isinstance(node.value, str) and _may_be_module(node.value):
            yield _absolute(node.value, around)


def _absolute(name: str, around: list[str]) -> str:
    level = len(name) - len(name.lstrip("."))
    start = around[: len(around) - level + 1] if level else []
    return ".".join([*start, *filter(None, [name[level:]])])


def _may_be_module(text: str) -> bool:
    return bool(text.strip(".")) and all(part.isidentifier() for part in text.lstrip(".").split("."))


def _called(node: ast.AST) -> str:
    """Return the last part of the name of what is called; empty where nothing is."""
    return last_name(node.func) if isinstance(node, ast.Call) else ""


def last_name(node: ast.AST) -> str:
    """Return the name, or the last attribute of a chain; empty for any other expression."""
    return node.id if isinstance(node, ast.Name) else node.attr if isinstance(node, ast.Attribute) else ""


def names_in(node: ast.AST) -> set[str]:
    """Return every identifier and text within a node; `*` where it imports all names of a module."""
    found = set[str]()
    for each in ast.walk(node):
        found |= {last_name(each)} - {""}
        if isinstance(each, ast.ImportFrom):
            found |= {alias.name for alias in each.names}
    return found | texts_in([node])


def texts_in(nodes: Iterable[ast.AST]) -> set[str]:
    """Return every text within these nodes."""
    constants = (each.value for node in nodes for each in ast.walk(node) if isinstance(each, ast.Constant))
    return {value for value in constants if isinstance(value, str)}


def bound_names(statement: ast.stmt) -> set[str]:
    """Return the names that a statement binds in its module; empty for what may have any other effect."""
    if isinstance(statement, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef):
        return {statement.name}
    if isinstance(statement, ast.Import | ast.ImportFrom):
        return {alias.asname or alias.name.partition(".")[0] for alias in statement.names}
    targets = targets_of(statement)
    names = {each.id for target in targets for each in ast.walk(target) if isinstance(each, ast.Name)}
    plain = all(isinstance(target, ast.Name | ast.Tuple | ast.List) for target in targets)
    return names if plain else set()


def targets_of(node: ast.AST) -> list[ast.expr]:
    """Return what an assignment assigns to; empty for any other node."""
    if isinstance(node, ast.Assign):
        return node.targets
    return [node.target] if isinstance(node, ast.AnnAssign | ast.AugAssign) else []


def registers_itself(statement: ast.stmt) -> bool:
    """Return whether defining it can have an effect: by decorators, or by the bases of a class."""
    if isinstance(statement, ast.ClassDef):
        return bool(statement.bases or statement.keywords or statement.decorator_list)
    return isinstance(statement, ast.FunctionDef | ast.AsyncFunctionDef) and bool(statement.decorator_list)


def _counts(statement: ast.stmt, named: Collection[str]) -> bool:
    names = bound_names(statement)
    return not names or "*" in names or registers_itself(statement) or not names.isdisjoint(named)


def _of_import(statement: ast.stmt, named: Collection[str]) -> ast.stmt:
    """Return an import with the names alone that are named; any other statement as it is."""
    if not isinstance(statement, ast.Import | ast.ImportFrom):
        return statement
    kept = [each for each in statement.names if {each.asname or each.name.partition(".")[0]} & {*named, "*"}]
    if isinstance(statement, ast.Import):
        return ast.Import(kept)
    return ast.ImportFrom(statement.module, kept, statement.level)


def is_docstring(node: ast.AST) -> bool:
    """Return whether a statement is a text alone."""
    return isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant) and isinstance(node.value.value, str)


def is_declaration(node: ast.AST) -> bool:
    """Return whether a statement assigns the declaration, whose values are digested instead."""
    return any(isinstance(target, ast.Name) and target.id == DECLARATION for target in targets_of(node))


def _remove(tree: ast.Module, is_unwanted: Callable[[ast.AST], bool]) -> None:
    for node in ast.walk(tree):
        body = getattr(node, "body", None)
        if isinstance(body, list):
            node.body = [each for each in body if not is_unwanted(each)]  # type: ignore[attr-defined]
