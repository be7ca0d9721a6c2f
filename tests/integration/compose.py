"""docker-compose.yaml for this machine: the same commands and environment, other hosts and folders."""

from __future__ import annotations

import re
import runpy
import shlex
import shutil
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

from include.settings import REPOSITORY

_NAME = re.compile(
    r"\$(?:(?P<escaped>\$)|(?P<bare>\w+)|\{(?P<name>\w+)(?:(?P<how>:?[-?+])(?P<other>(?:[^{}]|\$\{[^{}]*\})*))?\})"
)


class MissingError(KeyError):
    """A variable without which compose refuses to start."""


@dataclass(frozen=True)
class Service:
    """What compose would run in one container."""

    command: tuple[str, ...]
    """Entry point and arguments."""
    environment: dict[str, str]

    def replaced(self, by: Mapping[str, str]) -> Service:
        """With each key of `by` replaced where it is alone, that is with no letter, digit, dot or dash next to it:
        `{"redis:6379": "127.0.0.1:40001"}`."""
        longest_first = sorted(by, key=len, reverse=True)
        pattern = re.compile(rf"(?<![\w.-])(?:{'|'.join(map(re.escape, longest_first))})(?![\w.-])")

        def here(text: str) -> str:
            return pattern.sub(lambda found: by[found[0]], text)

        environment = {name: here(value) for name, value in self.environment.items()}
        return Service(tuple(map(here, self.command)), environment)


def read(path: Path, variables: Mapping[str, str]) -> dict[str, Service]:
    """The services of a compose file by name; `variables` are those of `.env`. Raises MissingError as compose would."""
    services = yaml.safe_load(path.read_text())["services"]
    return {name: _service(_filled(found, variables)) for name, found in services.items()}


def dot_env(folder: Path) -> dict[str, str]:
    """What `make env` writes for a checkout in that folder."""
    made = runpy.run_path(str(REPOSITORY / "config" / "env.py"))
    shutil.copy(REPOSITORY / ".env.example", folder)
    made["main"](folder)
    return dict(made["SETTING"].findall((folder / ".env").read_text()))


def filled(text: str, variables: Mapping[str, str]) -> str:
    """`text` with `$NAME`, `${NAME}`, `${NAME:-other}`, `${NAME:?message}` and `$$` as compose fills them in."""

    def value(found: re.Match[str]) -> str:
        if found["escaped"]:
            return "$"
        name, how, other = found["bare"] or found["name"], found["how"] or "", found["other"] or ""
        there = variables.get(name)
        usable = bool(there) if how.startswith(":") else there is not None
        if how.endswith("+"):
            return filled(other, variables) if usable else ""
        if not usable and how.endswith("?"):
            raise MissingError(f"{name}: {other}")
        if not usable and how.endswith("-"):
            return filled(other, variables)
        return there or ""

    return _NAME.sub(value, text)


def _filled(found: Any, variables: Mapping[str, str]) -> Any:
    if isinstance(found, str):
        return filled(found, variables)
    if isinstance(found, dict):
        return {key: _filled(value, variables) for key, value in found.items()}
    return [_filled(value, variables) for value in found] if isinstance(found, list) else found


def _service(found: Mapping[str, Any]) -> Service:
    environment = found.get("environment") or {}
    pairs = environment.items() if isinstance(environment, dict) else (each.split("=", 1) for each in environment)
    return Service(
        (*_words(found.get("entrypoint")), *_words(found.get("command"))),
        {name: "" if value is None else str(value) for name, value in pairs},
    )


def _words(found: str | list[str] | None) -> list[str]:
    return shlex.split(found) if isinstance(found, str) else [str(word) for word in found or []]
