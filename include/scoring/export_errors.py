"""Define the errors of deliveries of predictions."""

from __future__ import annotations

from collections.abc import Sequence

from include.errors import AirworthyError


class ExportUnavailableError(AirworthyError):
    """A destination does not answer now; another try may succeed."""

    retryable = True

    def __init__(self, use_case: str, target: str, reason: str) -> None:
        super().__init__(
            f"{use_case}: the predictions could not be delivered to {target}, which does not answer: {reason}. The"
            " predictions in the lake are unchanged; the task is tried again."
        )


class ExportRefusedError(AirworthyError):
    """A destination refuses the predictions.

    Another try does not change the reason.
    """

    def __init__(self, use_case: str, target: str, reason: str, remedy: str) -> None:
        super().__init__(
            f"{use_case}: the predictions could not be delivered to {target}: {reason}. The predictions in the lake are"
            f" unchanged. {remedy} Then clear the task `export`."
        )


class ExportsFailedError(AirworthyError):
    """Several destinations failed."""

    def __init__(self, failed: Sequence[AirworthyError]) -> None:
        self.retryable = any(error.retryable for error in failed)
        super().__init__("\n".join(str(error) for error in failed))
