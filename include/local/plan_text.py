"""What `airworthy plan` shows: the periods that are stale, and the command that makes them again."""

from __future__ import annotations

from rich.console import Console

from include.features import staleness
from include.use_cases import load


def show(console: Console, name: str) -> None:
    """Print the staleness of each table of a use case, by stretches of days; changes nothing.

    Raises BadRequest for an unknown name.
    """
    use_case = load(name)
    found = staleness.find(use_case)
    if not found:
        console.print(f"{name}: nothing has been landed yet, so nothing is stale.", markup=False)
        return
    for table in found:
        console.print(table.words, markup=False, style="yellow" if table.stale else "")
        for stretch in staleness.stretches(table):
            console.print(f"  {stretch}", markup=False, style="dim")
    if command := staleness.rebuild(use_case, found):
        console.print(f"Make them again with:\n  {command}", markup=False)
        console.print(
            "Models that were trained from them stay as they are; the next training reads what is there then.",
            markup=False,
        )
