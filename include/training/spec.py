"""Describe and digest the inputs of a training.

Equal digests mean equal trainings.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from include.declaration.period import Period
from include.declaration.use_case import UseCase
from include.lake import content_digest
from include.model.lightgbm_params import Parameters
from include.registry.tags import AS_OF, CODE, COMMIT, LOCK, PROCESSOR, WINDOW


@dataclass(frozen=True)
class TrainingInputs:
    """Everything that the trees depend on, and the kind of processor that trains them."""

    as_of: Period
    first: Period
    last: Period
    """First and last day of the features that are read."""
    parameters: Parameters
    data: Mapping[str, str]
    """`features.` and `labels.` `version` (of the Delta table) and `digest` (of the days' content)."""
    code: str
    """Digest of the training code. `commit` locates the code, but changes with every file."""
    commit: str
    lock: str
    processor: str
    declaration: str

    @property
    def window(self) -> str:
        return f"{self.first}..{self.last}"

    @property
    def fingerprint(self) -> str:
        """Return the digest of content, code, lock, declaration and parameters.

        It excludes table versions, which change when other days are written; the commit, which changes with files that
        cannot change the model; and the processor, which is not part of the request.
        """
        contents: dict[str, object] = {name: value for name, value in self.data.items() if name.endswith(".digest")}
        made = {"code": self.code, "lock": self.lock, "declaration": self.declaration}
        periods = {"as_of": self.as_of, "first": self.first, "last": self.last}
        return content_digest.digest_values(contents | made | periods | {"parameters": self.parameters.to_json()})

    def tags(self) -> dict[str, str]:
        """Return the tags that record the origin of a run and a version."""
        made: dict[str, str] = {CODE: self.code, COMMIT: self.commit, LOCK: self.lock, PROCESSOR: self.processor}
        return {AS_OF: self.as_of.key, WINDOW: self.window, **self.data, **made}


def declaration_values(use_case: UseCase) -> str:
    """Return the digest of the declared values that affect training.

    Parameters are excluded.
    """
    training = use_case.training
    values: dict[str, object] = dict(use_case.task.training_values())
    if use_case.training.sample_weight is not None:
        values["sample_weight"] = use_case.training.sample_weight
    if training.engine is not None:
        values["engine"] = training.engine.to_json()
    return content_digest.digest_values(
        values
        | {
            "features": list(use_case.features.items()),
            "keys": list(use_case.keys),
            "period": use_case.period,
            "label": use_case.label.name,
            "splits": [
                training.validation_periods,
                training.test_periods,
                training.gap_periods,
                training.min_train_periods,
            ],
            "baseline_features": sorted(training.baseline_features),
        }
    )
