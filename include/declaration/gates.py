"""Gates, as a use case declares them: the conditions that a model must meet before it may fly.

How each is judged stands in logic/gates.py. Imports nothing heavy, as use_case.py.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Literal, get_args

from include.declaration.field_types import require_field_types
from include.declaration.problems import declared, did_you_mean, require

Metric = Literal["log_loss", "auc", "brier", "average_precision", "expected_cost", "ece", "mean_error"]
"""What is measured on the test days; logic/metrics.py has the formulas."""
METRICS: tuple[str, ...] = get_args(Metric)
HIGHER_IS_BETTER = frozenset({"auc", "average_precision"})
ADDITIVE = ("log_loss", "brier", "expected_cost")
"""Metrics that are means over rows, so that days can be resampled."""
UP_TO_ONE = frozenset(METRICS) - {"log_loss", "expected_cost"}
"""Metrics that lie between 0 and 1; the others have no upper end."""
BASELINES = ("prior", "logistic")
ALL_ROWS, CHAMPION = "all rows", "champion"
LEAST_TRIED = 6
"""Days that the leakage gate needs to judge."""
Unjudged = Literal["blocks", "passes"]


def _one_of(value: str, known: Sequence[str], say: str) -> None:
    field = say.rstrip("=").rpartition(" ")[2]
    require(value in known, f"{say}{value!r} is none of {list(known)}.", field=field, hint=did_you_mean(value, known))


@dataclass(frozen=True, kw_only=True)
class _Judged:
    """What all gates have in common."""

    min_days: int = 1
    """Test days with labels that it takes to judge; with fewer the gate is not judged."""
    unjudged: Unjudged = "blocks"
    """Whether a gate that could not be judged keeps the model from being promoted."""

    def __post_init__(self) -> None:
        kind = type(self).__name__
        require(self.min_days >= 1, f"{kind}: min_days is a number of days from 1 on.", field="min_days")
        _one_of(self.unjudged, get_args(Unjudged), f"{kind}: unjudged=")


@declared
@dataclass(frozen=True)
class Gate(_Judged):
    """A metric of the test days held against a number, or against a baseline.

    An upper limit of a metric that is better when higher is no mistake: a model too good to be true has seen the
    future.
    """

    metric: Metric
    better_than: str | None = None
    """Name of a baseline that must be beaten."""
    at_most: float | None = None
    at_least: float | None = None

    def __post_init__(self) -> None:
        require_field_types(self)
        _one_of(self.metric, METRICS, "Gate: metric=")
        given = [value for value in (self.better_than, self.at_most, self.at_least) if value is not None]
        one = require(len(given) == 1, f"Gate({self.metric!r}): give exactly one of better_than, at_most or at_least.")
        if self.better_than is not None:
            _one_of(self.better_than, BASELINES, f"Gate({self.metric!r}): better_than=")
        elif one:
            self._possible()
        super().__post_init__()

    def _possible(self) -> None:
        limit = self.at_most if self.at_least is None else self.at_least
        assert limit is not None
        highest = 1.0 if self.metric in UP_TO_ONE else math.inf
        say = f"Gate({self.metric!r}): {self.metric} lies between 0 and {highest:g}, so no model can be"
        if not require(math.isfinite(limit), f"Gate({self.metric!r}): the limit is {limit}; give a finite number."):
            return
        require(self.at_most is None or self.at_most >= 0, f"{say} at most {limit:g}.")
        require(self.at_least is None or self.at_least <= highest, f"{say} at least {limit:g}.")

    def __str__(self) -> str:
        if self.better_than is not None:
            return f"{self.metric} better than {self.better_than}"
        limit = f"at most {self.at_most:g}" if self.at_most is not None else f"at least {self.at_least:g}"
        return f"{self.metric} {limit}"


@declared
@dataclass(frozen=True)
class ChampionGate(_Judged):
    """On the same test days, the metric is not worse than the champion's by more than the margin, beyond doubt.

    A one-sided paired bootstrap over days. `margin=0` means that the challenger must be better; a positive margin, in
    the metric's unit, lets one pass that may be worse by so much; a negative one asks for so much gain.
    """

    metric: Metric = "log_loss"
    margin: float = 0.0
    confidence: float = 0.95
    min_days: int = field(default=14, kw_only=True)  # declared anew it would otherwise be the first positional one

    def __post_init__(self) -> None:
        require_field_types(self)
        _one_of(self.metric, ADDITIVE, "ChampionGate: days are resampled, so metric=")
        require(math.isfinite(self.margin), "ChampionGate: margin is a finite number, in the metric's unit.")
        require(0.5 < self.confidence <= 0.999, "ChampionGate: confidence lies between 0.5 and 0.999.")
        require(self.min_days >= 5, "ChampionGate: min_days must be at least 5, or resampling days says nothing.")
        super().__post_init__()

    def __str__(self) -> str:
        if self.margin == 0:
            return f"{self.metric} better than the champion"
        if self.margin < 0:
            return f"{self.metric} better than the champion by {-self.margin:g}"
        return f"{self.metric} not worse than the champion by {self.margin:g}"


@declared
@dataclass(frozen=True)
class SliceGate(_Judged):
    """The worst slice: in no group of rows that share a value is the metric worse by more than `at_most_worse`.

    Worse than what: the model's own metric on `all rows`, or a baseline's or the champion's on the group's rows.
    Fairness is the same question asked of a column that names people's groups.
    """

    column: str
    """A key or a feature of few values."""
    metric: Metric
    at_most_worse: float
    than: str = ALL_ROWS
    min_rows: int = 200
    """Groups of fewer labelled rows are not judged."""

    def __post_init__(self) -> None:
        require_field_types(self)
        _one_of(self.metric, METRICS, f"SliceGate({self.column!r}): metric=")
        _one_of(self.than, (ALL_ROWS, CHAMPION, *BASELINES), f"SliceGate({self.column!r}): than=")
        require(self.min_rows >= 1, f"SliceGate({self.column!r}): min_rows is a number of rows from 1 on.")
        say = f"SliceGate({self.column!r}): at_most_worse="
        require(math.isfinite(self.at_most_worse), f"{say}{self.at_most_worse} is no finite number.")
        require(
            self.than != ALL_ROWS or not self.at_most_worse < 0,
            f"{say}{self.at_most_worse:g}: not every group can be better than all rows together.",
        )
        super().__post_init__()

    def __str__(self) -> str:
        return f"{self.metric} by {self.column} at most {self.at_most_worse:g} worse than {self._than}"

    @property
    def _than(self) -> str:
        return f"the {self.than}" if self.than == CHAMPION else self.than


@declared
@dataclass(frozen=True)
class RobustnessGate(_Judged):
    """Bad input is survived: a feature nulled, a category never seen, a number far out, one feature at a time.

    No crash, every answer a probability, and on average over rows none moves by more than `at_most`.
    """

    at_most: float

    def __post_init__(self) -> None:
        require_field_types(self)
        require(0 < self.at_most <= 1, "RobustnessGate: at_most is a change of probability, above 0 and up to 1.")
        super().__post_init__()

    def __str__(self) -> str:
        return f"robust: no feature moves the probability by more than {self.at_most:g}"


@declared
@dataclass(frozen=True)
class ServingGate(_Judged):
    """Loaded in a fresh process from the registry, the model scores a sample as it did in training, bit for bit, fast
    enough and small enough."""

    at_most_microseconds: float
    """Processor time per row."""
    at_most_megabytes: float
    """Size of all its files."""

    def __post_init__(self) -> None:
        require_field_types(self)
        require(
            self.at_most_microseconds > 0 and self.at_most_megabytes > 0, "ServingGate: both limits must be above 0."
        )
        super().__post_init__()

    def __str__(self) -> str:
        return "serves from the registry"


@declared
@dataclass(frozen=True)
class SchemaGate(_Judged):
    """The model reads features that are declared, and those the champion reads, of the same types."""

    changed: frozenset[str] = frozenset()
    """Features that are added, dropped or retyped on purpose."""

    def __post_init__(self) -> None:
        require_field_types(self)
        super().__post_init__()

    def __str__(self) -> str:
        return "signature fits that of the champion"


@declared
@dataclass(frozen=True)
class LeakageGate(_Judged):
    """Nothing sees the future: on sampled days everything that became known later is changed, and features, labels
    and quarantine decisions are built again. Any difference blocks.

    At least half of the days are training days, the others validation and test days; all weekdays are among them as
    far as the window has them. Each training samples other days. include/evaluation/checks/leakage_check.py says
    what this does not cover.
    """

    days: int = 8
    """Days that are built again. With 8, all weekdays are among them; with 14, each is one of the training days and one
    of the others."""

    def __post_init__(self) -> None:
        require_field_types(self)
        require(
            self.days >= LEAST_TRIED,
            f"LeakageGate: days={self.days} is too few; {LEAST_TRIED} days or more are built again.",
        )
        super().__post_init__()

    def __str__(self) -> str:
        return "nothing sees the future"


@declared
@dataclass(frozen=True)
class UnusedFeaturesGate(_Judged):
    """Features that the model never gained from are reported; with `at_most`, more of them block."""

    at_most: int | None = None

    def __post_init__(self) -> None:
        require_field_types(self)
        require(
            self.at_most is None or self.at_most >= 0, "UnusedFeaturesGate: at_most is a number of features from 0 on."
        )
        super().__post_init__()

    def __str__(self) -> str:
        return "features without gain" if self.at_most is None else f"at most {self.at_most} features without gain"


AnyGate = Gate | ChampionGate | SliceGate | RobustnessGate | ServingGate | SchemaGate | LeakageGate | UnusedFeaturesGate


def check_gates(
    gates: Sequence[AnyGate], columns: Sequence[str], test_days: int, most_tried: int = LEAST_TRIED
) -> None:
    """Report gates that contradict each other, cannot be judged or name a column that does not exist.

    `columns` are those by whose values rows may be grouped; `most_tried` counts the days of the shortest window that
    the leakage gate can build again.
    """
    names = [str(gate) for gate in gates]
    twice = sorted({name for name in names if names.count(name) > 1})
    require(not twice, f"gates {twice} are declared twice.")
    for gate in gates:
        if isinstance(gate, SliceGate):
            require(
                gate.column in columns,
                f"SliceGate({gate.column!r}): there is no key or feature of that name that groups rows; there are"
                f" {sorted(columns)}.",
                hint=did_you_mean(gate.column, columns),
            )
        require(
            gate.min_days <= test_days,
            f"{gate}: min_days={gate.min_days} is more than the {test_days} test days, so it could never be judged.",
        )
        if isinstance(gate, LeakageGate):
            require(
                most_tried >= LEAST_TRIED,
                f"LeakageGate: the shortest window has {most_tried} days of train, validation and test that can be"
                f" tried, and {LEAST_TRIED} are needed.",
            )
    _not_contradictory([gate for gate in gates if isinstance(gate, Gate)])


def _not_contradictory(gates: Sequence[Gate]) -> None:
    for gate in gates:
        for other in gates:
            if gate.metric == other.metric and gate.at_least is not None and other.at_most is not None:
                require(
                    gate.at_least <= other.at_most,
                    f"gates on {gate.metric} contradict each other: at least {gate.at_least:g} and at most"
                    f" {other.at_most:g}. No model can pass both.",
                )


MODEL = "model"
"""The model that is judged, as a subject of metrics and predictions."""
