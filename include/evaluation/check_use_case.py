"""Check a use case without Airflow, and collect findings.

The days of a training are landed; then a model is trained and judged.
"""

from __future__ import annotations

import ast
import functools
import hashlib
import importlib
import json
import shutil
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import replace
from pathlib import Path

import pyarrow.compute as pc

from include import settings
from include.declaration.data_declaration import DataDeclaration
from include.declaration.names import lake_folder
from include.declaration.period import Period, period_range
from include.declaration.use_case import UseCase
from include.errors import AirworthyError
from include.evaluation import check_tables, evaluate
from include.evaluation.check_finding import CheckFinding
from include.evaluation.gates.leakage import MIN_PERIODS, LeakageGate
from include.features import build
from include.features.group_join import used_groups
from include.features.labels import encoded_labels
from include.ingestion import suites
from include.lake import compaction, content_digest, history, schemas
from include.model import lightgbm_params, splits
from include.model.tasks import task_model
from include.project import Project
from include.registry.source_code import DECLARATIONS
from include.training import dataset, train
from include.validation.errors import BrokenExpectation, PeriodRefusedError

Tell = Callable[[str], None]
_MADE_BY = "made_by.json"
_WITHOUT: Mapping[str, frozenset[str]] = {
    "raw": frozenset({"features", "expectations"}),
    "checked": frozenset({"features"}),
    "features": frozenset(),
    "labels": frozenset(),
}
"""Kind of table to the modules of a use case that cannot change it."""
_DECLARED = tuple(f"id={name!r}" for name in sorted(DECLARATIONS))
_SAMPLED = 4
"""Number of days, over the whole window, that are landed before all others."""
_MOST_REFUSED = 20
"""Number of refused days at which landing stops: then the feed is wrong, not single days."""


def kept_home(use_case: UseCase) -> Path:
    """Return the folder in which `airworthy check` keeps landed days.

    The next check uses them.
    """
    return settings.current_settings().home / "check" / use_case.name


def findings_of_declaration(use_case: UseCase, period: Period) -> Iterator[CheckFinding]:
    """Yield findings about the declaration, which need no data."""
    try:
        lightgbm_params.merge_parameters(use_case, None)
    except AirworthyError as error:
        yield CheckFinding("error", str(error))
    yield from _functions(use_case)
    if unknown := [feed.name for feed in use_case.feeds if feed.known_at is None]:
        yield CheckFinding(
            "warning",
            f"feeds {unknown} declare no known_at: rows that their source delivers too early are not detected. Name the"
            " column that says when a row became known, or test it in the use case's own tests.",
        )
    if not any(isinstance(gate, LeakageGate) for gate in use_case.gates):
        yield CheckFinding("warning", "no LeakageGate is declared: models are promoted without a test for leaks.")
    try:
        first, last = splits.training_window(use_case, period)
    except AirworthyError as error:
        yield CheckFinding("error", str(error))
        return
    periods, wanted = last - first + 1, use_case.training.window_periods
    if periods < wanted:
        yield CheckFinding(
            "note",
            f"the window {first} to {last} has {periods} of the {period.unit.counted(wanted)} that are declared.",
        )


def _functions(use_case: UseCase) -> Iterator[CheckFinding]:
    """Yield an error for each function that cannot be used.

    Such a function is missing, cannot be imported or returns no suite.
    """
    wanted = [("source", feed.name) for feed in use_case.feeds if not feed.source]
    wanted += [("features", "build"), ("features", "labels")]
    for module, name in wanted:
        try:
            use_case.function(module, name)
        except Exception as error:  # importing the owner's module may raise any error
            yield CheckFinding("error", f"{module}.{name} cannot be used: {type(error).__name__}: {error}")
    loads = [functools.partial(suites.load_suite, use_case, feed) for feed in use_case.feeds]
    loads += [functools.partial(suites.load_table_suite, use_case, table) for table in suites.TABLES]
    for load_suite in loads:
        try:
            load_suite()
        except AirworthyError as error:
            yield CheckFinding("error", str(error))


