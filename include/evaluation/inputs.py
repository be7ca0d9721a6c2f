"""Define the inputs of gates about a model: plain values and columns, no I/O."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from include.declaration.period import DAY, Period, Unit
from include.model.arrays import Numbers


@dataclass(frozen=True)
class TestRows:
    """Hold the labelled test rows, in order of day and keys; of one length."""

    __test__ = False  # otherwise pytest collects it as a test

    periods: npt.NDArray[np.datetime64]
    labels: Numbers
    predicted: Mapping[str, Numbers]
    """Predictions of `model`, of each baseline and, if it can score these rows, of `champion`."""
    columns: pa.Table
    """Keys and features for grouping the rows."""


@dataclass(frozen=True)
class ChampionInputs:
    """Describe the champion of the day that a model was trained as of."""

    version: str | None
    """None: that day has no champion."""
    same: bool = False
    """Whether the model that is judged is the champion itself."""
    seen: tuple[Period, ...] = ()
    """Days used for its training or early stopping: on these, its metrics are too good."""
    features: Mapping[str, str] = field(default_factory=dict)
    """Feature to type, as the champion reads them."""
    why_not: str = ""
    """Why it cannot score the test rows; empty if it can."""


@dataclass(frozen=True)
class ServingCheckResult:
    """Hold the result of loading the model afresh and scoring a sample.

    A fresh process loads it from the registry.
    """

    rows: int
    differing: int
    """Rows whose prediction differs in any bit from that of the training process."""
    microseconds_per_row: float
    megabytes: float
    error: str = ""
    """Why it could not be loaded or scored; empty if it could."""


@dataclass(frozen=True)
class CorruptionResult:
    """Hold the effect of one corrupted feature on the predictions of a sample."""

    feature: str
    how: str
    """`nulled`, `a new category`, `far above` or `far below`."""
    change: float
    """Mean change of the prediction (`TaskModel.changes`)."""
    error: str = ""
    """What went wrong; empty if every answer was a prediction of the task."""


@dataclass(frozen=True)
class RebuiltPeriod:
    """Hold the result of building a period again with changed later data."""

    period: Period
    rows: int
    """Rows of features that were built; a period without rows cannot show a leak."""
    leaking: tuple[str, ...] = ()
    """What differs, and so depends on later data: features, `rows`, labels, the quarantine of a feed."""
    read: tuple[str, ...] = ()
    """What the use case's functions read in addition to their arguments: functions of source.py, files, the clock."""
    non_deterministic: tuple[str, ...] = ()
    """What differs between two builds from equal data."""
    outdated: bool = False
    """Whether a build from unchanged data differs from the stored result: the code has changed since."""
    error: str = ""


@dataclass(frozen=True)
class TrialInputs:
    """Hold what a version and the champion predicted in the version's trial."""

    champion: str
    """The version that it is compared with."""
    rows: TestRows | None = None
    """Labelled rows of the trial, with the predictions of `model` and `champion`."""
    why_not: str = ""
    """Why they cannot be compared; empty if they can."""

    @property
    def periods(self) -> int:
        """Return the number of labelled periods."""
        return 0 if self.rows is None else len(np.unique(self.rows.periods))


@dataclass(frozen=True)
class GateInputs:
    """Hold the inputs about a model as of a day.

    Parts that no declared gate needs are None.
    """

    metrics: Mapping[str, Mapping[str, float]]
    """Subject (`model` or a baseline) to metric to value on the test days."""
    periods: int
    """Test periods that have labelled rows."""
    unit: Unit = DAY
    """What a period is."""
    features: Mapping[str, str] = field(default_factory=dict)
    """Feature to type, as the model reads them."""
    declared: Mapping[str, str] = field(default_factory=dict)
    """Feature to type, as the use case declares them now."""
    gains: Mapping[str, float] = field(default_factory=dict)
    """Feature to the total gain of its splits."""
    champion: ChampionInputs | None = None
    rows: TestRows | None = None
    serving_check: ServingCheckResult | None = None
    corruptions: tuple[CorruptionResult, ...] | None = None
    rebuilt_periods: tuple[RebuiltPeriod, ...] | None = None
    trial: TrialInputs | None = None
    """None: it is not judged in a trial."""
