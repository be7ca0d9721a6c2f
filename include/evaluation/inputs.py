"""What is known about a model before its gates are judged: plain values and columns, no I/O."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from include.model.arrays import Numbers


@dataclass(frozen=True)
class TestRows:
    """The labelled rows of the test days, in order of day and keys; all of one length."""

    __test__ = False  # else pytest takes it for a test

    days: npt.NDArray[np.datetime64]
    labels: Numbers
    predicted: Mapping[str, Numbers]
    """Probabilities of `model`, of each baseline and, where it can score these rows, of `champion`."""
    columns: pa.Table
    """Keys and features that rows are grouped by."""


@dataclass(frozen=True)
class ChampionInputs:
    """The champion of the day that a model was trained as of."""

    version: str | None
    """None: there is no champion of that day."""
    same: bool = False
    """Whether the model that is judged is the champion itself."""
    seen: tuple[date, ...] = ()
    """Days that it was trained or stopped on: on these it would look better than it is."""
    features: Mapping[str, str] = field(default_factory=dict)
    """Feature to type, as it reads them."""
    why_not: str = ""
    """Why it cannot score the test rows; empty if it can."""


@dataclass(frozen=True)
class ServingCheckResult:
    """How the model did when a fresh process loaded it from the registry and scored a sample."""

    rows: int
    differing: int
    """Rows whose probability was not, bit for bit, that of the training process."""
    microseconds_per_row: float
    megabytes: float
    error: str = ""
    """Why it could not be loaded or scored; empty if it could."""


@dataclass(frozen=True)
class CorruptionResult:
    """One feature of a sample made bad, and what that did to the probabilities."""

    feature: str
    how: str
    """`nulled`, `a new category`, `far above` or `far below`."""
    change: float
    """Mean absolute change of the probability."""
    error: str = ""
    """What went wrong; empty if every answer was a probability."""


@dataclass(frozen=True)
class RebuiltPeriod:
    """A period that was built again after everything that became known later had been changed."""

    day: date
    rows: int
    """Rows of features that were built; a period without any proves nothing."""
    leaking: tuple[str, ...] = ()
    """What came out otherwise and so has seen the future: features, `rows`, labels, the quarantine of a feed."""
    read: tuple[str, ...] = ()
    """What the use case's functions read besides what they were given: functions of source.py, files, the clock."""
    non_deterministic: tuple[str, ...] = ()
    """What is not the same when built twice from the same."""
    outdated: bool = False
    """Whether even without that change the result is not what is stored: the code has changed since."""
    error: str = ""


@dataclass(frozen=True)
class GateInputs:
    """What is known about a model as of a day. Parts that no declared gate asks for are None."""

    metrics: Mapping[str, Mapping[str, float]]
    """Subject (`model` or a baseline) to metric to value on the test days."""
    days: int
    """Test days that have labelled rows."""
    features: Mapping[str, str] = field(default_factory=dict)
    """Feature to type, as the model reads them."""
    declared: Mapping[str, str] = field(default_factory=dict)
    """Feature to type, as the use case declares them now."""
    gains: Mapping[str, float] = field(default_factory=dict)
    """Feature to the gain its splits brought."""
    champion: ChampionInputs | None = None
    rows: TestRows | None = None
    serving_check: ServingCheckResult | None = None
    corruptions: tuple[CorruptionResult, ...] | None = None
    rebuilt_periods: tuple[RebuiltPeriod, ...] | None = None
