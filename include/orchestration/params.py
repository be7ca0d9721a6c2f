"""Define the forms for triggering a run manually."""

from __future__ import annotations

from typing import Any

from airflow.sdk import Param

from include.backfill.request import CHUNK_PERIODS, kinds_of
from include.declaration.data_declaration import DataDeclaration
from include.declaration.form_limits import (
    DAY_LENGTH,
    LIST_LENGTH,
    NAME_LENGTH,
    PARAMETER_COUNT,
    REASON_LENGTH,
    TUNING_MINUTES,
    TUNING_TRIALS,
    WINDOW_PERIODS,
)
from include.declaration.period import DAY
from include.declaration.use_case import UseCase

AUTOMATIC, BY_A_PERSON = "automatic", "approval"
A_DAY: dict[str, Any] = {"type": "string", "format": "date", "maxLength": DAY_LENGTH}
A_NAME: dict[str, Any] = {"type": "string", "maxLength": NAME_LENGTH}
A_REASON: dict[str, Any] = {"type": "string", "maxLength": REASON_LENGTH}
OPTIONAL: dict[str, Any] = {"type": ["null", "string"]}


def a_period(use_case: DataDeclaration) -> dict[str, Any]:
    """Return the JSON schema of a period's key.

    Combined with `OPTIONAL` it may be empty.
    """
    if use_case.calendar.unit is DAY:
        return A_DAY
    return {
        "type": "string",
        "maxLength": len(use_case.calendar.example),
        "pattern": f"^{use_case.calendar.unit.pattern.pattern}$",
        "examples": [use_case.calendar.example],
    }


def period_param(use_case: DataDeclaration) -> Param:
    """Return the form's field that names the period of a manual run."""
    unit = use_case.calendar.unit
    example = "" if unit is DAY else f", such as {use_case.calendar.example}"
    return Param(
        None,
        **a_period(use_case) | OPTIONAL,
        title=unit.name.capitalize(),
        description=f"The {unit.name} to run for{example}. Required in a manual run; leave it empty in a backfill,"
        f" whose runs have {unit.article}.",
    )


def quarantine_params(use_case: DataDeclaration) -> dict[str, Param]:
    """Return the form for resubmitting quarantined rows.

    Empty fields mean: all days and rows, no file, the first free day.
    """
    any_period, unit = a_period(use_case) | OPTIONAL, use_case.calendar.unit.name
    when = use_case.calendar.unit.preposition
    several: dict[str, Any] = {"type": ["null", "array"], "maxItems": LIST_LENGTH}
    feeds = [feed.name for feed in use_case.feeds]
    return {
        "feed": Param(feeds[0], type="string", enum=feeds, title="Feed"),
        "action": Param(
            "release",
            type="string",
            enum=["release", "correct"],
            title="Action",
            description="Release: resubmit rows unchanged. Correct: resubmit the rows of a file.",
        ),
        "quarantined_on": Param(
            None,
            **any_period,
            title="Quarantined on",
            description=f"Only rows quarantined {when} this {unit}. Empty: any {unit}.",
        ),
        "reasons": Param(
            None,
            **several,
            items=A_REASON | {"minLength": 1},
            title="Reasons",
            description="For a release: the reasons to ignore, one per line, exactly as the quarantine shows them.",
        ),
        "rows": Param(
            None,
            **several,
            items=A_NAME | {"minLength": 1},
            title="Rows",
            description="For a release: only the rows with these ids, one per line. Empty: all rows.",
        ),
        "file": Param(
            None,
            **A_NAME | OPTIONAL,
            title="File",
            description="For a correction: the name of a CSV or Parquet file in the use case's inbox in the lake.",
        ),
        "known_on": Param(
            None,
            **any_period,
            title="Known on",
            description=f"The {unit} {when} which the rows become known; it must not be ingested yet. Empty: the first"
            f" free {unit}, after all ingested {unit}s.",
        ),
        "comment": Param(
            **A_REASON, minLength=3, title="Comment", description="Stored with the correction and your name."
        ),
    }


def data_params(use_case: DataDeclaration) -> dict[str, Param]:
    """Return the data form's fields in addition to the day.

    There are none if no feed has a landing bucket.
    """
    if not any(feed.landing for feed in use_case.feeds):
        return {}
    unit = use_case.calendar.unit.name
    return {
        "take_changed": Param(
            False,
            type="boolean",
            title="Take changed files",
            description=f"Ingest the {unit}'s files as they are now, even if they were delivered again after the {unit}"
            " was published. Decisions based on the earlier files do not change.",
        )
    }


def train_params(use_case: UseCase) -> dict[str, Param]:
    """Return the training form's fields in addition to the day.

    Empty fields mean: as declared.
    """
    return {
        "reason": Param(
            None,
            **A_REASON | OPTIONAL,
            title="Reason",
            description="Why you start this training; stored with the version.",
        ),
        "promotion": _promotion(use_case),
        **_model(use_case),
        **_TUNING,
    }


