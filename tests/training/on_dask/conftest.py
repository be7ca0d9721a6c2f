"""What the tests of trainings on Dask share."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from include.model import trainer


@pytest.fixture
def nothing_trained_here() -> Iterator[None]:
    """Training in this process raises."""

    def refuse(*_: object, **__: object) -> None:
        raise AssertionError("trained in this process")

    with pytest.MonkeyPatch.context() as patch:
        for name in ("boost_trees", "fit_model"):
            patch.setattr(trainer, name, refuse)
        yield
