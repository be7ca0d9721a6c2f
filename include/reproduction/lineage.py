"""Trace a prediction back to model, code and partitions of every feed."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import pyarrow as pa

from include.declaration import form_limits
from include.declaration.feature_group import FeatureGroup
from include.declaration.feeds import Feed
from include.declaration.period import Period
from include.declaration.personal import mask_values
from include.declaration.use_case import UseCase
from include.errors import NAME_SHOWN, NAMES_SHOWN, InvalidRequestError, NotReadyError, shorten
from include.features.group_join import features_table, used_periods
from include.lake import content_digest, history, schemas
from include.lake.history import CommitNote, TableVersionMissingError
from include.lake.lake import Lake
from include.lake.partitions import Partition
from include.lake.snapshot import AsOfSnapshot
from include.model.tasks import task_model
from include.project import Project
from include.registry import sync, tags

MODEL_TAGS = (
    tags.AS_OF, tags.WINDOW, tags.COMMIT, tags.CODE, tags.LOCK, tags.PROCESSOR, tags.TREES,
    tags.FEATURES_VERSION, tags.FEATURES_DIGEST, tags.LABELS_VERSION, tags.LABELS_DIGEST,
)  # fmt: skip
"""Tags of a version about its origin."""


@dataclass(frozen=True)
class Content:
    """The content of one day of one table, as it was read."""

    table: str
    period: Period
    digest: str
    rows: int | None
    version: int | None
    """The Delta version that wrote it; None, as is `rows`, if the table's log does not say."""
    still: bool
    """Whether the day has this content today."""
    code: str = ""
    """Digest of the code that made it; empty if the table's log does not say."""


@dataclass(frozen=True)
class FeedPeriod:
    """The validated and the raw content of a feed's day in the features."""

    checked: Content
    raw: Content | None
    """None if the log of checked/<feed> does not say."""


@dataclass(frozen=True)
class FeedLineage:
    """The content of a feed from which the features were built."""

    feed: str
    digest: str
    """Of all its days together, as recorded by the features' commit; empty if not recorded."""
    version: int | None
    """Delta version of checked/<feed> that was read; None if the features' commit does not say."""
    still: bool
    """Whether these days have the same content today."""
    periods: tuple[FeedPeriod, ...]
    """The look-back days that had rows, in order."""
    unknown: str = ""
    """Why the days are not known; empty if they are."""


@dataclass(frozen=True)
class GroupLineage:
    """The period of a feature group that the features joined."""

    group: str
    features: Content | None
    """None if the logs do not say."""
    feeds: tuple[FeedLineage, ...]
    """The content from which the group's features were built, by feed."""
    unknown: str = ""
    """Why its features are not known; empty if they are."""


@dataclass(frozen=True)
class Lineage:
    """The origin of one prediction."""

    use_case: str
    period: Period
    keys: Mapping[str, Any]
    predicted: str
    """The prediction in a few words."""
    model_version: str
    run_id: str
    model: Mapping[str, str]
    """`MODEL_TAGS` of the version."""
    prediction: Content
    features: Content | None
    """What was scored; None if the predictions' commit does not say."""
    feeds: tuple[FeedLineage, ...]
    """The content from which the features were built, by feed; empty if their commit is not known."""
    groups: tuple[GroupLineage, ...] = ()
    """The feature groups whose features were joined."""


def trace_lineage(project: Project, period: Period, keys: Mapping[str, str]) -> Lineage:
    """Trace the prediction of `period` with these keys, given as text.

    Reads the log of each table once, and of the data only this row; creates no table.

    Raises:
        InvalidRequestError: not a day of the use case; keys missing, unknown or of another type; no such row; or the
            version is not registered.
        NotReadyError: the day has no predictions.
    """
    use_case = project.use_case
    use_case.require(period)
    wanted, lake = typed_keys(use_case, keys), project.lake
    row = prediction_row(use_case, lake, period, wanted)
    version = sync.version_of(project.registry, project.ledger, row["model_version"])
    tracing = _Tracing(lake, period)
    prediction, features, feeds, groups = tracing.trace()
    return Lineage(
        use_case=use_case.name,
        period=period,
        keys=mask_values(wanted, use_case.personal_columns),
        predicted=task_model(use_case).describe_prediction(row),
        model_version=version.number,
        run_id=version.run_id,
        model={name: version.tags[name] for name in MODEL_TAGS if name in version.tags},
        prediction=prediction,
        features=features,
        feeds=feeds,
        groups=groups,
    )


