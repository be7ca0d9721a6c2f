"""Store the training spec of a model as one tag.

Its reproduction needs nothing else.
"""

from __future__ import annotations

import base64
import json
import zlib
from collections.abc import Mapping
from dataclasses import dataclass, fields, replace
from typing import Any

from include.declaration.feeds import Feed
from include.declaration.period import Period
from include.declaration.task import task_from_json
from include.declaration.training_engine import engine_from_json
from include.declaration.use_case import Label, UseCase
from include.model.lightgbm_params import Parameters
from include.training import spec
from include.training.spec import TrainingInputs

LONGEST_TAG = 8000
"""Most characters of a run's tag: MLflow truncates longer ones, such as the spec of some 250 features."""
_PACKED = "zlib:"
_SPLITS = ("validation_periods", "test_periods", "gap_periods", "min_train_periods")


class TrainingSpecError(ValueError):
    """A tag does not contain a training spec."""


@dataclass(frozen=True)
class TrainingSpec:
    """The data, splits and LightGBM parameters of a training; the seed is a parameter."""

    as_of: Period
    first: Period
    last: Period
    """First and last day of the features that were read."""
    keys: Mapping[str, str]
    """Key to type, in order."""
    period: str
    """`UseCase.period`."""
    features: Mapping[str, str]
    """Feature to type, in order."""
    label: str
    label_delay_periods: int
    splits: Mapping[str, int]
    """`validation_periods`, `test_periods`, `gap_periods` and `min_train_periods`."""
    task: Mapping[str, Any]
    """The task's plain values (`Task.to_json`)."""
    parameters: Parameters
    baseline_features: tuple[str, ...]
    """Features of the linear baseline; empty: all."""
    sample_weight: str | None
    """`Training.sample_weight`."""
    engine: Mapping[str, Any] | None
    """The plain values of `Training.engine`; None: the trees were trained in one process."""
    data: Mapping[str, str]
    """`features.` and `labels.` `version` (of the Delta table) and `digest` (of the days' content)."""

    @classmethod
    def from_inputs(cls, use_case: UseCase, made_from: TrainingInputs) -> TrainingSpec:
        """Return the spec of a training of the use case as it is declared now."""
        return cls(
            as_of=made_from.as_of,
            first=made_from.first,
            last=made_from.last,
            keys=use_case.key_types(),
            period=use_case.period,
            features={name: str(kind) for name, kind in use_case.features.items()},
            label=use_case.label.name,
            label_delay_periods=use_case.label.label_delay_periods,
            splits={name: getattr(use_case.training, name) for name in _SPLITS},
            task=use_case.task.to_json(),
            parameters=made_from.parameters,
            baseline_features=use_case.training.baseline_features,
            sample_weight=use_case.training.sample_weight,
            engine=engine.to_json() if (engine := use_case.training.engine) else None,
            data=dict(made_from.data),
        )

    @property
    def labels_since(self) -> Period:
        """Return the first period whose labels were read."""
        return self.first - (task_from_json(self.task).season_lag(self.label_delay_periods) or 0)

    @property
    def versions(self) -> dict[str, int]:
        """Return the Delta version that was read, by table."""
        return {table: int(self.data[f"{table}.version"]) for table in ("features", "labels")}

    def as_declared_then(self, declared: UseCase) -> UseCase:
        """Return the use case as declared for this training, only to read, split and fit.

        One feed replaces all feeds that declared the keys' types. Gates are omitted: they may name missing features.
        """
        parameters = self.parameters
        return replace(
            declared,
            feeds=(Feed("keys", columns=self.keys, keys=tuple(self.keys)),),
            keys=tuple(self.keys),
            period=self.period,
            features=self.features,
            feature_groups=(),  # the features that were read are already joined
            label=Label(self.label, declared.label.meaning, self.label_delay_periods),
            task=task_from_json(_with_unit(self.task, declared.task.cost_unit)),
            training=replace(
                declared.training,
                # The declared window limits a request; the days that were read are `first` to `last`.
                window_periods=max(self.last - self.first + 1, _least(self.splits)),
                validation_periods=self.splits["validation_periods"],
                test_periods=self.splits["test_periods"],
                gap_periods=self.splits["gap_periods"],
                min_train_periods=self.splits["min_train_periods"],
                parameters={},
                search_space={},
                baseline_features=self.baseline_features,
                sample_weight=self.sample_weight,
                monotone={},  # a parameter of LightGBM
                num_boost_round=parameters.num_boost_round,
                early_stopping_rounds=parameters.early_stopping_rounds,
                engine=engine_from_json(self.engine),
            ),
            gates=(),
        )

    def fingerprint(self, declared: UseCase, code: str, lock: str) -> str:
        """Return the fingerprint of a training by this spec, code and lock.

        See `TrainingInputs.fingerprint`.
        """
        made_from = TrainingInputs(
            as_of=self.as_of,
            first=self.first,
            last=self.last,
            parameters=self.parameters,
            data=self.data,
            code=code,
            commit="",
            lock=lock,
            processor="",
            declaration=spec.declaration_values(self.as_declared_then(declared)),
        )
        return made_from.fingerprint

    def to_json(self) -> dict[str, Any]:
        """Return plain values, from which `from_json` creates an equal spec.

        Keys and features are ordered pairs.
        """
        periods = {name: getattr(self, name).key for name in ("as_of", "first", "last")}
        pairs = {"keys": [*map(list, self.keys.items())], "features": [*map(list, self.features.items())]}
        plain = {name: getattr(self, name) for name in ("period", "label", "label_delay_periods")}
        rest: dict[str, Any] = {"splits": dict(self.splits), "task": dict(self.task), "data": dict(self.data)}
        rest |= {"baseline_features": list(self.baseline_features), "sample_weight": self.sample_weight}
        rest |= {"engine": dict(self.engine)} if self.engine is not None else {}
        return {**periods, **pairs, **plain, **rest, "parameters": self.parameters.to_json()}

    @classmethod
    def from_json(cls, values: Mapping[str, Any]) -> TrainingSpec:
        """Return the spec from the values of `to_json`.

        Raises:
            KeyError, TypeError, ValueError: the values are not a spec's.
        """
        parameters = dict(values["parameters"])
        stopping = {name: parameters.pop(name) for name in ("num_boost_round", "early_stopping_rounds")}
        if "task" not in values:  # a record of earlier code, which knew binary tasks only
            false_negative, false_positive = values["costs"]
            costs = {"false_negative": false_negative, "false_positive": false_positive, "unit": ""}
            values = {**values, "task": {"kind": "binary", "costs": costs}}
        values = {"sample_weight": None, "engine": None, **values}  # earlier code had neither
        given = {field.name: values[field.name] for field in fields(cls)}
        periods = {name: Period(values[name]) for name in ("as_of", "first", "last")}
        pairs = {name: dict(values[name]) for name in ("keys", "features")}
        made: dict[str, Any] = {name: tuple(values[name]) for name in ("baseline_features",)}
        made["parameters"] = Parameters(parameters, **stopping)
        return cls(**(given | periods | pairs | made))

    def to_tag(self) -> str:
        """Return the spec as JSON, compressed if it is too long for a tag."""
        text = json.dumps(self.to_json(), separators=(",", ":"))
        if len(text) <= LONGEST_TAG:
            return text
        return _PACKED + base64.b64encode(zlib.compress(text.encode(), 9)).decode()

    @classmethod
    def from_tag(cls, tag: str) -> TrainingSpec:
        """Return the spec from the text of `to_tag`.

        Raises:
            TrainingSpecError: the text is not a spec; the message has the reason.
        """
        try:
            packed = tag.startswith(_PACKED)
            text = zlib.decompress(base64.b64decode(tag.removeprefix(_PACKED))).decode() if packed else tag
            return cls.from_json(json.loads(text))
        except (ValueError, KeyError, TypeError, AttributeError, zlib.error) as error:
            raise TrainingSpecError(f"{type(error).__name__}: {error}") from error


def _with_unit(task: Mapping[str, Any], unit: str) -> Mapping[str, Any]:
    """Return a task's plain values with the unit that earlier code did not record."""
    costs = task.get("costs")
    return {**task, "costs": {**costs, "unit": costs["unit"] or unit}} if costs else task


def _least(splits: Mapping[str, int]) -> int:
    return (
        splits["min_train_periods"] + splits["validation_periods"] + splits["test_periods"] + 2 * splits["gap_periods"]
    )
