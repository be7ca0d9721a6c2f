"""Load a model from MLflow in a fresh process, and score a sample.

The sample is that of the training process. Run as a module, this file is that process. It knows no use case: its
request names the model and its files.
"""

from __future__ import annotations

import json
import re
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.parquet as pq

from include.declaration.use_case import UseCase
from include.errors import AirworthyError
from include.evaluation.inputs import ServingCheckResult
from include.model.arrays import Numbers
from include.model.model import Model
from include.project import Project
from include.registry import model_io
from include.registry.mlflow_runs import MlflowUnreachableError
from include.registry.model_io import fetch_model
from include.registry.tags import SAMPLE_DIGEST
from include.settings import REPOSITORY
from include.training.run_logging import SAMPLE, sampled_predictions

REPEATS = 5
"""Number of scorings; the fastest one counts, since the others may have been disturbed."""
SECONDS = 300
"""Time limit of the fresh process; it starts in about two."""
_NOT_THERE = (FileNotFoundError, NotADirectoryError, IsADirectoryError)
_OF_THE_HOST = re.compile(
    r"\b5\d\d (Server Error|error responses)|No space left on device|Disk quota exceeded|File too large"
    r"|Too many open files"
)
"""Texts of MLflow's errors that are caused by its server or by this host."""


class ServingCheckError(AirworthyError):
    """Report that the check failed for a reason other than the model."""

    retryable = True

    def __init__(self, use_case: str, run_id: str, what: str) -> None:
        self.use_case, self.run_id, self.what = use_case, run_id, what
        super().__init__(
            f"{use_case}: the serving check of run {run_id} failed: {what}. No gate was judged. Run it again."
        )


@dataclass(frozen=True)
class ServingRequest:
    """Hold the input of the fresh process; plain values."""

    address: str
    model_id: str
    files: dict[str, str]
    """SHA-256 of each of the model's files, by path."""
    sample: str
    """Path of the rows to score."""
    folder: str
    """Empty folder for the downloaded model."""
    answer: str
    """Path that its answer is written to, as JSON."""


@dataclass(frozen=True)
class ServingResponse:
    """Hold the output of the fresh process; plain values."""

    bits: tuple[int, ...] = ()
    """The predicted numbers, row by row, each as the integer with the same 64 bits."""
    microseconds_per_row: float = 0.0
    megabytes: float = 0.0
    error: str = ""
    """What is wrong with the model's files."""
    broken: str = ""
    """Why the check failed for another reason."""
    unreachable: str = ""
    """Why MLflow could not be reached."""


def ask_fresh_process(order: ServingRequest, seconds: float) -> ServingResponse:
    """Run the fresh process and return its answer, or why it gave none."""
    command = [sys.executable, "-m", "include.evaluation.checks.serving_check", json.dumps(asdict(order))]
    try:
        ended = subprocess.run(command, cwd=REPOSITORY, capture_output=True, text=True, timeout=seconds, check=False)
    except subprocess.TimeoutExpired:
        return ServingResponse(broken=f"the fresh process had not finished after {seconds:g} seconds and was stopped")
    except OSError as error:
        return ServingResponse(broken=f"the fresh process could not be started: {error}")
    if ended.returncode < 0:
        name = signal.Signals(-ended.returncode).name
        return ServingResponse(
            broken=f"the fresh process was killed by {name}; if that is for memory, give tasks more of it"
        )
    if ended.returncode:
        error_line = ended.stderr.strip().splitlines()[-1:] or ["it wrote no error"]
        return ServingResponse(broken=f"the fresh process ended with code {ended.returncode}: {error_line[0]}")
    try:
        return ServingResponse(**json.loads(Path(order.answer).read_text()))
    except (OSError, ValueError, TypeError) as error:
        return ServingResponse(broken=f"the fresh process's answer cannot be read: {type(error).__name__}: {error}")


