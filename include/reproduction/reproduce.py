"""Train a registered version again, and compare the models."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field

import duckdb
from lightgbm.basic import LightGBMError

from include.declaration import form_limits
from include.errors import AirworthyError, NotReadyError
from include.lake.integrity import PartitionCorruptedError
from include.model.model import Model
from include.project import Project
from include.registry.model_copies import ArtifactMissingError
from include.registry.model_record import Version
from include.registry.tags import CODE, COMMIT, FINGERPRINT, LOCK, NOT_REPRODUCIBLE, PROCESSOR, RECIPE, REPRODUCED
from include.reproduction import model_diff, training_snapshot
from include.training import engine, provenance, spec
from include.training.recipe import TrainingSpec, TrainingSpecError
from include.training.training_errors import TrainingFailedError

EQUAL, DIFFERS, NOT_REBUILT = "equal", "differs", "not rebuilt"
ARTIFACT = "reproduction.json"
RECIPE_CHANGED = "the recipe was changed since it was registered"
"""Beginning of the report's line about a changed recipe; equal trees are no proof then."""


class NotReproducedError(AirworthyError):
    """A version could not be built again, or the rebuilt model differs."""

    def __init__(self, reproduction: Reproduction) -> None:
        self.reproduction = reproduction
        super().__init__(reproduction.report())


class _NotRebuiltError(Exception):
    """Why there is nothing to compare."""


@dataclass(frozen=True)
class Reproduction:
    """The result of a rebuild; plain values."""

    use_case: str
    version: str
    run_id: str
    outcome: str
    """`equal`, `differs` or `not rebuilt`."""
    model: tuple[str, ...]
    """Differences between the models, or why there was nothing to compare."""
    surroundings: Mapping[str, tuple[str, str]] = field(default_factory=dict)
    """Code, commit, lock, processor or declaration, if changed: the value then and now."""
    data: tuple[str, ...] = ()
    """Changes of the data since the training: changed, vacuumed, damaged."""

    def report(self) -> str:
        """Return the result as text for a person."""
        summary = {
            EQUAL: "was built again and is equal, byte for byte",
            DIFFERS: "was built again and is not what was registered",
            NOT_REBUILT: "could not be built again",
        }[self.outcome]
        changed = [f"{name} is now {now}, was {then}" for name, (then, now) in self.surroundings.items()]
        lines = [f"{self.use_case}: version {self.version} {summary}.", *(f"- {line}" for line in self.model)]
        for title, items in (("Changed since it was trained:", changed), ("Its data:", self.data)):
            lines += [title, *(f"- {line}" for line in items)] if items else []
        return "\n".join([*lines, *([self._advice()] if self.outcome == DIFFERS else [])])

    def _advice(self) -> str:
        if any(line.startswith(RECIPE_CHANGED) for line in self.model):
            return (
                f"Do not trust the tags of this version. Its run {self.run_id} has the tag {RECIPE.name!r} too: compare"
                " them, correct the version's, and reproduce again."
            )
        if {"code", "lock", "processor"} & set(self.surroundings):
            return (
                "The trees depend on code, lock and processor: check out the commit of the training, install its"
                " requirements.txt on the same kind of processor, and reproduce it there."
            )
        return "No known input of the trees has changed: do not trust this version, and train again."


def require_reproducible(project: Project, version: str) -> Reproduction:
    """Reproduce the version, and require that the rebuilt model is equal.

    Raises:
        NotReproducedError: it differs or could not be built; the message is the report. Also the errors of
            `reproduce_version`.
    """
    found = reproduce_version(project, version)
    if found.outcome != EQUAL:
        raise NotReproducedError(found)
    return found


