"""Define why a run cannot be evaluated."""

from __future__ import annotations

from collections.abc import Sequence

from include.declaration.period import Period
from include.errors import NotReadyError


class DataChangedError(NotReadyError):
    """The data of a run's window have changed since it was trained."""

    def __init__(self, use_case: str, run_id: str, as_of: Period, tables: Sequence[str], window: str) -> None:
        self.use_case, self.run_id, self.as_of = use_case, run_id, as_of
        self.tables, self.window = tuple(tables), window
        super().__init__(
            f"{use_case}: {' and '.join(tables)} of {window} have changed since run {run_id} was trained as of {as_of},"
            f" so it cannot be judged on them. Nothing was promoted. Train again: trigger {use_case}__train for"
            f" {as_of}."
        )
