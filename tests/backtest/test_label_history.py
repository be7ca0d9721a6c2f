"""Label history: only the labels that were known at the decision time of a day."""

from __future__ import annotations

import numpy as np
import pyarrow as pa

from include.backtest.label_history import LabelHistory
from include.declaration.period import DAY as DAY_UNIT
from include.declaration.period import Period

D1, D2, D3, D4, D5 = (Period(f"2020-01-{day:02}") for day in range(1, 6))


def past(*known_labels: tuple[int, Period, int | None]) -> LabelHistory:
    """Two rows of D1 and one of D2; each label as the row's place, the day it became known, and its value."""
    rows = pa.table({"period": pa.array([period.start_date for period in (D1, D1, D2)], pa.date32()), "id": [1, 2, 3]})
    place, known, label = zip(*known_labels, strict=True)
    return LabelHistory.from_rows(
        rows,
        pa.chunked_array([place]),
        pa.chunked_array([pa.array([period.start_date for period in known], pa.date32())]),
        pa.chunked_array([pa.array(label, pa.int8())]),
    )


def as_list(labels: np.ndarray) -> list[float | None]:
    return [None if np.isnan(label) else label for label in labels]


def test_a_label_is_known_from_its_day_on():
    found = past((2, D4, 1), (0, D2, 0))
    assert as_list(found.labels(D1)) == [None, None, None]
    assert as_list(found.labels(D2)) == [0, None, None]
    assert as_list(found.labels(D4)) == [0, None, 1]


def test_a_corrected_label_counts_as_it_was_corrected_last_and_not_before():
    found = past((0, D4, 1), (0, D2, 0), (0, D3, None))
    assert [as_list(found.labels(period))[0] for period in (D2, D3, D4)] == [0, None, 1]


def test_a_matured_label_is_the_one_known_the_label_delay_after_its_own_day():
    found = past((0, D2, 0), (0, D4, 1), (2, D4, 1), (1, D5, 1))
    assert as_list(found.matured(2, DAY_UNIT)) == [0, None, 1]
    assert as_list(found.matured(3, DAY_UNIT)) == [1, None, 1]


def test_the_rows_of_days_are_found():
    found = past((0, D2, 0))
    assert (found.span(D1, D1), found.span(D2, D5), found.span(D4, D5)) == (slice(0, 2), slice(2, 3), slice(3, 3))
