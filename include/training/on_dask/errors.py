"""Define why a training on Dask fails."""

from __future__ import annotations

from include.declaration.period import Period
from include.errors import NotReadyError
from include.training.training_errors import TrainingFailedError


class PartRefusedError(Exception):
    """An error of a worker, as plain values, which cross processes."""

    def __init__(self, part: str, kind: str, text: str, retryable: bool) -> None:
        self.part, self.kind, self.text, self.retryable = part, kind, text, retryable
        super().__init__(part, kind, text, retryable)


class DaskTrainingError(TrainingFailedError):
    """A worker could not read its rows, or not train on them."""

    def __init__(self, use_case: str, as_of: Period, part: str, kind: str, text: str, *, retryable: bool) -> None:
        self.use_case, self.as_of, self.part, self.kind, self.retryable = use_case, as_of, part, kind, retryable
        super().__init__(
            f"{use_case}: the training as of {as_of} failed on a Dask worker, in {part}: {text.rstrip('.')}."
            " Nothing was registered."
        )


class DaskWorkerLostError(TrainingFailedError):
    """A worker ended during a training."""

    retryable = True

    def __init__(self, use_case: str, as_of: Period, engine: str, reason: str) -> None:
        self.use_case, self.as_of = use_case, as_of
        super().__init__(
            f"{use_case}: a Dask worker ended during the training as of {as_of} ({engine}): {reason.rstrip('.')}."
            " Nothing was registered. If it ran out of memory, declare more workers in Training(engine=Dask(…)), or"
            " give them more memory; then train again."
        )


class DaskClusterError(TrainingFailedError):
    """The cluster cannot be used: it does not answer, or has too few workers."""

    retryable = True

    def __init__(self, use_case: str, address: str, workers: int, reason: str) -> None:
        self.use_case, self.address, self.workers = use_case, address, workers
        super().__init__(
            f"{use_case}: training needs {workers} Dask workers of {address}, and {reason.rstrip('.')}. Start them, or"
            " correct AIRWORTHY_DASK_SCHEDULER; without it, the workers run on this machine."
        )


class DaskCodeError(TrainingFailedError):
    """The workers run other code or libraries than this process.

    Their trees would not be those of the training's record.
    """

    def __init__(self, use_case: str, address: str, differing: str) -> None:
        self.use_case, self.address = use_case, address
        super().__init__(
            f"{use_case}: the Dask workers of {address} differ from this process in {differing}. Install the same"
            " checkout and requirements.txt where they run, and start them again."
        )


class ValidationTooSmallError(NotReadyError):
    """There are fewer validation rows than workers."""

    def __init__(self, use_case: str, as_of: Period, rows: int, workers: int) -> None:
        self.use_case, self.as_of, self.rows, self.workers = use_case, as_of, rows, workers
        super().__init__(
            f"{use_case}: the training as of {as_of} has {rows} validation rows for {workers} Dask workers, each of"
            " which needs some. Declare fewer workers, or more validation_periods."
        )
