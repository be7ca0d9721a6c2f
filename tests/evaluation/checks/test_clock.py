"""Reads of the clock and the environment are found in executed code; columns and unused functions are not."""

from __future__ import annotations

import ast

import pytest

from include.evaluation.checks.clock import CheckedModule, find_reads, has_time_argument
from include.registry.source_code import SourceFile

READS = [
    "pd.Timestamp.now()",
    "pd.Timestamp.today()",
    "pd.Timestamp('now')",
    "pd.to_datetime('today')",
    "pd.to_datetime(['Now '])",
    "np.datetime64('today')",
    "np.array(['now'], dtype='datetime64[s]')",
    "pendulum.now('UTC')",
    "ibis.now()",
    "ibis.today()",
    "USE_CASE.today()",
    "getattr(pd.Timestamp, 'now')()",
    "[f() for f in [pd.Timestamp.now]]",
    "events.sql('select current_date as d from events')",
    "events.sql('SELECT *, now() FROM events')",
    "events.sql(f'select {column}, today() from events')",
    "con.execute('delete from t where d < get_current_timestamp()')",
    "os.environ['HOME']",
    "os.environ.get('HOME')",
    "os.getenv('HOME')",
    "getenv('HOME')",
]
HARMLESS = [
    "events.now",
    "events.today.max()",
    "events['today']",
    "events.filter(events.kind == 'now')",
    "events.rename(now='today')",
    "events.current_date",
    "events.sql('select e.current_date, \"now\" from events e')",
    "'The now() of the report'",
    "pd.Timestamp('2020-01-01')",
    "lambda: pd.Timestamp.now()",
]


def found(text: str, *, unseen: bool = False, ran: str = "build") -> set[str]:
    """What is found of a module whose function `ran` was called; nothing of it is run here."""
    source = SourceFile(text.encode())
    functions = compile(ast.parse(text), "mine/features.py", "exec").co_consts
    codes = [code for code in functions if getattr(code, "co_name", "") == ran]
    return find_reads([CheckedModule("mine/features.py", source, tuple(codes), is_unseen=unseen)])


@pytest.mark.parametrize("read", READS)
def test_a_function_that_ran_is_found_with_its_line(read):
    [words] = {each.rpartition(", ")[2] for each in found(f"def build(events):\n    return {read}\n")}
    assert words == "mine/features.py:2)" or words.endswith("features.py:2)")


@pytest.mark.parametrize("harmless", HARMLESS)
def test_a_column_a_text_and_a_function_that_did_not_run_are_none(harmless):
    assert found(f"def build(events):\n    return {harmless}\n") == set()


MODULE = """
if True:
    NOW = pd.Timestamp.now()
OTHER = pd.Timestamp.now()

def build(events):
    {}

def stamp():
    return pd.Timestamp.now()

@ibis.udf.scalar.python
def run_by_duckdb(x: int) -> int:
    return pd.Timestamp.now().year

class Expectation(Base):
    def judge(self):
        return stamp()

if __name__ == "__main__":
    events = pd.Timestamp.now()
"""


@pytest.mark.parametrize(
    ("body", "lines"),
    [
        ("return events", set()),
        ("return NOW", {3}),
        ("return run_by_duckdb(events)", {14}),
        ("return stamp", set()),
    ],
)
def test_of_a_module_that_is_looked_at_which_the_function_names(body, lines):
    assert {int(each.rpartition(":")[2].rstrip(")")) for each in found(MODULE.format(body))} == lines


def test_what_runs_unseen_is_looked_at_as_far_as_classes_name_it():
    lines = {int(each.rpartition(":")[2].rstrip(")")) for each in found(MODULE.format("return events"), unseen=True)}
    assert lines == {10}


@pytest.mark.parametrize(
    ("call", "given"),
    [
        ("time.strftime('%j', instant)", True),
        ("time.strftime('%j')", False),
        ("time.gmtime(0)", True),
        ("time.ctime()", False),
        ("time.gmtime(0), time.gmtime()", False),
        ("time.time()", False),
    ],
)
def test_a_function_that_is_given_the_time_asks_no_clock(call, given):
    name = call.partition("(")[0].removeprefix("time.")
    assert has_time_argument(SourceFile(call.encode()), 1, name) is given
