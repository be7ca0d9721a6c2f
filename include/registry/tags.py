"""List every tag of MLflow that is read back, and what keeps its value from being forged.

A tag of a run or a version that decides anything is a copy: before anybody sees it, `Registry` replaces it by what the
signed record in the lake says, and drops it where there is no record.
"""

from __future__ import annotations

import re
from collections.abc import Mapping

GATE = "gate/"
"""Begins the names of the tags that say what one gate came to."""
TRAINING = "the signed record of the training"
EVALUATION = "the signed record of the evaluation"
LIMITS = "the signed record of the limits"
HELD_BY: Mapping[str, str] = {
    **dict.fromkeys(
        (
            *("airworthy.fingerprint", "as_of", "code", "commit", "features.digest", "features.version"),
            *("files_digest", "labels.digest", "labels.version", "lock", "model_id", "notice", "processor", "reason"),
            *("recipe", "report", "sample_digest", "trees", "tuned_by", "window"),
        ),
        TRAINING,
    ),
    **dict.fromkeys(("compared_with", "gates", "judged", "verdicts"), EVALUATION),
    "false_alarms": LIMITS,
}
"""Each tag that decides, to what holds its value."""
COPIES: Mapping[str, str] = {
    "approval": "the ledger's entry; the tag is never read",
    "airworthy.complete": "finds runs; a run without a signed record of its training is not used",
    "ledger.head": "the chain: a head that does not fit the entries stops everything",
    "life": "worded in errors and on the summary; the ledger and the gates' record decide",
    "model_card": "a link that is shown",
    "not_promoted": "a sentence that is shown",
    "no_longer_reproducible": "a sentence that is shown; keeps maintenance from saying it twice",
    "reproduced": "a word that is shown",
}
"""Each other tag of a run or a version that is read back, and why a forged value decides nothing."""


def decides(name: str) -> bool:
    """Return whether the value of a tag is taken from a signed record alone."""
    return name in HELD_BY or name.startswith(GATE)


def gate_tag(gate: str) -> str:
    """Return the tag that holds the outcome of the gate of that name; MLflow takes few characters."""
    return GATE + re.sub(r"[^\w\-.: ]", "", gate)


NOT_REPRODUCIBLE = "no_longer_reproducible"
"""Tag of a version whose data have gone: since when, and why."""