def typed_keys(use_case: UseCase, given: Mapping[str, str]) -> dict[str, Any]:
    """Return the keys as values of their types.

    Raises:
        InvalidRequestError: keys are missing, unknown or of another type; the error names all of them.
    """
    types, values = use_case.key_types(), {}
    form_limits.require_list("keys", [*given], form_limits.NAME_LENGTH)
    wrong = [f"{name!r} is unknown" for name in given if name not in types][:NAMES_SHOWN]
    wrong += [f"{name!r} is missing" for name in types if name not in given]
    for name in types.keys() & given.keys():
        try:
            values[name] = pa.scalar(given[name], pa.string()).cast(schemas.arrow_type(types[name])).as_py()
        except (pa.ArrowInvalid, OverflowError):  # Arrow has a year 0, Python has not
            wrong.append(f"{name}={shorten(given[name], NAME_SHOWN)!r} is not of type {types[name]}")
    if wrong:
        shape = " ".join(f"{name}=<{kind}>" for name, kind in types.items())
        raise InvalidRequestError(
            f"{use_case.name}: {'; '.join(sorted(wrong))}. Name a row by all of its keys: {shape}."
        )
    return {name: values[name] for name in types}


def prediction_row(use_case: UseCase, lake: Lake, period: Period, wanted: Mapping[str, Any]) -> dict[str, Any]:
    """Return the row of the prediction.

    Raises:
        NotReadyError: the day has no predictions.
        InvalidRequestError: no prediction has these keys.
    """
    try:
        view: AsOfSnapshot | None = lake.at_versions(period, {"predictions": None})
    except TableVersionMissingError:
        view = None
    if view is None or not view.partitions("predictions", period, period):
        raise NotReadyError(
            f"{use_case.name}: there are no predictions of {period}. Score the period first: trigger"
            f" {use_case.name}__score for it."
        )
    rows = view.table("predictions", period, period)
    matching = rows.filter([rows[name] == value for name, value in wanted.items()]).limit(1).to_pyarrow().to_pylist()
    if not matching:
        example = rows.order_by([*wanted]).limit(1).to_pyarrow().to_pylist()[0]
        raise InvalidRequestError(
            f"{use_case.name}: no prediction of {period} has {_named(wanted)}. The first one has"
            f" {_named({name: example[name] for name in wanted})}; for more,"
            f" `airworthy predictions {use_case.name} {period}`."
        )
    return dict(matching[0])


def _named(keys: Mapping[str, Any]) -> str:
    return " ".join(f"{name}={shorten(str(value), NAME_SHOWN)}" for name, value in keys.items())


