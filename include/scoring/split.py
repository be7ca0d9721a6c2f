"""Split the rows of a period between the champion and the version that is tried.

A share of them gets the prediction of the latter, for an A/B test. A row's arm depends on its keys without the period,
on the salt of the trial, and on nothing else: the same row keeps its arm over all periods of a trial, in any process
and on any machine.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, field

import duckdb
import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from include.declaration.data_declaration import DataDeclaration
from include.declaration.names import VERSION_COLUMN
from include.declaration.period import Period
from include.lake import batch_reader
from include.lake.history import CommitNote
from include.lake.snapshot import AsOfSnapshot
from include.model.model import Model
from include.registry import trials
from include.registry.ledger_entry import LedgerEntry
from include.registry.model_record import Version
from include.registry.trials import PARTS, Trial

ENTRY, VERSION, TREES = "trial.entry", "trial.version", "trial.trees"
"""Inputs of a commit of predictions: the ledger's entry of a split, its version, and the digest of its trees."""
PREDICTIONS = "predictions"
Mask = npt.NDArray[np.bool_]
_NUMBER = "('0x' || substr(sha256(text), 1, 12))::UBIGINT"
"""The first 48 bits of the hash, which all values of a share divide almost evenly."""


@dataclass(frozen=True)
class Split:
    """A trial whose version predicts a share of the rows."""

    trial: Trial
    number: str
    """The number that its predictions have."""
    version: Version
    model: Model

    @property
    def inputs(self) -> dict[str, str]:
        """Return the inputs of the commit."""
        return {ENTRY: str(self.trial.entry.number), VERSION: self.number, TREES: self.version.trees}


@dataclass
class Arms:
    """Choose the arm of rows, batch by batch, by a hash of their keys."""

    use_case: DataDeclaration
    trial: Trial
    _connection: duckdb.DuckDBPyConnection = field(init=False, repr=False)

    def __post_init__(self) -> None:
        self._connection = duckdb.connect()
        self._connection.execute("SET threads = 1")  # rows come back in their order

    def of_trial(self, rows: pa.RecordBatch | pa.Table) -> Mask:
        """Return which rows get the prediction of the version that is tried."""
        texts = [_text(rows[name]) for name in arm_keys(self.use_case)]
        salted = pc.binary_join_element_wise(pa.scalar(self.trial.salt), *texts, pa.scalar("|"))
        chunks = salted.chunks if isinstance(salted, pa.ChunkedArray) else [salted]
        self._connection.register("keys", pa.table([pa.chunked_array(chunks, pa.string())], names=["text"]))
        found = self._connection.execute(f"SELECT {_NUMBER} % {PARTS} AS part FROM keys").fetchnumpy()  # noqa: S608 # nosec B608
        return np.asarray(found["part"], dtype=np.int64) < self.trial.share


def arm_keys(use_case: DataDeclaration) -> list[str]:
    """Return the keys that decide a row's arm.

    They are all but the period, unless there is no other.
    """
    return [name for name in use_case.keys if name != use_case.period] or list(use_case.keys)


def _text(values: pa.Array | pa.ChunkedArray) -> pa.Array | pa.ChunkedArray:
    """Return values as text of one meaning: no two lists of keys have the same text.

    Times are whole numbers since 1970, so no time zone or format matters.
    """
    if pa.types.is_timestamp(values.type):
        values = values.cast(pa.timestamp("us", values.type.tz)).cast(pa.int64())
    elif pa.types.is_date32(values.type):
        values = values.cast(pa.int32())
    text = values.cast(pa.string())
    return pc.binary_join_element_wise(pc.binary_length(text).cast(pa.string()), text, pa.scalar(":"))


def split_trial(entries: Sequence[LedgerEntry], period: Period, note: CommitNote | None, *, kept: bool) -> Trial | None:
    """Return the trial by which a period is split; None if it is not.

    A period that keeps its version (`kept`) keeps its split, too, as the `note` of its predictions says.
    """
    if not kept:
        found = trials.trial_of(period, entries)
        return found if found is not None and not found.is_shadow else None
    number = note.inputs.get(ENTRY) if note is not None else None
    known = trials.list_trials(entries)
    return next((trial for trial in known if str(trial.entry.number) == number), None)


def champion_batches(view: AsOfSnapshot, period: Period, columns: Collection[str]) -> Iterator[pa.RecordBatch]:
    """Yield a period's predictions; of a split, those of the champion alone."""
    of_split = split_versions(view.note(PREDICTIONS, period))
    if not of_split:
        yield from batch_reader.row_batches(view, PREDICTIONS, period, columns)
        return
    for batch in batch_reader.row_batches(view, PREDICTIONS, period, [*columns, VERSION_COLUMN]):
        yield batch.filter(pc.equal(batch[VERSION_COLUMN], of_split["champion"])).select(list(columns))


def split_versions(note: CommitNote | None) -> Mapping[str, str]:
    """Return the versions of a split by arm, `champion` and `trial`.

    There are none without a split.
    """
    if note is None or VERSION not in note.inputs:
        return {}
    return {"champion": note.inputs["model.version"], "trial": note.inputs[VERSION]}