def reproduce_version(project: Project, version: str) -> Reproduction:
    """Train the version again from its registry entry, and compare the models.

    Stores the result as an artifact of its run and a tag of the version; lake, ledger and alias do not change.

    Raises:
        InvalidRequestError: there is no such version.
        ArtifactMissingError: its files are damaged or missing.
        TrainingFailedError: it was trained on an engine, which fails now and may work later.
        MlflowUnreachableError: MLflow does not answer.
    """
    form_limits.require_name("version", version)
    registry = project.registry
    found = registry.version(version)
    try:
        registered = registry.reload(found)
    except ArtifactMissingError:
        registry.tag_version(found.number, {REPRODUCED: NOT_REBUILT})  # an older `equal` was about other files
        raise
    rebuilding = _Rebuilding(project, found)
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
    """The rebuild of one version from its recipe."""

    def __init__(self, project: Project, version: Version) -> None:
        self._project, self._declared, self._version = project, project.use_case, version
        self._recipe: TrainingSpec | None = None
        self.data: tuple[str, ...] = ()

    def compared(self, registered: Model) -> tuple[str, tuple[str, ...]]:
        """Return the outcome, never `equal` with a changed recipe, and why."""
        try:
            differences, failed = model_diff.model_differences(registered, self.model()), ""
        except _NotRebuiltError as reason:
            differences, failed = [], str(reason)
        changed = self._changed_recipe()
        if failed:
            return NOT_REBUILT, (*changed, failed)
        if changed and not differences:
            differences = ["with the current recipe the model is equal, byte for byte"]
        return DIFFERS if differences else EQUAL, (*changed, *differences)

    def _changed_recipe(self) -> list[str]:
        """Return a line if the recipe's fingerprint is not the registered one."""
        if self._recipe is None:
            return []
        tags = self._version.tags
        registered = tags.get(FINGERPRINT, provenance.UNKNOWN)
        code_and_lock = (tags.get(name, provenance.UNKNOWN) for name in (CODE, LOCK))
        if (now := self._recipe.fingerprint(self._declared, *code_and_lock)) != registered:
            return [f"{RECIPE_CHANGED}: its tags give the fingerprint {now}, but {registered} is registered"]
        return []

    def surroundings(self) -> dict[str, tuple[str, str]]:
        """Return the changed code, commit, lock, processor and declaration."""
        then_declared = self._recipe.as_declared_then(self._declared) if self._recipe else self._declared
        # The code of the engine that trained the version, which may not be the one declared now.
        current, tags = provenance.current_provenance(then_declared), self._version.tags
        now: dict[str, str] = {
            CODE: current.code,
            COMMIT: current.commit,
            LOCK: current.lock,
            PROCESSOR: current.processor,
        }
        then = {name: tags.get(name, provenance.UNKNOWN) for name in now}
        if self._recipe:
            then["declaration"] = spec.declaration_values(then_declared)
            now["declaration"] = spec.declaration_values(self._declared)
        return {name: (then[name], now[name]) for name in now if then[name] != now[name]}

    def model(self) -> Model:
        """Train the model again.

        Raises:
            _NotRebuiltError: that is not possible; the message is the reason.
        """
        known = self._read_recipe()
        then = known.as_declared_then(self._declared)
        try:
            project = self._project.declared_as(then)
            snapshot = training_snapshot.load_training_snapshot(project.lake, known)
            self.data = snapshot.notes
            with engine.load_rows(project, snapshot.view, known.first, known.last) as rows:
                fitted = rows.fit(known.parameters)
        except (
            training_snapshot.TrainingDataMissingError,
            PartitionCorruptedError,
            FileNotFoundError,
        ) as gone:  # data may also be removed while they are read
            # Read the tag again: it may have been set since.
            note = self._project.registry.version(self._version.number).tags.get(NOT_REPRODUCIBLE)
            raise _NotRebuiltError(f"it is no longer reproducible {note} {gone}" if note else str(gone)) from gone
        except TrainingFailedError as error:
            if error.retryable:
                raise
            raise _NotRebuiltError(f"its recipe cannot be followed: {error}") from error
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
            known.as_declared_then(self._declared)
        except (TrainingSpecError, ValueError, TypeError, KeyError) as error:
            raise _NotRebuiltError(f"its tag {RECIPE.name!r} holds no recipe that can be followed: {error}") from error
        self._recipe = known
        return known
