"""Outcomes of trainings that a policy asked for: promoted, rejected, not promoted, failed or not started. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from include.registry.lifecycle import StandingApproval
from include.retraining.policy import Result


def training_outcome(
    training: str,
    state: str | None,
    *,
    promotion: Mapping[str, Any] | None,
    decided: StandingApproval | None,
    life: str,
    told: str,
    why_not: str = "",
) -> tuple[Result, str]:
    """The outcome and its reason, a sentence.

    `state` is how the run `training` ended, None where there was none; `promotion` is what promoting returned, None
    where it was skipped. `decided`, `life` and `told` (why it was not promoted) are the version's: None and empty where
    none was registered.
    """
    if state is None:
        return "not started", why_not or "Nobody knows why it was not started."
    if state != "success":
        return "failed", f"The training {training} ended as {state}; its log says why."
    if promotion is not None and promotion["promoted"]:
        return "promoted", str(promotion["reason"])
    if decided is not None and not decided.approved:
        return "rejected", f"It was {decided}."
    said = str((promotion or {}).get("reason") or told or "The training did not promote it.")
    return ("rejected" if life == "rejected" else "not promoted"), said
