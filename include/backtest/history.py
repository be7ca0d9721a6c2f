"""Train, measure and judge models as of past days, reading the lake once.

A training as of a day uses the same rows as training/train.py and so has the same trees, but leaves no run in MLflow.
Metrics, decisions and gates come from the pure functions that the DAGs call, too.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from functools import cached_property

import ibis
import numpy as np
import pyarrow as pa

from include.backtest.label_history import LabelHistory
from include.backtest.model_cache import ModelCache
from include.backtest.simulator import BacktestOutcome
from include.declaration.gates import CHAMPION, MODEL
from include.declaration.monitoring import Monitoring, Retraining
from include.declaration.period import Period, period_range
from include.declaration.use_case import UseCase
from include.errors import NotReadyError
from include.evaluation import judging
from include.evaluation.gates.base import Input
from include.evaluation.inputs import ChampionInputs, GateInputs, TestRows
from include.features.distinct import require_distinct
from include.features.labels import encoded_labels, join_season
from include.lake import schemas
from include.lake.snapshot import AsOfSnapshot
from include.model import lightgbm_params, metrics, splits, trainer
from include.model.arrays import Numbers
from include.model.model import Model
from include.model.season import SEASON_AGO
from include.model.splits import Splits
from include.model.tasks import task_model
from include.monitoring import drift, drift_metrics, false_alarms, metric_row, performance, reference_profile
from include.monitoring.performance import LabelledPredictions
from include.monitoring.reference_profile import ReferenceProfile
from include.project import Project
from include.retraining import signals
from include.retraining.signals import MeasuredPeriod
from include.training import dataset, train

KNOWN_INPUTS: frozenset[Input] = frozenset({"metrics", "rows", "champion"})
"""Inputs of gates that a backtest has. Gates that need others are left out: they test the code and the environment
rather than the model of that day, and the serving gate needs a registry."""

THREADS = 1
"""The number does not change the trees; on a busy machine, two threads took twenty times as long as one."""

_ROW, _ABOUT = "__airworthy_row", "__airworthy_about"


@dataclass(frozen=True)
class HistoricalModel:
    """Hold a model as of a day, with the days that it was trained on."""

    model: Model
    cut: Splits
    fingerprint: str


@dataclass
class HistoricalEvaluator:
    """Compute what a backtest needs, each value once."""

    project: Project
    past: LabelHistory
    tell: Callable[[str], None]
    _fits: dict[Period, HistoricalModel] = field(default_factory=dict)
    _profiles: dict[Period, ReferenceProfile] = field(default_factory=dict)
    _predicted: dict[tuple[Period, Period], dict[str, Numbers]] = field(default_factory=dict)
    _limits: dict[tuple[Period, Monitoring, Retraining], Monitoring] = field(default_factory=dict)
    _measured: dict[tuple[Period, Period, Monitoring], MeasuredPeriod] = field(default_factory=dict)
    _judged: dict[tuple[Period, Period], BacktestOutcome] = field(default_factory=dict)

    @property
    def use_case(self) -> UseCase:
        """Return the use case whose past is simulated."""
        return self.project.use_case

    @cached_property
    def matured(self) -> Numbers:
        """Return the label of every row as known when its day had matured; NaN if unknown."""
        return self.past.matured(self.use_case.label.label_delay_periods, self.use_case.calendar.unit)

    def fit(self, period: Period) -> HistoricalModel:
        """Return the model as of `period`, from the cache if it was fitted before.

        Raises:
            NotReadyError: the model cannot be trained, as in training/train.py.
        """
        if period not in self._fits:
            self._fits[period] = self._fit(period)
        return self._fits[period]

    def _fit(self, period: Period) -> HistoricalModel:
        use_case, chosen = self.use_case, lightgbm_params.merge_parameters(self.use_case, None)
        first, last = splits.training_window(use_case, period)
        inputs = train.training_inputs(use_case, self.project.lake.as_of(period), first, last, chosen)
        rows = self._labelled(period, first, last)
        cut = splits.split_periods(
            use_case, period, first, use_case.calendar.periods_of(rows["period"].unique().to_pylist())
        )
        cache = ModelCache.open(self.project)
        if (values := cache.read(inputs.fingerprint)) is None:
            self.tell(f"fitting as of {period}")
            parts = {name: dataset.split_rows(use_case, rows, periods, name, period) for name, periods in cut.items()}
            fitted = trainer.fit_model(
                use_case.features, parts["train"], parts["validation"], chosen,
                THREADS, task_model(use_case), use_case.training.baseline_features,
            )  # fmt: skip
            values = _values(fitted.model)
            cache.put(inputs.fingerprint, values)
        return HistoricalModel(_model(values), cut, inputs.fingerprint)

    def _labelled(self, as_of: Period, first: Period, last: Period) -> pa.Table:
        """Return the rows with keys whose label was known when `as_of` began.

        As `dataset.labelled_rows` does.
        """
        span = self.past.span(first, last)
        labels = self.past.labels(as_of)[span]
        known = pa.array(~np.isnan(labels))
        rows = self.past.rows.slice(span.start, span.stop - span.start)
        return rows.append_column(self.use_case.label.name, pa.array(labels)).filter(known)

    def profile(self, period: Period) -> ReferenceProfile:
        """Return the profile of the model as of `period`, equal to a real training's.

        It is without the references of estimates and contributions, which no policy is simulated with.
        """
        if period not in self._profiles:
            fit, cache = self.fit(period), ModelCache.open(self.project)
            name = f"{fit.fingerprint}.profile-{reference_profile.FORMAT}"
            if (values := cache.read(name)) is None:
                values = self._profile(period, fit).to_json()
                cache.put(name, values)
            self._profiles[period] = ReferenceProfile.from_json(values)
        return self._profiles[period]

    def _profile(self, period: Period, fit: HistoricalModel) -> ReferenceProfile:
        rows = self._labelled(period, fit.cut.train[0], fit.cut.test[-1])
        parts = {
            name: dataset.split_rows(self.use_case, rows, periods, name, period) for name, periods in fit.cut.items()
        }
        predicted = {name: fit.model.predict_all(part.inputs, THREADS) for name, part in parts.items()}
        return reference_profile.build_profile(fit.model, parts, predicted, self.use_case.task)

    def predicted(self, model: Period, period: Period) -> dict[str, Numbers]:
        """Return predictions of a model and its baselines for `period`, by subject."""
        if (model, period) not in self._predicted:
            self._predicted[model, period] = self.fit(model).model.predict_all(self._features(period))
        return self._predicted[model, period]

    def rows(self, period: Period) -> int:
        """Return the number of rows of a day."""
        return len(self._features(period))

    def _features(self, period: Period) -> pa.Table:
        span = self.past.span(period, period)
        season = [SEASON_AGO] if SEASON_AGO in self.past.rows.column_names else []
        return self.past.rows.slice(span.start, span.stop - span.start).select([*self.use_case.features, *season])

    def realised(self, model: Period, period: Period) -> tuple[Numbers, Numbers]:
        """Return a day's matured labels with the model's predictions."""
        labels = self.matured[self.past.span(period, period)]
        known = ~np.isnan(labels)
        return labels[known], self.predicted(model, period)[MODEL][known]

    def losses(self, period: Period, model: Period) -> tuple[float, int]:
        """Return the summed loss of a model on a day's labelled rows, and their number."""
        (labels, predictions), task = self.realised(model, period), self.use_case.task
        return float(np.sum(metrics.losses(task.main_metric, labels, predictions, task))), len(labels)

    def measures(self, monitoring: Monitoring, policy: Retraining) -> Callable[[Period, Period], MeasuredPeriod]:
        """Return a function that measures a day scored by a model, under these limits.

        The policy is needed for limits that declare a rate of false alarms.
        """

        def measured(period: Period, model: Period) -> MeasuredPeriod:
            limits = self._limits_of(model, monitoring, policy)
            key = (period, model, limits)
            if key not in self._measured:
                self._measured[key] = self._measure(period, model, limits)
            return self._measured[key]

        return measured

    def _limits_of(self, model: Period, monitoring: Monitoring, policy: Retraining) -> Monitoring:
        key = (model, monitoring, policy)
        if key not in self._limits:
            gap_periods = self.use_case.training.gap_periods
            self._limits[key] = false_alarms.resolve_limits(self.profile(model), monitoring, policy, gap_periods)
        return self._limits[key]

    def _measure(self, period: Period, model: Period, monitoring: Monitoring) -> MeasuredPeriod:
        version, profile = model.key, self.profile(model)
        if not self._features(period).num_rows:
            return MeasuredPeriod(period, None, missing_reason="the period has no features, so it was not scored")
        counts = drift.count_bins(profile.bins, [self._features(period)])
        of_model = self.predicted(model, period)[MODEL]
        predictions = profile.predictions.bins.count(task_model(self.use_case).main_values(of_model))
        rows = drift_metrics.feature_drift(profile, counts, self.use_case.features, monitoring)
        rows.append(drift_metrics.prediction_drift(profile, predictions, monitoring))
        rows.append(metric_row.row_with_limit("staleness", "model", float(period - model), monitoring.max_age_periods))
        rows += self._performance(period, model, profile, monitoring)
        return signals.signals_of(
            period,
            metric_row.metric_table_rows(
                rows, version, period, schemas.content_schema(self.use_case, "metrics")
            ).to_pylist(),
        )

    def _performance(
        self, period: Period, model: Period, profile: ReferenceProfile, monitoring: Monitoring
    ) -> list[metric_row.MetricRow]:
        """Judge the model on its newest labelled days, as known when `period` began."""
        newest = period - self.use_case.label.label_delay_periods
        span = self.past.span(model, newest)
        labels, periods = self.past.labels(period)[span], self.past.periods[span]
        chosen = np.unique(periods[~np.isnan(labels)])[-monitoring.window_periods :].tolist()
        if not chosen:
            return performance.unknown_rows("No period since the version was trained has labels yet.", monitoring)
        oldest = self.use_case.calendar.period_of(chosen[0])
        span = self.past.span(oldest, newest)
        labels, periods = self.past.labels(period)[span], self.past.periods[span]
        known = ~np.isnan(labels)
        by_day = [self.predicted(model, scored) for scored in period_range(oldest, newest)]
        predicted = {
            subject: np.concatenate([of_period[subject] for of_period in by_day])[known] for subject in by_day[0]
        }
        outcomes = LabelledPredictions(periods[known], labels[known], predicted)
        return performance.judge_window(
            outcomes, profile.expected_by_subject, monitoring, self.use_case.task, self.use_case.calendar.unit
        )

    def largest_psi(self, period: Period, model: Period) -> float | None:
        """Return the largest PSI of any feature on a day; None if it has no rows."""
        profile = self.profile(model)
        counts = drift.count_bins(profile.bins, [self._features(period)])
        psis = (drift.psi(histogram.counts, counts[name]) for name, histogram in profile.features.items())
        return max((value for value in psis if value is not None), default=None)

    def judge(self, period: Period, champion: Period) -> BacktestOutcome:
        """Train as of `period`, and judge the model by the gates of `KNOWN_INPUTS`."""
        if (period, champion) not in self._judged:
            try:
                self._judged[period, champion] = self._judge(self.fit(period), period, champion)
            except NotReadyError as lacking:
                self._judged[period, champion] = BacktestOutcome("failed", str(lacking))
        return self._judged[period, champion]

    def _judge(self, fit: HistoricalModel, period: Period, champion: Period) -> BacktestOutcome:
        gates = [gate for gate in self.use_case.gates if gate.needs <= KNOWN_INPUTS]
        current, use_case = self.fit(champion), self.use_case
        rows = self._labelled(period, fit.cut.test[0], fit.cut.test[-1])
        test = dataset.split_rows(use_case, rows, fit.cut.test, "test", period)
        predicted = fit.model.predict_all(test.inputs)
        measured = {
            subject: metrics.compute_metrics(test.labels, values, use_case.task)
            for subject, values in predicted.items()
        }
        seen = period_range(current.cut.train[0], current.cut.validation[-1])
        inputs = GateInputs(
            metrics=measured,
            periods=len(fit.cut.test),
            unit=use_case.calendar.unit,
            champion=ChampionInputs(
                champion.key, same=period == champion, seen=tuple(seen), features=use_case.features
            ),
            rows=TestRows(
                test.periods, test.labels, {**predicted, CHAMPION: current.model.predict(test.features)}, rows
            ),
        )
        results = judging.judge_gates(gates, inputs, use_case.task)
        against = " ".join(result.reason for result in results if result.blocks)
        return (
            BacktestOutcome("rejected", against)
            if against
            else BacktestOutcome("promoted", "Every gate on test rows is passed.")
        )


