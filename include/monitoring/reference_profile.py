"""Build and store the reference profile of a version.

It holds the distributions of each feature and of the prediction over the train days, on fixed bins (samples with
different edges cannot be compared); the drift of single validation and test days from these (`usual`), since one day
always differs from three months; and the metrics of the test days (`expected_metrics`). Like the training, it uses
labelled rows only.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import asdict, dataclass, field, replace
from typing import Any

import numpy as np
import pyarrow as pa

from include.declaration.gates import MODEL
from include.declaration.task import Task
from include.errors import AirworthyError
from include.model import expected_performance, intervals
from include.model.arrays import Numbers
from include.model.contributions import AttributionReference, learn_attributions
from include.model.expected_performance import ExpectedMetric
from include.model.model import Model
from include.model.performance_estimate import EstimateReference, learn_errors
from include.model.tasks import task_model
from include.model.trainer import TrainingRows
from include.monitoring import drift
from include.monitoring.drift import Bins
from include.monitoring.reference_histogram import ReferenceHistogram, reference_histogram
from include.threads import threads_for

NAME = "profile"
"""Name of its file, which is stored with the model."""
FORMAT = 6
_PREDICTIONS = {5: "probability", FORMAT: "predictions"}
"""Format of a stored profile to the key of the predictions in it."""


class ProfileUnreadableError(AirworthyError):
    """Report that a version has no reference profile that this code can read."""

    def __init__(self, what: str) -> None:
        self.what = what
        super().__init__(f"its reference profile {what}; train a new version, which will have one")


@dataclass(frozen=True)
class ReferenceVariation:
    """Hold the drift of single validation and test days from the train days, by day."""

    periods: int
    weighted_drift: tuple[float, ...]
    prediction_drift: tuple[float, ...]
    psi: Mapping[str, tuple[float, ...]]
    """Feature to the PSI of each day."""
    null_share: Mapping[str, tuple[float, ...]] = field(default_factory=dict)
    """Feature to the share of nulls of each day; empty in profiles that were stored without it."""

    @classmethod
    def from_json(cls, values: Mapping[str, Any], features: Collection[str]) -> ReferenceVariation:
        """Build the object from the values of `asdict`.

        Raises:
            ValueError: the values of single days are missing for a feature, or for all.
        """
        weighted, prediction = tuple(values["weighted_drift"]), tuple(values["prediction_drift"])
        psi = {name: tuple(values["psi"].get(name, ())) for name in features}
        if not (weighted and prediction and all(psi.values())):
            raise ValueError("usual periods are missing")
        null_share = {name: tuple(values.get("null_share", {}).get(name, ())) for name in features}
        return cls(values["periods"], weighted, prediction, psi, {name: of for name, of in null_share.items() if of})


@dataclass(frozen=True)
class ReferenceProfile:
    """Hold the distributions and metrics of a version at its training."""

    rows: int
    """Train rows."""
    features: Mapping[str, ReferenceHistogram]
    types: Mapping[str, str]
    """Feature to its declared type, in the model's order."""
    importance: Mapping[str, float]
    """Feature to its share of the total gain; equal shares if no tree has a split."""
    predictions: ReferenceHistogram
    """Of `Task.main_column`."""
    usual: ReferenceVariation
    expected_metrics: Mapping[str, ExpectedMetric]
    """Metric to its value on the test days."""
    baselines: Mapping[str, Mapping[str, ExpectedMetric]] = field(default_factory=dict)
    """Baseline to metric to its value on the same test days."""
    validation: Mapping[str, Mapping[str, tuple[float, ...]]] = field(default_factory=dict)
    """Subject (model or baseline) to metric to its pseudo-values on the validation days."""
    estimates: EstimateReference | None = None
    """What estimates without labels need; None for a profile made before there were any."""
    attributions: AttributionReference | None = None
    """The features' shares of the contributions; None as above, or if LightGBM computes none."""

    def daily(self, metric: str, reference: str | None) -> list[Numbers]:
        """Return the pseudo-values of the validation days and of the test days.

        With a reference, those of that baseline are subtracted. Above 0 is worse. The test days are last; the list is
        empty if they have no pseudo-values.
        """
        test = {name: values[metric].by_day for name, values in self.expected_by_subject.items() if metric in values}
        validation = {name: values.get(metric, ()) for name, values in self.validation.items()}
        spans = [expected_performance.compare_with_expected(metric, span, reference) for span in (validation, test)]
        return [span for span in spans if span is not None] if spans[-1] is not None else []

    @property
    def expected_by_subject(self) -> dict[str, Mapping[str, ExpectedMetric]]:
        """Return subject to metric to its value on the test days."""
        return {**self.baselines, MODEL: self.expected_metrics}

    @property
    def bins(self) -> dict[str, Bins]:
        """Return feature to its bins."""
        return {name: histogram.bins for name, histogram in self.features.items()}

    def to_json(self) -> dict[str, object]:
        """Return plain values, from which `from_json` makes an equal profile."""
        further = {"estimates": self.estimates, "attributions": self.attributions}
        return {
            "format": FORMAT,
            **{name: each.to_json() for name, each in further.items() if each is not None},
            "rows": self.rows,
            "features": {
                name: {"type": self.types[name], **histogram.to_json()} for name, histogram in self.features.items()
            },
            _PREDICTIONS[FORMAT]: self.predictions.to_json(),
            "importance": dict(self.importance),
            "usual": asdict(self.usual),
            "expected_metrics": {metric: asdict(on_test) for metric, on_test in self.expected_metrics.items()},
            "baselines": {
                name: {metric: asdict(on_test) for metric, on_test in by_metric.items()}
                for name, by_metric in self.baselines.items()
            },
            "validation": {
                name: {metric: list(values) for metric, values in by_metric.items()}
                for name, by_metric in self.validation.items()
            },
        }

    @classmethod
    def from_json(cls, values: Any) -> ReferenceProfile:
        """Build the profile from the values of `to_json`.

        Raises:
            ProfileUnreadableError: the values have another format.
        """
        if not isinstance(values, Mapping) or values.get("format") not in _PREDICTIONS:
            raise ProfileUnreadableError(f"is not of the present format ({FORMAT})")
        try:
            rows = values["rows"]
            return cls(
                rows=rows,
                features={name: ReferenceHistogram.from_json(each, rows) for name, each in values["features"].items()},
                types={name: each["type"] for name, each in values["features"].items()},
                importance=dict(values["importance"]),
                predictions=ReferenceHistogram.from_json(values[_PREDICTIONS[values["format"]]], rows),
                usual=ReferenceVariation.from_json(values["usual"], values["features"]),
                expected_metrics=expected_performance.from_json(values["expected_metrics"]),
                baselines={name: expected_performance.from_json(found) for name, found in values["baselines"].items()},
                validation={
                    name: {metric: tuple(each) for metric, each in found.items()}
                    for name, found in values["validation"].items()
                },
                estimates=EstimateReference.from_json(values["estimates"]) if "estimates" in values else None,
                attributions=(
                    AttributionReference.from_json(values["attributions"]) if "attributions" in values else None
                ),
            )
        except (KeyError, TypeError, ValueError, AttributeError) as error:
            raise ProfileUnreadableError(f"cannot be read ({type(error).__name__}: {error})") from error


