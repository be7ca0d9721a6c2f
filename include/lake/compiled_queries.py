"""Compile Ibis expressions to SQL, once for those that differ only in dates.

A function of features.py returns the same expression for each period, but for the dates that it makes of the period.
Ibis needs longer to compile it than DuckDB to run it on a small day.
"""

from __future__ import annotations

import re
from collections.abc import Hashable, Mapping
from dataclasses import dataclass
from datetime import date, datetime
from functools import lru_cache
from typing import Any

import ibis
import pyarrow as pa
from ibis.backends.duckdb import Backend
from ibis.common.graph import Node
from ibis.expr import operations as ops

_KEPT = 64
"""Number of compiled expressions that a process keeps, the last ones used."""
_CUT_AT = 2
"""The time that an expression is seen at which it is cut: what is seen once, such as a sample, need not be."""


def compile_query(backend: Backend, table: ibis.Table) -> str:
    """Return the DuckDB SQL of an Ibis table, as Ibis would compile it."""
    shape = _shape_of(table.op())
    if shape is None:
        return str(backend.compile(table))
    template = _templates(shape.key)
    if template.parts is not None:
        return _filled(template.parts, [_text(backend, literal) for literal in shape.dates])
    compiled = str(backend.compile(table))
    template.seen += 1
    if template.seen == _CUT_AT:
        template.parts = _split(backend, table, shape.dates, compiled)
    return compiled


def read_rows(table: ibis.Table) -> pa.Table:
    """Compute an Ibis table on DuckDB; return its rows as `to_pyarrow` does."""
    backend = table.get_backend()
    assert isinstance(backend, Backend)
    backend._run_pre_execute_hooks(table)  # noqa: SLF001  # registers memtables; there is no public function for it
    return backend.con.sql(compile_query(backend, table)).to_arrow_table().cast(table.schema().to_pyarrow())


@dataclass
class _Template:
    """The SQL of an expression, cut where its dates are."""

    seen: int = 0
    parts: list[str | int] | None = None
    """Pieces of text and, between them, the number of a date. None: it is not cut, so it is compiled."""


def _filled(parts: list[str | int], dates: list[str]) -> str:
    return "".join(part if isinstance(part, str) else dates[part] for part in parts)


@lru_cache(maxsize=_KEPT)
def _templates(key: Hashable) -> _Template:
    """Return the template of a shape; the first call makes an empty one."""
    del key
    return _Template()


@dataclass(frozen=True)
class _Shape:
    """An expression without the values of its dates and times."""

    key: Hashable
    """Equal for expressions that differ only in these values. Equal dates stay equal, and different ones different."""
    dates: list[ops.Literal]
    """The different ones, in the order of their numbers in the key."""


def _shape_of(root: Node) -> _Shape | None:
    """Return the shape of an expression; None if a part of it cannot be compared."""
    described = _Description()
    try:
        described.number(root)
    except (TypeError, RecursionError):  # something unhashable, such as the rows of a table in memory; or very deep
        return None
    return _Shape(tuple(described.parts), list(described.dates))


class _Description:
    """The different parts of an expression, numbered for references to them."""

    def __init__(self) -> None:
        self.parts: dict[Hashable, int] = {}
        self.dates: dict[ops.Literal, int] = {}
        self._views: dict[int, int] = {}
        self._seen: dict[int, int] = {}

    def number(self, node: Node) -> int:
        if id(node) not in self._seen:
            self._seen[id(node)] = self.parts.setdefault(self._part(node), len(self.parts))
        return self._seen[id(node)]

    def _part(self, node: Node) -> Hashable:
        if isinstance(node, ops.Literal):
            if isinstance(node.value, date):
                return ("date", self.dates.setdefault(node, len(self.dates)), node.dtype)
            return (ops.Literal, repr(node.value), node.dtype)  # in Python 1, 1.0 and True are equal, and 0.0 and -0.0
        if isinstance(node, ops.SelfReference):  # numbered through the process
            view = self._views.setdefault(node.identifier, len(self._views))
            return (ops.SelfReference, self._value(node.parent), view)
        return (type(node), *(self._value(value) for value in node.__args__))

    def _value(self, value: Any) -> Hashable:
        if isinstance(value, Node):
            return _Number(self.number(value))
        if isinstance(value, tuple):
            return tuple(self._value(one) for one in value)
        if isinstance(value, Mapping):
            return tuple((name, self._value(one)) for name, one in value.items())
        if isinstance(value, Backend):
            return None
        return (type(value), value)


class _Number(int):
    """The number of another part; no constant of an expression has this type."""

    __slots__ = ()


def _split(backend: Backend, table: ibis.Table, dates: list[ops.Literal], compiled: str) -> list[str | int] | None:
    """Return the SQL cut at its dates.

    They are found by compiling the expression with dates that nothing else has. Returns None if putting the actual
    dates back does not give what Ibis compiled.
    """
    markers = [literal.copy(value=_marker(literal.value, n)) for n, literal in enumerate(dates)]
    texts = [_text(backend, marker) for marker in markers]
    marked = table.op().replace(dict(zip(dates, markers, strict=True))).to_expr()
    numbers = {text: n for n, text in enumerate(texts)}
    pieces = (
        re.split("(" + "|".join(map(re.escape, texts)) + ")", str(backend.compile(marked))) if texts else [compiled]
    )
    parts = [numbers.get(piece, piece) for piece in pieces]
    actual = [_text(backend, literal) for literal in dates]
    return parts if _filled(parts, actual) == compiled else None


def _marker(value: date, number: int) -> date:
    if isinstance(value, datetime):
        return datetime(1001 + number, 1, 1, tzinfo=value.tzinfo)
    return date(1001 + number, 1, 1)


def _text(backend: Backend, literal: ops.Literal) -> str:
    """Return a constant as it is in Ibis' SQL."""
    made = backend.compiler.visit_node(literal, value=literal.value, dtype=literal.dtype)
    return str(made.sql(dialect=backend.dialect))
