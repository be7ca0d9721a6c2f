"""Outcomes of trainings that a policy asked for: promoted, rejected, not promoted, failed or not started. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from include.logic.decisions import Result
from include.logic.lives import LIFE, NOT_PROMOTED, Approval


def outcome(
    training: str,
    state: str | None,
    *,
    promotion: Mapping[str, Any] | None,
    tags: Mapping[str, str],
    why_not: str = "",
) -> tuple[Result, str]:
    """The outcome and its reason, a sentence.

    `state` is how the run `training` ended, None where there was none; `promotion` is what promoting returned, None
    where it was skipped; `tags` are those of the version, empty where none was registered.
    """
    if state is None:
        return "not started", why_not or "Nobody knows why it was not started."
    if state != "success":
        return "failed", f"The training {training} ended as {state}; its log says why."
    if promotion is not None and promotion["promoted"]:
        return "promoted", str(promotion["reason"])
    approval = Approval.of(tags)
    if approval is not None and not approval.approved:
        return "rejected", f"It was {approval}."
    said = str((promotion or {}).get("reason") or tags.get(NOT_PROMOTED) or "The training did not promote it.")
    return ("rejected" if tags.get(LIFE) == "rejected" else "not promoted"), said
