"""Bring the lake of a use case to the format of this code."""

from __future__ import annotations

from include.declaration.use_case import UseCase
from include.lake.lake_format import FORMAT
from include.maintenance.upgrade_steps import upgrade_lake


def upgrade_format(use_case: UseCase) -> str:
    """Upgrade the lake; return a sentence about what was done."""
    if reached := upgrade_lake(use_case):
        return f"The lake of {use_case.name} was brought to format {reached[-1]}."
    return f"The lake of {use_case.name} has format {FORMAT} already; nothing was changed."