def discard_outdated(declared: DataDeclaration, home: Path) -> None:
    """Remove tables that other code or declarations made; record the current ones."""
    for group in used_groups(declared):
        discard_outdated(group, home)
    root = home / "lake" / lake_folder(declared.name)
    now = {
        table: _made_by(declared, table)
        for table in schemas.table_names(declared)
        if table.partition("/")[0] in _WITHOUT
    }
    note = root / _MADE_BY
    before = json.loads(note.read_text()) if note.is_file() else {}
    for table, made_by in now.items():
        for stale in _dependent_tables(table) if before.get(table) != made_by else ():
            shutil.rmtree(root / stale, ignore_errors=True)
    root.mkdir(parents=True, exist_ok=True)
    note.write_text(json.dumps(now))


def _made_by(declared: DataDeclaration, table: str) -> str:
    """Return a digest of the modules and declared values that can change a table.

    The values of the declaration are digested instead of its text, so that a changed gate discards nothing.
    """
    module = importlib.import_module(declared.package)
    folder, without = Path(module.__file__ or "").parent, _WITHOUT[table.partition("/")[0]]
    code = {
        path.relative_to(folder).as_posix(): _text(path)
        for path in sorted(folder.rglob("*"))
        if path.is_file() and path.suffix not in (".pyc", ".md") and path.stem not in without
    }
    feeds = [[feed.name, [*feed.columns.items()], feed.keys, str(feed.source)] for feed in declared.feeds]
    rows = [declared.keys, declared.period, declared.time_zone, str(declared.calendar), declared.look_back_periods]
    used: list[str] = []
    if table == "features" and isinstance(declared, UseCase) and declared.feature_groups:
        used = [str(declared.feature_groups), *(_made_by(group, table) for group in used_groups(declared))]
    columns = str(schemas.content_schema(declared, table))
    return content_digest.digest_values([code, [feeds, *rows], columns, *used])


def _text(path: Path) -> str:
    """Return a file's digest, or a module's tree without the declaration."""
    if path.suffix != ".py":
        return hashlib.sha256(path.read_bytes()).hexdigest()
    tree = ast.parse(path.read_bytes())
    tree.body = [
        node
        for node in tree.body
        if not (isinstance(node, ast.Assign) and any(name in ast.dump(node) for name in _DECLARED))
    ]
    return ast.dump(tree)


def _dependent_tables(table: str) -> list[str]:
    """Return the table and those that are made from it."""
    kind, _, feed = table.partition("/")
    later = {"raw": [f"checked/{feed}", f"deliveries/{feed}", "features", "labels"], "checked": ["features", "labels"]}
    return [table, *later.get(kind, [])]


