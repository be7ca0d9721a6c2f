"""Where a use case is trained: what a declaration of Dask may be."""

from __future__ import annotations

import importlib.util
from dataclasses import replace

import pytest

from include.declaration.problems import DeclarationError
from include.declaration.training_engine import Dask, engine_from_json
from include.training import spec
from include.use_case import SearchRange
from tests.refusals import invalid
from tests.toy_use_case import USE_CASE

TRAINING = USE_CASE.training
needs_engines = pytest.mark.skipif(
    importlib.util.find_spec("distributed") is None,
    reason="`make setup` does not install the optional engines; `make engines` does",
)


@needs_engines
@pytest.mark.parametrize(
    ("declared", "field"),
    [
        ({"workers": 1}, "workers"),
        ({"workers": 1_001}, "workers"),
        ({"workers": 4, "partitions": 3}, "partitions"),
        ({"threads": 0}, "threads"),
        ({"workers": 2.5}, "workers"),
        ({"threads": True}, "threads"),
    ],
)
def test_impossible_numbers_are_refused(declared, field):
    with invalid(field):
        Dask(**declared)


@pytest.mark.parametrize("absent", ["dask", "distributed"])
def test_a_declaration_without_the_packages_is_refused_with_the_command_that_installs_them(absent):
    find_spec = importlib.util.find_spec
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(importlib.util, "find_spec", lambda name: None if name == absent else find_spec(name))
        with pytest.raises(DeclarationError) as refused:
            Dask()
    (problem,) = refused.value.problems
    assert absent in problem.problem
    assert "make engines" in problem.hint


@needs_engines
def test_there_are_as_many_partitions_as_workers_unless_declared():
    assert (Dask(workers=3).parts, Dask(workers=3, partitions=7).parts) == (3, 7)


@needs_engines
def test_more_partitions_than_train_periods_are_refused():
    replace(TRAINING, min_train_periods=10, engine=Dask(workers=2, partitions=10))
    with invalid("engine"):
        replace(TRAINING, min_train_periods=10, engine=Dask(workers=2, partitions=11))


@needs_engines
def test_a_search_on_a_cluster_is_refused():
    space = {"num_leaves": SearchRange(4, 64)}
    with invalid("search_space"):
        replace(TRAINING, search_space=space, engine=Dask())


@needs_engines
@pytest.mark.parametrize("declared", [{}, {"workers": 3, "partitions": 9, "threads": 4}])
def test_an_engine_is_restored_from_its_plain_values(declared):
    assert engine_from_json(Dask(**declared).to_json()) == Dask(**declared)


def test_no_engine_is_restored_as_none():
    assert engine_from_json(None) is None


@needs_engines
@pytest.mark.parametrize("values", [{"kind": "ray"}, {"kind": "dask", "machines": 2}, {}])
def test_values_of_no_engine_are_refused(values):
    with pytest.raises((ValueError, TypeError, KeyError)):
        engine_from_json(values)


@needs_engines
def test_workers_partitions_and_threads_are_part_of_the_fingerprint():
    engines = [None, Dask(), Dask(workers=3), Dask(partitions=3), Dask(threads=2)]
    digests = {
        spec.declaration_values(replace(USE_CASE, training=replace(TRAINING, engine=engine))) for engine in engines
    }
    assert len(digests) == len(engines)
