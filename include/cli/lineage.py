"""What `airworthy lineage` shows: where one prediction comes from, as a tree."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date

from rich.console import Console
from rich.text import Text
from rich.tree import Tree

from include.cli.escaping import line_of
from include.declaration.registry import load_use_case
from include.errors import InvalidRequestError
from include.project import open_project
from include.reproduction import lineage
from include.reproduction.lineage import Content, FeedDay, FeedLineage, Lineage

_NOTHING_KNOWN = "what was scored is not known: the commit of the predictions does not tell"
_NO_COMMIT = "what the features were built from is not known: no commit that wrote them is found"
_NOT_TOLD = "what was landed is not known: the commit of the checked day does not tell"
_NOT_SO = "yellow"
_DIGEST = len("b2-01234567")


def print_lineage(console: Console, name: str, day: date, named: Sequence[str]) -> None:
    """Trace the prediction of a day whose keys are given as `key=value`, and print where it comes from."""
    found = lineage.trace_lineage(open_project(load_use_case(name)), day, parse_keys(named))
    for part in (lineage_tree(found), conclusion(found)):
        console.print(part, soft_wrap=False)  # wraps a long line; softly, a tree is cut off at the console's width


def parse_keys(named: Sequence[str]) -> dict[str, str]:
    """Key to value, as text, of words `key=value`; InvalidRequestError for anything else, or a key that is given
    twice."""
    found: dict[str, str] = {}
    for word in named:
        name, equals, value = word.partition("=")
        if not equals or not name:
            raise InvalidRequestError(f"{word!r} names no key; write key=value, such as flight=1545.")
        if name in found:
            raise InvalidRequestError(
                f"The key {name!r} is given twice: {found[name]!r} and {value!r}. Give each key once."
            )
        found[name] = value
    return found


def lineage_tree(found: Lineage) -> Tree:
    """The lineage, from the prediction down to the landed days of every feed."""
    flag = "a warning" if found.warning else "no warning"
    root = Tree(line_of(f"{found.use_case} of {found.day}: probability {found.probability:.4f}, {flag}", "bold"))
    root.add(line_of(" ".join(f"{name}={value}" for name, value in found.keys.items())))
    root.add(_content(found.prediction))
    model = root.add(line_of(f"model version {found.model_version}, MLflow run {found.run_id}, tags:"))
    for tag, value in found.model.items():
        model.add(line_of(f"{tag}: {value}"))
    if found.features is None:
        root.add(line_of(_NOTHING_KNOWN, _NOT_SO))
        return root
    features = root.add(_content(found.features))
    if not found.feeds:
        features.add(line_of(_NO_COMMIT, _NOT_SO))
    for feed in found.feeds:
        _feed(features, feed)
    return root


def conclusion(found: Lineage) -> Text:
    """Last, where it is read first: whether all that the prediction came from stands today, or what does not."""
    if found.features is None or not found.feeds:
        return line_of(f"NOT all is known: {_NOTHING_KNOWN if found.features is None else _NO_COMMIT}", _NOT_SO)
    days = [day for feed in found.feeds for day in feed.days]
    named = [found.prediction, found.features, *(each for day in days for each in (day.checked, day.raw))]
    contents = [each for each in named if each is not None]
    changed = [f"{each.table} of {each.day}" for each in contents if not each.still]
    told = [f"NOT all is as it was; changed since it was read: {', '.join(changed)}"] if changed else []
    told += [f"NOT all is known: {feed.unknown}" for feed in found.feeds if feed.unknown]
    if None in named or any(each.version is None for each in contents):
        told.append("NOT all is known: the logs do not tell which commits wrote some of the days")
    if told:
        return Text("\n").join(line_of(each, _NOT_SO) for each in told)
    every = f"the features, and {len(days)} days of {len(found.feeds)} feeds"
    return line_of(f"All that it came from stands today as it was read: {every}.")


def _feed(parent: Tree, feed: FeedLineage) -> None:
    at = "" if feed.version is None else f", read at Delta version {feed.version}"
    span = f": {len(feed.days)} days of checked/{feed.feed} and raw/{feed.feed}" if feed.days else ""
    state = "as it is today" if feed.still else "CHANGED since"
    branch = parent.add(line_of(f"feed {feed.feed}{span}{at}, {state}", style="" if feed.still else _NOT_SO))
    if feed.unknown:
        branch.add(line_of(feed.unknown, _NOT_SO))
    for each in feed.days:
        _day(branch, each)


def _day(parent: Tree, found: FeedDay) -> None:
    """A line a day; where something is not as it was, all that is known of it below."""
    contents = [("checked", found.checked), ("raw", found.raw)]
    rows = "" if found.checked.rows is None else f"{found.checked.rows:,} rows"
    words = [f"{name} {_short(content)}" for name, content in contents]
    as_it_was = all(content is not None and content.still and content.version is not None for _, content in contents)
    line = parent.add(
        line_of("  ".join([f"{found.checked.day}", f"{rows:>10}", *words]), style="" if as_it_was else _NOT_SO)
    )
    if not as_it_was:
        for _, content in contents:
            line.add(line_of(_NOT_TOLD, _NOT_SO) if content is None else _content(content))


def _short(content: Content | None) -> str:
    """Delta version and the digest's beginning, as its folder's name has it."""
    if content is None or content.version is None:
        return "not known"
    return f"v{content.version} {content.digest[:_DIGEST]}"


def _content(content: Content) -> Text:
    rows = "" if content.rows is None else f", {content.rows:,} rows"
    version = "no commit of it is found" if content.version is None else f"Delta version {content.version}"
    changed = "" if content.still else "CHANGED since; was "
    code = f", made by code {content.code}" if content.code else ""
    text = f"{content.table} of {content.day}: {changed}{version}{rows}, {content.digest}{code}"
    return line_of(text, "" if content.still else _NOT_SO)
