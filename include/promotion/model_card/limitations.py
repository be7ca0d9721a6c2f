"""Derive the limitations of a model from the content of its card."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from include.declaration.gates import MODEL
from include.evaluation.gates import GATES
from include.model.prediction_intervals import CROSSED
from include.model.tasks import task_model
from include.promotion.model_card.content import ModelCardContent, SliceSummary

SHIFT = 0.05
"""Smallest difference of the shares of positives in train and test that is mentioned."""
WORSE = 1.1
"""Loss on the test days that is mentioned, as a multiple of that on the validation days."""


@dataclass(frozen=True)
class Limitations:
    """What the reader of a card has to know and no other section says."""

    untested: tuple[str, ...]
    """What no declared gate tests; empty if no gate has judged the model."""
    unlabelled_share: float
    """Unlabelled rows as a share of all rows."""
    small_groups: tuple[SliceSummary, ...]
    """Groups with too few rows to be judged."""
    baselines_within_interval: Mapping[str, float]
    """Baseline to its main metric, if that is within the model's 95 % interval."""
    label_shift: tuple[float, float] | None
    """Share of positives on the train and on the test days, if they differ by `SHIFT`."""
    crossed_share: float | None
    """Share of the validation rows whose predicted quantiles cross; None if the model has none, or it is not stored."""
    worse_loss: tuple[float, float] | None
    """The main metric on the validation and on the test days, if it is `WORSE`."""


def derive_limitations(content: ModelCardContent) -> Limitations:
    """Return what the content says about the model's limitations."""
    judged = {each.kind for each in content.gate_results or ()}
    untested = tuple(gate.untested for gate in GATES if gate.untested and gate.kind not in judged)
    labelled = sum(split.rows or 0 for split in content.splits.values())
    return Limitations(
        untested=untested if judged else (),
        unlabelled_share=content.unlabelled_rows / (content.unlabelled_rows + labelled or 1),
        small_groups=tuple(each for each in content.slices or () if each.worse is None),
        baselines_within_interval=_baselines_within_interval(content),
        label_shift=_label_shift(content),
        crossed_share=_crossed_share(content),
        worse_loss=_worse_loss(content),
    )


def _baselines_within_interval(content: ModelCardContent) -> dict[str, float]:
    task = content.task
    low, high = (content.intervals or {}).get(task.main_metric, (1.0, 0.0))
    losses = {name: content.test.get(name, {}).get(task.main_metric) for name in task.baselines}
    return {name: loss for name, loss in losses.items() if loss is not None and low <= loss <= high}


def _label_shift(content: ModelCardContent) -> tuple[float, float] | None:
    train, test = content.splits.get("train"), content.splits.get("test")
    if not task_model(content.task).level_is_share:
        return None
    before, after = train.level if train else None, test.level if test else None
    return (before, after) if before is not None and after is not None and abs(before - after) >= SHIFT else None


def _crossed_share(content: ModelCardContent) -> float | None:
    """Return the stored share, or None.

    Every client of MLflow can store a parameter that is no number.
    """
    try:
        return float(content.parameters[CROSSED]) if content.task.has_quantiles else None
    except (KeyError, ValueError):
        return None


def _worse_loss(content: ModelCardContent) -> tuple[float, float] | None:
    validation, test = (
        values.get(MODEL, {}).get(content.task.main_metric) for values in (content.validation, content.test)
    )
    return (validation, test) if validation is not None and test is not None and test > validation * WORSE else None
