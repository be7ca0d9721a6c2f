"""The forms that open when a person triggers a run by hand."""

from __future__ import annotations

from typing import Any

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


def quarantine(use_case: UseCase) -> dict[str, Param]:
    """What sending quarantined rows back asks for. Empty fields: all days and rows, no file, the first free day."""
    a_day: dict[str, Any] = {"type": ["null", "string"], "format": "date"}
    several: dict[str, Any] = {"type": ["null", "array"], "items": {"type": "string", "minLength": 1}}
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
            title="Reasons",
            description="To release: the reasons that no longer count, one a line, as the quarantine words them.",
        ),
        "rows": Param(
            None, **several, title="Rows", description="To release: only the rows of these ids, one a line. Empty: all."
        ),
        "file": Param(
            None,
            type=["null", "string"],
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
        "why": Param(type="string", minLength=3, title="Why", description="Kept with the correction and your name."),
    }


def data(use_case: UseCase) -> dict[str, Param]:
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