def build_profile(
    model: Model,
    parts: Mapping[str, TrainingRows],
    predicted: Mapping[str, Mapping[str, Numbers]],
    task: Task,
) -> ReferenceProfile:
    """Build the profile of a model from the rows of train, validation and test.

    `predicted` holds the predictions: split to subject (model and baselines) to one for each row.
    """
    of_task = task_model(task)
    train, encoding = parts["train"], model.encoding
    features = {
        name: reference_histogram(train.features[name], encoding.vocabulary.get(name)) for name in encoding.features
    }
    of_model = {split: subjects[MODEL] for split, subjects in predicted.items()}
    main = {split: of_task.main_values(values) for split, values in of_model.items()}
    predictions = reference_histogram(main["train"], of_task.main_words)
    importance = _importance(model)
    validation = parts["validation"]
    return ReferenceProfile(
        rows=train.features.num_rows,
        features=features,
        types=dict(encoding.features),
        importance=importance,
        predictions=predictions,
        usual=_usual(features, importance, predictions, parts, main),
        expected_metrics=expected_performance.expected_metrics(parts["test"], of_model["test"], task),
        baselines={
            name: expected_performance.expected_metrics(parts["test"], each, task)
            for name, each in predicted["test"].items()
            if name != MODEL
        },
        validation={
            name: {
                metric: tuple(values.tolist())
                for metric, values in intervals.rates_by_period(
                    validation.periods, validation.labels, each, task
                ).items()
            }
            for name, each in predicted["validation"].items()
        },
    )


