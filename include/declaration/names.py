"""Hold that declared names collide neither with each other nor with names that the product uses itself.

Imports nothing heavy, as use_case.py.
"""

from __future__ import annotations

import keyword
import re
from collections.abc import Collection, Iterable

from include.declaration.gates import BASELINES
from include.declaration.problems import require

DAG_KINDS = ("data", "train", "score", "monitor", "retrain", "rollback", "maintenance", "quarantine", "reproduce")
"""The DAGs of each use case: `<use case>__<kind>`."""
RESERVED_PREFIX = "__airworthy_"
"""Begins the name of every column that a step adds to a table for itself; no declared name may begin so."""
LAKE_COLUMNS = frozenset({"day", "digest", "reasons", "quarantined_row"})
"""Columns that the lake adds to its tables, or the quarantine to the files that leave it."""
PREDICTION_COLUMNS = frozenset({"probability", "warning", "model_version"})
"""Columns of predictions besides the keys."""
SUBJECTS = frozenset({"features", "labels", "predictions", "prediction", "model", *BASELINES})
"""What the monitor measures besides feeds, by these names: two metrics of one name would be one."""
REFUSED_BY_LIGHTGBM = frozenset(',:"[]{}')
"""Characters that no name of a feature may have."""
LONGEST = 200
"""Characters of a column's name, and of an owner's."""
LONGEST_USE_CASE = 100
"""Characters of a use case's name: Airflow's tags have no more."""


def require_use_case(name: str, owner: str) -> None:
    """Report a name of a use case, or of its owner, that cannot be one everywhere."""
    require(re.fullmatch(r"[a-z][a-z0-9_]*", name) is not None, "use lower-case letters, digits and _.", field="name")
    require("__" not in name, "no double underscore: it separates the use case from its DAG.", field="name")
    require(
        len(name) <= LONGEST_USE_CASE,
        f"the name has {len(name)} characters; use at most {LONGEST_USE_CASE}. It is a tag in Airflow, and part of"
        " the names of DAGs, folders and a registered model.",
        field="name",
    )
    require(len(owner) <= LONGEST, f"the owner has {len(owner)} characters; use at most {LONGEST}.", field="owner")


def require_columns(names: Iterable[str], field: str, say: str = "", also_taken: Collection[str] = ()) -> None:
    """Report column names that are no printable text, or that the product uses; `say` begins the texts."""
    names = list(names)
    odd = [name for name in names if not _is_plain(name)]
    hint = f"Use 1 to {LONGEST} printable characters, without spaces at the ends."
    require(not odd, f"{say}{odd} cannot be names of columns.", field=field, hint=hint)
    taken = [
        name
        for name in names
        if name.casefold() in {*LAKE_COLUMNS, *also_taken} or name.casefold().startswith(RESERVED_PREFIX)
    ]
    require(
        not taken, f"{say}columns {taken} are names that the product uses itself.", field=field, hint="Rename yours."
    )


def require_distinct_columns(names: Iterable[str], field: str, say: str = "") -> None:
    """Report column names that differ in case only, or not at all; `say` begins the text.

    DuckDB knows no difference between `Size` and `size`, so neither may names.
    """
    same = _same([*names])
    problem = f"{say}columns {same} are one name to DuckDB, which ignores upper and lower case."
    require(not same, problem, field=field, hint="Rename one.")


def require_features(names: Iterable[str]) -> None:
    """Report names of features that LightGBM refuses, or would store as another name.

    It refuses the characters of `REFUSED_BY_LIGHTGBM`, writes each space as `_`, and loses a `=` at the start.
    """
    names = list(names)
    for name in names:
        instead = re.sub(r"[^\w.-]+", "_", name).strip("_") or "feature"
        hint = f"Write {instead!r}." if instead not in names else f"{instead!r} is a feature, too; write another name."
        for is_wrong, problem in (
            (not REFUSED_BY_LIGHTGBM.isdisjoint(name), 'refuses a name with any of , : " [ ] { }'),
            (" " in name, f"writes spaces as _, so that it would be {name.replace(' ', '_')!r}"),
            (name.startswith("="), "loses a = that begins a name"),
        ):
            require(not is_wrong, f"LightGBM {problem}.", field=f"features[{name!r}]", hint=hint)


def require_feeds(names: Iterable[str]) -> None:
    """Report names of feeds that are no functions' or arguments' names, not distinct, or used by the monitor."""
    names = list(names)
    odd = [name for name in names if not name.isidentifier() or keyword.iskeyword(name) or name == "day"]
    problem = f"feeds {odd} cannot be names of functions and of arguments beside `day`."
    require(not odd, problem, field="feeds", hint="Rename them.")
    require(bool(names) and not _same(names), f"feeds need distinct names, has {names}.", field="feeds")
    taken = [name for name in names if name.casefold() in SUBJECTS]
    problem = f"feeds {taken} are called as something else that the monitor measures."
    require(not taken, problem, field="feeds", hint="Rename them.")


def _is_plain(name: object) -> bool:
    """Whether it is text that every table, file and page shows as it is."""
    return isinstance(name, str) and 0 < len(name) <= LONGEST and name.isprintable() and name == name.strip()


def _same(names: Collection[str]) -> list[str]:
    """Return the names of which another one differs in nothing or in case only."""
    folded = [name.casefold() for name in names]
    return [name for name, each in zip(names, folded, strict=True) if folded.count(each) > 1]
