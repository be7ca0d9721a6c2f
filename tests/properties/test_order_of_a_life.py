"""A whole life cycle, in order and shuffled, gives the same tables."""

import random

import pytest

from include import settings as where
from include.declaration.period import period_range
from include.lake.object_store import StoragePath
from include.registry.mlflow_registry import Registry
from tests import places
from tests.properties.orders import contents, make_champion, run_days, score_and_measure
from tests.toys import every_toy


@pytest.mark.slow
@pytest.mark.both_places(long=True)
@pytest.mark.usefixtures("without_plots", "tracking")
@every_toy
def test_a_whole_life_from_its_source_on_ends_in_the_same_tables_forward_and_shuffled(lake_home, configure, toy):
    """Data, training, scoring and measuring, in two lakes with one registry: the second training is the first again.

    The second lake is filled with a copy of the first one's ledger and records: without them, no version is believed.
    """
    use_case, first = toy.life, toy.use_case.first_period
    trained, last = first + 22, first + 27
    periods = period_range(first, last)
    shuffled = random.Random(11).sample(periods, len(periods)) + random.Random(12).choices(periods, k=6)
    found, there = [], StoragePath.parse(where.current_settings().lake)
    for order in (periods, shuffled):
        configure(lake=f"{there}/lake{len(found)}")
        run_days(use_case, order)
        if found:
            for folder in ("ledger", "records"):
                places.copy(there / f"lake0/{toy.name}/{folder}", there / f"lake1/{toy.name}/{folder}")
        make_champion(use_case, trained)
        score_and_measure(use_case, (period for period in order if period >= trained))
        found.append(contents(use_case))
    assert list(found[0]["predictions"]) == period_range(trained, last)
    assert list(found[0]["metrics"]) == period_range(trained, last)
    assert found[0] == found[1]
    assert [version.number for version in Registry(use_case).versions()] == ["1"]
