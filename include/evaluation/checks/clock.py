"""Find where code reads the clock or the environment, by its syntax tree.

Compiled code reads the clock without an event of the interpreter: `pandas.Timestamp.now()`, `numpy.datetime64("now")`
and `current_date` in a text of SQL. So the source is analysed too: the functions that ran, and the constants and
functions of their modules that they name, since libraries such as DuckDB may call these. An attribute that is not
called, such as a column named `today`, does not count as the clock.
"""

from __future__ import annotations

import ast
import functools
import re
from collections.abc import Collection, Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from types import CodeType
from typing import Any

from include.registry import source_code
from include.registry.source_code import SourceFile, last_name

_NOW = {"now", "today", "utcnow"}
_OWNERS = {"Timestamp", "DateTime", "datetime", "date", "pendulum", "ibis", "arrow"}
"""Objects with one of these functions: their attributes count as the clock even if not called."""
_PARSERS = {
    "Timestamp",
    "to_datetime",
    "datetime64",
    "DatetimeIndex",
    "date_range",
    "parse",
    "timestamp",
    "date",
    "Period",
}
"""Functions for which a text can mean the current time."""
_DTYPES = ("datetime64", "M8", "timestamp", "date")
_SQL_CALLS = {"sql", "raw_sql", "query", "execute"}
_SQL_CLOCK = re.compile(
    r"""(?<!["'.\w])(current_date|current_timestamp|current_time|current_localtime(?:stamp)?|localtime(?:stamp)?
    |get_current_\w+\s*\(|now\s*\(|today\s*\(|transaction_timestamp\s*\()(?!["'\w])""",
    re.IGNORECASE | re.VERBOSE,
)
_QUERY = re.compile(r"\bselect\b", re.IGNORECASE)
_ENVIRONMENT = {"environ", "environb", "getenv", "getenvb"}
_TIME_ARGUMENT = {"strftime": 2, "ctime": 1, "asctime": 1, "localtime": 1, "gmtime": 1}
"""Functions of `time` to the position of the argument with the time; without it, they read the clock."""
_FUNCTIONS = (ast.FunctionDef, ast.AsyncFunctionDef, ast.Lambda)
_HARMLESS = {
    *("property", "cached_property", "setter", "staticmethod", "classmethod", "dataclass", "abstractmethod"),
    *("overload", "cache", "lru_cache", "wraps", "contextmanager"),
}
"""Decorators whose functions are called by Python, so that the profiler records the call."""


@dataclass(frozen=True)
class CheckedModule:
    """Hold a module's source, its functions that ran, and whether others count."""

    file: str
    source: SourceFile
    ran: Collection[CodeType] = ()
    is_unseen: bool = False


def find_reads(modules: Iterable[CheckedModule]) -> set[str]:
    """Return where these modules read the clock or the environment.

    Each place has its file and line.
    """
    modules = tuple(modules)
    nodes = {module: _functions_that_ran(module) for module in modules}
    named = {name for found in nodes.values() for node in found for name in source_code.names_in(node)}
    statements: dict[CheckedModule, list[ast.stmt]] = {}
    while True:
        before = len(named)
        for module in modules:
            statements[module] = [each for each in module.source.tree.body if _counts(each, named, module.is_unseen)]
            named |= {name for each in statements[module] for name in source_code.names_in(each)}
        if len(named) == before:
            break
    return {
        f"{words}, {Path(module.file).parent.name}/{Path(module.file).name}:{line})"
        for module in modules
        for line, words in {
            *(read for node in nodes[module] for read in _reads(_own_nodes(node, node))),
            *(read for node in statements[module] for read in _reads(_own_nodes(node, module.is_unseen))),
        }
    }


def _counts(statement: ast.stmt, named: Collection[str], is_unseen: bool) -> bool:
    """Return whether a statement assigns a name, or defines a findable class."""
    if source_code.is_declaration(statement) or _is_for_scripts(statement):
        return False
    if is_unseen and isinstance(statement, ast.ClassDef) and statement.bases:
        return True
    return not _given(statement).isdisjoint(named)


def _is_for_scripts(statement: ast.stmt) -> bool:
    return isinstance(statement, ast.If) and any(last_name(node) == "__name__" for node in ast.walk(statement.test))


def _given(statement: ast.stmt) -> set[str]:
    """Return the names that a statement may assign, also in branches."""
    if isinstance(statement, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef | ast.Import | ast.ImportFrom):
        return source_code.bound_names(statement)
    targets = [node for each in ast.walk(statement) for node in source_code.targets_of(each)]
    named = {node.id for target in targets for node in ast.walk(target) if isinstance(node, ast.Name)}
    return named | {each.name for each in ast.walk(statement) if isinstance(each, ast.FunctionDef | ast.ClassDef)}