def load_label_history(project: Project, first: Period, last: Period) -> LabelHistory:
    """Read the rows and labels of a backtest from `first` to `last`.

    The labels are those known when `last` has matured.
    """
    use_case = project.use_case
    matures = use_case.label.label_delay_periods
    view, keys = project.lake.as_of(last + matures), list(use_case.keys)
    earliest, _ = splits.training_window(use_case, first)
    rows = _with_season(use_case, view, view.read("features", earliest, last, order_by=["period", *keys]))
    require_distinct(use_case.name, "features", rows, ["period", *keys])
    # A label belongs to the row of its keys and its period, as in `join_labels`.
    positions = pa.table([*(rows[key] for key in keys), rows["period"]], [*keys, _ABOUT])
    positions = positions.append_column(_ROW, pa.array(np.arange(rows.num_rows)))
    labels = view.read("labels", earliest)
    labels = labels.append_column(_ABOUT, labels[use_case.label_period])
    known = labels.join(positions, [*keys, _ABOUT], join_type="inner")
    encoded = encoded_labels(use_case, known[use_case.label.name])
    return LabelHistory.from_rows(rows, known[_ROW], known["period"], pa.chunked_array([encoded]))


def _with_season(use_case: UseCase, view: AsOfSnapshot, rows: pa.Table) -> pa.Table:
    """Add the label one season earlier, if a season is declared.

    It is the label as known at each row's decision time.
    """
    if use_case.season_lag is None or not rows.num_rows:
        return rows
    first, last = use_case.calendar.periods_of(rows["period"][place].as_py() for place in (0, -1))
    numbered = rows.select(list(dict.fromkeys(["period", *use_case.keys])))
    numbered = numbered.append_column(_ROW, pa.array(np.arange(rows.num_rows)))
    found = join_season(use_case, view, ibis.memtable(numbered), first, last).order_by(_ROW).to_pyarrow()
    return rows.append_column(SEASON_AGO, found[SEASON_AGO])


def _values(model: Model) -> dict[str, object]:
    return {"trees": model.booster.model_to_string(), **model.parts()}


def _model(values: dict[str, object]) -> Model:
    return Model.from_parts(str(values["trees"]), values)
