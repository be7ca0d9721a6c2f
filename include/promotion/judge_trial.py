"""Judge a version by what it did in its trial, before it is promoted from there."""

from __future__ import annotations

from dataclasses import dataclass

from include.declaration import form_limits
from include.declaration.period import Period
from include.errors import AirworthyError
from include.evaluation import evaluate, judging
from include.evaluation.gates.result import GateResult, overall_outcome
from include.evaluation.gates.shadow import ShadowGate
from include.evaluation.inputs import ChampionInputs, GateInputs, TestRows, TrialInputs
from include.lake import content_digest
from include.monitoring import trial_metrics
from include.monitoring.trial_metrics import TrialComparison
from include.project import Project
from include.promotion import register
from include.promotion.trial_errors import NoTrialError
from include.registry import lifecycle, sync, trials
from include.registry.model_record import EVIDENCE, IN_TRIAL, Version, record_evaluation
from include.registry.trials import Trial
from include.registry.version_summary import summarise_version


@dataclass(frozen=True)
class JudgedTrial:
    """The results of a version's gates, those of its trial among them; plain values."""

    version: str
    gates: str
    """`passed`, `failed` or `inconclusive`."""
    effective_from: str
    """The period from which it would be the champion."""
    reason: str
    """Why it may not be promoted; empty if it may."""


def judge_trial(project: Project, version: str, effective_from: Period) -> JudgedTrial:
    """Judge the version by its gates, with what its trial shows as of a period.

    Results of gates that do not judge a trial are those of its training; outdated ones are evaluated again. The results
    become the version's, so an approval is for them. Judging again as of the same period changes nothing.

    Raises:
        NoTrialError: the version is not tried in that period.
        InvalidRequestError: no period of the use case, or an unknown version.
        LedgerCorruptedError: the ledger is damaged.
        AirworthyError: the evaluation failed, see `evaluate_run`.
    """
    use_case = project.use_case
    use_case.require(effective_from)
    form_limits.require_name("version", version)
    registry = project.registry
    entries = sync.verified_entries_and_advance_head(registry, project.ledger)
    found, trial = registry.version(version), trials.trial_of(effective_from, entries)
    # A promotion from here ends the trial: asking again, after a kill, judges nothing again.
    trial = trial or _promoted_from(found, effective_from, trials.list_trials(entries))
    if trial is None or trial.entry.trees != found.trees:
        raise NoTrialError(use_case.name, version, effective_from, trial)
    if trial.covers(effective_from):
        if not evaluate.is_current(project, found):
            evaluate.evaluate_run(project, found.run_id)
            register.register_run(project, found.run_id)
            found = registry.version(version)
        _record(project, found, trial, effective_from)
        register.register_run(project, found.run_id)
        found = registry.version(version)
    results = [GateResult.from_json(each) for each in found.gate_results]
    blocking = lifecycle.blocking(found.gate_results)
    return JudgedTrial(version, overall_outcome(results), effective_from.key, blocking)


def _promoted_from(version: Version, period: Period, known: list[Trial]) -> Trial | None:
    """Return the trial that the version's promotion from a period ended."""
    for trial in reversed(known):
        ended = trial.ended_by
        if ended is not None and ended.action == "promotion" and ended.trees == version.trees:
            return trial if ended.effective_from == period else None
    return None


def _record(project: Project, version: Version, trial: Trial, period: Period) -> None:
    """Put the results on record: those of the training, and those of the trial."""
    use_case = project.use_case
    inputs = _inputs(project, trial, period)
    of_trial = [gate for gate in use_case.gates if isinstance(gate, ShadowGate)]
    earlier = [GateResult.from_json(each) for each in version.gate_results]
    results = [each for each in earlier if each.kind != ShadowGate.kind]
    if of_trial:
        results += judging.judge_gates(of_trial, inputs, use_case.task)
    evidence = content_digest.digest_values([trial.entry.hash, *(each.to_json() for each in results)])
    record_evaluation(
        project.records,
        version,
        results,
        judged_by=f"{version.judged_by}{IN_TRIAL}{period.key}{EVIDENCE}{evidence}",
        champion=summarise_version(version, ()).compared_with or "",
        metrics=version.judged,
        final=True,
    )


def _inputs(project: Project, trial: Trial, period: Period) -> GateInputs:
    """Return what a trial showed as of a period."""
    use_case = project.use_case
    champion = lifecycle.champion_of(period, project.ledger.entries())
    number = champion.version if champion else ""
    judged = period - use_case.label.label_delay_periods
    view = project.lake.as_of(period)
    try:
        newest = trial_metrics.newest_compared(project, view, trial, judged)
        compared = trial_metrics.load_comparison(project, view, trial, newest)
        if compared.champion != number:
            problem = f"{newest} was published by version {compared.champion}, and version {number} is the champion"
            shown = TrialInputs(number, why_not=f"{problem} of {period}")
        else:
            shown = TrialInputs(number, _rows(compared))
    except AirworthyError as error:
        if error.retryable:
            raise
        shown = TrialInputs(number, why_not=str(error))
    known = ChampionInputs(number or None)
    periods = max(1, shown.periods)
    return GateInputs(metrics={}, periods=periods, unit=use_case.calendar.unit, champion=known, trial=shown)


def _rows(compared: TrialComparison) -> TestRows:
    import pyarrow as pa

    rows = compared.outcomes
    return TestRows(rows.periods, rows.labels, rows.predicted, pa.table({}))
