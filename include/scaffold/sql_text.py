"""Write the queries of a use case whose rows are in a table."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from include.scaffold.plan import Plan

_HOUR = {"sqlite": "cast(strftime('%H', {0}) as integer)"}
_DATE = {"sqlite": "date({0})"}
"""Dialect to an expression, where it is not that of the SQL standard."""


def sql_columns(plan: Plan, columns: Iterable[str]) -> list[str]:
    """Return the expressions of a query that selects columns of a feed, with commas."""
    written = list(_expressions(plan, columns))
    return [f"{text}," for text in written[:-1]] + written[-1:]


def _expressions(plan: Plan, columns: Iterable[str]) -> Iterator[str]:
    assert plan.sample.table is not None
    table, label = plan.sample.table, plan.answers.label
    moment = table.quoted[plan.answers.date]
    for name in columns:
        if name == plan.hour:
            yield f"{_HOUR.get(table.dialect, 'cast(extract(hour from {0}) as integer)').format(moment)} as {name}"
        elif name == plan.date and plan.date != plan.answers.date:
            yield f"{_DATE.get(table.dialect, 'cast({0} as date)').format(moment)} as {name}"
        elif name == label and (plan.answers.positive or plan.target.class_names):
            yield _case(table.quoted[name], _values(plan))
        elif name == label and plan.target.values and plan.sample.columns[name].kind == "bool":
            column = table.quoted[name]
            yield f"case when {column} then 1 when not {column} then 0 end as {column}"
        else:
            yield table.quoted[name]


def _values(plan: Plan) -> dict[str, str]:
    """Return the label's values with what each becomes in SQL.

    An empty text means any other value.
    """
    if plan.answers.positive:
        return {plan.answers.positive: "1", "": "0"}
    return {value: _quoted(name) for value, name in plan.target.class_names.items()}


def _case(column: str, values: dict[str, str]) -> str:
    """Return an expression that maps values; nulls and unnamed ones are kept."""
    named = " ".join(f"when {column} = {_quoted(value)} then {made}" for value, made in values.items() if value)
    others = f"when {column} is not null then {values['']}" if "" in values else f"else {column}"
    return f"case {named} {others} end as {column}"


def _quoted(text: str) -> str:
    return "'" + text.replace("'", "''").replace(":", "\\:") + "'"
