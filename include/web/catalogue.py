"""Build the catalogue of all features.

It has their definition, freshness, users, importance and drift. It reads the tables of features, the metrics and the
ledgers, and writes nothing.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable
from dataclasses import dataclass

from include.declaration.feature import as_feature
from include.declaration.feature_group import FeatureGroup
from include.declaration.names import GROUP_PREFIX
from include.declaration.period import Period
from include.errors import AirworthyError
from include.lake.range_reader import RangeReader
from include.monitoring.metric_table import MetricTable, MetricValue
from include.printable import printable_logger
from include.project import DataProject, Project
from include.registry import code_modules, lifecycle, source_code

log = printable_logger(__name__)


@dataclass(frozen=True)
class FeatureUser:
    """A use case that uses a feature, with the newest measurements."""

    use_case: str
    column: str
    """The feature's name in the use case."""
    version: str
    """The present champion, whose model reads the feature; empty if there is none."""
    importance: float | None
    """The feature's share of the champion's gain; None if it was not measured."""
    drift: float | None
    """Population stability index of the newest measured day; None if it was not measured."""
    drift_limit: float | None
    drifts: bool
    """Whether the drift was above its limit."""
    measured: Period | None
    """The day of the newest measurement."""


@dataclass(frozen=True)
class CatalogueEntry:
    """A feature as it is declared, computed and used."""

    name: str
    type: str
    source: str
    """The use case or feature group that declares it."""
    is_shared: bool
    """Whether a feature group declares it."""
    description: str
    owner: str
    code: str
    """File and line of the function that computes it."""
    feeds: tuple[str, ...]
    """The feeds that the function reads."""
    newest: Period | None
    """The newest period with features; None if none was built."""
    users: tuple[FeatureUser, ...]

    @property
    def text(self) -> str:
        """Return the words by which the feature is found, in lower case."""
        shared = "feature group" if self.is_shared else "use case"
        users = (f"{user.use_case} {user.column}" for user in self.users)
        words = (self.name, self.type, shared, self.source, self.description, self.owner, *self.feeds, *users)
        return " ".join(words).casefold()


@dataclass(frozen=True)
class Catalogue:
    """The features of some use cases and feature groups, sorted by name."""

    entries: tuple[CatalogueEntry, ...]
    problems: tuple[str, ...] = ()
    """Sentences about use cases and groups whose tables cannot be read."""

    def matching(self, words: str) -> Catalogue:
        """Return the entries that contain all the words, in any case and order."""
        wanted = words.casefold().split()
        found = (entry for entry in self.entries if all(word in entry.text for word in wanted))
        return Catalogue(tuple(found), self.problems)


def build_catalogue(use_cases: Iterable[Project], groups: Iterable[DataProject]) -> Catalogue:
    """Build the catalogue of these use cases and groups.

    A feature of a group that is not among `groups` is listed with the use case that joins it. If tables cannot be read,
    the features are listed without what they would tell.
    """
    states = [_read_state(project) for project in use_cases]
    group_states = [_read_state(project) for project in groups]
    shown = {state.project.use_case.name for state in group_states}
    entries = [_entry(state, name, states) for state in group_states for name in state.project.use_case.features]
    for state in states:
        features = state.project.use_case.features
        entries += [_entry(state, name, [state]) for name in features if not _is_shown(features[name], shown)]
    problems = [state.problem for state in [*states, *group_states] if state.problem]
    return Catalogue(tuple(sorted(entries, key=lambda entry: (entry.name, entry.source))), tuple(problems))


@dataclass(frozen=True)
class _State:
    """What the tables of a use case or group say about its features."""

    project: DataProject
    code: str
    newest: Period | None = None
    version: str = ""
    metrics: MetricTable | None = None
    problem: str = ""


def _read_state(project: DataProject) -> _State:
    declared = project.use_case
    code = _location(project)
    try:
        until = declared.newest_period()
        newest = max(RangeReader.open(project.lake, "features", until).periods, default=None)
        if not isinstance(project, Project):
            return _State(project, code, newest)
        entries = [entry for entry in project.ledger.entries() if entry.effective_from <= until]
        champion = lifecycle.champion_of(until, entries)
        rows = RangeReader.open(project.lake, "metrics", until).newest(1).rows()
        metrics = MetricTable(rows, declared.calendar)
        return _State(project, code, newest, champion.version if champion else "", metrics)
    except (AirworthyError, OSError):
        log.exception("The catalogue could not read the tables of %s", declared.name)
        problem = f"{_shown_name(project)}: its tables or its ledger cannot be read. The reason is in the log."
        return _State(project, code, problem=problem)


def _entry(state: _State, name: str, users: Iterable[_State]) -> CatalogueEntry:
    declared = state.project.use_case
    feature = as_feature(declared.features[name])
    is_shared = isinstance(declared, FeatureGroup)
    return CatalogueEntry(
        name=name,
        type=str(feature),
        source=_shown_name(state.project),
        is_shared=is_shared,
        description=feature.description,
        owner=feature.owner or declared.owner,
        code=state.code,
        feeds=(feature.group,) if feature.group else tuple(feed.name for feed in declared.feeds),
        newest=state.newest,
        users=tuple(
            _user(user, column)
            for user in users
            for column in (
                _columns(user.project, declared.group, name) if isinstance(declared, FeatureGroup) else [name]
            )
        ),
    )


def _columns(project: DataProject, group: str, name: str) -> list[str]:
    """Return the names under which a use case uses a feature of a group."""
    features = {column: as_feature(kind) for column, kind in project.use_case.features.items()}
    return [column for column, kind in features.items() if (kind.group, kind.column) == (group, name)]


def _user(state: _State, column: str) -> FeatureUser:
    drift, importance = _newest(state.metrics, "psi", column), _newest(state.metrics, "importance", column)
    return FeatureUser(
        use_case=state.project.use_case.name,
        column=column,
        version=state.version,
        importance=importance.value if importance else None,
        drift=drift.value if drift else None,
        drift_limit=drift.limit if drift else None,
        drifts=bool(drift and drift.breached),
        measured=drift.period if drift else importance.period if importance else None,
    )


def _newest(metrics: MetricTable | None, metric: str, column: str) -> MetricValue | None:
    rows = metrics.rows_of(metric, column) if metrics else []
    return rows[-1] if rows else None


def _is_shown(kind: str, shown: Collection[str]) -> bool:
    """Return whether a feature of a use case is listed with its group."""
    group = as_feature(kind).group
    return bool(group) and f"{GROUP_PREFIX}{group}" in shown


def _shown_name(project: DataProject) -> str:
    declared = project.use_case
    return declared.group if isinstance(declared, FeatureGroup) else declared.name


def _location(project: DataProject) -> str:
    """Return file and line of `build`, from the root of its package.

    Nothing is imported. Only the file if the function is not defined there; empty if there is no such file.
    """
    declared = project.use_case
    module = f"{declared.package}.features"
    path = code_modules.Places.from_use_case(declared).path(module)
    if path is None:
        return ""
    file = f"{module.replace('.', '/')}{'/__init__' if path.name == '__init__.py' else ''}.py"
    try:
        line = source_code.line_of_definition(source_code.read_source(path), "build")
    except (OSError, SyntaxError):
        return file
    return f"{file}:{line}" if line else file
