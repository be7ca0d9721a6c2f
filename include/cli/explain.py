"""`airworthy explain`: print the contributions to one prediction."""

from __future__ import annotations

from collections.abc import Sequence

from rich.console import Console
from rich.table import Table

from include.cli.escaping import print_line
from include.cli.lineage import parse_keys
from include.declaration.period import Period
from include.declaration.use_case_discovery import load_use_case
from include.printable import escape_line
from include.project import open_project
from include.registry import tags
from include.reproduction.explain import Explanation, FeatureEffect, explain_prediction


def print_explanation(console: Console, name: str, period: Period, named: Sequence[str], top: int) -> None:
    """Explain and print a prediction, named by `key=value`."""
    use_case = load_use_case(name)
    found = explain_prediction(open_project(use_case), period, parse_keys(named))
    print_effects(console, found, use_case.label.name, top)


def print_effects(console: Console, found: Explanation, label: str, top: int) -> None:
    """Print the prediction, its label, its largest contributions, and its version."""
    lineage = found.lineage
    print_line(console, f"{lineage.use_case} of {lineage.period}: {lineage.predicted}", "bold")
    print_line(console, " ".join(f"{name}={value}" for name, value in lineage.keys.items()))
    print_line(console, f"{label}: {found.label or f'not known; labels are complete at {found.label_due}'}")
    table = Table("feature", "value", "train rows like it", *map(escape_line, _columns(found)), box=None)
    table.add_row("(base)", "", "", *(f"{value:+.4f}" for value in found.base))
    for effect in found.effects[:top]:
        numbers = (f"{value:+.4f}" for value in effect.contributions)
        table.add_row(escape_line(effect.name), value_text(effect.value), like_it(effect), *numbers)
    if rest := found.effects[top:]:
        sums = (sum(effect.contributions[place] for effect in rest) for place in range(len(found.outputs)))
        table.add_row(f"({len(rest)} others)", "", "", *(f"{value:+.4f}" for value in sums))
    table.add_row("(raw score)", "", "", *(f"{value:+.4f}" for value in found.raw))
    console.print(table)
    print_line(console, f"Contributions are LightGBM's own and add up to the raw score: {found.scale}.")
    for note in found.notes:
        print_line(console, note, "yellow")
    commit = lineage.model.get(tags.COMMIT, "unknown")
    print_line(console, f"model version {lineage.model_version}, MLflow run {lineage.run_id}, commit {commit}")


def value_text(value: object) -> str:
    """Return the value of a feature as one short line; null as –."""
    if value is None:
        return "–"
    return f"{value:.6g}" if isinstance(value, float) else escape_line(value)


def like_it(effect: FeatureEffect) -> str:
    """Return the share of train rows in the value's bin, with the bin; – if unknown."""
    if effect.spread is None:
        return "–"
    place = effect.spread.place
    return f"{effect.spread.shares[place]:.1%} {escape_line(effect.spread.names[place])}"


def _columns(found: Explanation) -> list[str]:
    """Return the heads of the columns of contributions."""
    return [f"→ {name}" if name else "contribution" for name in found.outputs]
