"""Define the 28 tests of the ML Test Score, and what a result is.

E. Breck, S. Cai, E. Nielsen, M. Salib, D. Sculley: The ML Test Score: A Rubric for ML Production Readiness and
Technical Debt Reduction. IEEE Big Data, 2017. The titles are those of the paper, shortened. Imports nothing heavy.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any, Literal, get_args

Group = Literal["data", "model", "infrastructure", "monitoring"]
GROUPS: tuple[Group, ...] = get_args(Group)
TITLES: Mapping[Group, str] = {
    "data": "Features and data",
    "model": "Model development",
    "infrastructure": "Infrastructure",
    "monitoring": "Monitoring",
}
Outcome = Literal["passed", "manual", "not met", "not available"]
POINTS: Mapping[Outcome, float] = {"passed": 1.0, "manual": 0.5, "not met": 0.0, "not available": 0.0}
"""As in the paper: a point if it runs automatically again and again, half a point if a person runs it and keeps the
result."""


@dataclass(frozen=True)
class RubricTest:
    """One test of the paper."""

    id: str
    """A letter for its group (`o` for monitoring in operation) and its number there."""
    group: Group
    title: str
    where: str
    """The command or page that shows it; may hold {name}."""


_DATA = (
    ("Feature expectations are captured in a schema", "airworthy check {name} PERIOD; Data Docs of {name}"),
    ("All features are beneficial", "gate UnusedFeaturesGate; model card, section Features"),
    ("No feature's cost is too much", "airworthy score-card {name} --json, features"),
    ("Features adhere to meta-level requirements", "airworthy catalogue {name}; gate LeakageGate"),
    ("The data pipeline has privacy controls", "Feed(personal=…), docs/personal_data.md"),
    ("New features can be added quickly", "nothing measures it"),
    ("All input feature code is tested", "airworthy check {name} PERIOD; gate LeakageGate"),
)
_MODEL = (
    ("Model specs are reviewed and submitted", "model card, section Lineage: the commit"),
    ("Offline and online metrics correlate", "airworthy score-card {name} --json, offline_and_realised"),
    ("All hyperparameters have been tuned", "DAG {name}__train with tune_trials"),
    ("The impact of model staleness is known", "airworthy score-card {name} --staleness; airworthy replay {name}"),
    ("A simpler model is not better", "gate Gate(…, better_than=…); model card, section Gates"),
    ("Quality is sufficient on important data slices", "gate SliceGate; model card, section Slices"),
    ("The model is tested for considerations of inclusion", "nothing tests it"),
)
_INFRASTRUCTURE = (
    ("Training is reproducible", "DAG {name}__reproduce"),
    ("Model specs are unit tested", "gates SchemaGate and RobustnessGate"),
    ("The ML pipeline is integration tested", "airworthy check {name} PERIOD; costs of steps on the page"),
    ("Model quality is validated before serving", "airworthy ledger {name}; model card, section Gates"),
    ("The model is debuggable", "airworthy lineage {name} PERIOD KEY=VALUE…"),
    ("Models are canaried before serving", "gate ServingGate"),
    ("Serving models can be rolled back", "DAG {name}__rollback; airworthy ledger {name}"),
)
_MONITORING = (
    ("Dependency changes result in notification", "airworthy score-card {name} --json, dependency_changes"),
    ("Data invariants hold for inputs", "the page of {name}, Data Docs"),
    ("Training and serving are not skewed", "gate ServingGate; airworthy plan {name}"),
    ("Models are not too stale", "the page of {name}, staleness"),
    ("Models are numerically stable", "DAG {name}__score refuses what is no finite number"),
    ("Computing performance has not regressed", "the page of {name}, costs of steps"),
    ("Prediction quality has not regressed", "the page of {name}, performance"),
)


def _numbered(letter: str, group: Group, tests: Sequence[tuple[str, str]]) -> list[RubricTest]:
    return [RubricTest(f"{letter}{number}", group, *test) for number, test in enumerate(tests, start=1)]


TESTS: tuple[RubricTest, ...] = (
    *_numbered("d", "data", _DATA),
    *_numbered("m", "model", _MODEL),
    *_numbered("i", "infrastructure", _INFRASTRUCTURE),
    *_numbered("o", "monitoring", _MONITORING),
)


@dataclass(frozen=True)
class Verdict:
    """The outcome of one test, with its evidence as a sentence."""

    outcome: Outcome
    evidence: str
    remedy: str = ""
    """What to do; empty if it passed."""


@dataclass(frozen=True)
class ScoreCard:
    """The outcomes of all tests, by id, and the tables that they refer to."""

    use_case: str
    period: str
    """The newest period that was looked at."""
    version: str
    """The champion; empty without one."""
    verdicts: Mapping[str, Verdict]
    features: Sequence[Mapping[str, Any]] = ()
    """Per feature: owner, description, importance and its share of the step's processor time."""
    offline_and_realised: Sequence[Mapping[str, Any]] = ()
    """Per metric: the value on the test days, and that of the newest monitored window."""
    dependency_changes: Sequence[str] = ()
    staleness: Mapping[str, Any] | None = None
    """The last backtest of staleness that was kept; None if there is none."""

    def points(self, group: Group) -> float:
        """Return the points of a group, 0 to 7."""
        return sum(POINTS[self.verdicts[test.id].outcome] for test in TESTS if test.group == group)

    @property
    def score(self) -> float:
        """Return the score: the smallest of the groups' points, as in the paper."""
        return min(map(self.points, GROUPS))

    def to_json(self) -> dict[str, Any]:
        """Return plain values."""
        tests = [
            {**asdict(test), "where": test.where.format(name=self.use_case), **asdict(self.verdicts[test.id])}
            for test in TESTS
        ]
        return {
            "use_case": self.use_case,
            "period": self.period,
            "version": self.version,
            "score": self.score,
            "points": {group: self.points(group) for group in GROUPS},
            "tests": tests,
            "features": [dict(row) for row in self.features],
            "offline_and_realised": [dict(row) for row in self.offline_and_realised],
            "dependency_changes": list(self.dependency_changes),
            "staleness": None if self.staleness is None else dict(self.staleness),
        }
