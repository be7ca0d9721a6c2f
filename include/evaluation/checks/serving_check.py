"""Rehearse: let a fresh process load a model as MLflow has it, and score what the training process scored.

Run as a module, this file is that process. It knows no use case: it is told where the model is and what its trees are.
"""

from __future__ import annotations

import json
import re
import signal
import subprocess
import sys
import tempfile
import time
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
from include.training.run_logging import PROBABILITY, SAMPLE

REPEATS = 5
"""Scorings, of which the quickest counts: the others were disturbed."""
SECONDS = 300
"""What the fresh process may take in all; starting takes it two."""
_NOT_THERE = (FileNotFoundError, NotADirectoryError, IsADirectoryError)
_OF_THE_HOST = re.compile(r"\b5\d\d (Server Error|error responses)|No space left on device|Too many open files")
"""What MLflow hands on of its server's troubles and of this host's, in the words of an error of its own."""


class ServingCheckError(AirworthyError):
    """The fresh process could not tell how the model does, for reasons that do not lie with the model."""

    worth_retrying = True

    def __init__(self, use_case: str, run_id: str, what: str) -> None:
        super().__init__(
            f"{use_case}: whether run {run_id} can be served was not found out: {what}. Nothing was judged. Try again."
        )


@dataclass(frozen=True)
class _Request:
    """What the fresh process is told; plain values."""

    address: str
    model_id: str
    files: dict[str, str]
    """SHA-256 of each of the model's files, by path."""
    sample: str
    """Path of the rows to be scored."""
    folder: str
    """Empty folder that the model is downloaded into."""
    answer: str
    """Path that its answer is written to, as JSON."""


@dataclass(frozen=True)
class _Response:
    """What the fresh process says; plain values."""

    bits: tuple[int, ...] = ()
    """The probabilities, each as the whole number that has the same 64 bits."""
    microseconds_per_row: float = 0.0
    megabytes: float = 0.0
    error: str = ""
    """What is the matter with the model's files."""
    broken: str = ""
    """What kept it from finding out."""
    unreachable: str = ""
    """Why MLflow could not be asked."""


