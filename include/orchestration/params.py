"""The forms that open when a person triggers a run by hand."""

from __future__ import annotations

from typing import Any

from airflow.sdk import Param

from include.declaration.form_limits import (
    DAY_LENGTH,
    LIST_LENGTH,
    NAME_LENGTH,
    PARAMETER_COUNT,
    REASON_LENGTH,
    TUNING_MINUTES,
    TUNING_TRIALS,
    WINDOW_DAYS,
)
from include.declaration.use_case import UseCase

AUTOMATIC, BY_A_PERSON = "automatic", "approval"
A_DAY: dict[str, Any] = {"type": "string", "format": "date", "maxLength": DAY_LENGTH}
"""The JSON schema of a day; with `OPTIONAL` one that may be left empty."""
A_NAME: dict[str, Any] = {"type": "string", "maxLength": NAME_LENGTH}
A_REASON: dict[str, Any] = {"type": "string", "maxLength": REASON_LENGTH}
OPTIONAL: dict[str, Any] = {"type": ["null", "string"]}
DAY = Param(
    None,
    **A_DAY | OPTIONAL,
    title="Day",
    description="The day to run for. Needed by hand; leave it empty in a backfill, whose runs have their day.",
)


def quarantine_params(use_case: UseCase) -> dict[str, Param]:
    """What sending quarantined rows back asks for. Empty fields: all days and rows, no file, the first free day."""
    a_day = A_DAY | OPTIONAL
    several: dict[str, Any] = {"type": ["null", "array"], "maxItems": LIST_LENGTH}
    feeds = [feed.name for feed in use_case.feeds]
    return {
        "feed": Param(feeds[0], type="string", enum=feeds, title="Feed"),
        "what": Param(
            "release",
            type="string",
            enum=["release", "correct"],
            title="What to do",
            description="Release: send rows back as they are. Correct: send back the rows of a file.",
        ),
        "quarantined_on": Param(
            None, **a_day, title="Quarantined on", description="Only rows that were set aside on this day. Empty: any."
        ),
        "reasons": Param(
            None,
            **several,
            items=A_REASON | {"minLength": 1},
            title="Reasons",
            description="To release: the reasons that no longer count, one a line, as the quarantine words them.",
        ),
        "rows": Param(
            None,
            **several,
            items=A_NAME | {"minLength": 1},
            title="Rows",
            description="To release: only the rows of these ids, one a line. Empty: all.",
        ),
        "file": Param(
            None,
            **A_NAME | OPTIONAL,
            title="File",
            description="To correct: the name of a CSV or Parquet file in the use case's inbox in the lake.",
        ),
        "known_on": Param(
            None,
            **a_day,
            title="Known on",
            description="The day on which the rows become known: one of which nothing is landed yet. Empty: the day"
            " after the newest.",
        ),
        "comment": Param(
            **A_REASON, minLength=3, title="Comment", description="Kept with the correction and your name."
        ),
    }


def data_params(use_case: UseCase) -> dict[str, Param]:
    """What landing a day may be asked for besides its day; nothing where no files are delivered."""
    if not any(feed.landing for feed in use_case.feeds):
        return {}
    return {
        "take_changed": Param(
            False,
            type="boolean",
            title="Take changed files",
            description="Land the files of the day as they are now, although they were delivered again after the day"
            " had been published. What was decided on them is not decided again.",
        )
    }


def train_params(use_case: UseCase) -> dict[str, Param]:
    """What a training asks for besides its day. Empty fields mean: as declared."""
    return {
        "reason": Param(
            None, **A_REASON | OPTIONAL, title="Reason", description="Why this training; kept with the version."
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
        "window_periods": Param(
            None,
            type=["null", "integer"],
            minimum=1,
            maximum=WINDOW_DAYS,
            title="Window",
            description=f"Days to learn from, before the run's day. Empty: {use_case.training.window_periods}.",
            section="Model",
        ),
        "parameters": Param(
            None,
            type=["null", "object"],
            maxProperties=PARAMETER_COUNT,
            additionalProperties={"type": ["number", "string", "boolean", "null"], "maxLength": NAME_LENGTH},
            propertyNames={"maxLength": NAME_LENGTH},
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
        maximum=TUNING_TRIALS,
        title="Tuning: trials",
        description="How many sets of parameters to try on the validation days, in the declared ranges. Empty: no"
        " tuning.",
        section="Tuning",
    ),
    "tune_minutes": Param(
        None,
        type=["null", "number"],
        exclusiveMinimum=0,
        maximum=TUNING_MINUTES,
        title="Tuning: minutes",
        description="No new trial is begun after this time. Empty: 30.",
        section="Tuning",
    ),
}
"""What a search of parameters may take."""


def score_params() -> dict[str, Param]:
    """What scoring may be asked for besides its day."""
    return {
        "version": Param(
            None,
            **A_NAME | OPTIONAL,
            title="Version",
            description="Score with this version instead of the day's champion.",
        ),
        "rescore": Param(
            False,
            type="boolean",
            title="Rescore",
            description="Score a day again with the champion that the ledger names for it now.",
        ),
        "allow_future_model": Param(
            False,
            type="boolean",
            title="Allow future model",
            description="Allow a version that was trained as of a later day, which may have seen this one.",
        ),
    }
