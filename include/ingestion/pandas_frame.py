"""Convert Arrow tables to pandas frames without changing a value.

Great Expectations judges these frames.
"""

from __future__ import annotations

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc

EXACT = 2**53
"""Floats represent every integer of smaller magnitude exactly; from here on, neighbouring integers become equal."""


def to_frame(rows: pa.Table) -> pd.DataFrame:
    """Convert rows for Great Expectations, keeping integers next to nulls exact.

    Integers with a null in their column, or beyond `EXACT`, become Python integers; booleans and dates with a null
    become Python objects; 32-bit floats become 64-bit ones, whose comparison with a limit is exact. Every null is NaN,
    because pandas counts None and NaN as two distinct values. Arrow-backed columns would be exact too, but Great
    Expectations fails on their three-valued comparisons.
    """
    return pd.DataFrame({name: _series(rows[name]) for name in rows.column_names}, index=pd.RangeIndex(rows.num_rows))


def _series(column: pa.ChunkedArray) -> pd.Series:
    if pa.types.is_float32(column.type):
        column = column.cast(pa.float64())
    series: pd.Series = column.to_pandas(integer_object_nulls=True, date_as_object=True)
    if series.dtype != object and _is_large(column):
        series = series.astype(object)
    if series.dtype == object and column.null_count:
        missing = column.is_null().to_numpy()
        series = series.mask(missing, np.nan)
    return series


def _is_large(column: pa.ChunkedArray) -> bool:
    if not pa.types.is_integer(column.type) or column.type.bit_width < 64:
        return False
    ends = pc.min_max(column).as_py()
    return ends["min"] is not None and (ends["min"] <= -EXACT or ends["max"] >= EXACT)