def check_serving(
    project: Project,
    run_id: str,
    *,
    seconds: float = SECONDS,
    ask: Callable[[ServingRequest, float], ServingResponse] = ask_fresh_process,
) -> ServingCheckResult:
    """Download the run's model and score the run's sample in a fresh process.

    `ask` sends the request to that process, and returns its answer within the seconds.

    The time is processor time per row in one thread, the best of five scorings; the size is that of all the model's
    files, in megabytes of 1,000,000 bytes. If files of the model or its sample are missing, damaged or replaced,
    `error` says so.

    Raises:
        NotReadyError: the run did not finish.
        InvalidRequestError: there is no such run.
        MlflowUnreachableError: MLflow does not answer; worth a retry.
        ServingCheckError: the process failed for another reason, such as memory, time or disk space; worth a retry.
    """
    registry = project.registry
    candidate = registry.candidate(run_id)
    with tempfile.TemporaryDirectory(prefix="airworthy-") as temporary:
        places = {name: Path(temporary) / name for name in ("sample", "model")}
        for place in places.values():
            place.mkdir()
        try:
            path = registry.artifact(run_id, SAMPLE, places["sample"])
            if model_io.sha256(path) != candidate.tags[SAMPLE_DIGEST]:
                raise OSError("it is not the file that the training wrote")
            expected = _bits(sampled_predictions(pq.read_table(path, partitioning=None)))
        except (OSError, KeyError, pa.ArrowException) as error:
            if not _of_the_artifact(error.__cause__ or error):
                raise ServingCheckError(
                    project.use_case.name, run_id, f"its sample cannot be fetched: {error}"
                ) from error
            return _failed(
                f"its sample {SAMPLE} cannot be read ({error}). Restore MLflow's artifacts from a backup, or delete the"
                " run in MLflow and train again"
            )
        order = ServingRequest(
            address=registry.address,
            model_id=candidate.model_id,
            files=dict(candidate.files),
            sample=str(path),
            folder=str(places["model"]),
            answer=str(Path(temporary) / "answer.json"),
        )
        answer = ask(order, seconds)
    return _found(project.use_case, run_id, registry.address, answer, expected)


def _found(
    use_case: UseCase, run_id: str, address: str, answer: ServingResponse, expected: npt.NDArray[np.int64]
) -> ServingCheckResult:
    """Return the result for the model.

    Raises:
        MlflowUnreachableError, ServingCheckError: the answer has no result.
    """
    if answer.unreachable:
        raise MlflowUnreachableError(address, answer.unreachable)
    if answer.broken:
        raise ServingCheckError(use_case.name, run_id, answer.broken)
    if answer.error:
        return _failed(answer.error)
    if len(answer.bits) != expected.size:
        return _failed(f"it gave {len(answer.bits)} numbers for the sample's {len(expected)} rows")
    differs = np.array(answer.bits, np.int64).reshape(expected.shape) != expected
    differing = int(np.count_nonzero(differs if differs.ndim == 1 else differs.any(axis=1)))
    return ServingCheckResult(len(expected), differing, answer.microseconds_per_row, answer.megabytes)


def _failed(reason: str) -> ServingCheckResult:
    return ServingCheckResult(rows=0, differing=0, microseconds_per_row=0.0, megabytes=0.0, error=reason)


def _bits(predictions: Numbers) -> npt.NDArray[np.int64]:
    """Return the 64 bits of each number.

    As floats, 0.0 equals -0.0, and NaN does not equal itself.
    """
    return np.ascontiguousarray(predictions, dtype=np.float64).view(np.int64)


def answer_request(order: ServingRequest) -> ServingResponse:
    """Download, read and score in the fresh process."""
    try:
        folder = fetch_model(order.model_id, order.files, Path(order.folder), order.address)
        size = sum(path.stat().st_size for path in folder.rglob("*") if path.is_file())
        model_io.require_model_files(folder, order.files)
        model = model_io.read_model(folder)
        sample = pq.read_table(order.sample, partitioning=None).select(list(model.encoding.features))
        predictions, best = _scored(model, sample)
    except Exception as error:
        return failure_response(error)
    return ServingResponse(tuple(_bits(predictions).ravel().tolist()), best * 1e6 / max(sample.num_rows, 1), size / 1e6)


def failure_response(error: Exception) -> ServingResponse:
    """Return the answer for an error: of the model's files, of MLflow, or another."""
    if isinstance(error, MlflowUnreachableError):
        return ServingResponse(unreachable=str(error.__cause__ or error).splitlines()[0][:300])
    words = f"{type(error).__name__}: {error}".rstrip(". ")
    if not _of_the_artifact(error):
        return ServingResponse(broken=words)
    return ServingResponse(error=f"{words}. Restore MLflow's artifacts from a backup, or train again")


def _of_the_artifact(error: BaseException) -> bool:
    """Return whether a model's files caused an error, not the host or server."""
    if isinstance(error, MemoryError | ImportError) or _OF_THE_HOST.search(str(error)):
        return False
    return not isinstance(error, OSError) or error.errno is None or isinstance(error, _NOT_THERE)


def _scored(model: Model, sample: pa.Table) -> tuple[Numbers, float]:
    """Return the predictions, and the processor seconds of a scoring.

    The seconds are those of the fastest of several scorings.
    """
    predictions, best = np.empty(0), float("inf")
    batches = sample.combine_chunks().to_batches()  # one: fewer rows than a batch of scoring has
    for _ in range(REPEATS):
        began = time.process_time()
        predictions = np.concatenate([model.predict(batch, threads=1) for batch in batches])
        best = min(best, time.process_time() - began)
    return predictions, best


if __name__ == "__main__":
    request = ServingRequest(**json.loads(sys.argv[1]))
    Path(request.answer).write_text(json.dumps(asdict(answer_request(request))))
