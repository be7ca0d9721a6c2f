"""Reproduce: build a registered version again from its registry entry alone, and hold the trees against each other."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field

import duckdb
from lightgbm.basic import LightGBMError

from include.declaration import form_limits
from include.declaration.use_case import UseCase
from include.errors import AirworthyError, NotReadyError
from include.lake.integrity import PartitionCorruptedError
from include.lake.lake import Lake
from include.model import splits, trainer
from include.model.model import Model
from include.project import Project
from include.registry.mlflow_registry import ArtifactMissingError, Registry
from include.registry.model_record import Version
from include.registry.tags import CODE, COMMIT, FINGERPRINT, LOCK, NOT_REPRODUCIBLE, PROCESSOR, RECIPE, REPRODUCED
from include.reproduction import model_diff, training_snapshot
from include.threads import threads_for
from include.training import dataset, provenance, spec
from include.training.recipe import TrainingSpec, TrainingSpecError

EQUAL, DIFFERS, NOT_REBUILT = "equal", "differs", "not rebuilt"
ARTIFACT = "reproduction.json"
RECIPE_CHANGED = "the recipe was changed since it was registered"
"""Begins the line of a report that says so; trees that are equal all the same prove nothing then."""


class NotReproducedError(AirworthyError):
    """A version was built again and is another model, or could not be built again."""


class _NotRebuiltError(Exception):
    """Why there is nothing to compare."""


@dataclass(frozen=True)
class Reproduction:
    """How a rebuild went; plain values, the same whenever it is asked for."""

    use_case: str
    version: str
    run_id: str
    outcome: str
    """`equal`, `differs` or `not rebuilt`."""
    model: tuple[str, ...]
    """What differs between the models, or why there was nothing to compare."""
    surroundings: Mapping[str, tuple[str, str]] = field(default_factory=dict)
    """Code, commit, lock, processor or declaration, where it is not what it was: then and now."""
    data: tuple[str, ...] = ()
    """What became of the data since: changed, vacuumed, damaged."""

    def report(self) -> str:
        """All of it for a person."""
        say = {
            EQUAL: "was built again and is equal, byte for byte",
            DIFFERS: "was built again and is not what was registered",
            NOT_REBUILT: "could not be built again",
        }[self.outcome]
        changed = [f"{name} is now {now}, was {then}" for name, (then, now) in self.surroundings.items()]
        lines = [f"{self.use_case}: version {self.version} {say}.", *(f"- {line}" for line in self.model)]
        for title, found in (("Changed since it was trained:", changed), ("Its data:", self.data)):
            lines += [title, *(f"- {line}" for line in found)] if found else []
        return "\n".join([*lines, *([self._advice()] if self.outcome == DIFFERS else [])])

    def _advice(self) -> str:
        if any(line.startswith(RECIPE_CHANGED) for line in self.model):
            return (
                f"Do not trust what this version says of itself. Its run {self.run_id} has the tag"
                f" {RECIPE.name!r} too: compare, mend the version's, and reproduce again."
            )
        if {"code", "lock", "processor"} & set(self.surroundings):
            return (
                "The trees hang on code, lock and processor: check out the commit it was trained at, install its"
                " requirements.txt on the same kind of processor, and reproduce it there."
            )
        return "Nothing that trees are known to hang on has changed: do not trust this version, and train anew."


def require_reproducible(project: Project, version: str) -> Reproduction:
    """As `run`, but NotReproducedError, with the report, unless the rebuild is equal."""
    found = reproduce_version(project, version)
    if found.outcome != EQUAL:
        raise NotReproducedError(found.report())
    return found


def reproduce_version(project: Project, version: str) -> Reproduction:
    """Train the version again from what its registry entry names, and compare; lake, ledger and alias stay as they are.

    The outcome becomes an artifact of its run and a tag of the version.
    Raises InvalidRequestError (no such version), ArtifactMissingError (its files are damaged), MlflowUnreachableError.
    """
    form_limits.require_name("version", version)
    registry = project.registry
    found = registry.version(version)
    try:
        registered = registry.reload(found)
    except ArtifactMissingError:
        registry.tag_version(found.number, {REPRODUCED: NOT_REBUILT})  # an older `equal` would be said of other files
        raise
    rebuilding = _Rebuilding(project.use_case, found)
    outcome, model = rebuilding.compared(registered)
    result = Reproduction(
        project.use_case.name,
        found.number,
        found.run_id,
        outcome,
        model,
        rebuilding.surroundings(),
        rebuilding.data,
    )
    registry.log_json(found.run_id, ARTIFACT, asdict(result))
    registry.tag_version(found.number, {REPRODUCED: outcome})
    return result


class _Rebuilding:
    """One version, its recipe, and what is found out on the way."""

    def __init__(self, use_case: UseCase, version: Version) -> None:
        self._declared, self._version = use_case, version
        self._recipe: TrainingSpec | None = None
        self.data: tuple[str, ...] = ()

    def compared(self, registered: Model) -> tuple[str, tuple[str, ...]]:
        """The outcome, and what differs or why there is nothing to compare; never `equal` by a changed recipe."""
        try:
            differences, failed = model_diff.model_differences(registered, self.model()), ""
        except _NotRebuiltError as reason:
            differences, failed = [], str(reason)
        changed = self._changed_recipe()
        if failed:
            return NOT_REBUILT, (*changed, failed)
        if changed and not differences:
            differences = ["by the recipe as it stands now the model is equal, byte for byte"]
        return DIFFERS if differences else EQUAL, (*changed, *differences)

    def _changed_recipe(self) -> list[str]:
        """Whether the recipe that was followed is another than was registered; nothing where it is the same.

        Its fingerprint covers all that a training is asked for.
        """
        if self._recipe is None:
            return []
        tags = self._version.tags
        there = tags.get(FINGERPRINT, provenance.UNKNOWN)
        made = (tags.get(name, provenance.UNKNOWN) for name in (CODE, LOCK))
        if (now := self._recipe.fingerprint(self._declared, *made)) != there:
            return [f"{RECIPE_CHANGED}: by its tags the version has the fingerprint {now}, registered is {there}"]
        return []

    def surroundings(self) -> dict[str, tuple[str, str]]:
        """What made the model besides its data, where it is not the same now."""
        made, tags = provenance.current_provenance(self._declared), self._version.tags
        now: dict[str, str] = {CODE: made.code, COMMIT: made.commit, LOCK: made.lock, PROCESSOR: made.processor}
        then = {name: tags.get(name, provenance.UNKNOWN) for name in now}
        if self._recipe:
            then["declaration"] = spec.declaration_values(self._recipe.then(self._declared))
            now["declaration"] = spec.declaration_values(self._declared)
        return {name: (then[name], now[name]) for name in now if then[name] != now[name]}

    def model(self) -> Model:
        """The model, trained again; _NotRebuilt, with the reason, where that cannot be done."""
        known = self._read_recipe()
        then = known.then(self._declared)
        try:
            recalled = training_snapshot.load_training_snapshot(Lake(then, Lake.of(self._declared).root), known)
            self.data = recalled.notes
            rows = dataset.labelled_rows(then, recalled.view, known.first, known.last)
            cut = splits.split_days(then, known.as_of, known.first, rows["day"].unique().to_pylist())
            parts = {name: dataset.split_rows(then, rows, days, name, known.as_of) for name, days in cut.items()}
            threads = threads_for(rows.num_rows)
            fitted = trainer.fit_model(
                *(known.features, parts["train"], parts["validation"], known.parameters, threads),
                baseline=known.baseline_features,
            )
        except (
            training_snapshot.TrainingDataMissingError,
            PartitionCorruptedError,
            FileNotFoundError,
        ) as gone:  # they may also go while they are read
            told = Registry(self._declared).version(self._version.number).tags.get(NOT_REPRODUCIBLE)  # or told since
            raise _NotRebuiltError(f"it is no longer reproducible {told} {gone}" if told else str(gone)) from gone
        except (NotReadyError, LightGBMError, duckdb.Error) as error:
            raise _NotRebuiltError(f"its recipe cannot be followed: {type(error).__name__}: {error}") from error
        return fitted.model

    def _read_recipe(self) -> TrainingSpec:
        if RECIPE not in self._version.tags:
            raise _NotRebuiltError(
                f"it has no tag {RECIPE.name!r}: it was not registered from a training of this project"
            )
        try:
            known = TrainingSpec.from_tag(self._version.tags[RECIPE])
            known.then(self._declared)
        except (TrainingSpecError, ValueError, TypeError, KeyError) as error:
            raise _NotRebuiltError(f"its tag {RECIPE.name!r} holds no recipe that can be followed: {error}") from error
        self._recipe = known
        return known
