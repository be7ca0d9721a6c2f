"""Faults as typed fixtures: others that are quicker, a registry that may not be written to, a Python that is none."""

from __future__ import annotations

import sys
from collections.abc import Callable
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
    """Lets something happen at the registry's next call of a method, once: just before it, or `after` it."""
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


@pytest.fixture
def set_python(monkeypatch: pytest.MonkeyPatch) -> Callable[[Path | str], None]:
    """Sets the program with which processes are started instead of Python."""
    return lambda program: monkeypatch.setattr(sys, "executable", str(program))


@pytest.fixture
def without_bytecode(monkeypatch: pytest.MonkeyPatch) -> None:
    """Nothing is compiled to a file: whether that is current is seen by seconds, which is too coarse for a test."""
    monkeypatch.setattr(sys, "dont_write_bytecode", True)
