"""Define the forms for triggering a run manually."""

from __future__ import annotations

from typing import Any

from airflow.sdk import Param

from include import settings
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
from include.declaration.names import lake_folder
from include.declaration.period import DAY
from include.declaration.use_case import UseCase
from include.ingestion.offered_reasons import read_offered_reasons
from include.registry.offered_versions import read_offered_versions

AUTOMATIC, BY_A_PERSON = "automatic", "approval"
A_DAY: dict[str, Any] = {"type": "string", "format": "date", "maxLength": DAY_LENGTH}
A_NAME: dict[str, Any] = {"type": "string", "maxLength": NAME_LENGTH}
A_REASON: dict[str, Any] = {"type": "string", "maxLength": REASON_LENGTH}
HOW = "How it is worked"
"""Section of a form with what need not be changed."""
DRAFT = "http://json-schema.org/draft-07/schema#"
OPTIONAL: dict[str, Any] = {"type": ["null", "string"]}


def a_period(use_case: DataDeclaration) -> dict[str, Any]:
    """Return the JSON schema of a period's key.

    Combined with `OPTIONAL` it may be empty. The task refuses a key of another form with a message, which Airflow's
    own refusal of a form has not.
    """
    if use_case.calendar.unit is DAY:
        return A_DAY
    return A_NAME | {"examples": [use_case.calendar.example]}


def written_as(use_case: DataDeclaration) -> str:
    """Return how a period is written, for the help of a field; empty for days.

    The form has a calendar for a day.
    """
    return "" if use_case.calendar.unit is DAY else f" Written as {use_case.calendar.example}."


def period_param(use_case: DataDeclaration) -> Param:
    """Return the form's field that names the period of a manual run."""
    unit = use_case.calendar.unit.name
    return Param(
        None,
        **a_period(use_case) | OPTIONAL,
        title=unit.capitalize(),
        description=f"The {unit} to run for. Empty: the newest {unit}, in the zone {use_case.time_zone}. Leave it empty"
        f" in a backfill: each of its runs has its own {unit}.{written_as(use_case)}",
    )


def version_param(use_case: UseCase, help_text: str, *, required: bool, former_champions: bool = False) -> Param:
    """Return the form's field for a version: a choice of those that are known.

    Another version is not refused by the form, but by the task, which lists them all: a version may be newer than the
    form. In draft 7 of JSON Schema, a validator heeds `$ref` alone, and Airflow's form shows `enum`.
    """
    rule: dict[str, Any] = A_NAME if required else A_NAME | OPTIONAL
    known = read_offered_versions(settings.current_settings().lake, lake_folder(use_case.name))
    offered = [each for each in known if each.was_champion or not former_champions]
    schema: dict[str, Any] = rule
    if offered:
        shown = {each.number: f"{each.number}: {each.text}" for each in offered}
        schema = {
            "$schema": DRAFT,
            "$ref": "#/definitions/rule",
            "definitions": {"rule": rule},
            "type": rule["type"],
            "enum": list(shown),
            "values_display": shown,
        }
    given: dict[str, Any] = {} if required else {"default": None}
    return Param(**given, description=help_text, schema={"title": "Version", **schema})


def rollback_params(use_case: UseCase) -> dict[str, Param]:
    """Return the form of a rollback."""
    unit = use_case.calendar.unit.name
    return {
        "version": version_param(
            use_case,
            "Former champion to go back to. The error for any other version lists all former champions.",
            required=True,
            former_champions=True,
        ),
        "effective_from": Param(
            **a_period(use_case),
            title="Effective from",
            description=f"Its first {unit} as the champion, not in the future. Scored {unit}s keep their"
            f" version.{written_as(use_case)}",
        ),
        "reason": Param(
            **A_REASON,
            title="Reason",
            description=f"Why you roll back; kept on the ledger with your name. At most {REASON_LENGTH:,} characters.",
        ),
    }


def trial_params(use_case: UseCase) -> dict[str, Param]:
    """Return the form of a trial: start, end, or promote from it."""
    unit = use_case.calendar.unit.name
    return {
        "action": Param(
            "start",
            type="string",
            enum=["start", "end", "promote"],
            title="Action",
            description="Start: score with the version next to the champion. End: no longer. Promote: judge it by its"
            " gates and by what its trial shows, and make it the champion if it passes.",
        ),
        "version": version_param(
            use_case, "The version that is tried. The error for an unknown one lists all versions.", required=True
        ),
        "effective_from": Param(
            None,
            **a_period(use_case) | OPTIONAL,
            title="Effective from",
            description=f"Start: its first {unit}. End: the first {unit} without it. Promote: its first {unit} as the"
            f" champion; it is judged by what was known then. Empty: the newest {unit}; of a share above 0,"
            f" the first {unit} that is not scored."
            f"{written_as(use_case)}",
        ),
        "share": Param(
            0,
            type="number",
            minimum=0,
            exclusiveMaximum=100,
            title="Share",
            description="Start: per cent of the rows that get the version's prediction as the published one, by a hash"
            " of their keys. 0: none, in shadow.",
        ),
        "reason": Param(
            **A_REASON,
            title="Reason",
            description=f"Why; kept on the ledger with your name. At most {REASON_LENGTH:,} characters.",
        ),
        "promotion": _promotion(use_case),
    }


