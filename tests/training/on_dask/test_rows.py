"""Training on Dask workers: the trees of the declared shares, the same in every run, and nothing left running."""

from __future__ import annotations

from dataclasses import replace

import pytest

pytest.importorskip("distributed", reason="`make setup` does not install the optional engines; `make engines` does")

from include.model import trainer
from include.project import open_project
from include.registry.tags import RECIPE
from include.reproduction import reproduce
from include.training import train
from include.training.recipe import TrainingSpec
from include.use_case import Dask
from tests.toys import each_task

pytestmark = [pytest.mark.slow, pytest.mark.usefixtures("without_plots"), each_task]


def on_dask(use_case, **options):
    training = replace(use_case.training, engine=Dask(workers=2, partitions=4, **options), search_space={})
    return replace(use_case, training=training)


def test_a_model_of_dask_is_registered_and_rebuilt_byte_for_byte(toy, toy_lake, tracking, monkeypatch):
    use_case = on_dask(toy.use_case)
    for name in ("boost_trees", "fit_model"):
        monkeypatch.setattr(trainer, name, lambda *_, **__: pytest.fail("trained in this process"))
    project = open_project(use_case)
    result = train.train_model(project, toy.as_of)
    candidate = project.registry.candidate(result.run_id)
    assert TrainingSpec.from_tag(candidate.tags[RECIPE]).engine == {
        "kind": "dask",
        "workers": 2,
        "partitions": 4,
        "threads": 1,
    }
    number = project.registry.register(candidate, "A model.").number
    found = reproduce.reproduce_version(project, number)
    assert (found.outcome, found.model) == ("equal", ())
