"""Define every MLflow tag of the product: name, form and source.

In MLflow each name begins with `airworthy.`; in the code a tag is its key, without that prefix. `to_mlflow` and
`from_mlflow` translate at each call of MLflow, and `to_mlflow` refuses a tag that is not defined here.

A tag that decides something is only a copy in MLflow: `Registry` replaces its value with that of the signed record in
the lake, and drops it if there is no record.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Literal

PREFIX = "airworthy."
Form = Literal["text", "word", "number", "date", "time", "digest", "id", "path", "json"]
"""How to read the value of a tag; in MLflow all values are text."""
TRAINING = "the signed record of the training"
EVALUATION = "the signed record of the evaluation"
LIMITS = "the signed record of the limits"
HOLDERS = (TRAINING, EVALUATION, LIMITS)
"""Sources of the values of tags that decide."""
TAGS: dict[str, Tag] = {}
"""Every tag by its key."""


class UndefinedTagError(ValueError):
    """A tag is not defined."""

    def __init__(self, key: str) -> None:
        self.key = key
        super().__init__(f"The MLflow tag {key!r} is not defined; add it to include/registry/tags.py.")


class Tag(str):
    """The key of a tag, or the prefix of several keys."""

    form: Form
    held_by: str
    """What protects its value from forgery, or why a forged value decides nothing."""
    is_start: bool
    """Whether it is a prefix of several keys."""

    def __new__(cls, key: str, form: Form, held_by: str, *, is_start: bool = False) -> Tag:
        made = super().__new__(cls, key)
        made.form, made.held_by, made.is_start = form, held_by, is_start
        TAGS[key] = made
        return made

    def __reduce__(self) -> tuple[type[str], tuple[str]]:
        """Copy and pickle as plain text: only the definition is a tag."""
        return str, (str(self),)

    @property
    def name(self) -> str:
        """Return its name in MLflow."""
        return f"{PREFIX}{self}"

    @property
    def decides(self) -> bool:
        """Return whether its value is read only from a signed record."""
        return self.held_by in HOLDERS


FINGERPRINT = Tag("fingerprint", "digest", TRAINING)
AS_OF = Tag("as_of", "date", TRAINING)
CODE = Tag("code", "digest", TRAINING)
COMMIT = Tag("commit", "id", TRAINING)
FEATURES_DIGEST = Tag("features.digest", "digest", TRAINING)
FEATURES_VERSION = Tag("features.version", "number", TRAINING)
FILES_DIGEST = Tag("files_digest", "digest", TRAINING)
LABELS_DIGEST = Tag("labels.digest", "digest", TRAINING)
LABELS_VERSION = Tag("labels.version", "number", TRAINING)
LOCK = Tag("lock", "digest", TRAINING)
MIXED_HISTORY = Tag("mixed_history", "text", TRAINING)
"""Which periods of the training's window different code built; empty if the same code built all."""
MODEL_ID = Tag("model_id", "id", TRAINING)
NOTICE = Tag("notice", "text", TRAINING)
PROCESSOR = Tag("processor", "word", TRAINING)
REASON = Tag("reason", "text", TRAINING)
RECIPE = Tag("recipe", "json", TRAINING)
REPORT = Tag("report", "json", TRAINING)
SAMPLE_DIGEST = Tag("sample_digest", "digest", TRAINING)
TREES = Tag("trees", "digest", TRAINING)
TUNED_BY = Tag("tuned_by", "id", TRAINING)
WINDOW = Tag("window", "text", TRAINING)
COMPARED_WITH = Tag("compared_with", "id", EVALUATION)
GATES = Tag("gates", "word", EVALUATION)
JUDGED = Tag("judged", "digest", EVALUATION)
"""Identifies the gates and the champion of the model's evaluation."""
GATE_RESULTS = Tag("gate_results", "json", EVALUATION)
GATE = Tag("gate/", "word", EVALUATION, is_start=True)
"""Prefix of the tags with the outcome of one gate."""
FALSE_ALARMS = Tag("false_alarms", "json", LIMITS)
"""The false-alarm rate of each limit, or a sentence why there is none."""

APPROVAL = Tag("approval", "json", "the ledger's entry; the tag is never read")
COMPLETE = Tag("complete", "word", "finds runs; a run without a signed record of its training is not used")
"""Set as the last step of training; a run without it is incomplete and never used."""
LEDGER_HEAD = Tag("ledger.head", "text", "the chain: a head that does not fit the entries stops everything")
"""Of the registered model: number and hash of the ledger's last entry, so that removed entries are detected."""
STATUS = Tag("status", "word", "worded in errors and on the summary; the ledger and the gates' record decide")
MODEL_CARD = Tag("model_card", "path", "a link that is shown")
NOT_PROMOTED = Tag("not_promoted", "text", "a sentence that is shown")
NOT_REPRODUCIBLE = Tag(
    "no_longer_reproducible", "text", "a sentence that is shown; keeps maintenance from saying it twice"
)
"""Of a version whose training data were removed: since when, and why."""
REPRODUCED = Tag("reproduced", "word", "a word that is shown")

FOUND = Tag("found", "json", "a study's parameters: the model that they make has its gates")
MINUTES = Tag("minutes", "number", "the time that a study was given: it says whether one is looked for again")
DELETED_ON = Tag("deleted_on", "time", "of a run that is no version's")
"""When maintenance deleted a run, in UTC; MLflow does not return that time."""
RESTORED_ON = Tag("restored_on", "time", "of a run that is no version's")
"""When maintenance found that a run was restored."""
OWNERLESS = Tag("ownerless/", "time", "of an experiment's folder that belongs to no run or model", is_start=True)
"""Prefix of an experiment's tags: since when an artifact folder is known to belong to no run or model."""


ON_VERSION = (AS_OF, GATES, REASON)
"""Tags that decide and that a version in MLflow shows; its run and the artifact `record.json` have all."""


def find_tag(key: str) -> Tag | None:
    """Return the tag of a key; None if it is not defined."""
    return TAGS.get(key) or next((tag for tag in TAGS.values() if tag.is_start and key.startswith(tag)), None)


def decides(key: str) -> bool:
    """Return whether the value of a tag is read only from a signed record."""
    tag = find_tag(key)
    return tag is not None and tag.decides


def copies_to_version(tags: Mapping[str, str]) -> dict[str, str]:
    """Return the tags that decide and that a version in MLflow shows."""
    return {name: tags[name] for name in ON_VERSION if name in tags}


def gate_tag(gate: str) -> str:
    """Return the tag of a gate's outcome, without characters MLflow refuses."""
    return GATE + re.sub(r"[^\w\-.: ]", "", gate)


def mlflow_name(key: str) -> str:
    """Return the name of a tag in MLflow.

    Raises:
        UndefinedTagError: the key is not defined.
    """
    if find_tag(key) is None:
        raise UndefinedTagError(key)
    return f"{PREFIX}{key}"


def to_mlflow(tags: Mapping[str, str]) -> dict[str, str]:
    """Return tags by their names in MLflow.

    Raises:
        UndefinedTagError: a key is not defined.
    """
    return {mlflow_name(key): value for key, value in tags.items()}


def from_mlflow(tags: Mapping[str, str]) -> dict[str, str]:
    """Return the product's tags among MLflow's, by key."""
    return {name.removeprefix(PREFIX): value for name, value in tags.items() if name.startswith(PREFIX)}
