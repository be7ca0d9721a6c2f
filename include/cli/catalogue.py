"""`airworthy catalogue`: print the features of all use cases and feature groups."""

from __future__ import annotations

import json
from dataclasses import asdict
from typing import Any

import typer
from rich.console import Console

from include.cli.escaping import print_line
from include.declaration.feature_group_discovery import all_feature_groups, broken_feature_groups
from include.declaration.period import Period
from include.declaration.use_case_discovery import all_use_cases, broken_use_cases
from include.printable import escape_values
from include.project import open_data_project, open_project
from include.web.catalogue import CatalogueEntry, FeatureUser, build_catalogue


def print_catalogue(console: Console, words: str, *, as_json: bool) -> None:
    """Print the features that contain all the words, as text or as JSON."""
    found = build_catalogue(
        map(open_project, all_use_cases().values()), map(open_data_project, all_feature_groups().values())
    )
    entries = found.matching(words).entries
    broken = [str(error) for error in [*broken_use_cases().values(), *broken_feature_groups().values()]]
    problems = [*found.problems, *broken]
    if as_json:
        content = {"features": [asdict(entry) for entry in entries], "problems": problems}
        typer.echo(json.dumps(escape_values(content), indent=2, default=_as_text))
        return
    for problem in problems:
        print_line(console, problem, "yellow")
    print_line(console, f"{len(entries)} of {len(found.entries)} features")
    for entry in entries:
        _print_entry(console, entry)


def _print_entry(console: Console, entry: CatalogueEntry) -> None:
    source = f"{'feature group' if entry.is_shared else 'use case'} {entry.source}"
    print_line(console, f"{entry.name} ({entry.type}, {source}, owner {entry.owner})", "bold")
    if entry.description:
        print_line(console, f"  {entry.description}")
    newest = f"newest {entry.newest}" if entry.newest else "not built yet"
    print_line(console, f"  {entry.code}, from {', '.join(entry.feeds)}, {newest}", "dim")
    for user in entry.users:
        print_line(console, f"  used by {_user_text(user, entry.name)}", "red" if user.drifts else "")


def _user_text(user: FeatureUser, name: str) -> str:
    parts = [user.use_case + (f" as {user.column}" if user.column != name else "")]
    parts += [f"version {user.version}"] if user.version else []
    parts += [f"importance {user.importance:.3f}"] if user.importance is not None else []
    if user.drift is not None:
        limit = f", above its limit {user.drift_limit:.3f}" if user.drifts and user.drift_limit is not None else ""
        parts.append(f"drift {user.drift:.3f} for {user.measured}{limit}")
    return ", ".join(parts)


def _as_text(value: Any) -> str:
    if isinstance(value, Period):
        return value.key
    raise TypeError(f"{type(value).__name__} is no value of the catalogue.")
