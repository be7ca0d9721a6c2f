"""The flights of the integration tests, trained on two Dask workers; a training in the task's own process raises."""

from __future__ import annotations

from dataclasses import replace

from include.use_case import Dask
from tests.end_to_end.use_cases import quick_flights
from tests.integration import refused_engines

_TRAINING = replace(
    quick_flights.USE_CASE.training,
    window_periods=26,
    min_train_periods=8,
    search_space={},
    engine=Dask(workers=2, partitions=4),
)
USE_CASE = replace(quick_flights.USE_CASE, name="dask_flights", training=_TRAINING)

refused_engines.refuse("include.training.engine", "load_into_process", USE_CASE.name)