def reproduce_params(use_case: UseCase) -> dict[str, Param]:
    """Return the form of building a version again."""
    text = "Registered version to rebuild and compare. The error for an unknown one lists all versions."
    return {"version": version_param(use_case, text, required=True)}


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
        "reasons": _reasons(use_case, several),
        "rows": Param(
            None,
            **several,
            items=A_NAME | {"minLength": 1},
            title="Rows",
            description="For a release: only the rows with these ids, one per line, as the validation page shows them."
            " Empty: all rows.",
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
            **A_REASON,
            title="Comment",
            description=f"Why the rows are right. 3 to {REASON_LENGTH:,} characters; stored with your name.",
        ),
    }


def _reasons(use_case: DataDeclaration, several: dict[str, Any]) -> Param:
    """Return the form's field for reasons.

    It is a choice of those that rows were quarantined for lately, if any.
    """
    feeds = [feed.name for feed in use_case.feeds]
    known = read_offered_reasons(settings.current_settings().lake, lake_folder(use_case.name), feeds)
    form: dict[str, Any] = {}
    help_text = "For a release: the reasons to ignore, one per line, as the validation page shows them."
    if known:
        named: dict[str, list[str]] = {}
        for each in known:
            named.setdefault(each.text, []).append(each.feed)
        shown = {text: f"{', '.join(of)}: {text}" if len(feeds) > 1 else text for text, of in named.items()}
        form = {"examples": list(shown), "values_display": shown}
        help_text = (
            "For a release: the reasons to ignore. Offered are those of the newest quarantined rows; others are entered"
            " as `reasons` of the configuration JSON, as the validation page shows them."
        )
    return Param(None, **several, items=A_REASON | {"minLength": 1}, **form, title="Reasons", description=help_text)


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
            description=f"Why you start this training; stored with the version. At most {REASON_LENGTH:,} characters.",
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
    unit, training = use_case.calendar.unit.name, use_case.training
    return {
        "window_periods": Param(
            None,
            type=["null", "integer"],
            maximum=WINDOW_PERIODS,
            title="Window",
            description=f"{unit.capitalize()}s of data before the run's {unit} to train on: {training.least_window} to"
            f" {WINDOW_PERIODS:,}. Empty: {training.window_periods}, as declared.",
            section="Model",
        ),
        "parameters": Param(
            None,
            type=["null", "object"],
            maxProperties=PARAMETER_COUNT,
            additionalProperties={"type": ["number", "string", "boolean", "null"], "maxLength": NAME_LENGTH},
            propertyNames={"maxLength": NAME_LENGTH},
            title="LightGBM parameters",
            description='Overrides the declared parameters, such as {"num_leaves": 15}; at most'
            f" {PARAMETER_COUNT}. The first task checks them.",
            section="Model",
        ),
    }


_TUNING = {
    "tune_trials": Param(
        None,
        type=["null", "integer"],
        maximum=TUNING_TRIALS,
        title="Tuning: trials",
        description=f"Number of parameter sets to try in the validation periods, within the declared ranges: 1 to"
        f" {TUNING_TRIALS:,}. Empty or 0: no tuning.",
        section="Tuning",
    ),
    "tune_minutes": Param(
        None,
        type=["null", "number"],
        maximum=TUNING_MINUTES,
        title="Tuning: minutes",
        description=f"No new trial starts after this time: more than 0, at most {TUNING_MINUTES}. Empty: 30.",
        section="Tuning",
    ),
}
"""Fields that limit the search for parameters."""


def score_params(use_case: UseCase) -> dict[str, Param]:
    """Return the scoring form's fields in addition to the day."""
    unit = use_case.calendar.unit.name
    return {
        "version": version_param(use_case, f"Score with this version. Empty: the {unit}'s champion.", required=False),
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
        "first": Param(
            None,
            **any_period,
            title="First",
            description=f"The first {unit}. Required, unless single {unit}s are named.{written_as(use_case)}",
        ),
        "last": Param(None, **any_period, title="Last", description=f"The last {unit}, included. Required likewise."),
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
            section=HOW,
        ),
        "chunk_periods": Param(
            CHUNK_PERIODS,
            type="integer",
            minimum=1,
            maximum=WINDOW_PERIODS,
            title="Chunk",
            description=f"Number of {unit}s that one process works, from 1; chunks run side by side.",
            section=HOW,
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
        "first": Param(
            None,
            **any_period,
            title="First",
            description=f"The first {unit} of the data. Required.{written_as(use_case)}",
        ),
        "last": Param(None, **any_period, title="Last", description=f"The last {unit}, included. Required."),
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