def _promotion(use_case: UseCase) -> Param:
    return Param(
        BY_A_PERSON if use_case.approval.required else AUTOMATIC,
        type="string",
        enum=[AUTOMATIC, BY_A_PERSON],
        title="Promotion",
        description="How a model that passed its gates is promoted: automatically, or after a person's approval.",
    )


def _model(use_case: UseCase) -> dict[str, Param]:
    unit = use_case.calendar.unit.name
    return {
        "window_periods": Param(
            None,
            type=["null", "integer"],
            minimum=1,
            maximum=WINDOW_PERIODS,
            title="Window",
            description=f"{unit.capitalize()}s of data before the run's {unit} to train on. Empty:"
            f" {use_case.training.window_periods}.",
            section="Model",
        ),
        "parameters": Param(
            None,
            type=["null", "object"],
            maxProperties=PARAMETER_COUNT,
            additionalProperties={"type": ["number", "string", "boolean", "null"], "maxLength": NAME_LENGTH},
            propertyNames={"maxLength": NAME_LENGTH},
            title="LightGBM parameters",
            description='Overrides the declared parameters, such as {"num_leaves": 15}; checked before training.',
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
        description="Number of parameter sets to try in the validation periods, within the declared ranges. Empty: no"
        " tuning.",
        section="Tuning",
    ),
    "tune_minutes": Param(
        None,
        type=["null", "number"],
        exclusiveMinimum=0,
        maximum=TUNING_MINUTES,
        title="Tuning: minutes",
        description="No new trial starts after this time. Empty: 30.",
        section="Tuning",
    ),
}
"""Fields that limit the search for parameters."""


def score_params(use_case: UseCase) -> dict[str, Param]:
    """Return the scoring form's fields in addition to the day."""
    unit = use_case.calendar.unit.name
    return {
        "version": Param(
            None,
            **A_NAME | OPTIONAL,
            title="Version",
            description=f"Score with this version instead of the {unit}'s champion.",
        ),
        "rescore": Param(
            False,
            type="boolean",
            title="Rescore",
            description=f"Score an already scored {unit} again, with the champion that the ledger now has for it.",
        ),
        "allow_future_model": Param(
            False,
            type="boolean",
            title="Allow future model",
            description=f"Allow a version trained as of a later {unit}, whose training data may include this {unit}.",
        ),
    }


def backfill_params(use_case: DataDeclaration) -> dict[str, Param]:
    """Return the backfill's form."""
    unit, any_period = use_case.calendar.unit.name, a_period(use_case) | OPTIONAL
    kinds = list(kinds_of(use_case))
    single: dict[str, Any] = {"type": ["null", "array"], "maxItems": LIST_LENGTH, "items": a_period(use_case)}
    chosen_kinds = Param(
        kinds,
        type="array",
        items={"type": "string", "enum": kinds},
        maxItems=len(kinds),
        examples=kinds,
        title="What to build",
        description="Predictions and metrics are built after the data that they read.",
    )
    return {
        "first": Param(None, **any_period, title="First", description=f"The first {unit}."),
        "last": Param(None, **any_period, title="Last", description=f"The last {unit}, included."),
        **({"kinds": chosen_kinds} if len(kinds) > 1 else {}),
        "only": Param(
            None,
            **single,
            title=f"Single {unit}s",
            description=f"Only these {unit}s of the range, one per line, such as those that an earlier run left.",
        ),
        "settled": Param(
            False,
            type="boolean",
            title="Settled periods too",
            description=f"Ask the sources again of {unit}s whose partitions are as the present code and inputs make"
            " them. Without it, these are not touched.",
        ),
        "chunk_periods": Param(
            CHUNK_PERIODS,
            type="integer",
            minimum=1,
            maximum=WINDOW_PERIODS,
            title="Chunk",
            description=f"Number of {unit}s that one process works; chunks run side by side.",
        ),
        "plan_only": Param(
            False, type="boolean", title="Plan only", description="List what would be built and why, and build nothing."
        ),
    }


def go_live_params(use_case: UseCase) -> dict[str, Param]:
    """Return the form of bringing a history live."""
    unit, any_period = use_case.calendar.unit.name, a_period(use_case) | OPTIONAL
    named: dict[str, Any] = {"type": ["null", "array"], "maxItems": LIST_LENGTH, "items": a_period(use_case)}
    return {
        "first": Param(None, **any_period, title="First", description=f"The first {unit} of the data."),
        "last": Param(None, **any_period, title="Last", description=f"The last {unit}, included."),
        "train_as_of": Param(
            None,
            **named,
            title="Train as of",
            description=f"{unit.capitalize()}s to train as of, one per line. Empty: each one that the declared"
            " schedule names and whose history is long enough.",
        ),
        "decide_from": Param(
            None,
            **any_period,
            title="Decide from",
            description=f"The first {unit} with a retraining decision. Empty: that of the first training.",
        ),
        "promotion": _promotion(use_case),
    }