def with_references(
    profile: ReferenceProfile,
    model: Model,
    parts: Mapping[str, TrainingRows],
    predicted: Mapping[str, Mapping[str, Numbers]],
    task: Task,
) -> ReferenceProfile:
    """Return the profile with what estimates and attribution drift need.

    It is learned from the validation and test periods. A backtest does without it: contributions take most of the
    time.
    """
    last = [parts["validation"], parts["test"]]
    joined = TrainingRows(
        pa.table({}),
        np.concatenate([part.labels for part in last]),
        np.concatenate([part.periods for part in last]),
    )
    of_model = np.concatenate([predicted[split][MODEL] for split in ("validation", "test")])
    return replace(
        profile,
        estimates=learn_errors(joined, of_model, task),
        attributions=learn_attributions(model, last, threads_for(profile.rows)),
    )


def period_slices(rows: TrainingRows) -> list[slice]:
    """Return the slice of each period's rows; the rows are in order of periods."""
    _, first = np.unique(rows.periods, return_index=True)
    ends = [*first[1:].tolist(), len(rows.periods)]
    return [slice(start, end) for start, end in zip(first.tolist(), ends, strict=True)]


def _usual(
    features: Mapping[str, ReferenceHistogram],
    importance: Mapping[str, float],
    reference: ReferenceHistogram,
    parts: Mapping[str, TrainingRows],
    predicted: Mapping[str, pa.Array],
) -> ReferenceVariation:
    bins = {name: each.bins for name, each in features.items()}
    weighted: list[float] = []
    shifts: list[float] = []
    psis: dict[str, list[float]] = {name: [] for name in features}
    nulls: dict[str, list[float]] = {name: [] for name in features}
    for split in ("validation", "test"):
        for own in period_slices(parts[split]):
            rows = parts[split].features.slice(own.start, own.stop - own.start)
            counts = drift.count_bins(bins, [rows])
            of_period = {name: drift.psi(features[name].counts, counts[name]) or 0.0 for name in features}
            weighted.append(drift.weighted_drift(importance, of_period) or 0.0)
            predictions = reference.bins.count(predicted[split].slice(own.start, own.stop - own.start))
            shifts.append(drift.psi(reference.counts, predictions) or 0.0)
            for name, value in of_period.items():
                psis[name].append(value)
                nulls[name].append(float(counts[name][-2]) / rows.num_rows)
    of_days = [{name: tuple(each) for name, each in found.items()} for found in (psis, nulls)]
    return ReferenceVariation(len(weighted), tuple(weighted), tuple(shifts), *of_days)


def _importance(model: Model) -> dict[str, float]:
    gains = np.array([*model.gains.values()])
    shares = gains / gains.sum() if gains.sum() > 0 else np.full(len(gains), 1 / len(gains))
    return dict(zip(model.gains, shares.tolist(), strict=True))
