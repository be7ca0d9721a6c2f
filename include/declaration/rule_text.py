"""Build the text that identifies a rule: its column, kind and arguments.

Equal rules have equal texts.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Mapping
from datetime import date, datetime
from typing import Any

MAX_TEXT = 100
"""Characters of one argument; a longer one is cut and identified by a digest."""
NOT_ARGUMENTS = frozenset(
    {
        *("id", "meta", "notes", "description", "severity", "result_format", "catch_exceptions", "rendered_content"),
        *("windows", "batch_id", "expectation_context", "row_condition", "condition_parser", "library_metadata"),
    }
)
"""Fields of every expectation that do not change which rows it accepts."""
UNORDERED = frozenset(
    {"value_set", "value_pairs_set", "regex_list", "like_pattern_list", "column_set", "type_list", "ties_okay"}
)
"""Arguments without an order; they are sorted, because a Python set has another order in each process."""
COLUMN_FIELDS = ("column", "column_A", "column_B", "column_list")


def rule_text(expectation: Any) -> str:
    """Return the text of a rule: column, kind and arguments.

    For example: `hour: expect_column_values_to_be_between(min_value=0, max_value=22)`.
    """
    given = {name: value for name, value in expectation if name not in NOT_ARGUMENTS and _is_given(expectation, name)}
    columns: list[str] = []
    for name in COLUMN_FIELDS:
        value = given.pop(name, None)
        columns += [value] if isinstance(value, str) else list(value or ())
    arguments = ", ".join(f"{name}={_shortened(_text(value, name in UNORDERED))}" for name, value in given.items())
    subject = f"{_shortened(', '.join(columns))}: " if columns else ""
    return f"{subject}{_snake_case(type(expectation).__name__)}({arguments})"


def reason_text(expectation: Any) -> str:
    """Return a quarantined row's reason: the description, if any, and the rule."""
    rule = rule_text(expectation)
    description = getattr(expectation, "description", None)
    return f"{description} [{rule}]" if description else rule


def _is_given(expectation: Any, name: str) -> bool:
    """Return whether an argument differs from its default."""
    field = type(expectation).__fields__.get(name)
    value = getattr(expectation, name)
    if field is None or field.required or value != field.default:
        return True
    return isinstance(value, bool) != isinstance(field.default, bool)


def _text(value: Any, is_unordered: bool = False) -> str:
    """Format a value; equal values have equal texts."""
    if isinstance(value, bool) or value is None:
        return repr(value)
    if isinstance(value, float) and value.is_integer():
        return str(int(value))
    if isinstance(value, date | datetime):
        return value.isoformat()
    if isinstance(value, Mapping):
        return "{" + ", ".join(f"{key!r}: {_text(value[key])}" for key in sorted(value, key=repr)) + "}"
    if isinstance(value, list | tuple | set | frozenset):
        items = [_text(item) for item in value]
        return "[" + ", ".join(sorted(items) if is_unordered or isinstance(value, set | frozenset) else items) + "]"
    return repr(getattr(value, "value", value)) if type(value).__module__ != "builtins" else repr(value)


def _shortened(text: str) -> str:
    if len(text) <= MAX_TEXT:
        return text
    digest = hashlib.sha256(text.encode()).hexdigest()[:12]
    return f"{text[: MAX_TEXT - 40]}… ({len(text)} characters, sha256 {digest})"


def _snake_case(name: str) -> str:
    return re.sub(r"(?<=[a-z0-9])(?=[A-Z])|(?<=[A-Z])(?=[A-Z][a-z])", "_", name).lower()
