"""The forms that open when a person triggers a run by hand."""

from __future__ import annotations

from airflow.sdk import Param

from include.use_case import UseCase

AUTOMATIC, BY_A_PERSON = "automatic", "approval"
DAY = Param(
    None,
    type=["null", "string"],
    format="date",
    title="Day",
    description="The day to run for. Needed by hand; leave it empty in a backfill, whose runs have their day.",
)


def train(use_case: UseCase) -> dict[str, Param]:
    """What a training asks for besides its day. Empty fields mean: as declared."""
    return {
        "reason": Param(
            None, type=["null", "string"], title="Reason", description="Why this training; kept with the version."
        ),
        "promotion": Param(
            BY_A_PERSON if use_case.approval.required else AUTOMATIC,
            type="string",
            enum=[AUTOMATIC, BY_A_PERSON],
            title="Promotion",
            description="Who promotes a model that passed its gates: the gates themselves (automatic), or a person"
            " (approval).",
        ),
        **_model(use_case),
        **_TUNING,
    }


def _model(use_case: UseCase) -> dict[str, Param]:
    return {
        "window_days": Param(
            None,
            type=["null", "integer"],
            minimum=1,
            title="Window",
            description=f"Days to learn from, before the run's day. Empty: {use_case.training.window_days}.",
            section="Model",
        ),
        "parameters": Param(
            None,
            type=["null", "object"],
            title="LightGBM parameters",
            description='Overrides of the declared ones, such as {"num_leaves": 15}; checked before training.',
            section="Model",
        ),
    }


_TUNING = {
    "tune_trials": Param(
        None,
        type=["null", "integer"],
        minimum=0,
        maximum=1000,
        title="Tuning: trials",
        description="How many sets of parameters to try on the validation days, in the declared ranges. Empty: no"
        " tuning.",
        section="Tuning",
    ),
    "tune_minutes": Param(
        None,
        type=["null", "number"],
        exclusiveMinimum=0,
        maximum=300,
        title="Tuning: minutes",
        description="No new trial is begun after this time. Empty: 30.",
        section="Tuning",
    ),
}
"""What a search of parameters may take."""


def score() -> dict[str, Param]:
    """What scoring may be asked for besides its day."""
    return {
        "version": Param(
            None,
            type=["null", "string"],
            title="Version",
            description="Score with this version instead of the day's champion.",
        ),
        "rescore": Param(
            False,
            type="boolean",
            title="Rescore",
            description="Score a day again with the champion that the ledger names for it now.",
        ),
        "insist": Param(
            False,
            type="boolean",
            title="Insist",
            description="Allow a version that was trained as of a later day, which may have seen this one.",
        ),
    }
