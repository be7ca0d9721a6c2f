"""What `airworthy lineage` shows: where one prediction comes from, as a tree."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date

from rich.console import Console
from rich.text import Text
from rich.tree import Tree

from include.errors import BadRequest
from include.stages import lineage
from include.stages.lineage import Content, FeedLineage, Lineage
from include.use_cases import load

_NOTHING_KNOWN = "what was scored is not known: the commit of the predictions does not tell"


def show(console: Console, name: str, day: date, named: Sequence[str]) -> None:
    """Trace the prediction of a day whose keys are given as `key=value`, and print where it comes from."""
    console.print(tree(lineage.run(load(name), day, keys(named))))


def keys(named: Sequence[str]) -> dict[str, str]:
    """Key to value, as text, of words `key=value`; BadRequest for anything else, or a key that is given twice."""
    found: dict[str, str] = {}
    for word in named:
        name, equals, value = word.partition("=")
        if not equals or not name:
            raise BadRequest(f"{word!r} names no key; write key=value, such as flight=1545.")
        if name in found:
            raise BadRequest(f"The key {name!r} is given twice: {found[name]!r} and {value!r}. Give each key once.")
        found[name] = value
    return found


def tree(found: Lineage) -> Tree:
    """The lineage, from the prediction down to the landed days of every feed."""
    named = " ".join(f"{name}={value}" for name, value in found.keys.items())
    flag = ", a warning" if found.warning else ""
    root = Tree(Text(f"{found.use_case} {found.day}  {named}: {found.probability:.4f}{flag}", style="bold"))
    root.add(_content(found.prediction))
    model = root.add(Text(f"model version {found.model_version}, MLflow run {found.run_id}"))
    for tag, value in found.model.items():
        model.add(Text(f"{tag}: {value}"))
    if found.features is None:
        root.add(Text(_NOTHING_KNOWN, style="yellow"))
        return root
    features = root.add(_content(found.features))
    if not found.feeds:
        features.add(Text("what they were built from is not known: no commit that wrote them is found", style="yellow"))
    for feed in found.feeds:
        _feed(features, feed)
    return root


def _feed(parent: Tree, feed: FeedLineage) -> None:
    state = "as it is today" if feed.still else "CHANGED since"
    at = "" if feed.version is None else f" read at Delta version {feed.version}"
    branch = parent.add(Text(f"feed {feed.feed}{at}, {state}", style="" if feed.still else "yellow"))
    if feed.unknown:
        branch.add(Text(feed.unknown, style="yellow"))
    for each in feed.days:
        line = branch.add(_content(each.checked))
        if each.raw is not None:
            line.add(_content(each.raw))


def _content(content: Content) -> Text:
    rows = "" if content.rows is None else f", {content.rows:,} rows"
    version = "no commit of it is found" if content.version is None else f"Delta version {content.version}"
    text = f"{content.table} of {content.day}: {version}{rows}, {content.digest}"
    return Text(text) if content.still else Text(f"{text}, CHANGED since", style="yellow")
