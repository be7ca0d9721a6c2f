"""Analyse the source of a module: its imports, names and statements."""

from __future__ import annotations

import ast
import functools
import hashlib
import sys
from collections.abc import Callable, Collection, Iterable, Iterator
from pathlib import Path

DECLARATIONS = frozenset({"USE_CASE", "FEATURE_GROUP"})
"""Names of a declaration in its module."""
_IMPORTERS = {"import_module", "__import__", "run_module", "resolve_name", "find_spec"}
"""Functions that import a module named by a string."""


class SourceFile:
    """A module's syntax tree without docstrings."""

    def __init__(self, text: bytes) -> None:
        self._text = text
        self.sha256 = hashlib.sha256(text).hexdigest()
        self.tree = ast.parse(text)
        _remove(self.tree, is_docstring)

    @functools.cached_property
    def declares(self) -> bool:
        """Return whether a statement assigns the declaration."""
        return any(is_declaration(node) for node in ast.walk(self.tree))

    @functools.cached_property
    def clean_body(self) -> list[ast.stmt]:
        """Return the statements without the declaration, which stays in the tree."""
        copy = ast.parse(self._text)
        _remove(copy, lambda node: is_docstring(node) or is_declaration(node))
        return copy.body

    def needed(self, names: Collection[str]) -> list[ast.stmt]:
        """Return the statements that can matter to code that uses these names.

        Statements that can have side effects are always included: those that bind no name, classes with bases,
        anything with decorators, and imports of names that the module never uses. `*` includes all statements.
        """
        named, all_names = set(names), "*" in names
        unused = self._imported - {node.id for node in ast.walk(self.tree) if isinstance(node, ast.Name)}
        included: set[int] = set()
        while True:
            before = len(included)
            for index, statement in enumerate(self.clean_body):
                if index not in included and (all_names or _counts(statement, named | unused)):
                    kept = statement if all_names else _reduced_import(statement, named | unused)
                    included.add(index)
                    named |= names_in(kept)
            if len(included) == before:
                # Reduce imports only now: names may have been added after an import was included.
                return [
                    self.clean_body[index] if all_names else _reduced_import(self.clean_body[index], named | unused)
                    for index in sorted(included)
                ]

    @functools.cached_property
    def _imported(self) -> set[str]:
        """Return names imported from modules whose import may have side effects."""
        nodes = [node for node in self.tree.body if isinstance(node, ast.Import | ast.ImportFrom)]
        return {name for node in nodes if not _is_inert(node) for name in bound_names(node)}


def _is_inert(node: ast.Import | ast.ImportFrom) -> bool:
    """Return whether an import has no effect other than binding names."""
    if isinstance(node, ast.Import):
        return all(alias.name.partition(".")[0] in sys.stdlib_module_names for alias in node.names)
    module = "." * node.level + (node.module or "")
    declared = ("include.use_cases.", "include.feature_groups.")
    engine = f"{module}.".startswith("include.") and not f"{module}.".startswith(declared)
    return engine or module.partition(".")[0] in sys.stdlib_module_names


def read_source(path: Path) -> SourceFile:
    """Return the source of a module; equal text is parsed once."""
    return _parsed(path.read_bytes())


@functools.lru_cache(maxsize=512)
def _parsed(text: bytes) -> SourceFile:
    return SourceFile(text)


def source_digest(body: Iterable[ast.stmt]) -> str:
    """Return the digest of statements, independent of comments and layout."""
    dumped = "\n".join(ast.dump(statement) for statement in body)
    return hashlib.sha256(dumped.encode()).hexdigest()


def imports(body: Iterable[ast.AST], module: str, *, is_package: bool) -> Iterator[str]:
    """Yield the names that statements import at any depth.

    They are names that may be modules. If a statement imports a module by a string, every string that could be a
    module's name is included.
    """
    package = module.split(".") if is_package else module.split(".")[:-1]
    nodes = [node for statement in body for node in ast.walk(statement)]
    by_text = any(_called(node) in _IMPORTERS for node in nodes)
    for node in nodes:
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            base = _absolute("." * node.level + (node.module or ""), package)
            yield base
            yield from (f"{base}.{alias.name}" for alias in node.names)
        elif by_text and isinstance(node, ast.Constant) and isinstance(node.value, str) and _may_be_module(node.value):
            yield _absolute(node.value, package)


