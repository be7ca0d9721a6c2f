"""Read labelled rows and split them, for training, evaluation and reproduction."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from include.declaration.period import Period
from include.declaration.use_case import UseCase
from include.features.distinct import require_distinct
from include.features.labels import encoded_labels, join_labels, join_season, known_labels
from include.lake.compiled_queries import read_rows
from include.lake.snapshot import AsOfSnapshot
from include.model import splits
from include.model.arrays import Numbers
from include.model.period_arrays import to_start
from include.model.season import SEASON_AGO
from include.model.tasks import task_model
from include.model.trainer import TrainingRows
from include.training.training_errors import OneLabelError, SampleWeightError


def labelled_rows(
    use_case: UseCase, view: AsOfSnapshot, first: Period, last: Period, columns: Sequence[str] = ()
) -> pa.Table:
    """Return the labelled rows of `first` to `last`, in order of day and keys.

    The columns are day, features and label, and `SEASON_AGO` if a season is declared. `columns` adds key columns
    between the day and the features.

    Raises:
        RowsNotDistinctError: two rows of one day have the same keys.
    """
    order = ["period", *use_case.keys]
    features = view.table("features", first, last)
    joined = join_labels(use_case, features, known_labels(use_case, view, first))
    joined = read_rows(join_season(use_case, view, joined, first, last).order_by(order))
    require_distinct(use_case.name, "features", joined, order)
    carried = [name for name in dict.fromkeys(columns) if name not in use_case.features]
    season = [SEASON_AGO] if SEASON_AGO in joined.column_names else []
    return joined.select(["period", *carried, *use_case.features, use_case.label.name, *season])


def training_set(use_case: UseCase, view: AsOfSnapshot, window_periods: int | None = None) -> pa.Table:
    """Return the rows that a training as of the view's period reads.

    They are in order of day and keys. The columns are day, split (`train`, `validation` or `test`), keys, features and
    label. Labelled rows of the gaps between the splits are not read, and left out.

    Raises:
        InvalidRequestError: the window is invalid.
        NotReadyError: days or labels are missing.
    """
    first, last = splits.training_window(use_case, view.period, window_periods)
    rows = labelled_rows(use_case, view, first, last, use_case.keys)
    rows = rows.drop_columns([SEASON_AGO]) if SEASON_AGO in rows.column_names else rows
    cut = splits.split_periods(
        use_case, view.period, first, use_case.calendar.periods_of(rows["period"].unique().to_pylist())
    )
    split_of = {period.start: name for name, periods in cut.items() for period in periods}
    names = pa.array([split_of.get(period) for period in rows["period"].to_pylist()], pa.string())
    with_split = rows.add_column(1, "split", names)
    return with_split.filter(pc.is_valid(with_split["split"]))


def split_rows(
    use_case: UseCase, examples: pa.Table, periods: Sequence[Period], split: str, as_of: Period
) -> TrainingRows:
    """Return the rows of a split, without copying, from `examples` in order of days.

    Raises:
        LabelsOutdatedError: a label is impossible for the task.
        OneLabelError: all training rows have the same label.
        SampleWeightError: a weight is not possible.
    """
    all_days = examples["period"].to_numpy()
    start = int(np.searchsorted(all_days, to_start(periods[0])))
    end = int(np.searchsorted(all_days, to_start(periods[-1]), side="right"))
    chosen = examples.slice(start, end - start)
    labels = encoded_labels(use_case, chosen[use_case.label.name])
    if split == "train" and len(np.unique(labels)) < 2:
        raise _one_label_error(use_case, examples, labels, periods, as_of)
    weights = row_weights(use_case, chosen, labels)
    season = chosen[SEASON_AGO] if SEASON_AGO in chosen.column_names else None
    return TrainingRows(chosen.select(list(use_case.features)), labels, all_days[start:end], weights, season)


def row_weights(use_case: UseCase, rows: pa.Table, labels: Numbers) -> Numbers | None:
    """Return the weight of each labelled row; None if all rows count the same.

    Raises:
        SampleWeightError: a weight is null, not finite or negative, or all are 0.
    """
    of_class, column = task_model(use_case).class_weights(labels), use_case.training.sample_weight
    if column is None:
        return of_class
    weights: Numbers = rows[column].cast(pa.float64()).to_numpy()
    wrong = int(np.sum(~(np.isfinite(weights) & (weights >= 0))))
    if wrong or not weights.any():
        first, last = use_case.calendar.periods_of(rows["period"][place].as_py() for place in (0, -1))
        raise SampleWeightError(use_case.name, column, wrong, len(weights), first, last)
    return weights if of_class is None else weights * of_class


def _one_label_error(
    use_case: UseCase, examples: pa.Table, train: Numbers, periods: Sequence[Period], as_of: Period
) -> OneLabelError:
    task, name = task_model(use_case), use_case.label.name
    return OneLabelError(
        use_case.name,
        as_of,
        task.needs_variety,
        f"{name} = {task.label_text(train[0])}",
        len(train),
        (periods[0], periods[-1]),
        others=examples.num_rows - int(np.sum(task.encode_labels(examples[name]) == train[0])),
        window_rows=examples.num_rows,
    )