def land_window(project: Project, period: Period, tell: Tell) -> tuple[list[CheckFinding], int]:
    """Land and validate the days that the training needs and the lake lacks.

    A few days over the whole window come first: a feed that is refused on each of them is wrong, and ends the landing.
    Returns an error for each feed and day that is refused, and how many days are valid.
    """
    periods = needed_periods(project.use_case, period)
    sample = list(dict.fromkeys(periods[place * (len(periods) - 1) // (_SAMPLED - 1)] for place in range(_SAMPLED)))
    view, refused = project.lake.as_of(period), list[CheckFinding]()
    landed = {feed.name: view.partitions(f"checked/{feed.name}", periods[0]).keys() for feed in project.use_case.feeds}
    refused_periods: dict[Period, set[str]] = {}
    for number, needed in enumerate([*sample, *(day for day in periods if day not in sample)], start=1):
        tell(f"landing and validating {needed}: {period.unit.name} {number} of {len(periods)}")
        # Looking up each day alone would read the logs of the tables once a day.
        for feed in (feed for feed in project.use_case.feeds if needed not in landed[feed.name]):
            try:
                build.land_missing_feed(project, feed, needed, needed)
            except AirworthyError as error:
                refused.append(CheckFinding("error", str(error)))
                refused_periods.setdefault(needed, set()).add(feed.name)
        always = number == len(sample) > 1 and set.intersection(*(refused_periods.get(day, set()) for day in sample))
        if always or len(refused) >= _MOST_REFUSED:
            break
    _shorten_logs(project)
    return refused, len(periods) - len(refused_periods)


def _shorten_logs(project: Project) -> None:
    """Write checkpoints of the feeds' tables: each build of a day opens all of them."""
    for feed in project.use_case.feeds:
        for table in (f"raw/{feed.name}", f"checked/{feed.name}"):
            if history.is_table(project.lake.uri(table)):
                compaction.write_checkpoint(project.lake, table)


def needed_periods(use_case: UseCase, period: Period) -> list[Period]:
    """Return the days of the feeds that a training as of `period` needs."""
    first, _ = splits.training_window(use_case, period)
    since = use_case.labels_since(first) - use_case.look_back_periods
    return period_range(max(use_case.first_period, since), period)


def build_window(project: Project, period: Period, tell: Tell) -> list[CheckFinding]:
    """Build the missing features and labels of the window.

    Returns an error for each expectation that features of the window break, with the days on which they do.
    """
    first, _ = splits.training_window(project.use_case, period)
    first = max(project.use_case.first_period, project.use_case.labels_since(first))
    built = project.lake.as_of(period).partitions("features", first, period)
    missing = [needed for needed in period_range(first, period) if needed not in built]
    broken: dict[str, list[tuple[Period, BrokenExpectation]]] = {}
    for number, needed in enumerate(missing, start=1):
        tell(f"building the features of {needed}: {period.unit.name} {number} of {len(missing)}")
        try:
            build.build_features(project, needed)
        except PeriodRefusedError as error:
            for one in error.broken:
                broken.setdefault(one.expectation, []).append((needed, one))
    return [_refused_finding(expectation, found) for expectation, found in broken.items()]


def _refused_finding(expectation: str, found: Sequence[tuple[Period, BrokenExpectation]]) -> CheckFinding:
    (first, broken), (last, _) = found[0], found[-1]
    days = f"{first.unit.counted(len(found))}, {first} to {last}" if len(found) > 1 else f"{first}"
    return CheckFinding("error", f"{expectation}; refused on {days}: {broken.observed}. {broken.remedy}")


def findings_of_labels(project: Project, period: Period) -> Iterator[CheckFinding]:
    """Yield the number of labelled rows of the window, and describe their labels."""
    use_case = project.use_case
    first, last = splits.training_window(use_case, period)
    rows = dataset.labelled_rows(use_case, project.lake.as_of(period), first, last)
    labels = encoded_labels(use_case, rows[use_case.label.name])
    periods = pc.count_distinct(rows["period"]).as_py() if rows.num_rows else 0
    counted = f"{rows.num_rows:,} rows of {periods} of the {period.unit.name}s {first} to {last} are labelled"
    if not len(labels):
        yield CheckFinding("warning", f"{counted}.")
        return
    described = task_model(use_case).describe_labels(labels, use_case.label.name)
    yield CheckFinding("warning" if described.is_odd else "note", f"{counted}; {described.text}.")


def findings_of_tables(project: Project, period: Period) -> Iterator[CheckFinding]:
    """Yield findings about quarantined rows, features, labels and history length."""
    yield from check_tables.findings_of_quarantine(project, needed_periods(project.use_case, period)[0], period)
    yield from check_tables.findings_of_features(project, period)
    yield from findings_of_labels(project, period)
    yield from check_tables.findings_of_joined_labels(project, period)
    yield from check_tables.findings_of_history(project, period)


def judge_use_case(project: Project, period: Period, tell: Tell) -> evaluate.EvaluateResult:
    """Train as of `period` and judge the model by its gates and a leakage gate."""
    use_case = project.use_case
    gates = use_case.gates
    if (
        not any(isinstance(gate, LeakageGate) for gate in gates)
        and use_case.training.rebuildable_periods >= MIN_PERIODS
    ):
        gates = (*gates, LeakageGate(if_inconclusive="pass"))
    judged = project.declared_as(replace(use_case, gates=gates))
    tell(f"training as of {period}")
    run_id = train.train_model(judged, period, reason="check").run_id
    tell("judging the model")
    return evaluate.evaluate_run(judged, run_id)