def _absolute(name: str, package: list[str]) -> str:
    level = len(name) - len(name.lstrip("."))
    start = package[: len(package) - level + 1] if level else []
    return ".".join([*start, *filter(None, [name[level:]])])


def _may_be_module(text: str) -> bool:
    return bool(text.strip(".")) and all(part.isidentifier() for part in text.lstrip(".").split("."))


def _called(node: ast.AST) -> str:
    """Return the last part of a called function's name; empty if the node is no call."""
    return last_name(node.func) if isinstance(node, ast.Call) else ""


def last_name(node: ast.AST) -> str:
    """Return the name, or the last attribute of a chain.

    Empty for any other expression.
    """
    return node.id if isinstance(node, ast.Name) else node.attr if isinstance(node, ast.Attribute) else ""


def names_in(node: ast.AST) -> set[str]:
    """Return every identifier and string in a node; `*` for a star import."""
    names = set[str]()
    for part in ast.walk(node):
        names |= {last_name(part)} - {""}
        if isinstance(part, ast.ImportFrom):
            names |= {alias.name for alias in part.names}
    return names | texts_in([node])


def texts_in(nodes: Iterable[ast.AST]) -> set[str]:
    """Return every string in these nodes."""
    constants = (part.value for node in nodes for part in ast.walk(node) if isinstance(part, ast.Constant))
    return {value for value in constants if isinstance(value, str)}


def line_of_definition(source: SourceFile, name: str) -> int | None:
    """Return the line on which a module defines a function; None if it does not."""
    functions = (node for node in source.tree.body if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef))
    return next((node.lineno for node in functions if node.name == name), None)


def bound_names(statement: ast.stmt) -> set[str]:
    """Return the names that a statement only binds; empty for other effects."""
    if isinstance(statement, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef):
        return {statement.name}
    if isinstance(statement, ast.Import | ast.ImportFrom):
        return {alias.asname or alias.name.partition(".")[0] for alias in statement.names}
    targets = targets_of(statement)
    names = {part.id for target in targets for part in ast.walk(target) if isinstance(part, ast.Name)}
    plain = all(isinstance(target, ast.Name | ast.Tuple | ast.List) for target in targets)
    return names if plain else set()


def targets_of(node: ast.AST) -> list[ast.expr]:
    """Return the targets of an assignment; empty for any other node."""
    if isinstance(node, ast.Assign):
        return node.targets
    return [node.target] if isinstance(node, ast.AnnAssign | ast.AugAssign) else []


def registers_itself(statement: ast.stmt) -> bool:
    """Return whether a definition can have side effects (decorators, bases)."""
    if isinstance(statement, ast.ClassDef):
        return bool(statement.bases or statement.keywords or statement.decorator_list)
    return isinstance(statement, ast.FunctionDef | ast.AsyncFunctionDef) and bool(statement.decorator_list)


def _counts(statement: ast.stmt, named: Collection[str]) -> bool:
    names = bound_names(statement)
    return not names or "*" in names or registers_itself(statement) or not names.isdisjoint(named)


def _reduced_import(statement: ast.stmt, named: Collection[str]) -> ast.stmt:
    """Return an import of the given names only; any other statement unchanged."""
    if not isinstance(statement, ast.Import | ast.ImportFrom):
        return statement
    kept = [alias for alias in statement.names if {alias.asname or alias.name.partition(".")[0]} & {*named, "*"}]
    if isinstance(statement, ast.Import):
        return ast.Import(kept)
    return ast.ImportFrom(statement.module, kept, statement.level)


def is_docstring(node: ast.AST) -> bool:
    """Return whether a statement is only a string."""
    return isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant) and isinstance(node.value.value, str)


def is_declaration(node: ast.AST) -> bool:
    """Return whether a statement assigns the declaration."""
    return any(isinstance(target, ast.Name) and target.id in DECLARATIONS for target in targets_of(node))


def _remove(tree: ast.Module, is_unwanted: Callable[[ast.AST], bool]) -> None:
    for node in ast.walk(tree):
        body = getattr(node, "body", None)
        if isinstance(body, list):
            node.body = [statement for statement in body if not is_unwanted(statement)]  # type: ignore[attr-defined]