class _Tracing:
    """Follows the notes of the commits backwards; reads each log once."""

    def __init__(self, lake: Lake, period: Period) -> None:
        self._lake, self._day = lake, period
        self._since = max(lake.use_case.first_period, period - lake.use_case.look_back_periods)
        self._logs: dict[str, list[CommitNote]] = {}
        self._views: dict[tuple[str, int | None], AsOfSnapshot | None] = {}
        self._states: dict[str, dict[Period, Partition]] = {}

    def trace(self) -> tuple[Content, Content | None, tuple[FeedLineage, ...], tuple[GroupLineage, ...]]:
        """Return the predictions, their features, and the features' feeds and groups."""
        prediction = self._content("predictions", self._day, self._today("predictions")[self._day].digest)
        scored = self._note(prediction)
        if scored is None or "features" not in scored.inputs:
            return prediction, None, (), ()
        features = self._content("features", self._day, scored.inputs["features"], scored.versions.get("features"))
        built = self._note(features)
        feeds = [self._feed(feed, built) for feed in self._lake.use_case.feeds] if built else []
        groups = used_periods(self._lake.use_case, self._day).values() if built else ()
        joined = [self._group(group, known, built) for group, known in groups if built]
        return prediction, features, tuple(feeds), tuple(joined)

    def _group(self, group: FeatureGroup, known: Period, built: CommitNote) -> GroupLineage:
        """Return the group's period that the features joined, and its feeds."""
        table = features_table(group)
        digest, version = built.inputs.get(table, ""), built.versions.get(table)
        lake = self._lake.of_group(group)
        tracing, exists = _Tracing(lake, known), history.is_table(lake.uri("features"))
        notes = (note for note in (tracing._log("features") if exists else ()) if note.period == known)
        wrote = next((note for note in notes if version is not None and note.version <= version), None)
        recorded = wrote and content_digest.digest_values({known.key: wrote.digest} if wrote.rows else {})
        if wrote is None or recorded != digest:
            unknown = f"The log of {table} does not hold what was read of {known}."
            return GroupLineage(group.group, None, (), unknown)
        content = tracing._content("features", known, wrote.digest, version)
        return GroupLineage(group.group, content, tuple(tracing._feed(feed, wrote) for feed in group.feeds))

    def _feed(self, feed: Feed, built: CommitNote) -> FeedLineage:
        table = f"checked/{feed.name}"
        digest, version = built.inputs.get(table, ""), built.versions.get(table)
        if not digest:
            unknown = f"The commit of the features (Delta version {built.version}) does not say what it read."
            return FeedLineage(feed.name, digest, version, False, (), unknown)
        still = self._digest(table, None) == digest
        then = None if still else version
        if self._digest(table, then) != digest:
            recorded = f"nor does its Delta version {version}"
            if version is None:
                recorded = "and the commit of the features does not say which Delta version was read"
            unknown = f"{table} does not hold today what was read of it from {self._since} on, {recorded}."
            return FeedLineage(feed.name, digest, version, still, (), unknown)
        read = self._read(table, then)
        periods = tuple(
            self._feed_period(feed, period, partition.digest, version) for period, partition in read.items()
        )
        return FeedLineage(feed.name, digest, version, still, periods)

    def _feed_period(self, feed: Feed, period: Period, digest: str, until: int | None) -> FeedPeriod:
        checked, raw = self._content(f"checked/{feed.name}", period, digest, until), f"raw/{feed.name}"
        validated = self._note(checked)
        if validated is None or raw not in validated.inputs:
            return FeedPeriod(checked, None)
        return FeedPeriod(checked, self._content(raw, period, validated.inputs[raw], validated.versions.get(raw)))

    def _content(self, table: str, period: Period, digest: str, until: int | None = None) -> Content:
        """Return this content, with the newest commit up to `until` that wrote it."""
        note, now = history.commit_that_wrote(self._log(table), period, digest, until), self._today(table).get(period)
        still = now is not None and now.digest == digest
        if note is None:
            return Content(table, period, digest, None, None, still)
        return Content(table, period, digest, note.rows, note.version, still, note.code)

    def _note(self, content: Content) -> CommitNote | None:
        return next((note for note in self._log(content.table) if note.version == content.version), None)

    def _log(self, table: str) -> list[CommitNote]:
        if table not in self._logs:
            self._logs[table] = history.read_commit_notes(self._lake.uri(table))
        return self._logs[table]

    def _today(self, table: str) -> dict[Period, Partition]:
        if table not in self._states:
            view = self._view(table, None)
            self._states[table] = view.partitions(table) if view else {}
        return self._states[table]

    def _read(self, table: str, version: int | None) -> dict[Period, Partition]:
        """Return the partitions of the day and its look-back days (None: now)."""
        view = self._view(table, version)
        return view.partitions(table, self._since, self._day) if view else {}

    def _digest(self, table: str, version: int | None) -> str:
        """Return the digest of these days; empty if the table is not readable."""
        view = self._view(table, version)
        return view.digest_of_periods(table, self._since, self._day) if view else ""

    def _view(self, table: str, version: int | None) -> AsOfSnapshot | None:
        """Return the table at this Delta version (None: now); None if it cannot be read."""
        if (table, version) not in self._views:
            try:
                self._views[table, version] = self._lake.at_versions(self._day, {table: version})
            except TableVersionMissingError:
                self._views[table, version] = None
        return self._views[table, version]
