"""`airworthy lineage`: print the lineage of one prediction as a tree."""

from __future__ import annotations

from collections.abc import Sequence

from rich.console import Console
from rich.text import Text
from rich.tree import Tree

from include.cli.escaping import line_of
from include.declaration.period import Period
from include.declaration.use_case_discovery import load_use_case
from include.errors import InvalidRequestError
from include.project import open_project
from include.reproduction.lineage import Content, FeedLineage, FeedPeriod, GroupLineage, Lineage, trace_lineage

_NO_FEATURES = "the scored features are not known: the commit of the predictions does not name them"
_NO_COMMIT = "the inputs of the features are not known: the commit that wrote them was not found"
_NO_RAW = "the landed rows are not known: the commit of the checked period does not name them"
_CHANGED_STYLE = "yellow"
_DIGEST = len("b2-01234567")


def print_lineage(console: Console, name: str, period: Period, named: Sequence[str]) -> None:
    """Trace and print the lineage of a day's prediction, named by `key=value`."""
    print_lineage_tree(console, trace_lineage(open_project(load_use_case(name)), period, parse_keys(named)))


def print_lineage_tree(console: Console, lineage: Lineage) -> None:
    """Print a lineage as a tree, and whether the inputs are unchanged."""
    for part in (lineage_tree(lineage), conclusion(lineage)):
        console.print(part, soft_wrap=False)  # wraps a long line; softly, a tree is cut off at the console's width


def parse_keys(named: Sequence[str]) -> dict[str, str]:
    """Parse words `key=value`; return key to value, as text.

    Raises:
        InvalidRequestError: a word has another form, or a key is given twice.
    """
    values: dict[str, str] = {}
    for word in named:
        name, equals, value = word.partition("=")
        if not equals or not name:
            raise InvalidRequestError(f"{word!r} has no key. Write key=value, such as flight=1545.")
        if name in values:
            raise InvalidRequestError(
                f"The key {name!r} is given twice: {values[name]!r} and {value!r}. Give each key once."
            )
        values[name] = value
    return values


def lineage_tree(lineage: Lineage) -> Tree:
    """Return the lineage as a tree.

    It goes from the prediction down to the landed days of every feed.
    """
    root = Tree(line_of(f"{lineage.use_case} of {lineage.period}: {lineage.predicted}", "bold"))
    root.add(line_of(" ".join(f"{name}={value}" for name, value in lineage.keys.items())))
    root.add(_content(lineage.prediction))
    model = root.add(line_of(f"model version {lineage.model_version}, MLflow run {lineage.run_id}, tags:"))
    for tag, value in lineage.model.items():
        model.add(line_of(f"{tag}: {value}"))
    if lineage.features is None:
        root.add(line_of(_NO_FEATURES, _CHANGED_STYLE))
        return root
    features = root.add(_content(lineage.features))
    if not lineage.feeds:
        features.add(line_of(_NO_COMMIT, _CHANGED_STYLE))
    for feed in lineage.feeds:
        _feed(features, feed)
    for group in lineage.groups:
        _group(features, group)
    return root


def counted_periods(periods: Sequence[FeedPeriod]) -> str:
    """Return the number of periods in words; each item has its period."""
    return periods[0].checked.period.unit.counted(len(periods)) if periods else "no periods"


def _group(parent: Tree, group: GroupLineage) -> None:
    branch = parent.add(line_of(f"feature group {group.group}", "" if not group.unknown else _CHANGED_STYLE))
    branch.add(_content(group.features) if group.features else line_of(group.unknown, _CHANGED_STYLE))
    for feed in group.feeds:
        _feed(branch, feed)


def conclusion(lineage: Lineage) -> Text:
    """Return whether the prediction's inputs are unchanged, or what has changed.

    It is printed last.
    """
    if lineage.features is None or not lineage.feeds:
        return line_of(
            f"NOT everything is known: {_NO_FEATURES if lineage.features is None else _NO_COMMIT}", _CHANGED_STYLE
        )
    feeds = [*lineage.feeds, *(feed for group in lineage.groups for feed in group.feeds)]
    periods = [period for feed in feeds for period in feed.periods]
    named = [
        lineage.prediction,
        lineage.features,
        *(group.features for group in lineage.groups),
        *(each for period in periods for each in (period.checked, period.raw)),
    ]
    contents = [each for each in named if each is not None]
    changed = [f"{each.table} of {each.period}" for each in contents if not each.still]
    problems = [f"CHANGED since they were read: {', '.join(changed)}"] if changed else []
    problems += [f"NOT everything is known: {feed.unknown}" for feed in feeds if feed.unknown]
    problems += [f"NOT everything is known: {group.unknown}" for group in lineage.groups if group.unknown]
    if None in named or any(each.version is None for each in contents):
        problems.append("NOT everything is known: the commits that wrote some of the periods are not in the logs")
    if problems:
        return Text("\n").join(line_of(problem, _CHANGED_STYLE) for problem in problems)
    every = f"the features, and {counted_periods(periods)} of {len(feeds)} feeds"
    return line_of(f"All inputs are unchanged since they were read: {every}.")


def _feed(parent: Tree, feed: FeedLineage) -> None:
    at = "" if feed.version is None else f", read at Delta version {feed.version}"
    span = f": {counted_periods(feed.periods)} of checked/{feed.feed} and raw/{feed.feed}" if feed.periods else ""
    state = "as it is today" if feed.still else "CHANGED since"
    branch = parent.add(line_of(f"feed {feed.feed}{span}{at}, {state}", style="" if feed.still else _CHANGED_STYLE))
    if feed.unknown:
        branch.add(line_of(feed.unknown, _CHANGED_STYLE))
    for each in feed.periods:
        _day(branch, each)


def _day(parent: Tree, period: FeedPeriod) -> None:
    """Add a line for a day; if something has changed, add the details below it."""
    contents = [("checked", period.checked), ("raw", period.raw)]
    rows = "" if period.checked.rows is None else f"{period.checked.rows:,} rows"
    words = [f"{name} {_short(content)}" for name, content in contents]
    as_it_was = all(content is not None and content.still and content.version is not None for _, content in contents)
    line = parent.add(
        line_of(
            "  ".join([f"{period.checked.period}", f"{rows:>10}", *words]), style="" if as_it_was else _CHANGED_STYLE
        )
    )
    if not as_it_was:
        for _, content in contents:
            line.add(line_of(_NO_RAW, _CHANGED_STYLE) if content is None else _content(content))


def _short(content: Content | None) -> str:
    """Return the Delta version and the start of the digest, as in the folder's name."""
    if content is None or content.version is None:
        return "not known"
    return f"v{content.version} {content.digest[:_DIGEST]}"


def _content(content: Content) -> Text:
    rows = "" if content.rows is None else f", {content.rows:,} rows"
    version = "its commit was not found" if content.version is None else f"Delta version {content.version}"
    changed = "" if content.still else "CHANGED since; was "
    code = f", made by code {content.code}" if content.code else ""
    text = f"{content.table} of {content.period}: {changed}{version}{rows}, {content.digest}{code}"
    return line_of(text, "" if content.still else _CHANGED_STYLE)