def check_serving(project: Project, run_id: str, *, seconds: float = SECONDS) -> ServingCheckResult:
    """Start a process that downloads the run's model into an empty folder, reads it and scores the run's sample.

    Time is the processor's, per row, of one thread, the best of five scorings; size is that of all the model's files,
    in megabytes of 1,000,000 bytes. What is missing, damaged or another of the model or its sample is in `error`.
    Raises NotReadyError (a run that broke half-way), InvalidRequestError (no such run); and, both worth another try,
    MlflowUnreachableError and ServingCheckError (the process was killed, took too long, found no room: nothing of the
    model).
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
                raise OSError("it is not the one that the training has written")
            expected = _bits(pq.read_table(path, columns=[PROBABILITY], partitioning=None)[PROBABILITY].to_numpy())
        except (OSError, KeyError, pa.ArrowException) as error:
            if not _of_the_artifact(error.__cause__ or error):
                raise ServingCheckError(
                    project.use_case.name, run_id, f"its sample cannot be fetched: {error}"
                ) from error
            return _failed(
                f"its sample {SAMPLE} cannot be read ({error}). Restore MLflow's artifacts from a backup, or delete the"
                " run in MLflow and train again"
            )
        order = _Request(
            address=registry.address,
            model_id=candidate.model_id,
            files=dict(candidate.files),
            sample=str(path),
            folder=str(places["model"]),
            answer=str(Path(temporary) / "answer.json"),
        )
        answer = _asked(order, seconds)
    return _found(project.use_case, run_id, registry.address, answer, expected)


def _found(
    use_case: UseCase, run_id: str, address: str, answer: _Response, expected: npt.NDArray[np.int64]
) -> ServingCheckResult:
    """What the answer says about the model; an error where it says nothing about it."""
    if answer.unreachable:
        raise MlflowUnreachableError(address, answer.unreachable)
    if answer.broken:
        raise ServingCheckError(use_case.name, run_id, answer.broken)
    if answer.error:
        return _failed(answer.error)
    if len(answer.bits) != len(expected):
        return _failed(f"it gave {len(answer.bits)} scores for the sample's {len(expected)} rows")
    differing = int(np.count_nonzero(np.array(answer.bits, np.int64) != expected))
    return ServingCheckResult(len(expected), differing, answer.microseconds_per_row, answer.megabytes)


def _failed(reason: str) -> ServingCheckResult:
    return ServingCheckResult(rows=0, differing=0, microseconds_per_row=0.0, megabytes=0.0, error=reason)


def _asked(order: _Request, seconds: float) -> _Response:
    """The answer of a fresh process, or why it gave none."""
    command = [sys.executable, "-m", "include.evaluation.checks.serving_check", json.dumps(asdict(order))]
    try:
        ended = subprocess.run(command, cwd=REPOSITORY, capture_output=True, text=True, timeout=seconds, check=False)
    except subprocess.TimeoutExpired:
        return _Response(broken=f"the fresh process had not finished after {seconds:g} seconds and was stopped")
    except OSError as error:
        return _Response(broken=f"the fresh process could not be started: {error}")
    if ended.returncode < 0:
        name = signal.Signals(-ended.returncode).name
        return _Response(broken=f"the fresh process was killed by {name}; if that is for memory, give tasks more of it")
    if ended.returncode:
        said = ended.stderr.strip().splitlines()[-1:] or ["it said nothing"]
        return _Response(broken=f"the fresh process ended with code {ended.returncode}: {said[0]}")
    try:
        return _Response(**json.loads(Path(order.answer).read_text()))
    except (OSError, ValueError, TypeError) as error:
        return _Response(broken=f"the fresh process's answer cannot be read: {type(error).__name__}: {error}")


def _bits(probabilities: Numbers) -> npt.NDArray[np.int64]:
    """The 64 bits of each number: equality of floats would take 0.0 for -0.0, and NaN for another than itself."""
    return np.ascontiguousarray(probabilities, dtype=np.float64).view(np.int64)


def _answer(order: _Request) -> _Response:
    """In the fresh process: download, read, score."""
    try:
        folder = fetch_model(order.model_id, order.files, Path(order.folder), order.address)
        size = sum(path.stat().st_size for path in folder.rglob("*") if path.is_file())
        model_io.require_model_files(folder, order.files)
        model = model_io.read_model(folder)
        sample = pq.read_table(order.sample, partitioning=None).select(list(model.encoding.features))
        probabilities, best = _scored(model, sample)
    except MlflowUnreachableError as error:
        return _Response(unreachable=str(error.__cause__ or error).splitlines()[0][:300])
    except Exception as error:
        words = f"{type(error).__name__}: {error}".rstrip(". ")
        if not _of_the_artifact(error):
            return _Response(broken=words)
        return _Response(error=f"{words}. Restore MLflow's artifacts from a backup, or train again")
    return _Response(tuple(_bits(probabilities).tolist()), best * 1e6 / max(sample.num_rows, 1), size / 1e6)


def _of_the_artifact(error: BaseException) -> bool:
    """Whether an error tells of files that are missing, damaged or others, and not of the host or a busy server."""
    if isinstance(error, MemoryError | ImportError) or _OF_THE_HOST.search(str(error)):
        return False
    return not isinstance(error, OSError) or error.errno is None or isinstance(error, _NOT_THERE)


def _scored(model: Model, sample: pa.Table) -> tuple[Numbers, float]:
    """The probabilities, and the processor's seconds of the quickest of several scorings."""
    probabilities, best = np.empty(0), float("inf")
    batches = sample.combine_chunks().to_batches()  # one: fewer rows than a batch of scoring has
    for _ in range(REPEATS):
        began = time.process_time()
        probabilities = np.concatenate([model.predict(batch, threads=1) for batch in batches])
        best = min(best, time.process_time() - began)
    return probabilities, best


if __name__ == "__main__":
    told = _Request(**json.loads(sys.argv[1]))
    Path(told.answer).write_text(json.dumps(asdict(_answer(told))))
