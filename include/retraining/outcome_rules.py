"""Derive the outcome of a training that the policy triggered. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from include.registry.lifecycle import RecordedApproval
from include.retraining.policy import Result


def training_outcome(
    training: str,
    state: str | None,
    *,
    promotion: Mapping[str, Any] | None,
    decided: RecordedApproval | None,
    status: str,
    not_promoted: str,
    why_not: str = "",
) -> tuple[Result, str]:
    """Return the outcome and its reason, a sentence.

    `state` is the final state of the run `training`, None if there was no run; `promotion` is the result of the task
    `promote`, None if it was skipped. `decided`, `status` and `not_promoted` (the reason) describe the version: None
    and empty if none was registered.
    """
    if state is None:
        return "not started", why_not or "The reason why it was not started is unknown."
    if state != "success":
        return "failed", f"The training {training} ended as {state}; see its log."
    if promotion is not None and promotion["promoted"]:
        return "promoted", str(promotion["reason"])
    if decided is not None and not decided.approved:
        return "rejected", f"It was {decided}."
    reason = str((promotion or {}).get("reason") or not_promoted or "The training did not promote it.")
    return ("rejected" if status == "rejected" else "not promoted"), reason
