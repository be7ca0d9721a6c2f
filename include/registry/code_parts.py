"""Name the parts of the code that made a table, to describe later changes.

A commit records one digest of the code. The parts behind each digest are kept once in the lake, under `code/`. They
only describe: if they are missing or damaged, a stale period is still found, without the names of what changed.
"""

from __future__ import annotations

import ast
import hashlib
import json
from collections.abc import Iterator, Mapping

from include.declaration.data_declaration import DataDeclaration
from include.lake.lake import Lake
from include.lake.record_store import RecordCorruptedError, RecordStore, encode_record
from include.registry import code_digest, source_code
from include.registry.code_digest import DigestedContent
from include.registry.code_modules import Module

CodeParts = Mapping[str, str]
"""Part of the code to its digest, or declared value to its text."""
_DIGITS = 16
_LONGEST = 40
"""Characters of a declared value; of a longer one, the digest is kept."""
_recorded = set[tuple[str, str]]()
"""Folder and digest whose parts this process has recorded."""


def record_code(lake: Lake, table: str) -> str:
    """Return the digest of the code that makes a table; keep its parts in the lake.

    Call it before the code is imported: files saved later are not the code that runs.
    """
    use_case = lake.use_case
    digest = code_digest.table_code_digest(use_case, table)
    store = _store(lake)
    if (store.folder.uri, digest) not in _recorded:
        if not store.path(digest).exists():
            content = code_digest.table_content(use_case, table)
            if content.digest == digest:  # else a file was saved since
                store.create(digest, encode_record(_parts(use_case, content)))
        _recorded.add((store.folder.uri, digest))
    return digest


def recorded_parts(lake: Lake, digest: str) -> CodeParts | None:
    """Return the parts behind a digest; None if they are not known."""
    try:
        return _store(lake).find(digest)
    except RecordCorruptedError:
        return None


def code_parts(use_case: DataDeclaration, table: str) -> CodeParts:
    """Return the parts of the code that makes a table, as the files are now."""
    return _parts(use_case, code_digest.table_content(use_case, table))


def _parts(use_case: DataDeclaration, content: DigestedContent) -> CodeParts:
    parts = {f"file {name}": digest[:_DIGITS] for name, digest in content.files.items()}
    for name, module in content.modules.items():
        if module.is_own:
            parts |= dict(_parts_of_module(name.removeprefix(f"{use_case.package}."), module))
        else:
            parts[f"module {name}"] = source_code.source_digest(module.body)[:_DIGITS]
    return parts | dict(_parts_of_value("declared", json.loads(content.declared)))


def describe_changes(before: CodeParts, now: CodeParts) -> list[str]:
    """Return a phrase for each part that changed, was added or was removed."""
    changes = []
    for part in sorted(before.keys() | now.keys()):
        if part not in before:
            changes.append(f"{part} is new")
        elif part not in now:
            changes.append(f"{part} was removed")
        elif before[part] != now[part]:
            values = f" from {before[part]} to {now[part]}" if part.startswith("declared ") else ""
            changes.append(f"{part} changed{values}")
    return changes or ["the order of declarations, or the version of Python, changed"]


def _store(lake: Lake) -> RecordStore[CodeParts]:
    return RecordStore(lake.root / "code", _decode)


def _decode(_: str, content: bytes) -> CodeParts:
    return {str(part): str(value) for part, value in json.loads(content).items()}


def _parts_of_module(name: str, module: Module) -> Iterator[tuple[str, str]]:
    """Yield the functions, classes and values of a use case's module.

    All its other statements are one part.
    """
    others: list[ast.stmt] = []
    for statement in module.body:
        names = source_code.bound_names(statement)
        if not names or isinstance(statement, ast.Import | ast.ImportFrom):
            others.append(statement)
            continue
        is_function = isinstance(statement, ast.FunctionDef | ast.AsyncFunctionDef)
        kind = "function" if is_function else "class" if isinstance(statement, ast.ClassDef) else "value"
        yield f"{kind} {name}.{', '.join(sorted(names))}", source_code.source_digest([statement])[:_DIGITS]
    if others:
        yield f"imports and other statements of {name}", source_code.source_digest(others)[:_DIGITS]


def _parts_of_value(path: str, value: object) -> Iterator[tuple[str, str]]:
    """Yield the declared values of a tree of mappings; each other value is one part."""
    items = value.items() if isinstance(value, dict) else _pairs(value)
    if items is None:
        text = json.dumps(value)
        is_long = len(text) > _LONGEST
        yield path, f"sha256 {hashlib.sha256(text.encode()).hexdigest()[:_DIGITS]}" if is_long else text
        return
    separator = " " if path == "declared" else "."
    for name, inner in items:
        yield from _parts_of_value(f"{path}{separator}{name}", inner)


def _pairs(value: object) -> list[tuple[str, object]] | None:
    """Return the pairs of a mapping that JSON holds as a list; None for another value."""
    if not isinstance(value, list) or not value:
        return None
    are_pairs = all(isinstance(item, list) and len(item) == 2 and isinstance(item[0], str) for item in value)
    return [(name, inner) for name, inner in value] if are_pairs else None
