"""Compute and define the metrics of predicted classes, from a probability per class.

Imports numeric libraries only inside functions, since the declaration checks names against these metrics.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from include.model.metrics.metric import Metric

if TYPE_CHECKING:
    from include.declaration.task import Task
    from include.model.arrays import Numbers


@dataclass(frozen=True)
class ClassCounts:
    """Count the rows of each class by label, by prediction, and by both."""

    labelled: Numbers
    predicted: Numbers
    correct: Numbers

    @property
    def recalls(self) -> Numbers:
        """Return the share of each class's rows that are predicted as it; NaN without."""
        import numpy as np

        with np.errstate(invalid="ignore", divide="ignore"):
            return np.asarray(self.correct / self.labelled)


def class_counts(labels: Numbers, probabilities: Numbers) -> ClassCounts:
    """Count the rows of each class, from probabilities of the shape (rows, classes)."""
    import numpy as np

    classes = probabilities.shape[1]
    actual, predicted = labels.astype(np.int64), np.argmax(probabilities, axis=1)
    chosen = (actual, predicted, actual[actual == predicted])
    labelled, named, correct = (np.bincount(each, minlength=classes).astype(np.float64) for each in chosen)
    return ClassCounts(labelled, named, correct)


def macro_f1(labels: Numbers, probabilities: Numbers, _: Task) -> float:
    """Return the mean over classes of F1, the harmonic mean of precision and recall.

    As scikit-learn's `f1_score(average="macro")`: over the classes with a label or a prediction.
    """
    import numpy as np

    counts = class_counts(labels, probabilities)
    total = counts.labelled + counts.predicted
    return float(np.mean(2 * counts.correct[total > 0] / total[total > 0]))


def balanced_accuracy(labels: Numbers, probabilities: Numbers, _: Task) -> float:
    """Return the mean recall of the classes with labels, as scikit-learn does."""
    import numpy as np

    return float(np.nanmean(class_counts(labels, probabilities).recalls))


def least_recall(labels: Numbers, probabilities: Numbers, _: Task) -> float:
    """Return the recall of the class with labels that has the lowest."""
    import numpy as np

    return float(np.nanmin(class_counts(labels, probabilities).recalls))


METRICS = (
    Metric(
        name="macro_f1",
        label="macro-F1",
        title="Macro-F1",
        short="F1",
        function=macro_f1,
        higher_is_better=True,
    ),
    Metric(
        name="balanced_accuracy",
        label="balanced accuracy",
        title="Balanced accuracy",
        short="balanced accuracy",
        function=balanced_accuracy,
        higher_is_better=True,
    ),
    Metric(
        name="least_recall",
        label="lowest recall of a class",
        title="Lowest recall of a class",
        short="lowest recall",
        function=least_recall,
        higher_is_better=True,
    ),
)
"""The metrics of predicted classes, in display order."""
