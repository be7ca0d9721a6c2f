"""Hold that declared names collide neither with each other nor with names that the product uses itself.

Imports nothing heavy, as use_case.py.
"""

from __future__ import annotations

import keyword
import re
from collections.abc import Collection, Iterable

from include.declaration.gates import BASELINES, require

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
LONGEST = 200
"""Characters of a column's name, and of an owner's."""
LONGEST_USE_CASE = 100
"""Characters of a use case's name: Airflow's tags have no more."""


def require_use_case(name: str, owner: str, say: str) -> None:
    """Refuse a name of a use case, or of its owner, that cannot be one everywhere; `say` begins the message.

    Raises:
        ValueError: with what is wrong.
    """
    require(re.fullmatch(r"[a-z][a-z0-9_]*", name) is not None, say + "use lower-case letters, digits and _.")
    require("__" not in name, say + "no double underscore: it separates the use case from its DAG.")
    require(
        len(name) <= LONGEST_USE_CASE,
        f"{say}the name has {len(name)} characters; use at most {LONGEST_USE_CASE}. It is a tag in Airflow, and part of"
        " the names of DAGs, folders and a registered model.",
    )
    require(len(owner) <= LONGEST, f"{say}the owner has {len(owner)} characters; use at most {LONGEST}.")


def require_columns(names: Iterable[str], say: str, also_taken: Collection[str] = ()) -> None:
    """Refuse column names that could not be told apart everywhere; `say` begins the message.

    DuckDB knows no difference between `Size` and `size`, so neither may names.

    Raises:
        ValueError: a name that is no printable text, one that the product uses, or two that differ in case only.
    """
    names = list(names)
    odd = [name for name in names if not _is_plain(name)]
    require(
        not odd,
        f"{say}{odd} cannot be names of columns: use 1 to {LONGEST} printable characters, without spaces at the ends.",
    )
    taken = [
        name
        for name in names
        if name.casefold() in {*LAKE_COLUMNS, *also_taken} or name.casefold().startswith(RESERVED_PREFIX)
    ]
    require(not taken, f"{say}columns {taken} are names that the product uses itself; rename yours.")
    same = _same(names)
    require(not same, f"{say}columns {same} are one name to DuckDB, which ignores upper and lower case; rename one.")


def require_feeds(names: Iterable[str], say: str) -> None:
    """Refuse names of feeds that are no functions' or arguments' names, not distinct, or used by the monitor.

    Raises:
        ValueError: with the names that are refused.
    """
    names = list(names)
    odd = [name for name in names if not name.isidentifier() or keyword.iskeyword(name) or name == "day"]
    require(not odd, f"{say}feeds {odd} cannot be names of functions and of arguments beside `day`; rename them.")
    require(bool(names) and not _same(names), f"{say}feeds need distinct names, has {names}.")
    taken = [name for name in names if name.casefold() in SUBJECTS]
    require(not taken, f"{say}feeds {taken} are called as something else that the monitor measures; rename them.")


def _is_plain(name: object) -> bool:
    """Whether it is text that every table, file and page shows as it is."""
    return isinstance(name, str) and 0 < len(name) <= LONGEST and name.isprintable() and name == name.strip()


def _same(names: Collection[str]) -> list[str]:
    """Return the names of which another one differs in nothing or in case only."""
    folded = [name.casefold() for name in names]
    return [name for name, each in zip(names, folded, strict=True) if folded.count(each) > 1]
