"""Check declared names for collisions with each other and the product's.

Imports nothing heavy.
"""

from __future__ import annotations

import keyword
import re
from collections.abc import Collection, Iterable

from include.declaration.gates import BASELINES
from include.declaration.problems import require

DAG_KINDS = (
    *("data", "train", "score", "monitor", "retrain", "rollback", "trial"),
    *("maintenance", "quarantine", "reproduce", "backfill", "go_live"),
)
"""The DAGs of each use case: `<use case>__<kind>`."""
SHADOW = "shadow_predictions"
"""Table of the predictions of a version that is tried."""
GROUP_PREFIX = "feature_group_"
"""Prefix of the name under which a feature group runs, such as in its DAG `feature_group_<group>__data`."""
GROUPS_FOLDER = "_feature_groups"
"""Folder of the groups' tables in the lake."""
GROUP_KINDS = ("data", "maintenance", "quarantine", "backfill")
"""The DAGs of each feature group."""
RESERVED_PREFIX = "__airworthy_"
"""Prefix of internal columns that a step adds to a table; declared names must not begin with it."""
LAKE_COLUMNS = frozenset({"period", "digest", "reasons", "quarantined_row"})
"""Columns that the lake adds to its tables, or the quarantine to its exported files."""
VERSION_COLUMN = "model_version"
"""Column of predictions in addition to the keys and to those of the task."""
SUBJECTS = frozenset({"features", "labels", "predictions", "prediction", "model", *BASELINES})
"""Subjects of monitored metrics in addition to feeds: a feed with one of these names would be mixed with it."""
REFUSED_BY_LIGHTGBM = frozenset(',:"[]{}')
"""Characters that the name of a feature must not contain."""
LONGEST = 200
"""Characters of a column's or an owner's name."""
LONGEST_USE_CASE = 100
"""Characters of a use case's name: the limit of Airflow's tags."""


def require_use_case(name: str, owner: str) -> None:
    """Report a name of a use case or owner that some system does not accept."""
    require(
        re.fullmatch(r"[a-z][a-z0-9_]*", name) is not None,
        "the name must begin with a lower-case letter, followed by lower-case letters, digits and _.",
        field="name",
    )
    require(
        "__" not in name,
        "the name must not contain a double underscore: it ends the use case's name in the ids of DAGs.",
        field="name",
    )
    require(
        len(name) <= LONGEST_USE_CASE,
        f"the name has {len(name)} characters; use at most {LONGEST_USE_CASE}. It is a tag in Airflow, and part of"
        " the names of DAGs, folders and a registered model.",
        field="name",
    )
    problem = f"the name must not begin with {GROUP_PREFIX!r}, which names the DAGs of a feature group."
    require(not name.startswith(GROUP_PREFIX), problem, field="name", hint="Rename the use case.")
    require(len(owner) <= LONGEST, f"the owner has {len(owner)} characters; use at most {LONGEST}.", field="owner")


def lake_folder(name: str) -> str:
    """Return the folder of a use case or a feature group in the lake, by its name."""
    return f"{GROUPS_FOLDER}/{name.removeprefix(GROUP_PREFIX)}" if name.startswith(GROUP_PREFIX) else name


def require_columns(names: Iterable[str], field: str, say: str = "", also_taken: Collection[str] = ()) -> None:
    """Report unprintable column names and those of the product.

    `say` is a prefix of the texts.
    """
    names = list(names)
    invalid = [name for name in names if not _is_plain(name)]
    hint = f"Use 1 to {LONGEST} printable characters, without spaces at the ends."
    require(not invalid, f"{say}{invalid} cannot be names of columns.", field=field, hint=hint)
    taken = [
        name
        for name in names
        if name.casefold() in {*LAKE_COLUMNS, *also_taken} or name.casefold().startswith(RESERVED_PREFIX)
    ]
    require(
        not taken, f"{say}columns {taken} are names that the product uses itself.", field=field, hint="Rename yours."
    )


def require_distinct_columns(names: Iterable[str], field: str, say: str = "") -> None:
    """Report column names that are equal or differ in case only.

    `say` is a prefix of the text. DuckDB treats `Size` and `size` as one name.
    """
    same = _same([*names])
    problem = f"{say}columns {same} are the same name in DuckDB, which ignores case."
    require(not same, problem, field=field, hint="Rename one.")


def require_features(names: Iterable[str]) -> None:
    """Report names of features that LightGBM refuses or changes.

    It refuses the characters of `REFUSED_BY_LIGHTGBM`, replaces each space by `_`, and drops a `=` at the start.
    """
    names = list(names)
    for name in names:
        instead = re.sub(r"[^\w.-]+", "_", name).strip("_") or "feature"
        hint = f"Write {instead!r}." if instead not in names else f"{instead!r} is a feature, too; write another name."
        for is_wrong, problem in (
            (not REFUSED_BY_LIGHTGBM.isdisjoint(name), 'refuses a name with any of , : " [ ] { }'),
            (" " in name, f"replaces spaces by _, which would give {name.replace(' ', '_')!r}"),
            (name.startswith("="), "drops a = at the start of a name"),
        ):
            require(not is_wrong, f"LightGBM {problem}.", field=f"features[{name!r}]", hint=hint)


def require_feeds(names: Iterable[str]) -> None:
    """Report names of feeds that are invalid, not distinct, or the monitor's.

    A feed's name must be valid as a function and an argument.
    """
    names = list(names)
    invalid = [name for name in names if not name.isidentifier() or keyword.iskeyword(name) or name == "period"]
    problem = f"feeds {invalid} must be Python identifiers other than `period`: they name functions and arguments."
    require(not invalid, problem, field="feeds", hint="Rename them.")
    require(bool(names) and not _same(names), f"feeds need distinct names, not {names}.", field="feeds")
    taken = [name for name in names if name.casefold() in SUBJECTS]
    problem = f"feeds {taken} have names that the tables of monitored metrics use for something else."
    require(not taken, problem, field="feeds", hint="Rename them.")


def _is_plain(name: object) -> bool:
    """Return whether a name is text that tables, files and pages display unchanged."""
    return isinstance(name, str) and 0 < len(name) <= LONGEST and name.isprintable() and name == name.strip()


def _same(names: Collection[str]) -> list[str]:
    """Return the names that occur more than once, ignoring case."""
    folded_names = [name.casefold() for name in names]
    return [name for name, folded in zip(names, folded_names, strict=True) if folded_names.count(folded) > 1]
