"""The steps of `<use case>__train`, from `prepare` to `promote`.

They are prepare → tune → train → evaluate → register → promote. Between the last two, Airflow asks a person for
approval, if one is required.
"""

from __future__ import annotations

from dataclasses import asdict, dataclass

from include.declaration import form_limits
from include.declaration.period import Period
from include.evaluation import evaluate as evaluation
from include.features import build
from include.model import splits
from include.model.lightgbm_params import merge_parameters
from include.pipelines.context import PipelineRun, Step
from include.printable import printable_logger
from include.promotion import promote as promotion
from include.promotion import register as registration
from include.promotion.model_card import build as model_card
from include.training import train as training
from include.training import tune as tuning

log = printable_logger(__name__)


@dataclass(frozen=True)
class PrepareResult:
    """The periods that the training reads, and the number of those built now."""

    first: Period
    last: Period
    built: int


def prepare(run: PipelineRun) -> PrepareResult:
    """Build the missing features of the training window.

    All fields of the form are checked before, so that none is refused after hours of building.
    """
    _check_form(run)
    with run.measured("prepare") as work:
        result = PrepareResult(*build.ensure_window(run.project, run.period, run.params.get("window_periods")))
        work.done(changed=result.built > 0, amount=result.built)
    return result


def _check_form(run: PipelineRun) -> None:
    """Check the period, window, parameters and search.

    Raises:
        InvalidRequestError: a step could not work with one of them.
    """
    use_case, params = run.project.use_case, run.params
    use_case.require(run.period)
    form_limits.require_text("reason", params.get("reason"))
    merge_parameters(use_case, params.get("parameters"))
    splits.training_window(use_case, run.period, params.get("window_periods"))
    if params.get("tune_trials"):
        minutes = params.get("tune_minutes")
        tuning.require_search(
            use_case, params["tune_trials"], tuning.MINUTES if minutes is None else minutes, params.get("parameters")
        )


def tune(run: PipelineRun) -> tuning.TuneResult | None:
    """Search LightGBM parameters on the validation periods.

    The result is None, which skips the search, unless `tune_trials` is set.
    """
    params = run.params
    if not params.get("tune_trials"):
        return None
    with run.measured("tune") as work:
        result = tuning.tune_parameters(
            run.project,
            run.period,
            trials=params["tune_trials"],
            minutes=tuning.MINUTES if params.get("tune_minutes") is None else params["tune_minutes"],
            window_periods=params.get("window_periods"),
            parameters=params.get("parameters"),
        )
        work.done(changed=not result.reused, amount=result.trials)
    log.info("%s", result.summary)
    run.tuned = asdict(result)
    return result


def train(run: PipelineRun) -> training.TrainResult:
    """Train as of the period, with the parameters that `tune` chose, if any."""
    project, params = run.project, run.params
    chosen = run.tuned["parameters"] if run.tuned else {}  # parameters set in the form were not searched
    with run.measured("train") as work:
        result = training.train_model(
            project,
            run.period,
            window_periods=params.get("window_periods"),
            parameters=chosen | (params.get("parameters") or {}),
            tuned_by=run.tuned["run_id"] if run.tuned else "",
            reason=params.get("reason") or run.reason,
        )
        work.done(changed=not result.reused, amount=result.rows)
    for words in result.stale:
        log.warning(
            "The model was trained on stale periods. %s. `airworthy plan %s` lists them and shows how to rebuild them.",
            *(words, project.use_case.name),
        )
    for words in result.mixed_history:
        log.warning(
            "The training window has a mixed history. %s. `airworthy plan %s` shows how to rebuild it.",
            *(words, project.use_case.name),
        )
    run.mlflow_run = result.run_id
    return result


def evaluate(run: PipelineRun) -> evaluation.EvaluateResult:
    """Judge the model by its gates."""
    with run.measured("evaluate") as work:
        result = evaluation.evaluate_run(run.project, run.mlflow_run)
        work.done(changed=result.new)
    for gate_result in result.gate_results:
        log.info("%-10s %s: %s", gate_result["outcome"], gate_result["gate"], gate_result["reason"])
    return result


def register(run: PipelineRun) -> registration.RegisterResult:
    """Register the model as a version, and write its card.

    It is registered whether it passed its gates or not.
    """
    with run.measured("register") as work:
        result = registration.register_run(run.project, run.mlflow_run)
        model_card.build_model_card(run.project, result.version)
        work.done(changed=result.new, model_version=result.version)
    run.version = result.version
    return result


def promote(run: PipelineRun) -> promotion.PromoteResult:
    """Make a version that passed the champion, or record why not.

    It is the champion from its as-of period. Its card is updated.
    """
    with run.measured("promote") as work:
        result = promotion.promote_version(
            run.project, run.version, actor=run.actor, approval_required=run.approval_required
        )
        run.announce(result)  # now: the promotion is final, even if this step fails later
        log.info("%s", result.reason)
        model_card.build_model_card(run.project, run.version)
        work.done(changed=result.new, model_version=run.version)
    return result


STEPS: tuple[Step, ...] = (prepare, tune, train, evaluate, register, promote)
