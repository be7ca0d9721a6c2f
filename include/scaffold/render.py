"""Render the files of a new use case from the templates, and write them."""

from __future__ import annotations

import json
import math
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import jinja2

from include.errors import InvalidRequestError
from include.scaffold.answers import Answers
from include.scaffold.plan import Plan, plan_use_case
from include.scaffold.sample import Sample
from include.scaffold.sql_text import sql_columns
from include.scaffold.target import LOGARITHMIC

TEMPLATES = Path(__file__).parent / "templates"
FILES = (
    *("__init__.py", "source.py", "expectations.py", "features.py", "README.md"),
    *("tests/__init__.py", "tests/test_features.py"),
)
TABLE = ("ByWindow", "Sql")
"""What a declaration imports for a table."""
SOURCE = "source.py"
"""The file that is not written for a table, whose queries are declared."""
IMPORTS = {
    "binary": ("Binary", "DecisionCosts"),
    "regression": ("Regression",),
    "multiclass": ("Multiclass",),
}
"""What a task's declaration imports from `include.use_case`, in addition to what each one needs."""
_ONE_LINE = re.compile(r"rows=\(\n(?P<element> {12}gxe\.[^\n]*,\n)? {8}\),")
_LONGEST = 112
"""Characters of a line without its indentation."""
_ARROW = {"timestamp": 'pa.timestamp("us")', "bool": "pa.bool_()"}


def write_use_case(answers: Answers, sample: Sample, folder: Path, package: str) -> Plan:
    """Write the folder of a new use case, a member of `package`, into `folder`.

    Return what was decided.

    Raises:
        DeclarationError: answers and sample do not fit; lists all problems.
        InvalidRequestError: the folder exists.
    """
    target = folder / answers.name
    if target.exists():
        raise InvalidRequestError(f"{target} exists. Choose another name, or remove it first.")
    plan = plan_use_case(answers, sample, f"{package}.{answers.name}")
    rendered = {file: render_file(plan, file) for file in FILES if file != SOURCE or sample.path}
    for file, text in rendered.items():
        (target / file).parent.mkdir(parents=True, exist_ok=True)
        (target / file).write_text(text, encoding="utf-8")
    return plan


def render_file(plan: Plan, file: str) -> str:
    """Return the text of one file."""
    imported = (
        "Gate",
        "Label",
        "LeakageGate",
        "SchemaGate",
        *IMPORTS[plan.task],
        *(() if plan.sample.path else TABLE),
        *plan.rhythm.imports,
    )
    text = (
        _environment()
        .get_template(f"use_case/{file}.j2")
        .render(
            plan=plan,
            imports=sorted({"Feed", "Period", "Training", "UseCase", *imported}),
            floats=(floats := [name for name, kind in plan.read_types.items() if kind == "float64"]),
            has_columns=bool(plan.target.values or (floats and plan.sample.path and plan.sample.path.suffix != ".csv")),
            least_label="0" if getattr(plan.target.task, "objective", "") in LOGARITHMIC else 'float("-inf")',
            left_out=list(_left_out(plan)),
        )
    )
    return _with_single_blank_lines(text) if file.endswith(".md") else _ONE_LINE.sub(_in_one_line, text).rstrip() + "\n"


def _in_one_line(found: re.Match[str]) -> str:
    """Return a tuple of no element, or of one that fits into the line, in one line."""
    element = (found["element"] or "").strip()
    line = f"rows=({element})," if element else "rows=(),"
    return line if len(line) <= _LONGEST else found[0]


def _left_out(plan: Plan) -> Iterator[str]:
    for name, reason in plan.sample.left_out.items():
        yield f"`{name}` ({reason})"
    for name, column in plan.sample.columns.items():
        if column.kind == "timestamp" and name != plan.answers.date:
            yield f"`{name}` (local times: declare a `timestamp` in UTC)"


def _environment() -> jinja2.Environment:
    environment = jinja2.Environment(  # nosec B701
        loader=jinja2.FileSystemLoader(TEMPLATES),
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
        autoescape=False,  # noqa: S701 - it writes Python, whose texts the filter `code` quotes
    )
    environment.filters.update(
        code=_code,
        arrow_type=lambda kind: _ARROW.get(kind, f"pa.{kind}()"),
        docstring=lambda text: json.dumps(text, ensure_ascii=False)[1:-1],
        tick=lambda name: f"`{name}`",
        columns=sql_columns,
        sql=lambda text: text.replace("\\", "\\\\").replace('"""', '\\"""'),
    )
    return environment


def _code(value: Any) -> str:
    """Return a value as Python code with double quotes, as ruff writes it."""
    if isinstance(value, str):
        return repr(value) if '"' in value and "'" not in value else json.dumps(value, ensure_ascii=False)
    if isinstance(value, tuple):
        return f"({', '.join(map(_code, value))}{',' if len(value) == 1 else ''})"
    if isinstance(value, list):
        return f"[{', '.join(map(_code, value))}]"
    return repr(int(value)) if isinstance(value, float) and math.isclose(value, round(value)) else repr(value)


def _with_single_blank_lines(text: str) -> str:
    lines: list[str] = []
    for line in text.splitlines():
        if line or (lines and lines[-1]):
            lines.append(line)
    return "\n".join(lines).rstrip() + "\n"
