"""Define array types."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

Numbers = npt.NDArray[np.float64]
"""One number for each row, or each day: one-dimensional unless a function says otherwise."""
