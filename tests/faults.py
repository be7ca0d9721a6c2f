"""Faults: a concurrent action, an MLflow that refuses writes, a full disk, a Python that does not start."""

from __future__ import annotations

import resource
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Literal

import pytest

Overtake = Callable[..., None]
RegistryCall = Literal["ledger_head", "reload", "set_champion", "set_ledger_head"]
RUN_WRITES = (
    "log_artifact",
    "log_artifacts",
    "log_batch",
    "log_dict",
    "log_metric",
    "log_param",
    "log_text",
    "set_tag",
)
"""Calls that change a run in MLflow."""


@pytest.fixture
def overtake(monkeypatch: pytest.MonkeyPatch) -> Overtake:
    """Runs an action once, at the registry's next call of a method: before the call, or `after` it."""
    from include.registry.mlflow_registry import Registry

    def overtaken_at(method: RegistryCall, action: Callable[[], object], *, after: bool = False) -> None:
        call, pending = getattr(Registry, method), [action]

        def overtaken(registry: Registry, *given: object) -> object:
            act = pending.pop() if pending else lambda: None
            if not after:
                act()
            result = call(registry, *given)
            if after:
                act()
            return result

        monkeypatch.setattr(Registry, method, overtaken)

    return overtaken_at


@pytest.fixture
def forbid_mlflow_writes(monkeypatch: pytest.MonkeyPatch) -> Callable[[], None]:
    """Makes every write to MLflow from then on fail the test."""
    from mlflow import MlflowClient

    from tests.versions import WRITES

    def forbid() -> None:
        for name in (*WRITES, *RUN_WRITES):
            monkeypatch.setattr(MlflowClient, name, lambda *_, name=name, **__: pytest.fail(f"{name} was called"))

    return forbid


@contextmanager
def files_may_not_grow() -> Iterator[None]:
    """Make every write to a file of this process fail in the block, as on a full disk."""
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (0, before[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)


@pytest.fixture
def set_python(monkeypatch: pytest.MonkeyPatch) -> Callable[[Path | str], None]:
    """Sets the program that is started in place of Python."""
    return lambda program: monkeypatch.setattr(sys, "executable", str(program))


@pytest.fixture
def without_bytecode(monkeypatch: pytest.MonkeyPatch) -> None:
    """Writes no bytecode: Python compares its age in whole seconds, which is too coarse for a test."""
    monkeypatch.setattr(sys, "dont_write_bytecode", True)