def _functions_that_ran(module: CheckedModule) -> list[ast.AST]:
    found = []
    for code in module.ran:
        matching = [node for node in _functions(module.source).get(code.co_name, ()) if _is_of(code, node)]
        found += sorted(matching, key=_length)[:1]
    return found


@functools.lru_cache(maxsize=512)
def _functions(source: SourceFile) -> dict[str, list[ast.AST]]:
    """Return the functions of a module by their names."""
    found: dict[str, list[ast.AST]] = {}
    for node in ast.walk(source.tree):
        if isinstance(node, _FUNCTIONS):
            found.setdefault(getattr(node, "name", "<lambda>"), []).append(node)
    return found


def _is_of(code: CodeType, node: Any) -> bool:
    """Return whether a function was compiled from a node.

    All its instructions then lie within it.
    """
    start = min([node.lineno, *(each.lineno for each in getattr(node, "decorator_list", ()))])
    if not isinstance(node, ast.Lambda):
        return bool(code.co_firstlineno == start)
    places = [(line, column) for line, _, column, end in code.co_positions() if line and column is not None and end]
    first, last = (node.lineno, node.col_offset), (node.end_lineno, node.end_col_offset)
    return all(first <= place <= last for place in places)


def _length(node: Any) -> tuple[int, int]:
    return node.end_lineno - node.lineno, node.end_col_offset - node.col_offset


def _own_nodes(node: ast.AST, whole: object) -> Iterator[ast.AST]:
    """Yield a node and its descendants, without functions whose calls are recorded.

    With `whole`, these are included.
    """
    yield node
    if isinstance(node, _FUNCTIONS) and whole is not True and node is not whole and not _is_run_by_others(node):
        return
    for child in ast.iter_child_nodes(node):
        yield from _own_nodes(child, whole)


def _is_run_by_others(function: ast.AST) -> bool:
    decorators = (getattr(each, "func", each) for each in getattr(function, "decorator_list", ()))
    return any(last_name(each) not in _HARMLESS for each in decorators)


def _reads(nodes: Iterable[ast.AST]) -> Iterator[tuple[int, str]]:
    """Yield the line and description of each read by these nodes."""
    for node in nodes:
        words = ""
        if isinstance(node, ast.Call):
            words = _read_by_call(node)
        elif isinstance(node, ast.Attribute):
            words = _read_by_attribute(node)
        elif isinstance(node, ast.Name) and node.id in _ENVIRONMENT:
            words = f"the environment ({node.id}"
        elif isinstance(node, ast.Constant | ast.JoinedStr) and _QUERY.search(text := _text(node)):
            words = _in_sql(text)
        if words:
            yield node.lineno, words  # type: ignore[attr-defined]


def _read_by_call(call: ast.Call) -> str:
    name = last_name(call.func)
    if isinstance(call.func, ast.Attribute) and name in _NOW:
        return f"the clock ({ast.unparse(call.func)}()"
    arguments = [*call.args, *(keyword.value for keyword in call.keywords)]
    texts = {text.strip().lower() for text in source_code.texts_in(arguments)}
    if name == "getattr" and texts & _NOW:
        return f"the clock ({ast.unparse(call)}"
    if texts & _NOW and (name in _PARSERS or any(text.startswith(_DTYPES) for text in texts)):
        return f"the clock ({ast.unparse(call)}"
    return next(filter(None, (_in_sql(_text(each)) for each in arguments)), "") if name in _SQL_CALLS else ""


def _read_by_attribute(node: ast.Attribute) -> str:
    owner = last_name(node.value)
    if owner == "os" and node.attr in _ENVIRONMENT:
        return f"the environment (os.{node.attr}"
    return f"the clock ({ast.unparse(node)}()" if owner in _OWNERS and node.attr in _NOW else ""


def _text(node: ast.AST) -> str:
    """Return a constant text, or the constant parts of an f-string."""
    parts = node.values if isinstance(node, ast.JoinedStr) else [node]
    values = (part.value if isinstance(part, ast.Constant) else " ? " for part in parts)
    return "".join(value for value in values if isinstance(value, str))


def _in_sql(text: str) -> str:
    found = _SQL_CLOCK.search(text)
    return f"the clock ({found[1].rstrip('( ')} in SQL" if found else ""


def has_time_argument(source: SourceFile, line: int, name: str) -> bool:
    """Return whether every call of this `time` function on a line passes a time."""
    calls = [node for node in ast.walk(source.tree) if isinstance(node, ast.Call) and last_name(node.func) == name]
    on_line = [call for call in calls if call.lineno <= line <= (call.end_lineno or call.lineno)]
    return bool(on_line) and all(len(call.args) >= _TIME_ARGUMENT.get(name, len(call.args) + 1) for call in on_line)
